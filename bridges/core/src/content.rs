//! What a message holds.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{MessageId, PersonId, Text};

/// What a message holds, on any network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The words. May be empty beside files.
    #[serde(default)]
    pub text: Text,
    /// Whether it is said in the third person (`/me`, `m.emote`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub emote: bool,
    /// Files that came with it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    /// A place on the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The message in the same place that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// The message that began the thread this one stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<MessageId>,
    /// Whom the bridge has notified by it. Nothing that somebody wrote sets this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mentions: Option<PersonId>,
}

/// A file of a message, as its network describes it; the bytes are fetched when it is delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The id on its network: a Twilio `ME…`, a Slack `F…`, a Matrix `mxc://` address.
    pub id: String,
    /// The name that it was sent under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The media type that its network states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The size in bytes that its network states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Where the bytes are, if the network said it. Fetched by the network's own bridge only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
}

/// A place on the map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// Degrees north, as the network wrote them.
    pub latitude: String,
    /// Degrees east, likewise.
    pub longitude: String,
    /// What the place is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl Content {
    /// A message of plain words.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: Text::plain(text), ..Self::default() }
    }

    /// The content in words alone, for places that can show nothing else: the text, then a line
    /// for each file and for the location. Never empty for content that is not.
    #[must_use]
    pub fn in_words(&self) -> Text {
        let mut text = self.text.clone();
        let mut line = |words: String| {
            if !text.plain.is_empty() {
                text.plain.push('\n');
            }
            text.plain.push_str(&words);
        };
        for file in &self.files {
            line(file.in_words());
        }
        if let Some(location) = &self.location {
            let label = location.label.as_deref().unwrap_or("location");
            line(format!("[{label}: {}, {}]", location.latitude, location.longitude));
        }
        text
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_blank() && self.files.is_empty() && self.location.is_none()
    }
}

impl File {
    /// One line about the file: `[file: plan.pdf, application/pdf, 12 kB]`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut words = format!("[file: {}", self.name.as_deref().unwrap_or("without a name"));
        if let Some(media_type) = &self.media_type {
            words.push_str(", ");
            words.push_str(media_type);
        }
        if let Some(size) = self.size {
            words.push_str(&format!(", {} kB", size.div_ceil(1000)));
        }
        words.push(']');
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_words_still_says_something() {
        let content = Content {
            files: vec![File {
                name: Some("plan.pdf".into()),
                media_type: Some("application/pdf".into()),
                size: Some(12_001),
                ..File::default()
            }],
            ..Content::default()
        };
        assert_eq!(content.in_words().plain, "[file: plan.pdf, application/pdf, 13 kB]");
        assert!(!content.is_empty());
    }
}
