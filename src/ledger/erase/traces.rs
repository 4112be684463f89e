//! What somebody is known by: their addresses, and how they are shown to people.

use partyline_core::Address;

/// What somebody is known by in texts.
#[derive(Clone)]
pub struct Traces {
    pub(super) address: Address,
    /// The digits of the number, or the whole address of who has none.
    number: String,
    /// The number as people are shown it, and the name.
    words: Vec<String>,
}

impl Traces {
    /// Of somebody with this address, who is shown like this.
    #[must_use]
    pub fn new(address: &Address, shown: impl IntoIterator<Item = String>) -> Self {
        let number = address.number().unwrap_or(address.as_str()).trim_start_matches('+');
        let words = shown.into_iter().filter(|word| !word.trim().is_empty()).collect();
        Self { address: address.clone(), number: number.to_owned(), words }
    }

    /// Whether the number stands in a text, and not as a part of another one.
    pub(super) fn number_in(&self, text: &str) -> bool {
        stands_in(text, &self.number, |c| c.is_ascii_digit())
    }

    /// Whether the person is named in a text, by number or name.
    pub(super) fn named_in(&self, text: &str) -> bool {
        let word = |word: &String| stands_in(text, word, char::is_alphanumeric);
        self.number_in(text) || self.words.iter().any(word)
    }
}

/// Whether a word stands in a text with nothing of its own kind on either side.
fn stands_in(text: &str, word: &str, kind: fn(char) -> bool) -> bool {
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(kind)
            && !text[at + word.len()..].chars().next().is_some_and(kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_in_every_writing_and_no_part_of_another_one() {
        let address: Address = "whatsapp:+14155550101".parse().expect("an address");
        let shown = ["+1 415-555-0101".to_owned(), "May".to_owned(), String::new()];
        let traces = Traces::new(&address, shown);
        for text in [
            "From=whatsapp%3A%2B14155550101&To=x",
            "{\"id\":\"whatsapp:+14155550101\"}",
            "call +14155550101.",
        ] {
            assert!(traces.number_in(text), "{text}");
        }
        for text in ["+141555501012", "214155550101", "+1415555010"] {
            assert!(!traces.number_in(text), "{text}");
        }
        assert!(traces.named_in("member remove +1 415-555-0101"));
        assert!(traces.named_in("dm \"May\" hello") && !traces.named_in("Maybe"));
    }
}
