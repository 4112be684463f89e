//! What the Conversations API answers (the official OpenAPI document, `conversations.v1`).

use jiff::Timestamp;
use partyline_core::ConversationState;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;

use super::{Attributes, Media, lenient};

/// One page of a list: the items stand under a key that `meta` names.
#[derive(Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page is, if there is one.
    pub next: Option<String>,
}

#[derive(Default, Deserialize)]
struct Meta {
    key: Option<String>,
    next_page_url: Option<String>,
}

impl<T: serde::de::DeserializeOwned> Page<T> {
    /// Reads a page whose items stand under `key`, should `meta` not name another.
    ///
    /// # Errors
    /// It is no page, or an item lacks what it cannot be without.
    pub fn read(body: &[u8], key: &str) -> Result<Self, serde_json::Error> {
        let mut fields: HashMap<String, Box<RawValue>> = serde_json::from_slice(body)?;
        let meta: Meta = match fields.remove("meta") {
            Some(meta) => serde_json::from_str(meta.get())?,
            None => Meta::default(),
        };
        let key = meta.key.as_deref().unwrap_or(key);
        let items = fields
            .remove(key)
            .ok_or_else(|| serde::de::Error::custom(format!("there is no list \"{key}\"")))?;
        let next = match fields.remove("next_page_uri") {
            // Lists of the API of 2010 have their addresses beside the items.
            Some(next) => serde_json::from_str(next.get())?,
            None => meta.next_page_url,
        };
        let next = next.filter(|url: &String| !url.is_empty());
        Ok(Self { items: serde_json::from_str(items.get())?, next })
    }
}

/// A conversation.
#[derive(Clone, Deserialize)]
pub struct Conversation {
    /// `CH…`.
    pub sid: String,
    /// What people call it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub friendly_name: Option<String>,
    /// What programs call it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub unique_name: Option<String>,
    /// `MG…`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub messaging_service_sid: Option<String>,
    /// Its attributes.
    #[serde(default)]
    pub attributes: Attributes,
    /// Its state.
    #[serde(default, deserialize_with = "lenient::thing")]
    pub state: Option<ConversationState>,
    /// When its state changes by itself.
    #[serde(default, deserialize_with = "lenient::thing")]
    pub timers: Option<Timers>,
    /// When it was made.
    #[serde(default, deserialize_with = "lenient::date")]
    pub date_created: Option<Timestamp>,
    /// When it was changed.
    #[serde(default, deserialize_with = "lenient::date")]
    pub date_updated: Option<Timestamp>,
}

/// When a conversation's state changes by itself.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Timers {
    /// When it becomes inactive.
    #[serde(default, deserialize_with = "lenient::date")]
    pub date_inactive: Option<Timestamp>,
    /// When it is closed.
    #[serde(default, deserialize_with = "lenient::date")]
    pub date_closed: Option<Timestamp>,
}

/// A participant.
#[derive(Clone, Deserialize)]
pub struct Participant {
    /// `MB…`.
    pub sid: String,
    /// The identity of an SDK client.
    #[serde(default, deserialize_with = "lenient::text")]
    pub identity: Option<String>,
    /// How a phone is reached.
    #[serde(default, deserialize_with = "lenient::thing")]
    pub messaging_binding: Option<Binding>,
    /// `RL…`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub role_sid: Option<String>,
    /// Its attributes.
    #[serde(default)]
    pub attributes: Attributes,
    /// The index of the last message that the participant read.
    #[serde(default, deserialize_with = "lenient::number")]
    pub last_read_message_index: Option<u64>,
    /// When it was added.
    #[serde(default, deserialize_with = "lenient::date")]
    pub date_created: Option<Timestamp>,
    /// When it was changed.
    #[serde(default, deserialize_with = "lenient::date")]
    pub date_updated: Option<Timestamp>,
}

/// How a phone is reached.
#[derive(Clone, Default, Deserialize)]
pub struct Binding {
    /// `sms`, `whatsapp` and so on.
    #[serde(default, rename = "type", deserialize_with = "lenient::text")]
    pub kind: Option<String>,
    /// The phone's address.
    #[serde(default, deserialize_with = "lenient::text")]
    pub address: Option<String>,
    /// The sender that serves it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub proxy_address: Option<String>,
    /// The sender of a group MMS.
    #[serde(default, deserialize_with = "lenient::text")]
    pub projected_address: Option<String>,
}

/// A message.
#[derive(Clone, Deserialize)]
pub struct Message {
    /// `IM…`.
    pub sid: String,
    /// `CH…`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub conversation_sid: Option<String>,
    /// Its number in the conversation, from 0, in order of receipt; it may skip.
    #[serde(default, deserialize_with = "lenient::number")]
    pub index: Option<u64>,
    /// Who wrote it: an address, an identity, or `system`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub author: Option<String>,
    /// What it says.
    #[serde(default, deserialize_with = "lenient::text")]
    pub body: Option<String>,
    /// Its files.
    #[serde(default)]
    pub media: Media,
    /// Its attributes.
    #[serde(default)]
    pub attributes: Attributes,
    /// `MB…`, where the author is a participant.
    #[serde(default, deserialize_with = "lenient::text")]
    pub participant_sid: Option<String>,
    /// `HX…`, where it is a template.
    #[serde(default, deserialize_with = "lenient::text")]
    pub content_sid: Option<String>,
    /// When it was written.
    #[serde(default, deserialize_with = "lenient::date")]
    pub date_created: Option<Timestamp>,
    /// When it was changed.
    #[serde(default, deserialize_with = "lenient::date")]
    pub date_updated: Option<Timestamp>,
}

