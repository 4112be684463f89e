//! The parameters of each hook
//! (<https://www.twilio.com/docs/conversations/conversations-webhooks>), and what a change of the
//! state leaves to be done.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::happening::Happening;
use super::model::{Conversation, MediaItem, Message, Participant, Receipt, Sid, channel};

/// The form of a hook.
pub(super) type Params = Vec<(Cow<'static, str>, String)>;

/// Every event that a filter can name.
pub(super) const EVENTS: [&str; 23] = [
    "onConversationAdd",
    "onConversationAdded",
    "onConversationRemove",
    "onConversationRemoved",
    "onConversationStateUpdated",
    "onConversationUpdate",
    "onConversationUpdated",
    "onDeliveryUpdated",
    "onMessageAdd",
    "onMessageAdded",
    "onMessageRemove",
    "onMessageRemoved",
    "onMessageUpdate",
    "onMessageUpdated",
    "onParticipantAdd",
    "onParticipantAdded",
    "onParticipantRemove",
    "onParticipantRemoved",
    "onParticipantUpdate",
    "onParticipantUpdated",
    "onUserAdded",
    "onUserUpdate",
    "onUserUpdated",
];

/// Whether the event is asked before it happens.
pub(super) fn is_before(event: &str) -> bool {
    event.ends_with("Add") || event.ends_with("Update") || event.ends_with("Remove")
}

/// Who caused a change, and whether hooks tell of it.
#[derive(Clone)]
pub(super) struct Cause {
    pub(super) source: &'static str,
    pub(super) identity: Option<String>,
    pub(super) hooks: bool,
}

impl Cause {
    /// A REST request; hooks only where its header asks for them.
    pub(super) const fn api(hooks: bool) -> Self {
        Self { source: "API", identity: None, hooks }
    }

    /// Somebody's phone.
    pub(super) fn phone(address: &str) -> Self {
        let source = match channel(address) {
            "whatsapp" => "WHATSAPP",
            "messenger" => "MESSENGER",
            _ => "SMS",
        };
        Self { source, identity: None, hooks: true }
    }

    /// An SDK client.
    pub(super) fn sdk(identity: &str) -> Self {
        Self { source: "SDK", identity: Some(identity.to_owned()), hooks: true }
    }
}

/// A hook to be called.
pub(super) struct Hook {
    pub(super) event: &'static str,
    pub(super) conversation: Option<Sid>,
    /// What it keeps its order with: what has the same lane and the same destination.
    pub(super) lane: Arc<str>,
    pub(super) params: Params,
}

impl Hook {
    /// A hook in the lane of its conversation.
    pub(super) fn new(event: &'static str, conversation: Option<Sid>, params: Params) -> Self {
        let lane = conversation.as_deref().unwrap_or_default().into();
        Self { event, conversation, lane, params }
    }
}

/// What a change leaves to be done.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) hooks: Vec<Hook>,
    /// Status callbacks of direct messages: address and form.
    pub(super) callbacks: Vec<(Arc<str>, Params)>,
    pub(super) happenings: Vec<Happening>,
}

impl Effects {
    pub(super) fn hook(&mut self, event: &'static str, conversation: Option<Sid>, params: Params) {
        self.hooks.push(Hook::new(event, conversation, params));
    }

    pub(super) fn tell(&mut self, happening: Happening) {
        self.happenings.push(happening);
    }

    pub(super) fn call(&mut self, url: Arc<str>, params: Params) {
        self.callbacks.push((url, params));
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.hooks.extend(other.hooks);
        self.callbacks.extend(other.callbacks);
        self.happenings.extend(other.happenings);
    }
}

/// A date as hooks write it: `2026-08-11T12:00:00.000Z` (seen).
pub(super) fn hook_date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn set(params: &mut Params, name: &'static str, value: impl Into<String>) {
    params.push((name.into(), value.into()));
}

fn set_some(params: &mut Params, name: &'static str, value: Option<&str>) {
    if let Some(value) = value {
        set(params, name, value);
    }
}

/// onConversationAdded, Updated, Removed and the like.
pub(super) fn conversation(conversation: &Conversation) -> Params {
    let mut params = Params::new();
    set(&mut params, "ConversationSid", conversation.sid.as_str());
    params.extend(conversation_add(conversation));
    set(&mut params, "DateCreated", hook_date(conversation.created));
    set(&mut params, "DateUpdated", hook_date(conversation.updated));
    params
}

/// onConversationAdd: nothing has a SID or a date yet.
pub(super) fn conversation_add(conversation: &Conversation) -> Params {
    let mut params = Params::new();
    set_some(&mut params, "FriendlyName", conversation.friendly_name.as_deref());
    set_some(&mut params, "UniqueName", conversation.unique_name.as_deref());
    set(&mut params, "Attributes", &*conversation.attributes);
    set_some(
        &mut params,
        "MessagingServiceSid",
        conversation.messaging_service_sid.as_ref().map(Sid::as_str),
    );
    set(&mut params, "State", conversation.state.as_str());
    params
}

