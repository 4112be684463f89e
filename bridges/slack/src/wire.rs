//! Slack's JSON as it comes in. Never leaves this crate.
//!
//! What goes out is written with slack-morphism's types. What comes in is read with these: each
//! field is read by itself, and one of an unexpected shape counts as absent (and is counted), so
//! that an odd `metadata` never costs a message its text. slack-morphism reads a message as a
//! whole and drops the content where one part of it does not fit.

mod answers;
mod interaction;
mod message;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

pub(crate) use answers::{Acknowledgement, Page, Posted, Response, UserAnswer, UserGroupAnswer};
pub(crate) use interaction::{FieldValue, Interaction, Used, View, ViewAnswer};
pub(crate) use message::{Attachment, Change, File, Message, Metadata, metadata};

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
    #[serde(deserialize_with = "lenient")]
    pub(crate) num_connections: Option<u32>,
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
