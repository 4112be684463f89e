//! Templates and what WhatsApp says of them (the official OpenAPI document, `content.v1`), and
//! media.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::lenient;

/// A template, with WhatsApp's approval of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Template {
    /// `HX…`.
    pub sid: String,
    /// Its name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub friendly_name: Option<String>,
    /// Its language, `en`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub language: Option<String>,
    /// Its variables, each with an example.
    #[serde(default, deserialize_with = "lenient::thing")]
    pub variables: Option<BTreeMap<String, Value>>,
    /// What it looks like on each kind of channel: `twilio/text` and so on.
    #[serde(default, deserialize_with = "lenient::thing")]
    pub types: Option<BTreeMap<String, Value>>,
    /// What WhatsApp says of it.
    #[serde(default, deserialize_with = "lenient::thing")]
    pub approval_requests: Option<Approval>,
}

/// What WhatsApp says of a template.
#[derive(Clone, Debug, Deserialize)]
pub struct Approval {
    /// The name it was submitted under.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// `UTILITY`, `MARKETING`, `AUTHENTICATION`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub category: Option<String>,
    /// `approved`, `pending`, `rejected`, `unsubmitted` …
    #[serde(default, deserialize_with = "lenient::text")]
    pub status: Option<String>,
    /// Why it was rejected.
    #[serde(default, deserialize_with = "lenient::text")]
    pub rejection_reason: Option<String>,
}

/// A file that Twilio keeps.
#[derive(Clone, Deserialize)]
pub struct MediaFile {
    /// `ME…`.
    pub sid: String,
    /// The name it was sent under.
    #[serde(default, deserialize_with = "lenient::text")]
    pub filename: Option<String>,
    /// Its media type.
    #[serde(default, deserialize_with = "lenient::text")]
    pub content_type: Option<String>,
    /// Its size in bytes.
    #[serde(default, deserialize_with = "lenient::number")]
    pub size: Option<u64>,
    /// Where its bytes are.
    #[serde(default, deserialize_with = "lenient::thing")]
    pub links: Option<MediaLinks>,
}

/// Where a file's bytes are.
#[derive(Clone, Deserialize)]
pub struct MediaLinks {
    /// An address that works without credentials, for minutes.
    #[serde(default, deserialize_with = "lenient::text")]
    pub content_direct_temporary: Option<String>,
    /// An address that needs credentials, relative.
    #[serde(default, deserialize_with = "lenient::text")]
    pub content: Option<String>,
}

super::sids_only!(MediaFile: sid, content_type, size);
super::sids_only!(MediaLinks: content);
