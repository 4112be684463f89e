//! What Slack's refusals mean: the answer's error string, or the way a call broke, to a verdict,
//! a reason and a sentence. Pure.

mod codes;

use std::time::Duration;

use partyline_core::{Failure, Reason};
use slack_morphism::errors::SlackClientError;

pub(crate) use codes::{expired, refused};

/// A call of the Web API, as far as its failure must say which one it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    /// `chat.postMessage`.
    pub(crate) method: &'static str,
    /// What it was about, in words: `channel C0123ABC`.
    pub(crate) about: &'a str,
    /// Whether it changes anything, so that it must not be repeated blindly.
    pub(crate) writes: bool,
}

/// The one method that the app-level token is for.
pub(crate) const OPEN_SOCKET: &str = "apps.connections.open";

/// How a call broke before an answer was whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Break {
    /// No connection: nothing was sent.
    #[error("no connection: {0}")]
    NotConnected(String),
    /// The connection broke, or time ran out, after the request may have been sent.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The answer was longer than any that Slack gives.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

/// What a failed call means.
pub(crate) fn failure(error: &SlackClientError, call: Call<'_>) -> Failure {
    match error {
        SlackClientError::ApiError(error) => refused(&error.code, call),
        SlackClientError::RateLimitError(error) => limited(error.retry_after, call),
        SlackClientError::HttpError(error) => http_status(error.status_code.as_u16(), call),
        SlackClientError::HttpProtocolError(error) => {
            match error.cause.as_ref().and_then(|cause| cause.downcast_ref::<Break>()) {
                Some(Break::NotConnected(why)) => Failure::later(
                    Reason::Unavailable,
                    None,
                    format!(
                        "Slack could not be reached for {} ({why}); it is tried again.",
                        call.about
                    ),
                ),
                Some(broken) => uncertain(Reason::Unavailable, &broken.to_string(), call),
                None => uncertain(Reason::Unavailable, "the call broke", call),
            }
        }
        SlackClientError::ProtocolError(_) => {
            uncertain(Reason::BadAnswer, "the answer could not be read", call)
        }
        _ => uncertain(Reason::Unavailable, "the call broke", call),
    }
}

fn limited(retry_after: Option<Duration>, call: Call<'_>) -> Failure {
    Failure::later(
        Reason::RateLimited,
        retry_after,
        format!("Slack asks the bridge to slow down in {}; it goes on by itself.", call.about),
    )
    .with_code("ratelimited")
}

fn http_status(status: u16, call: Call<'_>) -> Failure {
    let failure = match status {
        408 | 500.. => uncertain(Reason::Unavailable, &format!("HTTP status {status}"), call),
        300..=399 => Failure::later(
            Reason::Unavailable,
            None,
            format!(
                "Slack's address sends {} elsewhere (HTTP {status}): check slack.api_url.",
                call.method
            ),
        ),
        401 | 403 => credentials(&format!("HTTP status {status}"), call),
        404 => Failure::later(
            Reason::Unavailable,
            None,
            format!("There is no {} at that address (HTTP 404): check slack.api_url.", call.method),
        ),
        413 => Failure::never(
            Reason::Content,
            format!(
                "Slack found the message for {} too large: send it in smaller parts.",
                call.about
            ),
        ),
        _ => Failure::never(
            Reason::Refused,
            format!("Slack refused {} for {} with HTTP status {status}.", call.method, call.about),
        ),
    };
    failure.with_code(format!("HTTP {status}"))
}

/// Nobody knows whether it was done. What changes nothing can simply be tried again.
fn uncertain(reason: Reason, why: &str, call: Call<'_>) -> Failure {
    if call.writes {
        Failure::unknown(
            reason,
            format!(
                "Slack did not confirm {} for {} ({why}); it is looked up.",
                call.method, call.about
            ),
        )
    } else {
        Failure::later(
            reason,
            None,
            format!(
                "Slack did not answer {} for {} ({why}); it is tried again.",
                call.method, call.about
            ),
        )
    }
}

/// The whole network waits; once the token is right, everything goes on.
fn credentials(what: &str, call: Call<'_>) -> Failure {
    let remedy = if call.method == OPEN_SOCKET {
        "make an app-level token with the scope connections:write, set it as slack.app_token"
    } else {
        "install the app in the workspace again, set its bot token as slack.bot_token"
    };
    Failure::later(
        Reason::Credentials,
        None,
        format!("Slack refuses the token for {} ({what}): {remedy} and restart.", call.method),
    )
}

