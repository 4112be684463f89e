//! How the speaker's name stands before the words on a phone.
//!
//! Members see one sender's number for everybody, so whoever speaks is named in the body.

use std::fmt;
use std::str::FromStr;

use partyline_core::{LATE_LIMIT, NAME_LIMIT, Part};

/// The most characters of a body that Twilio passes on to phones (Twilio's documentation of the
/// Message resource).
pub const BODY_LIMIT: usize = 1600;

/// The longest pattern, in characters.
const PATTERN_LIMIT: usize = 200;

/// The characters of the longest part number, `(9999/9999) `.
const PART_LIMIT: usize = 12;

/// A pattern such as `*{name}*: {text}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribution {
    before: String,
    between: String,
    after: String,
}

/// Why a text is no [`Attribution`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributionError {
    /// One of the two is not there, or there more than once, or they stand the other way round.
    #[error("write {{name}} once and {{text}} once after it, as in \"*{{name}}*: {{text}}\"")]
    Placeholders,
    /// It leaves too little room for what is said.
    #[error(
        "it is longer than {PATTERN_LIMIT} characters, which leaves too little for the message"
    )]
    TooLong,
}

impl Attribution {
    /// The body under this name. The name is cleaned first (see [`clean_name`]).
    #[must_use]
    pub fn fill(&self, name: &str, text: &str) -> String {
        let Self { before, between, after } = self;
        format!("{before}{}{between}{text}{after}", clean_name(name))
    }

    /// Whether a body can be these words under some name, with some time in front where they were
    /// late, and with this part number.
    pub(crate) fn can_be(&self, body: &str, words: &str, part: Option<Part>) -> bool {
        let front = || {
            let inner = body.trim_end().strip_suffix(self.after.trim_end())?;
            let front = inner.trim_end().strip_suffix(words.trim_end())?;
            let front = match part {
                Some(part) => front.strip_suffix(&format!("{part} "))?,
                None => front,
            };
            // A time stands in brackets (`Late::mark`).
            let timed = front.strip_suffix("] ").and_then(|front| front.rsplit_once('['));
            let front = timed.map_or(front, |(front, _)| front);
            front.strip_prefix(&*self.before)?.strip_suffix(&*self.between)
        };
        front().is_some_and(|name| !name.is_empty() && !name.contains('\n'))
    }

    /// The characters that are left for the text, once a name of [`NAME_LIMIT`] characters, a time
    /// and a part number stand in front of it.
    #[must_use]
    pub fn room(&self) -> usize {
        let literal = [&self.before, &self.between, &self.after];
        let literal: usize = literal.into_iter().map(|text| text.chars().count()).sum();
        BODY_LIMIT - NAME_LIMIT - LATE_LIMIT - PART_LIMIT - literal
    }
}

impl Default for Attribution {
    fn default() -> Self {
        Self { before: "*".into(), between: "*: ".into(), after: String::new() }
    }
}

impl FromStr for Attribution {
    type Err = AttributionError;

    fn from_str(pattern: &str) -> Result<Self, AttributionError> {
        let (before, rest) = pattern.split_once("{name}").ok_or(AttributionError::Placeholders)?;
        let (between, after) = rest.split_once("{text}").ok_or(AttributionError::Placeholders)?;
        let again = |text: &str| text.contains("{name}") || text.contains("{text}");
        if again(before) || again(between) || again(after) {
            return Err(AttributionError::Placeholders);
        }
        if pattern.chars().count() > PATTERN_LIMIT {
            return Err(AttributionError::TooLong);
        }
        Ok(Self { before: before.into(), between: between.into(), after: after.into() })
    }
}

impl fmt::Display for Attribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{{name}}{}{{text}}{}", self.before, self.between, self.after)
    }
}

/// A name as it can stand in a line of text: at most [`NAME_LIMIT`] characters, no control or
/// direction characters, white space as single spaces, and no asterisk, which would end the bold
/// type around it. `Somebody` where nothing is left.
#[must_use]
pub fn clean_name(name: &str) -> String {
    let spaced: String = name
        .chars()
        .filter(|c| !is_direction(*c))
        .map(|c| match c {
            '*' => '∗',
            c if c.is_control() || c.is_whitespace() => ' ',
            c => c,
        })
        .collect();
    let words = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = words.chars().take(NAME_LIMIT).collect();
    if cut.trim().is_empty() { "Somebody".to_owned() } else { cut.trim_end().to_owned() }
}

/// Characters that turn the direction of what follows (Unicode UAX #9): a name must not turn the
/// words behind it.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use partyline_core::Part;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_name_stands_in_front() {
        let pattern = Attribution::default();
        assert_eq!(pattern.fill("Maya", "hello"), "*Maya*: hello");
        assert_eq!(pattern.to_string(), "*{name}*: {text}");
        assert_eq!("*{name}*: {text}".parse(), Ok(pattern));
    }

    #[test]
    fn a_name_cannot_play_the_text() {
        let pattern: Attribution = "{name} says \"{text}\"".parse().expect("a pattern");
        assert_eq!(pattern.fill("{text}", "{name}"), "{text} says \"{name}\"");
        assert_eq!(pattern.fill("*Maya*\nTom*: hi", "x"), "∗Maya∗ Tom∗: hi says \"x\"");
        assert_eq!(pattern.fill("\u{202e}\n ", "x"), "Somebody says \"x\"");
    }

    #[test]
    fn a_pattern_without_both_is_refused() {
        for text in ["", "{name}", "{text}", "{text} {name}", "{name} {name} {text}"] {
            assert_eq!(text.parse::<Attribution>(), Err(AttributionError::Placeholders), "{text}");
        }
        let long = format!("{{name}}{{text}}{}", "x".repeat(190));
        assert_eq!(long.parse::<Attribution>(), Err(AttributionError::TooLong));
    }

    proptest! {
        #[test]
        fn a_text_that_has_room_never_exceeds_the_limit(
            name in any::<String>(), number in 1u32..=9999
        ) {
            let pattern = Attribution::default();
            let lead = format!("{}{} ", "t".repeat(LATE_LIMIT), Part { number, of: 9999 });
            let filled = pattern.fill(&name, &format!("{lead}{}", "é".repeat(pattern.room())));
            prop_assert!(filled.chars().count() <= BODY_LIMIT);
            prop_assert!(!clean_name(&name).contains(['*', '\n', '\r']));
        }
    }
}
