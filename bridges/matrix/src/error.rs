//! What an answer of the homeserver means for us (pure): error → [`Failure`].
//!
//! Codes: client-server API, "Standard error response". `Retry-After` goes before
//! `retry_after_ms`; ruma reads both in that order.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use matrix_sdk::ruma::api::error::Error as ApiError;
use matrix_sdk::ruma::api::error::{ErrorKind, FromHttpResponseError, RetryAfter};
use matrix_sdk::{Error, HttpError};
use partyline_core::{Failure, Reason, Verdict};

/// The code of a token that the homeserver does not (any longer) know.
const UNKNOWN_TOKEN: &str = "M_UNKNOWN_TOKEN";

/// Turns an error of the SDK into a failure. `doing` completes "The bot could not …".
///
/// A call that may have been processed although it failed has the verdict [`Verdict::Unknown`];
/// whoever repeats it under one transaction id may make it `Later`.
pub(crate) fn failure(error: &Error, doing: &str, now: Timestamp) -> Failure {
    match error {
        Error::Http(error) => http_failure(error, doing, now),
        Error::AuthenticationRequired => {
            Failure::later(Reason::Credentials, None, "The Matrix bot is not logged in yet.")
        }
        Error::WrongRoomState(_) => not_joined(),
        Error::Timeout | Error::ConcurrentRequestFailed => {
            unclear(doing, "the homeserver did not answer")
        }
        // What is left fails within this process: the store, encryption, a wrong id.
        other => Failure::later(
            Reason::Unavailable,
            Some(Duration::from_secs(5)),
            format!("The Matrix bot could not {doing}: {}.", kind_of(other)),
        ),
    }
}

/// The same for an error of a bare request.
pub(crate) fn http_failure(error: &HttpError, doing: &str, now: Timestamp) -> Failure {
    match error {
        HttpError::Reqwest(error) if error.is_connect() || error.is_builder() => Failure::later(
            Reason::Unavailable,
            None,
            format!(
                "The Matrix homeserver is out of reach, so the bot could not {doing}. Check that \
                 it runs and that matrix.homeserver_url is right; it is tried again by itself."
            ),
        ),
        HttpError::Reqwest(error) if error.is_timeout() => {
            unclear(doing, "the homeserver took too long")
        }
        HttpError::Reqwest(_) => unclear(doing, "the connection to the homeserver broke"),
        HttpError::Cached(error) => http_failure(error, doing, now),
        HttpError::Api(_) => match error.as_client_api_error() {
            Some(error) => api_failure(error, doing, now),
            None => bad_answer(doing),
        },
        HttpError::IntoHttp(_) => Failure::never(
            Reason::Refused,
            format!("The Matrix bridge could not put together the request to {doing}."),
        ),
        HttpError::RefreshToken(_) => token_gone(),
    }
}

/// The same for an answer that did not come through the SDK.
pub(crate) fn answer_failure(
    error: FromHttpResponseError<ApiError>,
    doing: &str,
    now: Timestamp,
) -> Failure {
    http_failure(&HttpError::from(error), doing, now)
}

/// Whether the token is not known any longer.
pub(crate) fn is_token_gone(failure: &Failure) -> bool {
    failure.code.as_deref() == Some(UNKNOWN_TOKEN)
}

/// The bot is not in the room.
pub(crate) fn not_joined() -> Failure {
    Failure::never(
        Reason::NoSuchPlace,
        "The Matrix bot is not in this room, or the room does not exist. Invite the bot, then \
         retry what waits for the room.",
    )
}

