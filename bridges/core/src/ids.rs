//! Names of things. Each is its own type, so that none is taken for another, and only the
//! bridge that owns one takes it apart.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Address;

/// A platform that partyline has a bridge to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// Twilio Conversations: WhatsApp, SMS and Messenger.
    Twilio,
    /// A Slack workspace.
    Slack,
    /// A Matrix homeserver.
    Matrix,
    /// No platform: whoever works on the bridge itself, by command line or by the admin API.
    Operator,
}

impl Network {
    /// The platforms, in the order in which people are shown them.
    pub const ALL: [Self; 3] = [Self::Twilio, Self::Slack, Self::Matrix];

    /// The name in ids, metrics and configuration: `twilio`, `slack`, `matrix`; `operator`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Slack => "slack",
            Self::Matrix => "matrix",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Network {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        Self::ALL
            .into_iter()
            .chain([Self::Operator])
            .find(|network| network.as_str() == text)
            .ok_or_else(|| PlaceError::UnknownNetwork(text.to_owned()))
    }
}

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
        let (network, id) =
            text.split_once(':').ok_or_else(|| PlaceError::NoNetwork(text.to_owned()))?;
        let network: Network = network.parse()?;
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

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The id, as its owner wrote it.
            #[must_use]
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A message's id on its own network: a Twilio `IM…`, a Slack `ts`, a Matrix event id.
    /// Unique within one [`Place`] only.
    MessageId
}

text_id! {
    /// What makes an event the same event when it comes again, unique within its network: a
    /// Twilio `MessageSid`, a Slack channel and `ts`, a Matrix event id. A repeat with the same
    /// key is dropped by the ledger.
    EventKey
}

text_id! {
    /// The id of one event owed to one place. It goes along with the message as far as the
    /// platform lets it (Twilio attributes, Slack metadata, Matrix transaction id), so that a
    /// send whose answer was lost can be looked up. The part before the last `-` names the
    /// ledger that issued it, so that ids of different ledgers never meet.
    DeliveryId
}

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
        let (network, id) =
            text.split_once(':').ok_or_else(|| PlaceError::NoNetwork(text.to_owned()))?;
        let network: Network = network.parse()?;
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
}
