//! Where something can be said.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Network, network_and_id};
use crate::Address;

/// Where something can be said: a Twilio conversation (`twilio:CH…`), one phone behind a sender
/// (`twilio:whatsapp:+14155550000/whatsapp:+14155550101`), a Slack channel (`slack:C0123ABC`), a
/// thread in one (`slack:C0123ABC/1712345678.000100`) or a Matrix room
/// (`matrix:!abc:example.org`, in newer room versions `matrix:!abc`).
///
/// Cheap to clone. In JSON and in the store it is the text above; `Debug` masks numbers, so a log
/// takes that form wherever the place can be a phone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Place {
    network: Network,
    id: Arc<str>,
}

/// Why a text names no [`Place`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// There is no `network:` in front.
    #[error("\"{0}\" has no network in front: write slack:C0123ABC or matrix:!abc:example.org")]
    NoNetwork(String),
    /// The network in front is none of ours.
    #[error("\"{0}\" is not a network: use twilio, slack or matrix")]
    UnknownNetwork(String),
    /// The id does not have the form that its network's ids have.
    #[error("\"{id}\" is not {expected}")]
    WrongForm {
        /// What was given.
        id: String,
        /// The form that was expected, with an example.
        expected: &'static str,
    },
}

impl Place {
    /// A place from parts that a bridge knows to be right.
    #[must_use]
    pub fn new(network: Network, id: &str) -> Self {
        Self { network, id: id.into() }
    }

    /// The Twilio conversation with this SID.
    #[must_use]
    pub fn conversation(sid: &str) -> Self {
        Self::new(Network::Twilio, sid)
    }

    /// The phone of this address behind this sender: what is said there goes to one person alone,
    /// outside of any conversation.
    #[must_use]
    pub fn phone(sender: &Address, address: &Address) -> Self {
        Self::new(Network::Twilio, &format!("{sender}/{address}"))
    }

    /// The network that it is on.
    #[must_use]
    pub const fn network(&self) -> Network {
        self.network
    }

    /// The id that its network gives it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it is a Twilio conversation.
    #[must_use]
    pub fn is_conversation(&self) -> bool {
        self.network == Network::Twilio && !self.is_phone()
    }

    /// Whether it is one phone behind a sender.
    #[must_use]
    pub fn is_phone(&self) -> bool {
        self.network == Network::Twilio && self.id.contains('/')
    }

    /// Whether it is a room of people: in Slack or Matrix, not at Twilio.
    #[must_use]
    pub fn is_room(&self) -> bool {
        matches!(self.network, Network::Slack | Network::Matrix)
    }

    /// The sender and the address, where it is one phone.
    #[must_use]
    pub fn as_phone(&self) -> Option<(Address, Address)> {
        if self.network != Network::Twilio {
            return None;
        }
        let (sender, address) = self.id.split_once('/')?;
        Some((sender.parse().ok()?, address.parse().ok()?))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.network, self.id)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_phone() {
            write!(f, "{}:{}", self.network, crate::mask(&self.id))
        } else {
            fmt::Display::fmt(self, f)
        }
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

impl TryFrom<String> for Place {
    type Error = PlaceError;

