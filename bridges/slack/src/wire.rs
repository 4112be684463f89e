//! Slack's JSON as it comes in. Never leaves this crate.
//!
//! What goes out is written with slack-morphism's types. What comes in is read with these: each
//! field is read by itself, and one of an unexpected shape counts as absent (and is counted), so
//! that an odd `metadata` never costs a message its text. slack-morphism reads a message as a
//! whole and drops the content where one part of it does not fit.

mod interaction;

use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use slack_morphism::SlackMessageMetadata;

pub(crate) use interaction::{FieldValue, Interaction, Used, View, ViewAnswer};

/// The `event_type` of the metadata on the bridge's own posts.
pub(crate) const METADATA_TYPE: &str = "partyline_delivery";

/// A field that counts as absent where its shape is not the expected one.
fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(if value.is_null() { None } else { fitting(value) })
}

/// A list, without the elements that have another shape than expected.
fn lenient_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    match Value::deserialize(deserializer)? {
        Value::Array(values) => Ok(values.into_iter().filter_map(fitting).collect()),
        Value::Null => Ok(Vec::new()),
        _ => {
            count_misfit();
            Ok(Vec::new())
        }
    }
}

fn fitting<T: DeserializeOwned>(value: Value) -> Option<T> {
    T::deserialize(value).inspect_err(|_| count_misfit()).ok()
}

fn count_misfit() {
    metrics::counter!("partyline_slack_odd_fields_total").increment(1);
}

/// What a socket brings: an envelope around a payload, `hello` or `disconnect`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Envelope {
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub(crate) kind: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) envelope_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) reason: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) retry_attempt: Option<u32>,
    pub(crate) payload: Option<Box<RawValue>>,
}

/// What the Events API brings.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Callback {
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub(crate) kind: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) challenge: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) event_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) event_time: Option<i64>,
    pub(crate) event: Value,
}

/// A message: in an event, within `message_changed`, or in a history.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message {
    #[serde(deserialize_with = "lenient")]
    pub(crate) ts: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) subtype: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) user: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) bot_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) username: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) text: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) client_msg_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) thread_ts: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) latest_reply: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) edited: Option<Edited>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) metadata: Option<Metadata>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) user_profile: Option<UserProfile>,
    #[serde(deserialize_with = "lenient_list")]
    pub(crate) files: Vec<File>,
    #[serde(deserialize_with = "lenient_list")]
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) blocks: Value,
}

/// Who changed a message, and when.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Edited {
    #[serde(deserialize_with = "lenient")]
    pub(crate) user: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) ts: Option<String>,
}

/// A message's metadata. The payload of other apps can be anything.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Metadata {
    #[serde(deserialize_with = "lenient")]
    pub(crate) event_type: Option<String>,
    pub(crate) event_payload: Value,
}

impl Metadata {
    /// The delivery's id, where the metadata is of the bridge's own kind.
    pub(crate) fn delivery(&self) -> Option<&str> {
        if self.event_type.as_deref() != Some(METADATA_TYPE) {
            return None;
        }
        self.event_payload.get("id")?.as_str()
    }
}

/// The metadata that names a delivery.
pub(crate) fn metadata(delivery: &str) -> SlackMessageMetadata {
    SlackMessageMetadata::new(METADATA_TYPE.to_owned())
        .with_event_payload([("id".to_owned(), delivery.to_owned())].into())
}

/// A file of a message. In Socket Mode and Slack Connect the address can be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct File {
    #[serde(deserialize_with = "lenient")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) title: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) mimetype: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) size: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) url_private_download: Option<url::Url>,
}

/// A quoted or unfurled piece under a message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Attachment {
    #[serde(deserialize_with = "lenient")]
    pub(crate) text: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) fallback: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) author_name: Option<String>,
    /// Whether somebody forwarded a message (rather than Slack showing what a link leads to).
    #[serde(deserialize_with = "lenient")]
    pub(crate) is_share: Option<bool>,
}

/// A `message_changed` or `message_deleted`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Change {
    #[serde(deserialize_with = "lenient")]
    pub(crate) message: Option<Message>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) previous_message: Option<Message>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) deleted_ts: Option<String>,
}

/// The fields of every other event that mean something here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Fields {
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub(crate) kind: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) subtype: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) channel: Option<ChannelRef>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) channel_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) item: Option<Item>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) user: Option<UserRef>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) tokens: Option<Tokens>,
    /// Which tab of the app's was opened: `home`, `messages`.
    #[serde(deserialize_with = "lenient")]
    pub(crate) tab: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) event_ts: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) ts: Option<String>,
}

/// A channel, by its id or with its name.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum ChannelRef {
    Id(String),
    Channel { id: String, name: Option<String> },
}

