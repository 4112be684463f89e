//! An answer of Slack's: read to its end, within bounds, and what it says. Or why there is none.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use slack_morphism::ClientResult;
use slack_morphism::errors::{
    SlackClientApiError, SlackClientError, SlackClientHttpError, SlackClientHttpProtocolError,
    SlackClientProtocolError, SlackRateLimitError,
};

use crate::error::Break;

/// The longest answer that is read. A page of 200 long messages with their blocks is below 4 MiB.
const ANSWER_LIMIT: usize = 8 * 1024 * 1024;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    /// The scopes of the token that was used, where Slack says them.
    pub(crate) scopes: Option<String>,
    pub(super) body: Bytes,
}

/// The part of an answer that tells whether it is one.
#[derive(Deserialize)]
struct Verdict {
    ok: Option<bool>,
    error: Option<String>,
}

impl Answer {
    /// The failure that the answer states, if it states one.
    pub(super) fn failed(&self) -> Option<SlackClientError> {
        let verdict: Option<Verdict> = serde_json::from_slice(&self.body).ok();
        let code = verdict.and_then(|verdict| match verdict {
            Verdict { ok: Some(true), .. } => None,
            Verdict { ok: Some(false), error: None } => Some("unnamed_error".to_owned()),
            Verdict { error, .. } => error,
        });
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            let error = SlackRateLimitError::new().opt_retry_after(self.retry_after);
            return Some(SlackClientError::RateLimitError(error));
        }
        match code {
            Some(code) if !self.status.is_server_error() => {
                Some(SlackClientError::ApiError(SlackClientApiError::new(code)))
            }
            _ if !self.status.is_success() => {
                Some(SlackClientError::HttpError(SlackClientHttpError::new(self.status)))
            }
            _ => None,
        }
    }

    /// What the answer says.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> ClientResult<T> {
        if let Some(error) = self.failed() {
            return Err(error);
        }
        // Only what calls itself right is right: half an answer, or a proxy's page, is neither.
        let unreadable =
            |error| SlackClientError::ProtocolError(SlackClientProtocolError::new(error));
        let verdict: Verdict = serde_json::from_slice(&self.body).map_err(unreadable)?;
        if verdict.ok != Some(true) {
            return Err(unreadable(serde::de::Error::missing_field("ok")));
        }
        serde_json::from_slice(&self.body).map_err(unreadable)
    }
}

pub(super) async fn read(mut response: Response) -> ClientResult<Bytes> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| lost(&error))? {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(wrapped(Break::TooLong(ANSWER_LIMIT)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

pub(super) fn broken(error: &reqwest::Error) -> SlackClientError {
    if error.is_connect() || error.is_builder() {
        wrapped(Break::NotConnected(root_cause(error)))
    } else {
        lost(error)
    }
}

fn lost(error: &reqwest::Error) -> SlackClientError {
    if error.is_timeout() {
        return wrapped(Break::NoAnswer("time ran out".into()));
    }
    wrapped(Break::NoAnswer(root_cause(error)))
}

/// What was wrong in the end. reqwest's own text has the address in it, which can be a secret.
fn root_cause(error: &reqwest::Error) -> String {
    let mut deepest = None;
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        deepest = Some(error);
        cause = error.source();
    }
    deepest.map_or_else(|| "the connection failed".into(), ToString::to_string)
}

fn wrapped(cause: Break) -> SlackClientError {
    let error = SlackClientHttpProtocolError::new().with_cause(Box::new(cause));
    SlackClientError::HttpProtocolError(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).expect("status"),
            retry_after: Some(Duration::from_secs(3)),
            scopes: None,
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    fn decoded(status: u16, body: &'static str) -> ClientResult<crate::wire::Posted> {
        answer(status, body).decode()
    }

    #[test]
    fn only_a_whole_answer_that_says_ok_is_right() {
        assert!(decoded(200, r#"{"ok":true,"ts":"1.1","message":{"metadata":7}}"#).is_ok());
        for odd in ["", "{}", "<html>", r#"{"ok":true,"ts""#, r#"{"ok":true}"#, r#"{"ts":"1.1"}"#] {
            assert!(matches!(decoded(200, odd), Err(SlackClientError::ProtocolError(_))), "{odd}");
        }
    }

    #[test]
    fn what_slack_says_is_told_from_what_http_says() {
        let no = r#"{"ok":false,"error":"is_archived"}"#;
        assert!(
            matches!(decoded(200, no), Err(SlackClientError::ApiError(e)) if e.code == "is_archived")
        );
        assert!(matches!(decoded(404, no), Err(SlackClientError::ApiError(_))));
        assert!(matches!(decoded(500, no), Err(SlackClientError::HttpError(_))));
        assert!(matches!(decoded(200, r#"{"ok":false}"#), Err(SlackClientError::ApiError(_))));
        assert!(matches!(decoded(502, "<html>"), Err(SlackClientError::HttpError(_))));
        let Err(SlackClientError::RateLimitError(limit)) = decoded(429, "slow down") else {
            panic!("a 429 is a rate limit");
        };
        assert_eq!(limit.retry_after, Some(Duration::from_secs(3)));
    }
}
