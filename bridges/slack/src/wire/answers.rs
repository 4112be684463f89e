//! What Slack's methods answer, and what is answered to Slack.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{User, lenient};

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
    fn a_page_ends_where_the_cursor_is_empty() {
        let read = |json| serde_json::from_str::<Page>(json).expect("page");
        assert_eq!(read(r#"{"messages":[]}"#).next(), None);
        let last = r#"{"messages":[],"response_metadata":{"next_cursor":""}}"#;
        assert_eq!(read(last).next(), None);
        let more = r#"{"messages":[],"response_metadata":{"next_cursor":"bmV4"}}"#;
        assert_eq!(read(more).next(), Some("bmV4"));
    }
}
