//! What a refusal of Twilio's means: for the lane a verdict, for people a sentence.
//!
//! The codes are Twilio's, <https://www.twilio.com/docs/api/errors>. A code that is not in the
//! table is judged by its HTTP status.

mod table;

use std::time::Duration;

use http::StatusCode;
use partyline_core::{Failure, Reason, Verdict, mask};
use serde::Deserialize;
use serde_json::Value;

use self::table::{Row, row};
use crate::wire::lenient::whole;

/// The code of "this address and sender are in a conversation already".
pub const ALREADY_BOUND: u32 = 50416;

/// The code of "a conversation has this unique name already".
pub const NAME_TAKEN: &str = "50353";
/// What was asked for is not there (any more).
pub const NOT_THERE: &str = "20404";
/// Too many wrong codes were told.
pub const TOO_MANY_CODES: &str = "60202";

/// The codes of "this participant is in this conversation already".
pub const ALREADY_IN: [&str; 2] = ["50433", "50437"];

/// The code of "outside WhatsApp's 24 hours".
pub const WINDOW_CLOSED: u32 = 63016;

/// Twilio's answer to a request that it refuses; the second names are those of RFC 9457, which
/// newer APIs use.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    code: Value,
    #[serde(default, alias = "detail")]
    message: Value,
    #[serde(default)]
    title: Value,
}

/// Judges a refusal.
///
/// `creates` says that the request makes something new each time that it is processed: then an
/// answer that leaves open whether it was, is [`Verdict::Unknown`].
pub(crate) fn judge(
    creates: bool,
    status: StatusCode,
    wait: Option<Duration>,
    body: &[u8],
) -> Failure {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let words = refusal.message.as_str().or(refusal.title.as_str());
    let code = whole(&refusal.code).and_then(|code| u32::try_from(code).ok());
    // A 5xx says nothing certain, whatever code it carries.
    let row = code.filter(|_| !status.is_server_error()).and_then(row);
    let mut failure = match row {
        Some(row) => {
            let mut failure = by_row(row, wait);
            if let Some(conversation) = words.and_then(conversation_in) {
                failure.sentence = format!("{} It is {conversation}.", failure.sentence);
            }
            failure
        }
        None => by_status(creates, status, wait, words),
    };
    failure.code =
        Some(code.map_or_else(|| format!("HTTP {}", status.as_u16()), |c| c.to_string()));
    failure
}

/// What a code of a receipt means. `None` where the bridge has no sentence for it.
#[must_use]
pub fn explain(code: u32) -> Option<Failure> {
    row(code).map(|row| by_row(row, None).with_code(code.to_string()))
}

/// The conversation (`CH…`) that stands in the way, where a failure names one: somebody is in it
/// already ([`ALREADY_BOUND`]).
#[must_use]
pub fn conversation_in(text: &str) -> Option<&str> {
    text.match_indices("CH").find_map(|(at, _)| {
        let sid = text.get(at..at + 34)?;
        sid[2..].bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(sid)
    })
}

fn by_row(row: &Row, wait: Option<Duration>) -> Failure {
    let verdict = if row.passes { Verdict::Later(wait) } else { Verdict::Never };
    Failure { verdict, reason: row.reason, code: None, sentence: row.sentence.to_owned() }
}

fn by_status(
    creates: bool,
    status: StatusCode,
    wait: Option<Duration>,
    words: Option<&str>,
) -> Failure {
    let number = status.as_u16();
    let said = words.map(quoted).unwrap_or_default();
    match number {
        401 => Failure::later(
            Reason::Credentials,
            wait,
            format!(
                "Twilio does not take the bridge's credentials (HTTP 401{said}). Check twilio.account_sid, twilio.api_key_sid and twilio.api_key_secret."
            ),
        ),
        403 => Failure::never(
            Reason::Forbidden,
            format!(
                "Twilio does not allow the bridge to do this (HTTP 403{said}). Check the rights of the API key."
            ),
        ),
        404 | 410 => Failure::never(
            Reason::NoSuchPlace,
            format!(
                "Twilio does not have this (HTTP {number}{said}). Check the SID and twilio.service_sid."
            ),
        ),
        408 if creates => Failure::unknown(Reason::Unavailable, uncertain(number, &said)),
        408 | 425 => Failure::later(Reason::Unavailable, wait, passing(number, &said)),
        409 | 412 => Failure::never(
            Reason::Conflict,
            format!(
                "It contradicts what Twilio has already (HTTP {number}{said}). Look at the group's state and try again."
            ),
        ),
        413 => Failure::never(
            Reason::Content,
            format!("It is too large for Twilio (HTTP 413{said}). Send something smaller."),
        ),
        429 => Failure::later(
            Reason::RateLimited,
            wait,
            format!(
                "Twilio has too many requests from this account right now (HTTP 429{said}). It is tried again by itself."
            ),
        ),
        503 => Failure::later(Reason::Unavailable, wait, passing(number, &said)),
        500..=599 if creates => Failure::unknown(Reason::Unavailable, uncertain(number, &said)),
        500..=599 => Failure::later(Reason::Unavailable, wait, passing(number, &said)),
        300..=399 => Failure::never(
            Reason::Refused,
            format!(
                "Twilio's address answers with a redirection (HTTP {number}). Check the base addresses in the section twilio."
            ),
        ),
        _ => Failure::never(
            Reason::Refused,
            format!(
                "Twilio refused it (HTTP {number}{said}). Look the error up in the Twilio console."
            ),
        ),
    }
}

