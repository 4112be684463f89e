//! The Messaging API of 2010-04-01: its webhook and its answers (Twilio's documentation of the
//! Messaging webhooks and of the Message resource).

use jiff::Timestamp;
use partyline_core::{File, Location};
use serde::Deserialize;

use url::Url;

use super::{Form, lenient};

/// The classic Messaging webhook: an inbound message, or what became of an outbound one.
///
/// It comes beside the Conversations webhooks for the same message, so it never is a message
/// itself. `Debug` shows no body, name or number.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MessagingHook {
    /// `SM…` or `MM…`.
    pub message_sid: Option<String>,
    /// Who wrote it.
    pub from: Option<String>,
    /// Which of our senders it went to.
    pub to: Option<String>,
    /// `received`, `queued`, `sent`, `delivered`, `read`, `failed`, `undelivered` …
    pub status: Option<String>,
    /// Twilio's error code.
    pub error_code: Option<u32>,
    /// The name that the person chose in WhatsApp.
    pub profile_name: Option<String>,
    /// The message that this one answers, `SM…`.
    pub replied_to: Option<String>,
    /// What was written.
    pub body: Option<String>,
    /// The files that came with it.
    pub files: Vec<File>,
    /// The place that came with it.
    pub location: Option<Location>,
}

/// The most files of a message (Twilio: ten).
const FILES: usize = 10;

impl MessagingHook {
    /// Reads the webhook's form.
    #[must_use]
    pub fn read(form: &Form<'_>) -> Self {
        Self {
            message_sid: form.text("MessageSid").or_else(|| form.text("SmsSid")),
            from: form.text("From"),
            to: form.text("To"),
            status: form.text("MessageStatus").or_else(|| form.text("SmsStatus")),
            error_code: form.get("ErrorCode").and_then(|code| code.parse().ok()),
            profile_name: form.text("ProfileName"),
            replied_to: form.text("OriginalRepliedMessageSid"),
            body: form.text("Body"),
            files: files(form),
            location: form.text("Latitude").zip(form.text("Longitude")).map(
                |(latitude, longitude)| {
                    let label = form.text("Label").or_else(|| form.text("Address"));
                    Location { latitude, longitude, label }
                },
            ),
        }
    }
}

/// The files of a message, numbered from 0.
fn files(form: &Form<'_>) -> Vec<File> {
    let count = form.get("NumMedia").and_then(|count| count.parse().ok()).unwrap_or(0);
    let file = |number: usize| {
        let url = form.get(&format!("MediaUrl{number}")).and_then(|url| url.parse::<Url>().ok());
        let id = url.as_ref().and_then(|url| url.path_segments()?.next_back().map(str::to_owned));
        let media_type = form.text(&format!("MediaContentType{number}"));
        File { id: id.unwrap_or_default(), name: None, media_type, size: None, url }
    };
    (0..count.min(FILES)).map(file).collect()
}

/// A message that went out directly, without a conversation.
///
/// `Debug` shows no body.
#[derive(Clone, Deserialize)]
pub struct DirectMessage {
    /// `SM…` or `MM…`.
    pub sid: String,
    /// What it says; a template is filled in.
    #[serde(default, deserialize_with = "lenient::text")]
    pub body: Option<String>,
    /// When Twilio took it.
    #[serde(default, deserialize_with = "lenient::mail_date")]
    pub date_created: Option<Timestamp>,
    /// `queued`, `accepted`, `sent` …
    #[serde(default, deserialize_with = "lenient::text")]
    pub status: Option<String>,
    /// Twilio's error code.
    #[serde(default, deserialize_with = "lenient::number")]
    pub error_code: Option<u64>,
}

super::sids_only!(MessagingHook: message_sid, status, error_code);
super::sids_only!(DirectMessage: sid, status, error_code);
