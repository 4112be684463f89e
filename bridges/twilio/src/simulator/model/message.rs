//! Messages: in a conversation with what became of them, and on a phone.

use std::fmt;

use jiff::Timestamp;
use partyline_core::mask;
use serde::Serialize;

use super::Sid;

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
