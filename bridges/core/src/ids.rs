//! Names of things. Each is its own type, so that none is taken for another, and only the
//! bridge that owns one takes it apart.

mod person;
mod place;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use person::PersonId;
pub use place::{Place, PlaceError};

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

/// What stands before the first colon, and what behind it.
fn network_and_id(text: &str) -> Result<(Network, &str), PlaceError> {
    let (network, id) =
        text.split_once(':').ok_or_else(|| PlaceError::NoNetwork(text.to_owned()))?;
    Ok((network.parse()?, id))
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