fn api_failure(error: &ApiError, doing: &str, now: Timestamp) -> Failure {
    let status = error.status_code.as_u16();
    let Some(kind) = error.error_kind() else {
        return status_failure(status, doing);
    };
    let failure = match kind {
        ErrorKind::LimitExceeded(limit) => Failure::later(
            Reason::RateLimited,
            limit.retry_after.as_ref().and_then(|wait| until(wait, now)),
            format!(
                "The Matrix homeserver says that the bot is too fast, so it could not {doing}; it \
                 is tried again when the homeserver allows it."
            ),
        ),
        ErrorKind::UnknownToken(_) | ErrorKind::MissingToken => token_gone(),
        ErrorKind::UserDeactivated | ErrorKind::UserLocked | ErrorKind::UserSuspended => {
            Failure::later(
                Reason::Credentials,
                Some(Duration::from_secs(60)),
                "The Matrix bot's account is locked, suspended or deactivated: ask the \
                 homeserver's administrator.",
            )
        }
        ErrorKind::ResourceLimitExceeded(_) => Failure::later(
            Reason::Unavailable,
            Some(Duration::from_secs(60)),
            "The Matrix homeserver has reached a limit of its own: ask its administrator.",
        ),
        ErrorKind::Forbidden | ErrorKind::GuestAccessForbidden => Failure::never(
            Reason::Forbidden,
            format!(
                "The Matrix homeserver does not allow the bot to {doing}. Invite the bot to the \
                 room, or raise its power level there, then retry."
            ),
        ),
        ErrorKind::NotFound => not_joined(),
        ErrorKind::TooLarge => Failure::never(
            Reason::Content,
            "The message is too large for Matrix: send it in shorter pieces.",
        ),
        _ => status_failure(status, doing),
    };
    failure.with_code(kind.errcode().as_str())
}

/// What the bare status says.
fn status_failure(status: u16, doing: &str) -> Failure {
    let failure = match status {
        401 => token_gone(),
        413 => Failure::never(Reason::Content, "The message is too large for Matrix."),
        429 => Failure::later(
            Reason::RateLimited,
            None,
            format!(
                "The Matrix homeserver says that the bot is too fast, so it could not {doing}."
            ),
        ),
        500.. => {
            return unclear(doing, "the homeserver is out of order").with_code(status.to_string());
        }
        _ => Failure::never(
            Reason::Refused,
            format!("The Matrix homeserver refused to let the bot {doing} (HTTP status {status})."),
        ),
    };
    if failure.code.is_some() { failure } else { failure.with_code(status.to_string()) }
}

fn token_gone() -> Failure {
    Failure::later(
        Reason::Credentials,
        Some(Duration::from_secs(5)),
        "The Matrix homeserver no longer accepts the bot's access token. Put a new one into \
         matrix.access_token, or matrix.password so that the bot can log in by itself, and restart.",
    )
    .with_code(UNKNOWN_TOKEN)
}

fn unclear(doing: &str, how: &str) -> Failure {
    Failure::unknown(Reason::Unavailable, format!("The Matrix bot tried to {doing}, but {how}."))
}

fn bad_answer(doing: &str) -> Failure {
    Failure::unknown(
        Reason::BadAnswer,
        format!("The Matrix bot tried to {doing}; the homeserver's answer was not understood."),
    )
}

/// How long until then.
fn until(wait: &RetryAfter, now: Timestamp) -> Option<Duration> {
    match wait {
        RetryAfter::Delay(wait) => Some(*wait),
        RetryAfter::DateTime(at) => {
            Some(at.duration_since(SystemTime::from(now)).unwrap_or_default())
        }
    }
}

/// A local error without what it may quote.
fn kind_of(error: &Error) -> &'static str {
    match error {
        Error::StateStore(_) | Error::CryptoStoreError(_) | Error::EventCacheStore(_) => {
            "its store in the store directory failed; check the disk"
        }
        Error::OlmError(_) | Error::MegolmError(_) | Error::NoOlmMachine => {
            "the message could not be encrypted"
        }
        Error::Io(_) => "its files could not be read or written; check the disk",
        _ => "it refused; its log says more",
    }
}

/// Makes an unclear failure one to try later: for calls that can be repeated without harm.
pub(crate) fn repeatable(mut failure: Failure) -> Failure {
    if failure.verdict == Verdict::Unknown {
        failure.verdict = Verdict::Later(None);
    }
    failure
}

