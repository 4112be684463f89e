//! `help`, and what is said to a line that is no command.

use std::fmt::Write as _;

use super::{Argument, Call, Command, Kind, Outcome, TABLE, Word, find};
use crate::policy::{Right, may};

pub(super) const HELP: Command = Command {
    words: "help",
    arguments: &[Argument::word("topic", Kind::Word("")).any()],
    right: Right::Everybody,
    help: "Shows what you can do here, or how one command is written.",
    examples: &["help group link"],
    run: |call| Box::pin(async move { Ok(Outcome::Answer(help(&call))) }),
};

fn help(call: &Call) -> String {
    let prefix = call.desk.prefix(call.room.network());
    let topic = call.arguments.all("topic").join(" ").to_lowercase();
    let rows: Vec<&Command> = TABLE
        .iter()
        .filter(|command| may(call.standing, command.right))
        .filter(|command| topic.is_empty() || command.words.starts_with(&topic))
        .collect();
    if rows.is_empty() {
        let words: Vec<Word> = call.arguments.all("topic").iter().map(Word::plain).collect();
        return unknown(&words, prefix);
    }
    let mut text =
        if topic.is_empty() { String::from("What you can do here:\n") } else { String::new() };
    for command in rows {
        explain(&mut text, command, prefix, !topic.is_empty());
    }
    text.truncate(text.trim_end().len());
    text
}

/// How a command is written and what it does, in a line; perhaps with its examples.
fn explain(text: &mut String, command: &Command, prefix: &str, with_examples: bool) {
    let _ = write!(text, "`{prefix} {}", command.words);
    let usage = command.usage();
    if !usage.is_empty() {
        let _ = write!(text, " {usage}");
    }
    let _ = writeln!(text, "` {}", command.help);
    if with_examples {
        for example in command.examples {
            let _ = writeln!(text, "For example: `{prefix} {example}`");
        }
    }
}

/// The same of the row that these words begin with; nothing where they name none.
pub(crate) fn explained(words: &[String], prefix: &str) -> Option<String> {
    let words: Vec<Word> = words.iter().map(Word::handed_over).collect();
    let (command, _) = find(&words)?;
    let mut text = String::new();
    explain(&mut text, command, prefix, true);
    Some(text)
}

/// The answer to words that name no command.
pub(super) fn unknown(words: &[Word], prefix: &str) -> String {
    let typed = words.iter().take(2).map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
    let typed: String = typed.chars().take(60).collect();
    let shown: String = typed.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let near = TABLE
        .iter()
        .map(|command| (strsim::damerau_levenshtein(command.words, &typed.to_lowercase()), command))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, command)| *distance <= command.words.len() / 3);
    let first = typed.split(' ').next().unwrap_or_default().to_lowercase();
    let goes_on: Vec<&str> = TABLE
        .iter()
        .filter_map(|command| command.words.strip_prefix(&first)?.strip_prefix(' '))
        .collect();
    if let Some(command) = near.map(|(_, command)| command).or_else(|| ends_in(&first)) {
        let (words, example) = (command.words, command.examples[0]);
        format!(
            "There is no command \"{shown}\". Did you mean `{prefix} {words}`? For example: `{prefix} {example}`"
        )
    } else if goes_on.is_empty() {
        format!("There is no command \"{shown}\". `{prefix} help` shows what you can do here.")
    } else {
        let words = goes_on.join(", ");
        format!(
            "There is no command \"{shown}\". Behind `{prefix} {first}` comes one of: {words}. `{prefix} help {first}` explains them."
        )
    }
}

/// The one command whose last word this is: `mute` for `member mute`.
fn ends_in(word: &str) -> Option<&'static Command> {
    let mut all = TABLE.iter().filter(|command| {
        command.words.strip_suffix(word).is_some_and(|before| before.ends_with(' '))
    });
    all.next().filter(|_| all.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Word> {
        super::super::parse_words(line).expect("words")
    }

    #[test]
    fn a_near_miss_gets_a_hint() {
        assert!(
            unknown(&words("group lnik CH1"), "/wa").contains("Did you mean `/wa group link`?")
        );
        assert!(unknown(&words("stauts"), "!wa").contains("Did you mean `!wa status`?"));
        assert!(unknown(&words("mute Maya"), "/wa").contains("Did you mean `/wa member mute`?"));
        assert!(unknown(&words("make coffee"), "/wa").contains("`/wa help`"));
    }

    #[test]
    fn half_a_command_is_told_how_it_goes_on() {
        for half in ["inbox", "Inbox Maya"] {
            let told = unknown(&words(half), "/wa");
            assert!(told.contains("Behind `/wa inbox` comes one of: list, "), "{told}");
        }
    }
}
