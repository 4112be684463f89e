//! What stands in the simulated Twilio: the things a test or a page looks at. All of them are
//! copies; changing one changes nothing in the simulator.

mod message;
mod sid;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use partyline_core::mask;
use serde::Serialize;

pub use message::{InboxItem, MediaItem, Message, Receipt, ReceiptStatus};
pub use sid::Sid;

/// The state of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Being made, with its participants.
    Initializing,
    /// In use.
    Active,
    /// Not in use; a message wakes it.
    Inactive,
    /// Over, for good.
    Closed,
}

impl State {
    /// As Twilio writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initializing => "initializing",
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Closed => "closed",
        }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        [Self::Initializing, Self::Active, Self::Inactive, Self::Closed]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conversation {
    /// `CH…`.
    pub sid: Sid,
    /// Its name for people.
    pub friendly_name: Option<String>,
    /// Its name for programs: unique, usable in place of the SID.
    pub unique_name: Option<String>,
    /// JSON as a string, `{}` where none was set.
    pub attributes: String,
    /// `MG…`.
    pub messaging_service_sid: Option<Sid>,
    /// Its state.
    pub state: State,
    /// How long after the last activity it becomes inactive.
    #[serde(skip)]
    pub inactive_after: Option<SignedDuration>,
    /// How long after the last activity it closes.
    #[serde(skip)]
    pub closed_after: Option<SignedDuration>,
    /// When it will become inactive.
    pub date_inactive: Option<Timestamp>,
    /// When it will close.
    pub date_closed: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// How a participant behind a phone is reached.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Binding {
    /// The person's address: `whatsapp:+1…` or `+1…`.
    pub address: String,
    /// The sender that the person writes to.
    pub proxy_address: String,
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} behind {}", mask(&self.address), mask(&self.proxy_address))
    }
}

/// `whatsapp`, `sms` or `messenger`, by the form of the address.
pub(super) fn channel(address: &str) -> &'static str {
    if address.starts_with("whatsapp:") {
        "whatsapp"
    } else if address.starts_with("messenger:") {
        "messenger"
    } else {
        "sms"
    }
}

/// A member of a conversation.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Participant {
    /// `MB…`.
    pub sid: Sid,
    /// The identity of an SDK client.
    pub identity: Option<String>,
    /// The binding of a phone.
    pub binding: Option<Binding>,
    /// The number that other members see instead of the sender (group MMS).
    pub projected_address: Option<String>,
    /// JSON as a string.
    pub attributes: String,
    /// `RL…`.
    pub role_sid: Sid,
    /// The index of the last message read.
    pub last_read_message_index: Option<u64>,
    /// When that was noted, as Twilio writes it.
    pub last_read_timestamp: Option<String>,
    /// When the member was added.
    pub created: Timestamp,
    /// When the member was last changed.
    pub updated: Timestamp,
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Participant")
            .field("sid", &self.sid)
            .field("identity", &self.identity)
            .field("binding", &self.binding)
            .finish_non_exhaustive()
    }
}

/// A template of the Content API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Template {
    /// `HX…`.
    pub sid: Sid,
    /// Its name.
    pub friendly_name: String,
    /// Its language: `en`.
    pub language: String,
    /// Placeholders and examples: `("1", "Maya")`.
    pub variables: Vec<(String, String)>,
    /// The text, with `{{1}}` for placeholders.
    pub body: String,
    /// WhatsApp's word on it: `approved`, `pending`, `rejected`, `unsubmitted` …
    pub approval: String,
    /// `UTILITY`, `MARKETING`, `AUTHENTICATION`.
    pub category: String,
    /// Why it was rejected.
    pub rejection_reason: String,
}

impl Template {
    /// The text with its placeholders filled in; one without a value keeps its example.
    #[must_use]
    pub fn filled(&self, values: &serde_json::Map<String, serde_json::Value>) -> String {
        self.variables.iter().fold(self.body.clone(), |body, (name, example)| {
            let value = values.get(name).and_then(serde_json::Value::as_str).unwrap_or(example);
            body.replace(&format!("{{{{{name}}}}}"), value)
        })
    }
}
