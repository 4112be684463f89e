//! The webhooks of Conversations (Twilio's documentation of Conversations webhooks).
//!
//! `EventType` says what it is: `on`, a thing, and a stage of what is done to it. *Before* stages
//! (`Add`, `Update`, `Remove`) ask for leave and can be answered, *after* stages (`Added`,
//! `Updated`, `Removed`) report.

use jiff::Timestamp;

use super::{Attributes, Form, Media};

/// A webhook of Conversations, by what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookEvent {
    /// `onMessageAdd`, `Added`, `Update`, `Updated`, `Remove`, `Removed`.
    Message(Stage, MessageHook),
    /// `onConversationAdd` and so on.
    Conversation(Stage, ConversationHook),
    /// `onConversationStateUpdated`.
    State(StateHook),
    /// `onParticipantAdd` and so on.
    Participant(Stage, ParticipantHook),
    /// `onDeliveryUpdated`.
    Delivery(DeliveryHook),
    /// `onUserAdded`, `onUserUpdate`, `onUserUpdated`.
    User(Stage, UserHook),
    /// Something that Twilio did not have when this was written.
    Unknown,
}

/// How far the thing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is about to be added.
    Add,
    /// It was added.
    Added,
    /// It is about to be changed.
    Update,
    /// It was changed.
    Updated,
    /// It is about to be removed.
    Remove,
    /// It was removed.
    Removed,
}

impl Stage {
    /// Whether it is not done yet, and the answer can change or forbid it.
    #[must_use]
    pub const fn is_before(self) -> bool {
        matches!(self, Self::Add | Self::Update | Self::Remove)
    }
}

/// A message. Before it is added it has neither SID nor index.
///
/// `Debug` shows no body.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MessageHook {
    /// `CH…`.
    pub conversation_sid: Option<String>,
    /// `IM…`.
    pub message_sid: Option<String>,
    /// Its number in the conversation, from 0, in order of receipt; it may skip.
    pub index: Option<u64>,
    /// Who wrote it: an address, an identity, or `system`.
    pub author: Option<String>,
    /// What it says.
    pub body: Option<String>,
    /// `MB…`, where the author is a participant.
    pub participant_sid: Option<String>,
    /// Its attributes.
    pub attributes: Attributes,
    /// Its files.
    pub media: Media,
    /// When it was written.
    pub date_created: Option<Timestamp>,
    /// When it was changed.
    pub date_updated: Option<Timestamp>,
    /// When it was removed.
    pub date_removed: Option<Timestamp>,
}

/// A conversation. Before it is added it has no SID.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConversationHook {
    /// `CH…`.
    pub conversation_sid: Option<String>,
    /// What people call it.
    pub friendly_name: Option<String>,
    /// What programs call it.
    pub unique_name: Option<String>,
    /// `MG…`.
    pub messaging_service_sid: Option<String>,
    /// Its attributes.
    pub attributes: Attributes,
    /// `initializing`, `active`, `inactive`, `closed`.
    pub state: Option<String>,
    /// When it was made.
    pub date_created: Option<Timestamp>,
    /// When it was changed.
    pub date_updated: Option<Timestamp>,
    /// When it was removed.
    pub date_removed: Option<Timestamp>,
}

/// A conversation's state changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateHook {
    /// `CH…`.
    pub conversation_sid: Option<String>,
    /// When.
    pub state_updated: Option<Timestamp>,
    /// The state before.
    pub state_from: Option<String>,
    /// The state after.
    pub state_to: Option<String>,
    /// `API`, `TIMER`, `EVENT`.
    pub reason: Option<String>,
}

/// A participant. Before it is added it has no SID.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ParticipantHook {
    /// `CH…`.
    pub conversation_sid: Option<String>,
    /// `MB…`.
    pub participant_sid: Option<String>,
    /// The identity of an SDK client.
    pub identity: Option<String>,
    /// The address of a phone.
    pub address: Option<String>,
    /// The sender that serves the phone.
    pub proxy_address: Option<String>,
    /// The sender of a group MMS.
    pub projected_address: Option<String>,
    /// `whatsapp`, `sms` and so on.
    pub binding_type: Option<String>,
    /// `RL…`.
    pub role_sid: Option<String>,
    /// Its attributes.
    pub attributes: Attributes,
    /// The index of the last message that the participant read.
    pub last_read_message_index: Option<u64>,
    /// When it was added.
    pub date_created: Option<Timestamp>,
    /// When it was changed.
    pub date_updated: Option<Timestamp>,
    /// When it was removed.
    pub date_removed: Option<Timestamp>,
}

/// What became of a message on one phone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryHook {
    /// `CH…`.
    pub conversation_sid: Option<String>,
    /// `IM…`.
    pub message_sid: Option<String>,
    /// `DY…`.
    pub receipt_sid: Option<String>,
    /// `SM…` or `MM…`: the message as the channel knows it.
    pub channel_message_sid: Option<String>,
    /// `MB…`.
    pub participant_sid: Option<String>,
    /// `sent`, `delivered`, `read`, `failed`, `undelivered`.
    pub status: Option<String>,
    /// Twilio's error code, 0 where there is none.
    pub error_code: Option<u32>,
    /// When the receipt was made.
    pub date_created: Option<Timestamp>,
    /// When it was changed.
    pub date_updated: Option<Timestamp>,
}