#[cfg(test)]
mod tests {
    use matrix_sdk::ruma::api::EndpointError;
    use proptest::prelude::*;

    use super::*;

    const NOW: &str = "2026-11-20T12:00:00Z";

    fn answered(status: u16, retry_after: Option<&str>, body: &str) -> Failure {
        let mut answer = http::Response::builder().status(status);
        if let Some(wait) = retry_after {
            answer = answer.header("Retry-After", wait);
        }
        let answer = answer.body(body.as_bytes().to_vec()).expect("an answer");
        let error = ApiError::from_http_response(answer);
        let error = FromHttpResponseError::Server(error);
        answer_failure(error, "post in the room", NOW.parse().expect("a time"))
    }

    fn coded(status: u16, code: &str) -> Failure {
        answered(status, None, &format!(r#"{{"errcode":"{code}","error":"as it likes"}}"#))
    }

    #[test]
    fn the_header_says_how_long_to_wait_and_then_the_body() {
        let body = r#"{"errcode":"M_LIMIT_EXCEEDED","error":"slow","retry_after_ms":1500}"#;
        let wait = |header| match answered(429, header, body) {
            Failure { verdict: Verdict::Later(wait), reason: Reason::RateLimited, .. } => wait,
            other => panic!("{other:?}"),
        };
        assert_eq!(wait(None), Some(Duration::from_millis(1500)));
        assert_eq!(wait(Some("7")), Some(Duration::from_secs(7)));
        assert_eq!(wait(Some("Fri, 20 Nov 2026 12:01:00 GMT")), Some(Duration::from_secs(60)));
        assert_eq!(wait(Some("Fri, 20 Nov 2020 12:01:00 GMT")), Some(Duration::ZERO));
        assert_eq!(answered(429, None, "<html>").verdict, Verdict::Later(None));
    }

    #[test]
    fn each_code_has_its_verdict() {
        let verdict = |status, code| {
            let failure = coded(status, code);
            assert_eq!(failure.code.as_deref(), Some(code));
            (failure.verdict, failure.reason)
        };
        assert_eq!(verdict(403, "M_FORBIDDEN"), (Verdict::Never, Reason::Forbidden));
        assert_eq!(verdict(404, "M_NOT_FOUND"), (Verdict::Never, Reason::NoSuchPlace));
        assert_eq!(verdict(413, "M_TOO_LARGE"), (Verdict::Never, Reason::Content));
        assert_eq!(verdict(400, "M_BAD_JSON"), (Verdict::Never, Reason::Refused));
        assert_eq!(verdict(400, "ORG.NEW_CODE"), (Verdict::Never, Reason::Refused));
        assert_eq!(verdict(500, "M_UNKNOWN"), (Verdict::Unknown, Reason::Unavailable));
        let gone = coded(401, "M_UNKNOWN_TOKEN");
        assert!(is_token_gone(&gone) && gone.reason == Reason::Credentials);
        assert!(is_token_gone(&answered(401, None, "Unauthorized")));
        assert!(!is_token_gone(&coded(403, "M_USER_LOCKED")));
    }

    #[test]
    fn what_may_have_been_processed_is_unknown_until_a_repeat_is_harmless() {
        let failure = answered(502, None, "<html>Bad Gateway</html>");
        assert_eq!(failure.verdict, Verdict::Unknown);
        assert_eq!(repeatable(failure).verdict, Verdict::Later(None));
        assert_eq!(repeatable(coded(403, "M_FORBIDDEN")).verdict, Verdict::Never);
    }

    proptest! {
        #[test]
        fn no_answer_panics_and_none_is_quoted(
            status in 300u16..600,
            code in "(M_[A-Z_]{1,12}|\\PC{0,12})",
            retry_after in prop::option::of("[ -~]{0,12}"),
        ) {
            let body = serde_json::json!({ "errcode": code, "error": "a secret" }).to_string();
            let failure = answered(status, retry_after.as_deref(), &body);
            prop_assert!(!failure.sentence.contains("a secret"));
        }
    }
}
