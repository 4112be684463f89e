//! Messages, as events, changes and histories have them.

use serde::Deserialize;
use serde_json::Value;
use slack_morphism::SlackMessageMetadata;

use super::{UserProfile, lenient, lenient_list};

/// The `event_type` of the metadata on the bridge's own posts.
pub(crate) const METADATA_TYPE: &str = "partyline_delivery";

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
}