/// onConversationStateUpdated.
pub(super) fn state(conversation: &Conversation, from: &str, reason: &str) -> Params {
    let mut params = Params::new();
    set(&mut params, "ConversationSid", conversation.sid.as_str());
    set(&mut params, "StateUpdated", hook_date(conversation.updated));
    set(&mut params, "StateFrom", from);
    set(&mut params, "StateTo", conversation.state.as_str());
    set(&mut params, "Reason", reason);
    set_some(
        &mut params,
        "MessagingServiceSid",
        conversation.messaging_service_sid.as_ref().map(Sid::as_str),
    );
    params
}

/// onParticipantAdd and onParticipantUpdate: as asked for.
pub(super) fn participant_add(conversation: &Sid, participant: &Participant) -> Params {
    let mut params = Params::new();
    set(&mut params, "ConversationSid", conversation.as_str());
    set_some(&mut params, "Identity", participant.identity.as_deref());
    set(&mut params, "RoleSid", participant.role_sid.as_str());
    set(&mut params, "Attributes", &*participant.attributes);
    if let Some(binding) = &participant.binding {
        set(&mut params, "MessagingBinding.Address", &*binding.address);
        set(&mut params, "MessagingBinding.ProxyAddress", &*binding.proxy_address);
        set(&mut params, "MessagingBinding.Type", channel(&binding.address));
    }
    set_some(
        &mut params,
        "MessagingBinding.ProjectedAddress",
        participant.projected_address.as_deref(),
    );
    params
}

/// onParticipantAdded, Updated and Removed.
pub(super) fn participant(conversation: &Sid, participant: &Participant) -> Params {
    let mut params = participant_add(conversation, participant);
    set(&mut params, "ParticipantSid", participant.sid.as_str());
    set(&mut params, "DateCreated", hook_date(participant.created));
    set(&mut params, "DateUpdated", hook_date(participant.updated));
    if let Some(index) = participant.last_read_message_index {
        set(&mut params, "LastReadMessageIndex", index.to_string());
    }
    params
}

/// The `Media` parameter: a JSON array in a string, capital keys (seen).
fn media(items: &[MediaItem]) -> Option<String> {
    let list: Vec<_> = items
        .iter()
        .map(|item| {
            json!({
                "Sid": item.sid,
                "Filename": item.filename,
                "ContentType": item.content_type,
                "Size": item.size,
            })
        })
        .collect();
    (!list.is_empty()).then(|| json!(list).to_string())
}

/// onMessageAdd: no SID and no index yet.
pub(super) fn message_add(message: &Message) -> Params {
    let mut params = Params::new();
    set(&mut params, "ConversationSid", message.conversation_sid.as_str());
    set(&mut params, "Body", message.body.as_deref().unwrap_or_default());
    set(&mut params, "Author", &*message.author);
    set_some(&mut params, "ParticipantSid", message.participant_sid.as_ref().map(Sid::as_str));
    set(&mut params, "Attributes", &*message.attributes);
    set_some(&mut params, "Media", media(&message.media).as_deref());
    set(&mut params, "RetryCount", "0");
    params
}

/// onMessageAdded.
pub(super) fn message(message: &Message, messaging_service: Option<&Sid>) -> Params {
    let mut params = message_add(message);
    set(&mut params, "MessageSid", message.sid.as_str());
    set(&mut params, "Index", message.index.to_string());
    set(&mut params, "DateCreated", hook_date(message.created));
    set_some(&mut params, "MessagingServiceSid", messaging_service.map(Sid::as_str));
    params
}

/// onMessageUpdate, Updated, Remove and Removed.
pub(super) fn message_changed(one: &Message, messaging_service: Option<&Sid>) -> Params {
    let mut params = message(one, messaging_service);
    set(&mut params, "DateUpdated", hook_date(one.updated));
    params
}

/// When it was removed, for the Removed hooks.
pub(super) fn removed(mut params: Params, at: Timestamp) -> Params {
    set(&mut params, "DateRemoved", hook_date(at));
    params
}

/// onDeliveryUpdated.
pub(super) fn receipt(conversation: &Sid, receipt: &Receipt) -> Params {
    let mut params = Params::new();
    set(&mut params, "ConversationSid", conversation.as_str());
    set(&mut params, "MessageSid", receipt.message_sid.as_str());
    set(&mut params, "DeliveryReceiptSid", receipt.sid.as_str());
    set(&mut params, "ChannelMessageSid", receipt.channel_message_sid.as_str());
    set(&mut params, "ParticipantSid", receipt.participant_sid.as_str());
    set(&mut params, "Status", receipt.status.as_str());
    set(&mut params, "ErrorCode", receipt.error_code.to_string());
    set(&mut params, "DateCreated", hook_date(receipt.created));
    set(&mut params, "DateUpdated", hook_date(receipt.updated));
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_milliseconds() {
        let at: Timestamp = "2026-08-11T12:00:00.0625Z".parse().expect("a date");
        assert_eq!(hook_date(at), "2026-08-11T12:00:00.062Z");
        assert_eq!(hook_date(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn before_hooks_are_known_by_their_names() {
        assert!(is_before("onMessageAdd") && is_before("onParticipantRemove"));
        assert!(!is_before("onMessageAdded") && !is_before("onConversationStateUpdated"));
    }
}
