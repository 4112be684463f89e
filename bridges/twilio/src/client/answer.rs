//! Answers, read within bounds, and what it means where there is none.

use bytes::{Bytes, BytesMut};
use partyline_core::{Failure, Reason, mask};
use reqwest::Response;

/// The largest answer that is read, in bytes: 100 messages of 1600 characters with 4 KB of
/// attributes, escaped, are a third of it.
const ANSWER_LIMIT: usize = 8 << 20;

/// Reads the answer to its end, or to the limit.
pub(super) async fn read_answer(mut response: Response, creates: bool) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_LIMIT => {
                return Err(unreadable(creates, "it is too large"));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.freeze()),
            Err(error) => return Err(unanswered(creates, &error)),
        }
    }
}

/// No answer came, or not all of it.
pub(super) fn unanswered(creates: bool, error: &reqwest::Error) -> Failure {
    let why = causes(error);
    if error.is_builder() {
        Failure::never(
            Reason::Refused,
            format!(
                "The request to Twilio could not be made ({why}). Check the base addresses in the section twilio."
            ),
        )
    } else if error.is_connect() {
        Failure::later(
            Reason::Unavailable,
            None,
            format!(
                "Twilio could not be reached ({why}). It is tried again by itself; if it goes on, check the network and the base addresses in the section twilio."
            ),
        )
    } else if creates {
        Failure::unknown(
            Reason::Unavailable,
            format!(
                "Twilio did not answer ({why}), so that it may have been done. It is looked up before it is tried again."
            ),
        )
    } else {
        Failure::later(
            Reason::Unavailable,
            None,
            format!("Twilio did not answer ({why}). It is tried again by itself."),
        )
    }
}

/// An answer came that says success and cannot be read.
pub(super) fn unreadable(creates: bool, why: &str) -> Failure {
    let sentence = format!("Twilio's answer could not be read ({why}).");
    if creates {
        Failure::unknown(
            Reason::BadAnswer,
            format!("{sentence} It is looked up before it is tried again."),
        )
    } else {
        Failure::later(Reason::BadAnswer, None, format!("{sentence} It is tried again by itself."))
    }
}

/// What an error says, down to its cause, without addresses: those can hold phone numbers.
pub(super) fn causes(error: &reqwest::Error) -> String {
    let mut words = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    if error.is_timeout() {
        words = vec!["it took too long".to_owned()];
    } else if words.is_empty() {
        words.push("the connection broke".to_owned());
    }
    mask(&words.join(": "))
}
