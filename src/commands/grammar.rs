//! Words, quotes and flags.

use std::collections::BTreeMap;

use super::Command;

/// The longest command line, in characters.
const LONGEST: usize = 4000;

/// What stood behind a command's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// Words, in order.
    pub words: Vec<String>,
    /// Flags with their values, in order of appearance for each.
    pub flags: BTreeMap<&'static str, Vec<String>>,
}

impl Arguments {
    /// The value of a flag, the last one if it was given several times.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.get(name)?.last().map(String::as_str)
    }
}

/// What is wrong with a command line, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    /// A quotation that does not end.
    #[error("A quotation mark is missing its partner.")]
    Quote,
    /// Too long a line.
    #[error("That is longer than {LONGEST} characters.")]
    TooLong,
    /// Fewer words than the command needs.
    #[error("Something is missing.")]
    Missing,
    /// More words than the command takes.
    #[error("\"{0}\" is one word too many. (Words that belong together stand in quotes.)")]
    Surplus(String),
    /// A flag that the command does not know.
    #[error("There is no --{0} here{1}")]
    Flag(String, String),
    /// A flag without its value.
    #[error("--{0} needs a value behind it.")]
    Value(String),
}

/// Cuts a line into words; quotes, straight or as phones and Macs type them, hold words together.
/// The dashes into which `--` is corrected are dashes again.
///
/// # Errors
/// A quotation does not end, or the line is too long.
pub fn parse_words(line: &str) -> Result<Vec<String>, GrammarError> {
    if line.chars().count() > LONGEST {
        return Err(GrammarError::TooLong);
    }
    let straight: String = line
        .chars()
        .map(|c| match c {
            '“' | '”' | '„' | '«' | '»' => '"',
            '\u{a0}' => ' ',
            other => other,
        })
        .collect();
    // An apostrophe within a word is no quotation (O'Brien), and a backslash is a backslash.
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quoted, mut begun) = (false, false);
    for c in straight.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                begun = true;
            }
            c if c.is_whitespace() && !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    if quoted {
        return Err(GrammarError::Quote);
    }
    if begun {
        words.push(word);
    }
    Ok(words)
}

/// Sorts the words behind a command into words and flags, and checks them against its row.
pub(super) fn arguments(command: &Command, words: &[String]) -> Result<Arguments, GrammarError> {
    let mut arguments = Arguments::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('—')) else {
            arguments.words.push(word.clone());
            continue;
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        let known = command.flags.iter().find(|known| **known == name).ok_or_else(|| {
            let near = command.flags.iter().find(|known| strsim::levenshtein(known, name) <= 2);
            let hint = near.map_or(".".to_owned(), |near| format!(": did you mean --{near}?"));
            GrammarError::Flag(name.to_owned(), hint)
        })?;
        let value = match value {
            Some(value) => value,
            None => words.next().cloned().ok_or_else(|| GrammarError::Value(name.to_owned()))?,
        };
        arguments.flags.entry(known).or_default().push(value);
    }
    if arguments.words.len() < *command.takes.start() {
        return Err(GrammarError::Missing);
    }
    match arguments.words.get(*command.takes.end()) {
        Some(surplus) => Err(GrammarError::Surplus(surplus.clone())),
        None => Ok(arguments),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::commands::TABLE;

    fn words(line: &str) -> Vec<String> {
        parse_words(line).unwrap()
    }

    #[test]
    fn quotes_hold_words_together() {
        assert_eq!(words(r#"contact add +1 "Maya Lopez""#), ["contact", "add", "+1", "Maya Lopez"]);
        assert_eq!(words("contact add “Maya Lopez”"), ["contact", "add", "Maya Lopez"]);
        assert_eq!(words("O'Brien \"\""), ["O'Brien", ""]);
        assert_eq!(parse_words("a \"b"), Err(GrammarError::Quote));
    }

    #[test]
    fn flags_are_read_in_both_spellings() {
        let add = TABLE.iter().find(|command| command.words == "contact add").unwrap();
        for line in ["+1 Maya --team Sales", "+1 Maya --team=Sales", "+1 —team Sales Maya"] {
            let arguments = arguments(add, &words(line)).unwrap();
            assert_eq!(arguments.words, ["+1", "Maya"]);
            assert_eq!(arguments.flag("team"), Some("Sales"));
        }
        let wrong = arguments(add, &words("+1 Maya --taem Sales")).unwrap_err();
        assert_eq!(wrong.to_string(), "There is no --taem here: did you mean --team?");
        assert_eq!(arguments(add, &words("+1")), Err(GrammarError::Missing));
        assert_eq!(
            arguments(add, &words("+1 Maya Lopez")),
            Err(GrammarError::Surplus("Lopez".into()))
        );
    }

    proptest! {
        #[test]
        fn no_line_panics(line in ".{0,200}") {
            if let Ok(words) = parse_words(&line) {
                for command in TABLE {
                    let _ = arguments(command, &words);
                }
            }
        }
    }
}