/// An identity of SDK clients.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UserHook {
    /// `US…`.
    pub user_sid: Option<String>,
    /// The identity.
    pub identity: Option<String>,
    /// `RL…`.
    pub role_sid: Option<String>,
    /// What people call it.
    pub friendly_name: Option<String>,
    /// Its attributes.
    pub attributes: Attributes,
    /// When it was made.
    pub date_created: Option<Timestamp>,
    /// When it was changed.
    pub date_updated: Option<Timestamp>,
}

impl HookEvent {
    /// Reads a webhook of this `EventType`.
    #[must_use]
    pub fn read(event_type: &str, form: &Form<'_>) -> Self {
        match event_type {
            "onConversationStateUpdated" => return Self::State(StateHook::read(form)),
            "onDeliveryUpdated" => return Self::Delivery(DeliveryHook::read(form)),
            _ => {}
        }
        let Some(rest) = event_type.strip_prefix("on") else { return Self::Unknown };
        let thing = |name: &str| stage(rest.strip_prefix(name)?);
        if let Some(stage) = thing("Message") {
            Self::Message(stage, MessageHook::read(form))
        } else if let Some(stage) = thing("Conversation") {
            Self::Conversation(stage, ConversationHook::read(form))
        } else if let Some(stage) = thing("Participant") {
            Self::Participant(stage, ParticipantHook::read(form))
        } else if let Some(stage) = thing("User") {
            Self::User(stage, UserHook::read(form))
        } else {
            Self::Unknown
        }
    }
}

fn stage(word: &str) -> Option<Stage> {
    Some(match word {
        "Add" => Stage::Add,
        "Added" => Stage::Added,
        "Update" => Stage::Update,
        "Updated" => Stage::Updated,
        "Remove" => Stage::Remove,
        "Removed" => Stage::Removed,
        _ => return None,
    })
}

fn date(form: &Form<'_>, name: &str) -> Option<Timestamp> {
    form.get(name)?.parse().ok()
}

fn number<T: std::str::FromStr>(form: &Form<'_>, name: &str) -> Option<T> {
    form.get(name)?.parse().ok()
}

fn attributes(form: &Form<'_>) -> Attributes {
    Attributes::new(form.get("Attributes").unwrap_or_default())
}

impl MessageHook {
    fn read(form: &Form<'_>) -> Self {
        Self {
            conversation_sid: form.text("ConversationSid"),
            message_sid: form.text("MessageSid"),
            index: number(form, "Index"),
            author: form.text("Author"),
            body: form.text("Body"),
            participant_sid: form.text("ParticipantSid"),
            attributes: attributes(form),
            media: form.get("Media").map(Media::parse).unwrap_or_default(),
            date_created: date(form, "DateCreated"),
            date_updated: date(form, "DateUpdated"),
            date_removed: date(form, "DateRemoved"),
        }
    }
}

impl ConversationHook {
    fn read(form: &Form<'_>) -> Self {
        Self {
            conversation_sid: form.text("ConversationSid"),
            friendly_name: form.text("FriendlyName"),
            unique_name: form.text("UniqueName"),
            messaging_service_sid: form.text("MessagingServiceSid"),
            attributes: attributes(form),
            state: form.text("State"),
            date_created: date(form, "DateCreated"),
            date_updated: date(form, "DateUpdated"),
            date_removed: date(form, "DateRemoved"),
        }
    }
}

impl StateHook {
    fn read(form: &Form<'_>) -> Self {
        Self {
            conversation_sid: form.text("ConversationSid"),
            state_updated: date(form, "StateUpdated"),
            state_from: form.text("StateFrom"),
            state_to: form.text("StateTo"),
            reason: form.text("Reason"),
        }
    }
}

impl ParticipantHook {
    fn read(form: &Form<'_>) -> Self {
        Self {
            conversation_sid: form.text("ConversationSid"),
            participant_sid: form.text("ParticipantSid"),
            identity: form.text("Identity"),
            address: form.text("MessagingBinding.Address"),
            proxy_address: form.text("MessagingBinding.ProxyAddress"),
            projected_address: form.text("MessagingBinding.ProjectedAddress"),
            binding_type: form.text("MessagingBinding.Type"),
            role_sid: form.text("RoleSid"),
            attributes: attributes(form),
            last_read_message_index: number(form, "LastReadMessageIndex"),
            date_created: date(form, "DateCreated"),
            date_updated: date(form, "DateUpdated"),
            date_removed: date(form, "DateRemoved"),
        }
    }
}

impl DeliveryHook {
    fn read(form: &Form<'_>) -> Self {
        Self {
            conversation_sid: form.text("ConversationSid"),
            message_sid: form.text("MessageSid"),
            receipt_sid: form.text("DeliveryReceiptSid"),
            channel_message_sid: form.text("ChannelMessageSid"),
            participant_sid: form.text("ParticipantSid"),
            status: form.text("Status"),
            error_code: number(form, "ErrorCode"),
            date_created: date(form, "DateCreated"),
            date_updated: date(form, "DateUpdated"),
        }
    }
}

impl UserHook {
    fn read(form: &Form<'_>) -> Self {
        Self {
            user_sid: form.text("UserSid"),
            identity: form.text("Identity"),
            role_sid: form.text("RoleSid"),
            friendly_name: form.text("FriendlyName"),
            attributes: attributes(form),
            date_created: date(form, "DateCreated"),
            date_updated: date(form, "DateUpdated"),
        }
    }
}

super::sids_only!(MessageHook: conversation_sid, message_sid, index, participant_sid);
super::sids_only!(ConversationHook: conversation_sid, state);
super::sids_only!(ParticipantHook: conversation_sid, participant_sid, binding_type, role_sid);
super::sids_only!(UserHook: user_sid, role_sid);
