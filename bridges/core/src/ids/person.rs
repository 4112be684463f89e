//! Who somebody is on a network.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Network, PlaceError, network_and_id};

/// Somebody on a network: `slack:U0123ABC`, `matrix:@maya:example.org`, or, on Twilio, the
/// participant's address or identity (`twilio:whatsapp:+14155550100`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PersonId {
    /// The network that knows the person.
    pub network: Network,
    /// The id there.
    pub id: String,
}

impl PersonId {
    /// A person by network and id.
    #[must_use]
    pub fn new(network: Network, id: impl Into<String>) -> Self {
        Self { network, id: id.into() }
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.network, self.id)
    }
}

impl fmt::Debug for PersonId {
    /// Like the display form, with phone numbers masked: this is what reaches a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.network, crate::mask(&self.id))
    }
}

impl FromStr for PersonId {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let (network, id) = network_and_id(text)?;
        let (right, expected) = match network {
            Network::Twilio => (!id.is_empty(), "a Twilio address"),
            Network::Slack => (
                id.starts_with(['U', 'W'])
                    && id.len() > 1
                    && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()),
                "a Slack user: slack:U0123ABC",
            ),
            Network::Matrix => (
                id.starts_with('@') && id[1..].contains(':') && !id.contains(char::is_whitespace),
                "a Matrix user: matrix:@maya:example.org",
            ),
            Network::Operator => (
                !id.is_empty() && id.len() <= 255 && !id.contains(char::is_whitespace),
                "an operator: operator:api",
            ),
        };
        if right {
            Ok(Self::new(network, id))
        } else {
            Err(PlaceError::WrongForm { id: id.to_owned(), expected })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn people_are_read_as_they_are_written() {
        assert!("slack:U0123ABC".parse::<PersonId>().is_ok());
        assert!("matrix:@maya:example.org".parse::<PersonId>().is_ok());
        assert!("slack:maya".parse::<PersonId>().is_err());
        assert!("@maya:example.org".parse::<PersonId>().is_err());
    }

    #[test]
    fn a_number_in_a_debug_text_is_masked() {
        let person = PersonId::new(Network::Twilio, "whatsapp:+14155550100");
        assert_eq!(format!("{person:?}"), "twilio:whatsapp:+1415…00");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_somebody_is_read_as_they_are_written(
            text in "(twilio|slack|matrix|operator)?:?[@UW+!]?\\PC{0,20}",
        ) {
            if let Ok(person) = text.parse::<PersonId>() {
                prop_assert_eq!(person.to_string(), text);
            }
        }
    }
}
