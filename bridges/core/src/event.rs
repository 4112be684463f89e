//! What happened on a network.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Address, Content, ConversationInfo, DeliveryId, EventKey, MessageId, Network, PersonId, Place,
};

/// Something that happened in a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What makes it the same event when it comes again.
    pub key: EventKey,
    /// Where it happened.
    pub place: Place,
    /// When it happened, by the platform's clock.
    pub at: Timestamp,
    /// Its number in the order of its place, where the platform gives one that only rises: a
    /// Twilio message's index, a Slack `ts` in microseconds. It is what the cursor is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<u64>,
    /// What it was.
    pub happening: Happening,
}

/// Who said or did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speaker {
    /// The person. On Twilio the address or identity, as [`Address`] writes it; `system` for
    /// what Twilio itself or a REST client without an author says.
    pub id: PersonId,
    /// The name that came with the event, if one did (a participant's attributes, a Slack
    /// profile in the message). The contact store goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The Twilio participant (`MB…`), if the event named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
}

impl Speaker {
    /// Somebody of whom only the id is known.
    #[must_use]
    pub fn new(network: Network, id: impl Into<String>) -> Self {
        Self { id: PersonId::new(network, id), name: None, participant: None }
    }

    /// The speaker's address, for somebody behind Twilio.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        if self.id.network == Network::Twilio { self.id.id.parse().ok() } else { None }
    }
}

/// What an [`Event`] was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Happening {
    /// Something was said.
    Message {
        /// The message's id in its place.
        id: MessageId,
        /// Who said it.
        speaker: Speaker,
        /// What was said.
        content: Content,
    },
    /// A message was changed.
    Edited {
        /// The message's id.
        id: MessageId,
        /// Who changed it.
        speaker: Speaker,
        /// What it says now.
        content: Content,
    },
    /// A message was taken back.
    Deleted {
        /// The message's id.
        id: MessageId,
    },
    /// A reaction was put on a message, or taken off.
    Reacted {
        /// The message's id.
        id: MessageId,
        /// Who did it.
        speaker: Speaker,
        /// The emoji, as its network names it.
        emoji: String,
        /// False where it was taken off.
        on: bool,
    },
    /// One of our own posts came back to us.
    Echo {
        /// The message's id.
        id: MessageId,
        /// The delivery that it was, as far as the platform carries it.
        delivery: Option<DeliveryId>,
    },
    /// A member's phone got a message, or did not.
    Receipt {
        /// The message.
        message: MessageId,
        /// The participant (`MB…`), where the platform names it.
        participant: Option<String>,
        /// What became of it.
        status: ReceiptStatus,
        /// The platform's error code, where it failed.
        error: Option<u32>,
    },
    /// A command was given.
    Command(CommandLine),
    /// A member came, changed or left.
    Member {
        /// What changed.
        change: MemberChange,
        /// The participant (`MB…`).
        participant: String,
        /// How the member is reached.
        address: Option<Address>,
        /// The sender that serves the member.
        sender: Option<Address>,
        /// The name in the participant's attributes.
        name: Option<String>,
    },
    /// A conversation came, changed or went.
    Conversation {
        /// Its state now.
        state: ConversationState,
        /// Its friendly name, where it was stated.
        name: Option<String>,
        /// All that is known of it, where all was stated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        info: Option<Box<ConversationInfo>>,
    },
    /// A room changed.
    Room {
        /// What changed.
        change: RoomChange,
    },
    /// Somebody on a phone wrote, as the classic Messaging webhook tells it. Whoever is in a
    /// conversation behind that sender is heard there, as a message: then what was written is said
    /// by that, and not by this.
    Wrote {
        /// Who.
        address: Address,
        /// To which of our senders.
        sender: Option<Address>,
        /// The name that the person chose in WhatsApp.
        name: Option<String>,
        /// What was written.
        #[serde(default)]
        content: Content,
    },
    /// Understood, and of no consequence here; counted by its name.
    Other {
        /// The platform's name of the event, never anything a person wrote.
        name: String,
    },
}

impl Happening {
    /// The message that was said, whoever said it.
    #[must_use]
    pub const fn message(&self) -> Option<&MessageId> {
        match self {
            Self::Message { id, .. } | Self::Echo { id, .. } => Some(id),
            _ => None,
        }
    }

    /// The name in metrics and in the store.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Message { .. } => "message",
            Self::Edited { .. } => "edited",
            Self::Deleted { .. } => "deleted",
            Self::Reacted { .. } => "reacted",
            Self::Echo { .. } => "echo",
            Self::Receipt { .. } => "receipt",
            Self::Command(_) => "command",
            Self::Member { .. } => "member",
            Self::Conversation { .. } => "conversation",
            Self::Room { .. } => "room",
            Self::Wrote { .. } => "wrote",
            Self::Other { .. } => "other",
        }
    }
}

/// A command as somebody typed it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandLine {
    /// The words behind the command's prefix: `group link CH…`.
    pub line: String,
    /// Its arguments, where a program gave it: then `line` holds the command's own words at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Given>,
    /// Who gave it.
    pub by: PersonId,
    /// The person's name, if it came along.
    pub name: Option<String>,
    /// Where the answer goes.
    pub answer: AnswerTo,
}

/// A command's arguments as a program gives them: apart, so that nothing in one of them is taken
/// for another.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    /// The command's words and its arguments, one by one, as a shell hands them over.
    Words(Vec<String>),
    /// The arguments by name, each with its values.
    Named(BTreeMap<String, Vec<String>>),
}

impl std::fmt::Debug for CommandLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A command line can hold names and numbers.
        f.debug_struct("CommandLine").field("by", &self.by).finish_non_exhaustive()
    }
}

/// Where a command's answer goes; only the bridge that wrote it takes `handle` apart.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerTo {
    /// The room in which the command was given.
    pub place: Place,
    /// What the bridge needs to answer just that command: a Slack `response_url` and who asked, the
    /// event that a Matrix answer replies to. A `response_url` lets anybody answer, so it is in no log.
    pub handle: String,
}

impl std::fmt::Debug for AnswerTo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AnswerTo({:?})", self.place)
    }
}

/// What became of a message on a member's phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptStatus {
    /// Twilio gave it to the carrier.
    Sent,
    /// It is on the phone.
    Delivered,
    /// It was read.
    Read,
    /// The carrier refused it.
    Undelivered,
    /// It failed.
    Failed,
}

/// What changed about a member of a conversation: Twilio's `onParticipantAdded`, `…Updated`, `…Removed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberChange {
    /// Came into the conversation.
    Added,
    /// Name, address or role changed.
    Updated,
    /// Left it.
    Removed,
}

/// The state of a conversation (Twilio's words, and `removed`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConversationState {
    /// Just made.
    Initializing,
    /// In use.
    Active,
    /// Quiet for a while.
    Inactive,
    /// Closed: nobody can write.
    Closed,
    /// Deleted.
    Removed,
}

/// What changed about a room in Slack or Matrix, or about the bridge's being in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomChange {
    /// It was archived: nobody can write.
    Archived,
    /// It was opened again.
    Unarchived,
    /// It is gone.
    Deleted,
    /// The bridge was put out of it.
    Left,
    /// The bridge was let in.
    Joined,
    /// It is called this now.
    Renamed(String),
}