fn passing(number: u16, said: &str) -> String {
    format!("Twilio is out of order right now (HTTP {number}{said}). It is tried again by itself.")
}

fn uncertain(number: u16, said: &str) -> String {
    format!(
        "Twilio broke down while it worked on this (HTTP {number}{said}), so that it may have been done. It is looked up before it is tried again."
    )
}

/// Twilio's own words as they can stand in a log: one line, cut, numbers masked.
fn quoted(words: &str) -> String {
    let words: String =
        words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    format!(", \"{}\"", mask(words.trim()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::table::TABLE;
    use super::*;

    fn status(number: u16) -> StatusCode {
        StatusCode::from_u16(number).expect("a status")
    }

    fn refused(number: u16, code: u32, message: &str) -> Failure {
        let body = serde_json::json!({
            "code": code, "message": message, "more_info": "https://www.twilio.com/", "status": number
        });
        judge(true, status(number), None, body.to_string().as_bytes())
    }

    #[test]
    fn no_code_has_two_meanings_and_every_sentence_is_one() {
        let mut seen = HashSet::new();
        for row in TABLE {
            assert!(row.sentence.ends_with('.'), "{}", row.sentence);
            for code in row.codes {
                assert!(seen.insert(code), "{code} stands twice");
                assert_eq!(explain(*code).expect("a row").code, Some(code.to_string()));
            }
        }
    }

    #[test]
    fn the_codes_that_matter_have_their_verdict() {
        for (number, code, verdict, reason) in [
            (401, 20003, Verdict::Later(None), Reason::Credentials),
            (429, 20429, Verdict::Later(None), Reason::RateLimited),
            (429, 50063, Verdict::Later(None), Reason::RateLimited),
            (409, 50391, Verdict::Later(None), Reason::Conflict),
            (404, 50350, Verdict::Never, Reason::NoSuchPlace),
            (404, 20404, Verdict::Never, Reason::NoSuchPlace),
            (409, 50353, Verdict::Never, Reason::Conflict),
            (400, 50384, Verdict::Never, Reason::PlaceClosed),
            (400, 50504, Verdict::Never, Reason::Content),
            (400, 50407, Verdict::Never, Reason::Refused),
            (400, 99999, Verdict::Never, Reason::Refused),
        ] {
            let failure = refused(number, code, "no");
            assert_eq!((failure.verdict, failure.reason), (verdict, reason), "{code}");
            assert_eq!(failure.code, Some(code.to_string()));
        }
    }

    #[test]
    fn the_conversation_in_the_way_is_named() {
        let sid = "CH0123456789abcdef0123456789abcdef";
        let failure = refused(409, 50416, &format!("A binding for +14155550100 exists in {sid}"));
        assert_eq!(conversation_in(&failure.sentence), Some(sid));
        assert!(!failure.sentence.contains("4155550100"));
        assert_eq!(conversation_in("CH, CHé, and CH01"), None);
    }

    #[test]
    fn a_breakdown_after_a_post_is_unknown_and_after_a_read_it_passes() {
        for number in [500, 502, 504, 408] {
            assert_eq!(judge(true, status(number), None, b"").verdict, Verdict::Unknown);
            assert_eq!(judge(false, status(number), None, b"").verdict, Verdict::Later(None));
        }
        // Whatever code it carries.
        assert_eq!(refused(500, 50353, "").verdict, Verdict::Unknown);
        for number in [429, 503] {
            let wait = Some(Duration::from_secs(7));
            assert_eq!(judge(true, status(number), wait, b"").verdict, Verdict::Later(wait));
        }
    }

    #[test]
    fn the_newer_form_of_errors_is_read() {
        let body = br#"{"type":"x","title":"Bad thing","status":400,"detail":"why +14155550100"}"#;
        let failure = judge(true, status(400), None, body);
        assert!(failure.sentence.contains("why +1415…00"), "{}", failure.sentence);
        assert_eq!(failure.code.as_deref(), Some("HTTP 400"));
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(number in 100u16..1000, body in any::<Vec<u8>>()) {
            let failure = judge(true, status(number), None, &body);
            prop_assert!(!failure.sentence.is_empty());
        }

        #[test]
        fn no_words_make_it_panic(words in any::<String>()) {
            let _ = conversation_in(&words);
            prop_assert!(refused(400, 1, &words).sentence.chars().count() < 400);
        }
    }
}