impl ChannelRef {
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Id(id) | Self::Channel { id, .. } => id,
        }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Id(_) => None,
            Self::Channel { name, .. } => name.as_deref(),
        }
    }
}

/// What a reaction, a pin or a star is on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Item {
    #[serde(deserialize_with = "lenient")]
    pub(crate) channel: Option<String>,
}

/// A user, by id or with the profile.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum UserRef {
    Id(String),
    User(Box<User>),
}

/// A user with the profile: in `user_change`, and in the answer of `users.info`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct User {
    #[serde(deserialize_with = "lenient")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) real_name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) profile: Option<UserProfile>,
}

/// What people see of a user.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UserProfile {
    #[serde(deserialize_with = "lenient")]
    pub(crate) display_name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) real_name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) image_192: Option<url::Url>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) image_72: Option<url::Url>,
}

/// Whose tokens were revoked.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tokens {
    #[serde(deserialize_with = "lenient_list")]
    pub(crate) bot: Vec<String>,
}

/// A slash command, from a form or from a socket.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct SlashCommand {
    #[serde(deserialize_with = "lenient")]
    pub(crate) command: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) text: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) user_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) user_name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) channel_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) response_url: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) trigger_id: Option<String>,
}

/// The answer of `chat.postMessage`. The rest of it is not read: an odd field in it must not make
/// a post that worked look like one that did not.
#[derive(Debug, Deserialize)]
pub(crate) struct Posted {
    pub(crate) ts: String,
}

/// The answer of `users.info`.
#[derive(Debug, Deserialize)]
pub(crate) struct UserAnswer {
    pub(crate) user: User,
}

/// The answer of `usergroups.users.list`.
#[derive(Debug, Deserialize)]
pub(crate) struct UserGroupAnswer {
    pub(crate) users: Vec<String>,
}

/// A page of `conversations.history` or `conversations.replies`, each message as it came.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) messages: Vec<Box<RawValue>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) response_metadata: Option<ResponseMetadata>,
}

impl Page {
    /// The cursor of the next page, where there is one.
    pub(crate) fn next(&self) -> Option<&str> {
        let cursor = self.response_metadata.as_ref()?.next_cursor.as_deref()?;
        if cursor.is_empty() { None } else { Some(cursor) }
    }
}

/// Where the next page is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ResponseMetadata {
    #[serde(deserialize_with = "lenient")]
    pub(crate) next_cursor: Option<String>,
}

/// What is posted to a `response_url` (docs.slack.dev, "Handling user interaction").
#[derive(Debug, Serialize)]
pub(crate) struct Response {
    pub(crate) text: String,
    pub(crate) response_type: &'static str,
    /// Whether it stands in place of what was answered before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) replace_original: Option<bool>,
    /// Text and buttons, where there are buttons: then Slack shows the text in notices only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) blocks: Option<Value>,
}

/// The acknowledgement of an envelope, with what is answered to an interaction.
#[derive(Debug, Serialize)]
pub(crate) struct Acknowledgement<'a> {
    pub(crate) envelope_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<&'a Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_field_costs_itself_only() {
        let message: Message = serde_json::from_str(
            r#"{"ts":"1.000001","user":"U1","text":"kept","metadata":"odd","files":[{"id":"F1"},7],
                "attachments":{"not":"a list"},"edited":[1],"user_profile":{"display_name":4}}"#,
        )
        .expect("message");
        assert_eq!(message.text.as_deref(), Some("kept"));
        assert!(message.metadata.is_none());
        assert_eq!(message.files.len(), 1);
        assert!(message.attachments.is_empty());
    }

    #[test]
    fn metadata_of_others_is_nobodys_delivery() {
        let read = |json| serde_json::from_str::<Metadata>(json).expect("metadata");
        let own = r#"{"event_type":"partyline_delivery","event_payload":{"id":"a-1"}}"#;
        assert_eq!(read(own).delivery(), Some("a-1"));
        let nested = r#"{"event_type":"other","event_payload":{"id":{"deep":[1]}}}"#;
        assert_eq!(read(nested).delivery(), None);
    }

    #[test]
    fn a_page_ends_where_the_cursor_is_empty() {
        let read = |json| serde_json::from_str::<Page>(json).expect("page");
        assert_eq!(read(r#"{"messages":[]}"#).next(), None);
        let last = r#"{"messages":[],"response_metadata":{"next_cursor":""}}"#;
        assert_eq!(read(last).next(), None);
        let more = r#"{"messages":[],"response_metadata":{"next_cursor":"bmV4"}}"#;
        assert_eq!(read(more).next(), Some("bmV4"));
    }
}
