//! What stands in the simulated Twilio: the things a test or a page looks at. All of them are
//! copies; changing one changes nothing in the simulator.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use partyline_core::mask;
use serde::Serialize;

/// Twilio's name of a thing: two letters for its kind and 32 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Sid(Arc<str>);

impl Sid {
    /// The SID as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text has the form of a SID of this kind (`CH`, `IM` …).
    #[must_use]
    pub fn is_form(text: &str, kind: &str) -> bool {
        text.len() == 34
            && text.starts_with(kind)
            && text.as_bytes()[kind.len()..].iter().all(u8::is_ascii_hexdigit)
    }
}

impl Deref for Sid {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Sid {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Sid {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Sid {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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

/// A file of a message, as Twilio describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MediaItem {
    /// `ME…`.
    pub sid: Sid,
    /// The name it was sent under.
    pub filename: Option<String>,
    /// Its media type.
    pub content_type: String,
    /// Its size in bytes.
    pub size: usize,
}

/// How far a message came on one phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptStatus {
    /// Handed to the carrier.
    Sent,
    /// On the phone.
    Delivered,
    /// Read by the person. WhatsApp only.
    Read,
    /// Refused before it left.
    Failed,
    /// Refused by the carrier.
    Undelivered,
}

impl ReceiptStatus {
    /// As Twilio writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
            Self::Undelivered => "undelivered",
        }
    }
}

/// A delivery receipt: one message, one phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// `DY…`.
    pub sid: Sid,
    /// `IM…`.
    pub message_sid: Sid,
    /// `SM…`.
    pub channel_message_sid: Sid,
    /// `MB…`.
    pub participant_sid: Sid,
    /// How far it came.
    pub status: ReceiptStatus,
    /// Why it failed: 63016, 21610 …; 0 where it did not.
    pub error_code: u32,
    /// When the message left.
    pub created: Timestamp,
    /// When the status last changed.
    pub updated: Timestamp,
}

/// A message of a conversation.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// `IM…`.
    pub sid: Sid,
    /// `CH…`.
    pub conversation_sid: Sid,
    /// Its place in the conversation, from 0.
    pub index: u64,
    /// Who wrote it: an address, an identity, `system`.
    pub author: String,
    /// The words; `None` beside media or a template.
    pub body: Option<String>,
    /// The files.
    pub media: Vec<MediaItem>,
    /// JSON as a string.
    pub attributes: String,
    /// `MB…` of the author, where the author is a member.
    pub participant_sid: Option<Sid>,
    /// `HX…` where it is a template.
    pub content_sid: Option<Sid>,
    /// The SID of the phone's own message, where a phone wrote it: what a typing indicator and a
    /// quotation refer to.
    #[serde(skip)]
    pub channel_message_sid: Option<Sid>,
    /// Its receipts, one for each phone it went to.
    pub receipts: Vec<Receipt>,
    /// When it was received.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("sid", &self.sid)
            .field("conversation_sid", &self.conversation_sid)
            .field("index", &self.index)
            .field("author", &mask(&self.author))
            .finish_non_exhaustive()
    }
}

/// A message as it stands on a phone.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct InboxItem {
    /// The sender that it seems to come from.
    pub from: String,
    /// The words on the screen: a template is filled in.
    pub body: String,
    /// The files.
    pub media: Vec<MediaItem>,
    /// When it arrived.
    pub at: Timestamp,
    /// The conversation, where it came out of one.
    pub conversation_sid: Option<Sid>,
    /// The message: `IM…` of a conversation, `SM…` of a direct send.
    pub message_sid: Sid,
    /// The template, where it is one.
    pub content_sid: Option<Sid>,
    /// Whether the person has read it.
    pub read: bool,
}

impl fmt::Debug for InboxItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboxItem")
            .field("from", &mask(&self.from))
            .field("conversation_sid", &self.conversation_sid)
            .field("message_sid", &self.message_sid)
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
