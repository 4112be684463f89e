//! Numbers as people write them, made addresses.

use partyline_core::Address;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};

/// Why a text is no number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotANumber {
    /// It has no country code, and none can be supposed.
    #[error("\"{0}\" has no country code: write it as +14155550100, or set twilio.default_region")]
    NoCountry(String),
    /// No phone has such a number.
    #[error("\"{0}\" is not a phone number: write it as +14155550100")]
    Wrong(String),
}

/// Reads an address: `whatsapp:+14155550100`, `client:maya`, `+1 (415) 555-0100`, or, with a
/// region (`US`), the national form `(415) 555-0100`. Digits of any script are digits.
///
/// # Errors
/// With a sentence for whoever wrote it.
pub fn parse_address(text: &str, region: Option<Region>) -> Result<Address, NotANumber> {
    let text = text.trim();
    let (prefix, number) = match text.split_once(':') {
        Some((scheme @ ("messenger" | "client"), id)) => {
            let address = format!("{scheme}:{id}");
            return address.parse().map_err(|_| NotANumber::Wrong(text.to_owned()));
        }
        Some(("whatsapp", number)) => ("whatsapp:", number),
        Some(("sms" | "tel", number)) => ("", number),
        _ => ("", text),
    };
    let international = number.trim_start().starts_with(['+', '＋']);
    if !international && region.is_none() {
        return Err(NotANumber::NoCountry(text.to_owned()));
    }
    let wrong = || NotANumber::Wrong(text.to_owned());
    let util = &*PHONE_NUMBER_UTIL;
    let parsed = util.parse(number, if international { None } else { region });
    let parsed = parsed.map_err(|_| wrong())?;
    // Possible rather than valid: numbering plans grow faster than any table of them.
    if !util.is_possible_number(&parsed) {
        return Err(wrong());
    }
    let e164 = util.format(&parsed, PhoneNumberFormat::E164);
    format!("{prefix}{e164}").parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn region(code: &str) -> Region {
        code.parse().expect("a region")
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let (us, de) = (region("US"), region("DE"));
        for (text, region, expected) in [
            ("+1 (415) 555-0100", None, "+14155550100"),
            ("(415) 555-0100", Some(us), "+14155550100"),
            ("whatsapp:+14155550100", None, "whatsapp:+14155550100"),
            ("whatsapp:415 555 0100", Some(us), "whatsapp:+14155550100"),
            ("030 901820", Some(de), "+4930901820"),
            ("+49 30 901820", Some(us), "+4930901820"),
            ("client:maya", None, "client:maya"),
        ] {
            let address = parse_address(text, region).expect(text);
            assert_eq!(address.as_str(), expected);
        }
    }

    #[test]
    fn what_is_no_number_is_refused_with_an_example() {
        assert!(matches!(parse_address("415 555 0100", None), Err(NotANumber::NoCountry(_))));
        for text in ["Maya", "+", "+1", "whatsapp:", "+999999999999999999999"] {
            assert!(parse_address(text, Some(region("US"))).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}", national in proptest::bool::ANY) {
            let _ = parse_address(&text, national.then(|| region("US")));
        }
    }
}
