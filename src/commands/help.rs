//! `help`, and what is said to a line that is no command.

use std::fmt::Write as _;

use super::{Call, Command, Outcome, TABLE};
use crate::policy::{Right, may};

pub(super) const HELP: Command = Command {
    words: "help",
    usage: "[TOPIC]",
    takes: 0..=3,
    flags: &[],
    right: Right::Everybody,
    help: "Shows what you can do here, or how one command is written.",
    example: "help group link",
    run: |call| Box::pin(async move { Ok(Outcome::Answer(help(&call))) }),
};

fn help(call: &Call) -> String {
    let prefix = call.desk.prefix(call.room.network());
    let topic = call.arguments.words.join(" ").to_lowercase();
    let rows: Vec<&Command> = TABLE
        .iter()
        .filter(|command| may(&call.by, command.right, &call.desk.admins))
        .filter(|command| topic.is_empty() || command.words.starts_with(&topic))
        .collect();
    if rows.is_empty() {
        return unknown(&call.arguments.words, prefix);
    }
    let mut text =
        if topic.is_empty() { String::from("What you can do here:\n") } else { String::new() };
    for command in rows {
        let _ = write!(text, "`{prefix} {}", command.words);
        if !command.usage.is_empty() {
            let _ = write!(text, " {}", command.usage);
        }
        let _ = writeln!(text, "` {}", command.help);
        if !topic.is_empty() {
            let _ = writeln!(text, "For example: `{prefix} {}`", command.example);
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// The answer to words that name no command.
pub(super) fn unknown(words: &[String], prefix: &str) -> String {
    let typed = words.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(" ");
    let shown: String = typed.chars().take(60).collect();
    let near = TABLE
        .iter()
        .map(|command| (strsim::damerau_levenshtein(command.words, &typed.to_lowercase()), command))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, command)| *distance <= command.words.len() / 3);
    match near {
        Some((_, command)) => format!(
            "There is no command \"{shown}\". Did you mean `{prefix} {}`? For example: `{prefix} {}`",
            command.words, command.example
        ),
        None => {
            format!("There is no command \"{shown}\". `{prefix} help` shows what you can do here.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(ToOwned::to_owned).collect()
    }

    #[test]
    fn a_near_miss_gets_a_hint() {
        assert!(
            unknown(&words("group lnik CH1"), "/wa").contains("Did you mean `/wa group link`?")
        );
        assert!(unknown(&words("stauts"), "!wa").contains("Did you mean `!wa status`?"));
        assert!(unknown(&words("make coffee"), "/wa").contains("`/wa help`"));
    }

    #[test]
    fn every_example_is_read_by_its_own_row() {
        for command in TABLE {
            let words = super::super::parse_words(command.example).unwrap();
            let (found, rest) = super::super::find(&words).unwrap();
            assert_eq!(found.words, command.words);
            super::super::grammar::arguments(found, rest).expect(command.example);
        }
    }
}
