//! What happens in the simulator, told to whoever subscribes.

use serde::Serialize;

use super::model::{Conversation, InboxItem, Message, Participant, Receipt, Sid};

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Happening {
    /// A conversation was made or changed.
    Conversation(Conversation),
    /// A conversation was deleted.
    ConversationRemoved {
        /// `CH…`.
        conversation: Sid,
    },
    /// A member came or was changed.
    Participant {
        /// `CH…`.
        conversation: Sid,
        /// The member.
        participant: Participant,
    },
    /// A member went.
    ParticipantRemoved {
        /// `CH…`.
        conversation: Sid,
        /// The member.
        participant: Participant,
    },
    /// A message was added.
    Message(Message),
    /// A message was changed.
    MessageUpdated(Message),
    /// A message was deleted.
    MessageRemoved {
        /// `CH…`.
        conversation: Sid,
        /// `IM…`.
        message: Sid,
    },
    /// Something arrived on a phone.
    PhoneReceived {
        /// The phone's address.
        address: String,
        /// What arrived.
        item: InboxItem,
    },
    /// A phone was switched on or off.
    PhoneSwitched {
        /// The phone's address.
        address: String,
        /// Whether it is on now.
        on: bool,
    },
    /// A receipt was made or changed.
    Receipt {
        /// `CH…`.
        conversation: Sid,
        /// The phone's address.
        address: String,
        /// The receipt.
        receipt: Receipt,
    },
    /// The bridge types to somebody.
    Typing {
        /// The `SM…` that it answers.
        message: Sid,
    },
    /// A hook was called.
    Hook {
        /// `onMessageAdded` …
        event: String,
        /// `CH…`, where the event belongs to one.
        conversation: Option<Sid>,
        /// The status of the answer; `None` where none came.
        status: Option<u16>,
    },
}
