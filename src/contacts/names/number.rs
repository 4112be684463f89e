//! The name of somebody of whom only the address is known.

use partyline_core::Address;
use rlibphonenumber::{PhoneNumber, PhoneNumberFormat};

/// A phone's number as people write it internationally, grouped as its country does:
/// `+1 415-555-0100`. An SDK client's identity; anything else as it is.
pub(crate) fn in_words(address: &Address) -> String {
    let Some(number) = address.number() else {
        return address.identity().unwrap_or(address.as_str()).to_owned();
    };
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    number
        .parse::<PhoneNumber>()
        .map(|parsed| parsed.format_as(PhoneNumberFormat::International).into_owned())
        .ok()
        // In a number that is none, a zero can be taken for a prefix and dropped.
        .filter(|shown| digits(shown) == digits(number))
        .unwrap_or_else(|| number.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(address: &str) -> String {
        in_words(&address.parse().expect("an address"))
    }

    #[test]
    fn numbers_are_grouped_as_their_countries_do() {
        assert_eq!(named("whatsapp:+14155550100"), "+1 415-555-0100");
        assert_eq!(named("+442079460958"), "+44 20 7946 0958");
        assert_eq!(named("+4930123456"), "+49 30 123456");
        assert_eq!(named("+999123"), "+999123");
    }

    #[test]
    fn people_without_a_number_have_their_identity() {
        assert_eq!(named("client:maya"), "maya");
        assert_eq!(named("messenger:123"), "messenger:123");
    }

    proptest! {
        #[test]
        fn no_digit_is_lost(number in "[1-9][0-9]{1,14}") {
            let shown = named(&format!("+{number}"));
            let digits: String = shown.chars().filter(char::is_ascii_digit).collect();
            prop_assert_eq!(digits, number);
        }
    }
}
