//! Kinds of arguments, and what each must look like.

use partyline_core::{PersonId, Place};

use super::GrammarError;

/// The longest name of a group or a person, in characters: what Twilio takes.
const LONGEST_NAME: usize = 256;

/// The longest text, in characters.
const LONGEST_TEXT: usize = 1600;

/// The longest list of people, in characters: a thousand names.
const LONGEST_LIST: usize = 40_000;

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A group: its SID, unique name, name, or the beginning of one.
    Group,
    /// Somebody who is or can be a member: a number, `whatsapp:…`, `client:…`, a contact's name.
    Who,
    /// A room: `slack:C…`, `matrix:!…`.
    Room,
    /// Somebody who gives commands: `slack:U…`, `matrix:@…`.
    Person,
    /// A phone number.
    Number,
    /// A name to be given.
    Name,
    /// Some words. As the last of a command's words, it is all that is left of the line.
    Text,
    /// A code that somebody was sent.
    Code,
    /// A small file: all of a code block.
    File,
    /// A template: its SID or name.
    Template,
    /// Teams and groups, with commas between.
    Targets,
    /// A command, with what stands behind it.
    Command,
    /// `key=value`.
    Pair,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One of these words, or a room.
    ChoiceOrRoom(&'static [&'static str]),
    /// A span of time: `10 minutes`, `2h`.
    Span,
    /// A word that the command itself understands, under the name that it has in the
    /// documentation.
    Word(&'static str),
}

impl Kind {
    /// As the documentation writes it.
    pub(super) fn label(self, name: &str) -> String {
        match self {
            Self::Group => "GROUP".into(),
            Self::Who => "WHO".into(),
            Self::Room => "ROOM".into(),
            Self::Person => "PERSON".into(),
            Self::Number => "NUMBER".into(),
            Self::Name => "NAME".into(),
            Self::Text => "TEXT".into(),
            Self::File => "FILE".into(),
            Self::Code => "CODE".into(),
            Self::Template => "TEMPLATE".into(),
            Self::Targets => "TEAM|GROUP,…".into(),
            Self::Command => "COMMAND".into(),
            Self::Pair => "k=v".into(),
            Self::Choice(words) => words.join("|"),
            Self::ChoiceOrRoom(words) => format!("{}|ROOM", words.join("|")),
            Self::Span => "SPAN".into(),
            Self::Word("") => name.to_uppercase(),
            Self::Word(label) => label.into(),
        }
    }

    /// The value as its command gets it.
    ///
    /// # Errors
    /// It is not of this kind: why, in a sentence.
    pub(in crate::commands) fn check(self, value: &str) -> Result<String, GrammarError> {
        let wrong = |sentence: String| Err(GrammarError::Wrong(sentence));
        let value = value.trim();
        match self {
            Self::Choice(words) => match words.iter().find(|one| one.eq_ignore_ascii_case(value)) {
                Some(word) => Ok((*word).to_owned()),
                None => wrong(format!(
                    "\"{}\" is none of {}{}",
                    shown(value),
                    words.join(", "),
                    near(value, words)
                )),
            },
            Self::ChoiceOrRoom(_) if value.contains(':') => Self::Room.check(value),
            Self::ChoiceOrRoom(words) => Self::Choice(words).check(value),
            Self::Room => match value.parse::<Place>() {
                Ok(room) if room.is_room() => Ok(room.to_string()),
                Ok(_) => wrong("ROOM must be a Slack channel or a Matrix room.".into()),
                Err(error) => wrong(format!("{}.", shown(&error.to_string()))),
            },
            Self::Person => match person(value).parse::<PersonId>() {
                Ok(person) => Ok(format!("{}:{}", person.network, person.id)),
                Err(_) => wrong(format!(
                    "\"{}\" is nobody that I know: write slack:U0123ABC (in Slack: profile, ⋮, Copy member ID) or matrix:@maya:example.org.",
                    shown(value)
                )),
            },
            Self::Pair if is_pair(value) => Ok(value.to_owned()),
            Self::Pair => {
                wrong(format!("\"{}\" is no pair: write key=value, as in city=Lima.", shown(value)))
            }
            _ if value.is_empty() && !matches!(self, Self::Text | Self::Command) => {
                wrong("One of the words is empty: there is nothing between its quotes.".into())
            }
            Self::Name if value.chars().any(char::is_control) => {
                wrong("A name stands on one line, without control characters.".into())
            }
            Self::Name => limited(value, "name", LONGEST_NAME),
            Self::Text => limited(value, "text", LONGEST_TEXT),
            Self::File => limited(value, "file", LONGEST_LIST),
            Self::Command => limited(value, "command", LONGEST_LIST),
            Self::Code if !is_code(value) => {
                wrong(format!("\"{}\" is no code: it has 4 to 10 digits.", shown(value)))
            }
            // A flag's value can be a whole list.
            Self::Who | Self::Targets => limited(value, "list", LONGEST_LIST),
            _ => limited(value, "word", LONGEST_NAME),
        }
    }
}

/// A person as Matrix clients write a mention: the id alone, or a link to it.
fn person(value: &str) -> String {
    let id = value.strip_prefix("https://matrix.to/#/").unwrap_or(value);
    if id.starts_with('@') && id.contains(':') { format!("matrix:{id}") } else { id.to_owned() }
}

fn limited(value: &str, what: &str, most: usize) -> Result<String, GrammarError> {
    let count = value.chars().count();
    if count > most {
        let sentence = format!("That {what} has {count} characters; it can have {most}.");
        return Err(GrammarError::Wrong(sentence));
    }
    Ok(value.to_owned())
}

fn near(value: &str, words: &[&str]) -> String {
    let short: String = value.chars().take(40).collect::<String>().to_lowercase();
    let near = words.iter().find(|word| strsim::damerau_levenshtein(word, &short) <= 2);
    near.map_or(".".to_owned(), |near| format!(": did you mean {near}?"))
}

/// A code as Twilio Verify sends them: 4 to 10 digits.
fn is_code(text: &str) -> bool {
    (4..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it is a key, an equals sign and a value.
pub(super) fn is_pair(text: &str) -> bool {
    text.split_once('=').is_some_and(|(key, _)| {
        !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
    })
}

/// What somebody typed, as it is shown back: one line, cut.
pub(super) fn shown(text: &str) -> String {
    const LENGTH: usize = 120;
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LENGTH).collect();
    if text.chars().count() > LENGTH { format!("{line}…") } else { line }
}
