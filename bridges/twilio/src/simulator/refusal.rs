//! What Twilio refuses, and with which code (Twilio's error dictionary).

use serde_json::{Value, json};

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (Twilio error {code}, HTTP {status})")]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Twilio's code.
    pub code: u32,
    /// Twilio's words.
    pub message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: u32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// 400 with a code.
    pub(super) fn bad(code: u32, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// Something of the request path is not there: the codes of conversations, participants,
    /// messages and media differ (spec), everything else has 20404.
    pub(super) fn not_found(code: u32, what: &str) -> Self {
        Self::new(404, code, format!("{what} not found"))
    }

    pub(super) fn no_resource(path: &str) -> Self {
        Self::new(404, 20404, format!("The requested resource {path} was not found"))
    }

    pub(super) fn no_conversation(id: &str) -> Self {
        Self::new(404, 50350, format!("Conversation with sid {id} not found"))
    }

    pub(super) fn closed() -> Self {
        Self::bad(50377, "Can't update conversation as it's in final closed state")
    }

    /// The address and the sender meet in another conversation, which the message names.
    pub(super) fn bound(conversation: &str) -> Self {
        Self::new(
            409,
            50416,
            format!(
                "A binding for this participant and proxy address already exists in Conversation {conversation}"
            ),
        )
    }

    /// The body of the answer.
    pub(super) fn body(&self) -> Value {
        json!({
            "code": self.code,
            "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": self.status,
        })
    }
}
