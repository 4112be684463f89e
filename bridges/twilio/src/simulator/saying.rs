//! What somebody says, and what becomes of it.

use bytes::Bytes;

use super::model::Message;
use super::refusal::Refusal;

/// What somebody says.
#[derive(Clone, Default)]
pub struct Saying {
    /// The words.
    pub text: String,
    /// Files that come with it.
    pub files: Vec<Attachment>,
    /// Degrees north and east of a place.
    pub location: Option<(String, String)>,
    /// The `SM…` of the message that it quotes.
    pub replied_to: Option<String>,
    /// The text of the button that was pressed.
    pub button: Option<String>,
}

/// A file that comes with what somebody says.
#[derive(Clone)]
pub struct Attachment {
    /// Its name, where it has one.
    pub filename: Option<String>,
    /// Its media type.
    pub content_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

impl std::fmt::Debug for Saying {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Saying({} bytes, {} files)", self.text.len(), self.files.len())
    }
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attachment({}, {} bytes)", self.content_type, self.bytes.len())
    }
}

impl From<&str> for Saying {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }
}

impl From<String> for Saying {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct Said {
    /// The message of the conversation; `None` where it reached none.
    pub message: Option<Message>,
    /// The statuses with which the after hooks were answered; `None` for one that was not.
    pub answers: Vec<Option<u16>>,
}

/// Why it was not said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SayError {
    /// Nobody with this address or identity is in the conversation, or it is closed.
    #[error("the phone or client is no member of an open conversation of that name")]
    NoMember,
    /// A before hook rejected it.
    #[error("the before hook rejected it with {0}")]
    Rejected(u16),
    /// Twilio refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The simulator was stopped, or too much waits for the same conversation.
    #[error("the simulator did not take it")]
    NotTaken,
}
