//! Addresses of people behind phones.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How somebody behind Twilio is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// `whatsapp:+E164`.
    WhatsApp,
    /// `+E164`.
    Sms,
    /// `messenger:ID`.
    Messenger,
    /// `client:IDENTITY`, somebody with a Conversations SDK client.
    Client,
}

/// Where a member is reached, in canonical form: `whatsapp:+14155550100`, `+14155550100`,
/// `messenger:123`, `client:maya`.
///
/// E.164 numbers have at most 15 digits (ITU-T E.164); a number in national format is not an
/// address yet, it is made one by `policy` with the default region. `Debug` masks the number:
/// no full phone number may reach a log.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Address(String);

/// Why a text is no [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not an address: write +14155550100, whatsapp:+14155550100, messenger:ID or client:IDENTITY"
)]
pub struct AddressError(String);

impl Address {
    /// The address as Twilio writes it, except that an SDK client's identity has `client:` in
    /// front.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How it is reached.
    #[must_use]
    pub fn channel(&self) -> Channel {
        if self.0.starts_with("whatsapp:") {
            Channel::WhatsApp
        } else if self.0.starts_with("messenger:") {
            Channel::Messenger
        } else if self.0.starts_with("client:") {
            Channel::Client
        } else {
            Channel::Sms
        }
    }

    /// The number in E.164, where it is a phone's.
    #[must_use]
    pub fn number(&self) -> Option<&str> {
        match self.channel() {
            Channel::WhatsApp => self.0.strip_prefix("whatsapp:"),
            Channel::Sms => Some(&self.0),
            Channel::Messenger | Channel::Client => None,
        }
    }

    /// Every address by which the same person is reached: a phone has one for WhatsApp and one for
    /// SMS.
    #[must_use]
    pub fn forms(&self) -> Vec<Self> {
        match self.number() {
            Some(number) => vec![Self(number.to_owned()), Self(format!("whatsapp:{number}"))],
            None => vec![self.clone()],
        }
    }

    /// The identity, where it is an SDK client's.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.0.strip_prefix("client:")
    }

    /// The key under which the contact store knows this person: the bare number for WhatsApp
    /// and SMS alike (it is the same phone), the whole address otherwise.
    #[must_use]
    pub fn contact_key(&self) -> &str {
        self.number().unwrap_or(&self.0)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError(mask(text));
        let text = text.trim();
        let right = if let Some(number) = text.strip_prefix("whatsapp:") {
            is_e164(number)
        } else if let Some(id) =
            text.strip_prefix("messenger:").or_else(|| text.strip_prefix("client:"))
        {
            !id.is_empty() && id.len() <= 256 && !id.chars().any(char::is_control)
        } else {
            is_e164(text)
        };
        if right { Ok(Self(text.to_owned())) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask(&self.0))
    }
}

fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (2..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

/// The text with every run of seven or more digits shortened to its first four and last two, so
/// that it can stand in a log: `whatsapp:+14155550100` becomes `whatsapp:+1415…00`.
#[must_use]
pub fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut digits = String::new();
    let flush = |digits: &mut String, out: &mut String| {
        if digits.len() >= 7 {
            out.push_str(&digits[..4]);
            out.push('…');
            out.push_str(&digits[digits.len() - 2..]);
        } else {
            out.push_str(digits);
        }
        digits.clear();
    };
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
        } else {
            flush(&mut digits, &mut out);
            out.push(c);
        }
    }
    flush(&mut digits, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whatsapp_and_sms_of_one_phone_are_one_contact() {
        let whatsapp: Address = "whatsapp:+14155550100".parse().expect("address");
        let sms: Address = "+14155550100".parse().expect("address");
        assert_eq!(whatsapp.channel(), Channel::WhatsApp);
        assert_eq!(sms.channel(), Channel::Sms);
        assert_eq!(whatsapp.contact_key(), sms.contact_key());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "415 555 0100", "+0123", "whatsapp:4155550100", "+1234567890123456", "client:"]
        {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_input_panics_and_none_shows_a_whole_number(text in ".{0,40}") {
            if let Ok(address) = text.parse::<Address>()
                && let Some(number) = address.number()
                && number.len() >= 8
            {
                let shown = format!("{address:?}");
                prop_assert!(!shown.contains(number));
            }
            let _ = mask(&text);
        }
    }
}