#[cfg(test)]
mod tests {
    use partyline_core::Verdict;
    use slack_morphism::errors::{
        SlackClientApiError, SlackClientHttpError, SlackClientHttpProtocolError,
        SlackRateLimitError,
    };

    use super::*;

    const POST: Call<'_> = Call { method: "chat.postMessage", about: "channel C1", writes: true };
    const READ: Call<'_> =
        Call { method: "conversations.history", about: "channel C1", writes: false };

    #[test]
    fn each_refusal_has_a_verdict_of_its_own() {
        let later = Verdict::Later(None);
        for (code, verdict, reason) in [
            ("invalid_auth", later, Reason::Credentials),
            ("token_revoked", later, Reason::Credentials),
            ("account_inactive", later, Reason::Credentials),
            ("missing_scope", later, Reason::Credentials),
            ("channel_not_found", Verdict::Never, Reason::NoSuchPlace),
            ("not_in_channel", Verdict::Never, Reason::Forbidden),
            ("restricted_action_read_only_channel", Verdict::Never, Reason::Forbidden),
            ("is_archived", Verdict::Never, Reason::PlaceClosed),
            ("msg_too_long", Verdict::Never, Reason::Content),
            ("no_text", Verdict::Never, Reason::Content),
            ("internal_error", Verdict::Unknown, Reason::Unavailable),
            ("fatal_error", Verdict::Unknown, Reason::Unavailable),
            ("service_unavailable", Verdict::Unknown, Reason::Unavailable),
            ("request_timeout", Verdict::Unknown, Reason::Unavailable),
            ("ratelimited", later, Reason::RateLimited),
            ("used_url", Verdict::Never, Reason::Expired),
            ("something_temporarily_wrong", Verdict::Unknown, Reason::Unavailable),
            ("new_token_rule", later, Reason::Credentials),
            ("canvas_not_found", Verdict::Never, Reason::NoSuchPlace),
            ("invalid_blocks", Verdict::Never, Reason::Content),
            ("never_heard_of", Verdict::Never, Reason::Refused),
        ] {
            let failure = refused(code, POST);
            assert_eq!((failure.verdict, failure.reason), (verdict, reason), "{code}");
            assert!(failure.code.is_some() && failure.sentence.ends_with('.'), "{code}");
        }
        assert_eq!(refused("internal_error", READ).verdict, later);
    }

    #[test]
    fn a_call_that_broke_is_judged_by_whether_it_was_sent() {
        let broke = |cause: Break| {
            SlackClientError::HttpProtocolError(
                SlackClientHttpProtocolError::new().with_cause(Box::new(cause)),
            )
        };
        let verdict = |error: &SlackClientError, call| failure(error, call).verdict;
        let refused = broke(Break::NotConnected("refused".into()));
        let timed_out = broke(Break::NoAnswer("timed out".into()));
        assert_eq!(verdict(&refused, POST), Verdict::Later(None));
        assert_eq!(verdict(&timed_out, POST), Verdict::Unknown);
        assert_eq!(verdict(&timed_out, READ), Verdict::Later(None));
        assert_eq!(verdict(&broke(Break::TooLong(1)), POST), Verdict::Unknown);
    }

    #[test]
    fn a_status_is_judged_by_its_hundred() {
        let verdict = |status: u16| {
            let status = http::StatusCode::from_u16(status).expect("status");
            failure(&SlackClientError::HttpError(SlackClientHttpError::new(status)), POST).verdict
        };
        assert_eq!(verdict(500), Verdict::Unknown);
        assert_eq!(verdict(503), Verdict::Unknown);
        assert_eq!(verdict(302), Verdict::Later(None));
        assert_eq!(verdict(403), Verdict::Later(None));
        assert_eq!(verdict(413), Verdict::Never);
        assert_eq!(verdict(418), Verdict::Never);
    }

    #[test]
    fn the_wait_that_slack_asks_for_is_kept() {
        let wait = Duration::from_secs(7);
        let error =
            SlackClientError::RateLimitError(SlackRateLimitError::new().with_retry_after(wait));
        assert_eq!(failure(&error, POST).verdict, Verdict::Later(Some(wait)));
    }

    #[test]
    fn a_body_is_in_no_sentence() {
        let error = SlackClientError::ApiError(
            SlackClientApiError::new("is_archived".into()).with_http_response_body("sesame".into()),
        );
        assert!(!format!("{:?}", failure(&error, POST)).contains("sesame"));
    }
}