/// What became of a message on one phone.
#[derive(Clone, Debug, Deserialize)]
pub struct Receipt {
    /// `DY…`.
    pub sid: String,
    /// `IM…`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub message_sid: Option<String>,
    /// `SM…` or `MM…`: the message as the channel knows it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub channel_message_sid: Option<String>,
    /// `MB…`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub participant_sid: Option<String>,
    /// `sent`, `delivered`, `read`, `failed`, `undelivered`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub status: Option<String>,
    /// Twilio's error code, 0 where there is none.
    #[serde(default, deserialize_with = "lenient::number")]
    pub error_code: Option<u64>,
    /// When it was changed.
    #[serde(default, deserialize_with = "lenient::date")]
    pub date_updated: Option<Timestamp>,
}

/// A conversation that somebody is in.
#[derive(Clone, Deserialize)]
pub struct ParticipantConversation {
    /// `CH…`.
    pub conversation_sid: String,
    /// `MB…`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub participant_sid: Option<String>,
    /// The identity of an SDK client.
    #[serde(default, deserialize_with = "lenient::text")]
    pub participant_identity: Option<String>,
    /// How a phone is reached there.
    #[serde(default, deserialize_with = "lenient::thing")]
    pub participant_messaging_binding: Option<Binding>,
    /// What people call the conversation.
    #[serde(default, deserialize_with = "lenient::text")]
    pub conversation_friendly_name: Option<String>,
    /// What programs call it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub conversation_unique_name: Option<String>,
    /// Its state.
    #[serde(default, deserialize_with = "lenient::thing")]
    pub conversation_state: Option<ConversationState>,
}

/// An identity of SDK clients.
#[derive(Clone, Deserialize)]
pub struct User {
    /// `US…`.
    pub sid: String,
    /// The identity.
    #[serde(default, deserialize_with = "lenient::text")]
    pub identity: Option<String>,
    /// What people call it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub friendly_name: Option<String>,
    /// `RL…`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub role_sid: Option<String>,
    /// Its attributes.
    #[serde(default)]
    pub attributes: Attributes,
}

/// What somebody may do.
#[derive(Clone, Debug, Deserialize)]
pub struct Role {
    /// `RL…`.
    pub sid: String,
    /// Its name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub friendly_name: Option<String>,
    /// `conversation` or `service`.
    #[serde(default, rename = "type", deserialize_with = "lenient::text")]
    pub kind: Option<String>,
    /// The rights, `sendMessage` and so on.
    #[serde(default, deserialize_with = "lenient::list")]
    pub permissions: Vec<String>,
}

/// The webhooks of a whole service, or of the account.
#[derive(Clone, Debug, Deserialize)]
pub struct ServiceWebhooks {
    /// Who is asked before something is done.
    #[serde(default, deserialize_with = "lenient::text")]
    pub pre_webhook_url: Option<String>,
    /// Who is told after.
    #[serde(default, deserialize_with = "lenient::text")]
    pub post_webhook_url: Option<String>,
    /// The events, `onMessageAdded` and so on; others do not call.
    #[serde(default, deserialize_with = "lenient::list")]
    pub filters: Vec<String>,
    /// `GET` or `POST`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub method: Option<String>,
}

/// A webhook of one conversation.
#[derive(Clone, Debug, Deserialize)]
pub struct ConversationWebhook {
    /// `WH…`.
    pub sid: String,
    /// `webhook`, `trigger` or `studio`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub target: Option<String>,
    /// What it calls, and when.
    #[serde(default, deserialize_with = "lenient::thing")]
    pub configuration: Option<ConversationWebhookTarget>,
}

/// What a webhook of one conversation calls, and when.
#[derive(Clone, Debug, Deserialize)]
pub struct ConversationWebhookTarget {
    /// The address called.
    #[serde(default, deserialize_with = "lenient::text")]
    pub url: Option<String>,
    /// `GET` or `POST`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub method: Option<String>,
    /// The events.
    #[serde(default, deserialize_with = "lenient::list")]
    pub filters: Vec<String>,
}

/// What is done with a message from a stranger to one of the account's addresses.
#[derive(Clone, Deserialize)]
pub struct AddressConfiguration {
    /// `IG…`.
    pub sid: String,
    /// `sms`, `whatsapp` and so on.
    #[serde(default, rename = "type", deserialize_with = "lenient::text")]
    pub kind: Option<String>,
    /// The account's address.
    #[serde(default, deserialize_with = "lenient::text")]
    pub address: Option<String>,
    /// What people call it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub friendly_name: Option<String>,
    /// Whether a conversation is made for it, and how.
    #[serde(default, deserialize_with = "lenient::thing")]
    pub auto_creation: Option<AutoCreation>,
}

/// How a conversation is made for a stranger.
#[derive(Clone, Debug, Deserialize)]
pub struct AutoCreation {
    /// Whether one is made.
    #[serde(default)]
    pub enabled: bool,
    /// `webhook`, `studio` or `default`.
    #[serde(default, rename = "type", deserialize_with = "lenient::text")]
    pub kind: Option<String>,
    /// The service that it is made in, `IS…`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub conversation_service_sid: Option<String>,
    /// Who is told.
    #[serde(default, deserialize_with = "lenient::text")]
    pub webhook_url: Option<String>,
    /// Of which events.
    #[serde(default, deserialize_with = "lenient::list")]
    pub webhook_filters: Vec<String>,
}

super::sids_only!(Conversation: sid, state);
super::sids_only!(Participant: sid, role_sid);
super::sids_only!(Binding: kind);
super::sids_only!(Message: sid, index, participant_sid);
super::sids_only!(ParticipantConversation: conversation_sid, participant_sid);
super::sids_only!(User: sid, role_sid);
super::sids_only!(AddressConfiguration: sid, kind);
