//! Text with marks on it.
//!
//! The plain text is always whole; marks say which stretches of it are bold, a link, a mention.
//! A bridge that knows no formatting reads `plain` and is done, and no formatting can lose a
//! word.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::PersonId;

/// What is said: plain text, and marks on stretches of it.
///
/// `Debug` gives the length only: what people write is in no log.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// The whole text, without any markup.
    pub plain: String,
    /// Marks, by where they start; they may nest but do not cross.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
}

/// A stretch of a [`Text`] that means something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Where it begins, in bytes of `plain`, on a character's boundary.
    pub start: usize,
    /// Where it ends, likewise.
    pub end: usize,
    /// What it means.
    pub kind: MarkKind,
}

/// What a [`Mark`] means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// Bold.
    Bold,
    /// Italic.
    Italic,
    /// Struck through.
    Strike,
    /// Code within a line.
    Code,
    /// A block of code.
    Pre,
    /// A quotation.
    Quote,
    /// A link.
    Link(Url),
    /// Somebody is named. Nobody is notified by it.
    Mention(PersonId),
}

impl Text {
    /// Text without marks.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self { plain: text.into(), marks: Vec::new() }
    }

    /// Whether there is nothing but white space.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.plain.trim().is_empty()
    }

    /// The text in parts of at most `limit` characters (Unicode scalar values), cut at words where
    /// there are any, marks cut along. No character but the white space at a cut is lost.
    #[must_use]
    pub fn split(&self, limit: usize) -> Vec<Self> {
        split_words(&self.plain, limit)
            .into_iter()
            .map(|range| Self {
                plain: self.plain[range.clone()].to_owned(),
                marks: self
                    .marks
                    .iter()
                    .filter(|mark| mark.start < range.end && mark.end > range.start)
                    .map(|mark| Mark {
                        start: mark.start.max(range.start) - range.start,
                        end: mark.end.min(range.end) - range.start,
                        kind: mark.kind.clone(),
                    })
                    .collect(),
            })
            .collect()
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Text({} bytes, {} marks)", self.plain.len(), self.marks.len())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}

/// Cuts a text into stretches of at most `limit` characters, at white space where there is any
/// within the stretch and in the middle of a word where there is none. White space at a cut
/// belongs to no stretch. A text that fits is one stretch, as it is; a limit of 0 counts as 1.
#[must_use]
pub fn split_words(text: &str, limit: usize) -> Vec<std::ops::Range<usize>> {
    let limit = limit.max(1);
    let mut parts = Vec::new();
    let mut start = 0;
    loop {
        let rest = &text[start..];
        let Some((end_of_fit, next)) = rest.char_indices().nth(limit) else {
            if !rest.is_empty() || parts.is_empty() {
                parts.push(start..text.len());
            }
            return parts;
        };
        let fit = &rest[..end_of_fit];
        // The character after the stretch may itself be the space to cut at.
        let cut = if next.is_whitespace() {
            end_of_fit
        } else {
            fit.char_indices()
                .rev()
                .find(|(at, c)| c.is_whitespace() && !fit[..*at].trim().is_empty())
                .map_or(end_of_fit, |(at, _)| at)
        };
        let kept = rest[..cut].trim_end();
        if !kept.is_empty() {
            parts.push(start..start + kept.len());
        }
        let after = &rest[cut..];
        start += cut + (after.len() - after.trim_start().len());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str, limit: usize) -> Vec<&str> {
        split_words(text, limit).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn a_text_is_cut_at_words() {
        assert_eq!(parts("one two three", 7), ["one two", "three"]);
        assert_eq!(parts("one two three", 8), ["one two", "three"]);
        assert_eq!(parts("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(parts("", 3), [""]);
        assert_eq!(parts("fits", 4), ["fits"]);
    }

    #[test]
    fn marks_are_cut_along() {
        let text = Text {
            plain: "one two three".into(),
            marks: vec![Mark { start: 4, end: 13, kind: MarkKind::Bold }],
        };
        let parts = text.split(7);
        assert_eq!(parts[0].marks[0].start..parts[0].marks[0].end, 4..7);
        assert_eq!(parts[1].marks[0].start..parts[1].marks[0].end, 0..5);
    }

    proptest! {
        #[test]
        fn no_word_is_lost_and_no_part_is_too_long(text in "[a-zé😀 \n]{0,200}", limit in 1usize..40) {
            let parts = parts(&text, limit);
            for part in &parts {
                prop_assert!(part.chars().count() <= limit);
            }
            let squeeze = |s: &str| s.split_whitespace().collect::<String>();
            prop_assert_eq!(squeeze(&parts.concat()), squeeze(&text));
        }
    }
}
