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

/// A message of the account's log.
///
/// `Debug` shows no body and no number.
#[derive(Clone, Deserialize)]
pub struct LoggedMessage {
    /// `SM…` or `MM…`.
    pub sid: String,
    /// Who wrote it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub from: Option<String>,
    /// To whom.
    #[serde(default, deserialize_with = "lenient::text")]
    pub to: Option<String>,
    /// What was written.
    #[serde(default, deserialize_with = "lenient::text")]
    pub body: Option<String>,
    /// `inbound`, `outbound-api` …
    #[serde(default, deserialize_with = "lenient::text")]
    pub direction: Option<String>,
    /// How many files came with it; Twilio writes the number as a text.
    #[serde(default, deserialize_with = "lenient::number")]
    pub num_media: Option<u64>,
    /// When Twilio took it.
    #[serde(default, deserialize_with = "lenient::mail_date")]
    pub date_created: Option<Timestamp>,
    /// When it was sent; of one from a phone, when the webhook was called.
    #[serde(default, deserialize_with = "lenient::mail_date")]
    pub date_sent: Option<Timestamp>,
}

/// What stands for a message of which the log shows neither words nor files, a place on the map for
/// example.
const UNSHOWN: &str = "[something that Twilio's log of messages does not show]";

impl From<LoggedMessage> for MessagingHook {
    /// As the webhook would have told it, but for the name in WhatsApp, the message that it answers and
    /// a place on the map, which the log does not have; of files, how many there are.
    fn from(logged: LoggedMessage) -> Self {
        let count = usize::try_from(logged.num_media.unwrap_or_default()).unwrap_or(FILES);
        let words = logged.body.filter(|body| !body.trim().is_empty());
        let shown = words.or_else(|| (count == 0).then(|| UNSHOWN.to_owned()));
        Self {
            message_sid: Some(logged.sid),
            from: logged.from,
            to: logged.to,
            body: shown,
            files: vec![File::default(); count.min(FILES)],
            ..Self::default()
        }
    }
}

/// A file of a message of the log.
#[derive(Clone, Debug, Deserialize)]
pub struct LoggedFile {
    /// `ME…`.
    pub sid: String,
    /// Its media type.
    #[serde(default, deserialize_with = "lenient::text")]
    pub content_type: Option<String>,
    /// Where it is described; without the end `.json`, where it is.
    #[serde(default, deserialize_with = "lenient::text")]
    pub uri: Option<String>,
}

super::sids_only!(LoggedMessage: sid, direction, num_media);
super::sids_only!(MessagingHook: message_sid, status, error_code);
super::sids_only!(DirectMessage: sid, status, error_code);
