//! Names that strangers gave themselves.

use partyline_core::NAME_LIMIT;

/// The name as it can be shown among others: one line of at most [`NAME_LIMIT`] characters, with
/// nothing in it that turns the direction of the text around it (Unicode UAX #9) or cannot be
/// seen. `None` where nothing is left.
pub(super) fn clean(name: &str) -> Option<String> {
    let seen: String = name
        .chars()
        .filter(|c| !is_hidden(*c))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = seen.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = line.chars().take(NAME_LIMIT).collect();
    let cut = cut.trim_end();
    (!cut.is_empty()).then(|| cut.to_owned())
}

/// Direction marks and zero-width characters, but not the joiners that emoji and scripts need.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_one_line_that_can_be_seen() {
        assert_eq!(clean(" Maya\n Lopez "), Some("Maya Lopez".to_owned()));
        assert_eq!(clean("\u{202e}ayaM"), Some("ayaM".to_owned()));
        assert_eq!(clean("\u{200b}\u{feff} \n"), None);
        assert_eq!(clean("👩‍🚒"), Some("👩‍🚒".to_owned()));
    }

    proptest! {
        #[test]
        fn it_is_never_long_nor_blank(name in "\\PC{0,200}|[\\x00-\\x20]{0,5}.{0,90}") {
            if let Some(name) = clean(&name) {
                prop_assert!(name.chars().count() <= NAME_LIMIT);
                prop_assert!(!name.trim().is_empty());
                prop_assert!(!name.chars().any(char::is_control));
            }
        }
    }
}