    fn try_from(text: String) -> Result<Self, PlaceError> {
        text.parse()
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let (network, id) = network_and_id(text)?;
        let (right, expected) = match network {
            Network::Twilio if id.contains('/') => (
                Self::new(network, id).as_phone().is_some(),
                "a sender and a phone: whatsapp:+14155550000/whatsapp:+14155550101",
            ),
            Network::Twilio => (
                id.len() == 34
                    && id.starts_with("CH")
                    && id[2..].bytes().all(|b| b.is_ascii_hexdigit()),
                "a conversation: CH and 32 hexadecimal digits",
            ),
            Network::Slack => (slack_form(id), "a Slack channel: slack:C0123ABC"),
            Network::Matrix => (matrix_form(id), "a Matrix room id: matrix:!abc:example.org"),
            Network::Operator => (
                !id.is_empty() && id.len() <= 255 && !id.contains(char::is_whitespace),
                "what the operator works on: operator:contacts",
            ),
        };
        if right {
            Ok(Self::new(network, id))
        } else {
            Err(PlaceError::WrongForm { id: id.to_owned(), expected })
        }
    }
}

/// A room's id; behind it, for a thread, the id of the event that began it (`!abc:example.org/$def`).
fn matrix_form(id: &str) -> bool {
    let (room, thread) = match id.split_once("/$") {
        Some((room, thread)) => (room, Some(thread)),
        None => (id, None),
    };
    let plain =
        |part: &str| !part.is_empty() && part.len() <= 255 && !part.contains(char::is_whitespace);
    plain(room) && room.len() > 1 && room.starts_with('!') && thread.is_none_or(plain)
}

fn slack_form(id: &str) -> bool {
    let (channel, thread) = match id.split_once('/') {
        Some((channel, thread)) => (channel, Some(thread)),
        None => (id, None),
    };
    let channel_right = channel.len() >= 2
        && channel.starts_with(['C', 'G', 'D'])
        && channel.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let thread_right = thread.is_none_or(|ts| {
        ts.split_once('.').is_some_and(|(seconds, rest)| {
            !seconds.is_empty()
                && !rest.is_empty()
                && seconds.bytes().chain(rest.bytes()).all(|b| b.is_ascii_digit())
        })
    });
    channel_right && thread_right
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for text in [
            "twilio:CH0123456789abcdef0123456789abcdef",
            "twilio:whatsapp:+14155550000/whatsapp:+14155550101",
            "twilio:+14155550001/+14155550101",
            "slack:C0123ABC",
            "slack:C0123ABC/1712345678.000100",
            "matrix:!abc:example.org",
            "matrix:!n8f893n9abcdef",
        ] {
            let place: Place = text.parse().expect(text);
            assert_eq!(place.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_place_is_refused_with_a_reason() {
        for text in [
            "C0123ABC",
            "irc:#room",
            "twilio:CH01",
            "slack:general",
            "slack:C0123/now",
            "matrix:#alias:example.org",
            "matrix:!a b",
            "twilio:CHé123456789abcdef0123456789abcdef",
            "twilio:+14155550001/maya",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_phone_is_no_conversation_and_its_numbers_are_masked() {
        let sender: Address = "whatsapp:+14155550000".parse().expect("an address");
        let address: Address = "whatsapp:+14155550101".parse().expect("an address");
        let phone = Place::phone(&sender, &address);
        assert!(phone.is_phone() && !phone.is_conversation() && !phone.is_room());
        assert_eq!(phone.as_phone(), Some((sender, address)));
        assert_eq!(format!("{phone:?}"), "twilio:whatsapp:+1415…00/whatsapp:+1415…01");
        let group: Place = "twilio:CH0123456789abcdef0123456789abcdef".parse().expect("a place");
        assert!(group.is_conversation() && group.as_phone().is_none());
        assert_eq!(format!("{group:?}"), group.to_string());
    }

    proptest! {
        #[test]
        fn no_text_panics_and_a_place_is_read_as_it_is_written(
            network in "twilio|slack|matrix|operator|irc|",
            id in prop_oneof![
                "CH[0-9a-f]{32}",
                "[!$#][a-z:.]{0,9}(/[$][a-z]{0,9})?",
                "[CGDU][A-Z0-9]{0,9}(/[0-9]{0,3}[.]?[0-9]{0,3})?",
                "(whatsapp:)?[+]1415555[0-9]{4}/(whatsapp:)?[+]1415555[0-9]{4}",
                "\\PC{0,20}",
            ],
        ) {
            let text = format!("{network}:{id}");
            if let Ok(place) = text.parse::<Place>() {
                prop_assert_eq!(String::from(place.clone()), text.clone());
                prop_assert_eq!(Place::try_from(text), Ok(place.clone()));
                prop_assert!(!place.is_phone() || place.as_phone().is_some());
            }
        }
    }
}
