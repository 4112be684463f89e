//! Slack's error strings: what each means.
//!
//! They are those of docs.slack.dev for `chat.postMessage`, `conversations.history`, `users.info`, `auth.test`
//! and `apps.connections.open`. Slack adds new ones without notice, so a string that is not in the table is
//! judged by its form.

use partyline_core::{Failure, Reason};

use super::{Call, credentials, limited, uncertain};

/// What an answer with `ok: false` means.
pub(crate) fn refused(code: &str, call: Call<'_>) -> Failure {
    let failure = of_the_network(code, call)
        .or_else(|| of_the_place(code, call.about))
        .or_else(|| of_the_message(code, call.about))
        .unwrap_or_else(|| unlisted(code, call));
    failure.with_code(code)
}

/// Refusals that concern everything on the network.
fn of_the_network(code: &str, call: Call<'_>) -> Option<Failure> {
    Some(match code {
        "ratelimited" | "rate_limited" | "rate_limit_exceeded" => limited(None, call),
        "missing_scope" | "no_permission" => Failure::later(
            Reason::Credentials,
            None,
            format!(
                "Slack's token lacks a right that {} needs ({code}): add the scopes of \
                 config/slack-manifest.yaml to the app and reinstall it.",
                call.method
            ),
        ),
        "invalid_auth"
        | "not_authed"
        | "token_revoked"
        | "token_expired"
        | "account_inactive"
        | "not_allowed_token_type"
        | "org_login_required"
        | "ekm_access_denied"
        | "access_denied"
        | "team_access_not_granted"
        | "two_factor_setup_required"
        | "team_not_found"
        | "app_not_installed"
        | "forbidden_team" => credentials(code, call),
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
            uncertain(Reason::Unavailable, code, call)
        }
        "team_added_to_org" | "accesslimited" | "too_many_websockets" => Failure::later(
            Reason::Unavailable,
            None,
            format!("Slack cannot serve {} just now ({code}); it is tried again.", call.about),
        ),
        _ => return None,
    })
}

/// Refusals that concern the channel, the thread or the person.
fn of_the_place(code: &str, about: &str) -> Option<Failure> {
    let (reason, sentence) = match code {
        "channel_not_found" | "thread_not_found" | "message_not_found" => (
            Reason::NoSuchPlace,
            format!(
                "Slack knows no {about}, or does not show it to the bridge ({code}): check the \
                 link's id, or invite the bridge into the private channel."
            ),
        ),
        "not_in_channel" => (
            Reason::Forbidden,
            format!("The bridge is not in {about}: invite it there with /invite, then retry."),
        ),
        "is_archived" => (
            Reason::PlaceClosed,
            format!("In Slack, {about} is archived: unarchive it, then retry."),
        ),
        "user_not_found" | "user_not_visible" | "users_not_found" => {
            (Reason::Unreachable, format!("Slack knows no {about} ({code})."))
        }
        "not_allowed"
        | "method_not_supported_for_channel_type"
        | "posting_to_general_channel_denied" => (Reason::Forbidden, ask_an_admin(code, about)),
        _ if code.starts_with("restricted_action") || code.starts_with("cannot_") => {
            (Reason::Forbidden, ask_an_admin(code, about))
        }
        _ => return None,
    };
    Some(Failure::never(reason, sentence))
}

fn ask_an_admin(code: &str, about: &str) -> String {
    format!(
        "Slack does not let the bridge write in {about} ({code}): ask a workspace admin to allow \
         it, then retry."
    )
}

/// Refusals that concern what was to be said.
fn of_the_message(code: &str, about: &str) -> Option<Failure> {
    Some(match code {
        "msg_too_long"
        | "no_text"
        | "too_many_attachments"
        | "metadata_too_large"
        | "metadata_must_be_sent_from_app" => Failure::never(
            Reason::Content,
            format!("Slack does not take this message for {about} ({code})."),
        ),
        "message_limit_exceeded" => Failure::never(
            Reason::Refused,
            format!("The workspace has used up its messages, so {about} gets none: see its plan."),
        ),
        "used_url" | "expired_url" | "expired_trigger_id" | "trigger_expired" => expired(),
        _ => return None,
    })
}

/// The answer to a command came too late, or too often.
pub(crate) fn expired() -> Failure {
    Failure::never(
        Reason::Expired,
        "Slack takes answers to a command for 30 minutes and five times at most; this one is \
         past that. Give the command again.",
    )
}

/// A string that is in no table. One that sounds like trouble within Slack leaves the call
/// uncertain, which is looked up; anything else is a refusal.
fn unlisted(code: &str, call: Call<'_>) -> Failure {
    metrics::counter!("partyline_slack_unknown_errors_total").increment(1);
    let sounds = |parts: &[&str]| parts.iter().any(|part| code.contains(part));
    if sounds(&["timeout", "unavailable", "internal", "fatal", "overload", "temporar"]) {
        return uncertain(Reason::Unavailable, code, call);
    }
    if sounds(&["token", "auth", "scope"]) {
        return credentials(code, call);
    }
    let reason = if code.ends_with("_not_found") {
        Reason::NoSuchPlace
    } else if code.starts_with("invalid_") || code.contains("too_l") {
        Reason::Content
    } else {
        Reason::Refused
    };
    Failure::never(reason, format!("Slack refused {} for {} ({code}).", call.method, call.about))
}
