//! What a refusal of Twilio's means: for the lane a verdict, for people a sentence.
//!
//! The codes are Twilio's, <https://www.twilio.com/docs/api/errors>. A code that is not in the
//! table is judged by its HTTP status.

use std::time::Duration;

use http::StatusCode;
use partyline_core::{Failure, Reason, Verdict, mask};
use serde::Deserialize;
use serde_json::Value;

use crate::wire::lenient::whole;

/// What a code means.
struct Row {
    codes: &'static [u32],
    passes: bool,
    reason: Reason,
    sentence: &'static str,
}

const fn never(codes: &'static [u32], reason: Reason, sentence: &'static str) -> Row {
    Row { codes, passes: false, reason, sentence }
}

const fn later(codes: &'static [u32], reason: Reason, sentence: &'static str) -> Row {
    Row { codes, passes: true, reason, sentence }
}

/// The code of "this address and sender are in a conversation already".
pub const ALREADY_BOUND: u32 = 50416;

/// The code of "outside WhatsApp's 24 hours".
pub const WINDOW_CLOSED: u32 = 63016;

/// Every code that has a sentence of its own.
const TABLE: &[Row] = &[
    // Credentials.
    later(
        &[20003, 20006, 20008, 70051],
        Reason::Credentials,
        "Twilio does not take the bridge's credentials. Check twilio.account_sid, twilio.api_key_sid and twilio.api_key_secret, and that the key was not revoked.",
    ),
    later(
        &[10001, 20005],
        Reason::Credentials,
        "The Twilio account is not active. Look into the Twilio console why it is suspended or closed.",
    ),
    // Speed and simultaneity.
    later(
        &[20429, 50063, 50074],
        Reason::RateLimited,
        "Twilio has too many requests from this account right now. It is tried again by itself.",
    ),
    later(
        &[50391, 50419],
        Reason::Conflict,
        "Somebody else changed it at the same moment. It is tried again by itself.",
    ),
    // Things that are not there.
    never(
        &[50350],
        Reason::NoSuchPlace,
        "This conversation is not there (any more). Check its SID, or link the room to another one.",
    ),
    never(
        &[50353],
        Reason::Conflict,
        "Another conversation has this unique name already. Choose another name.",
    ),
    never(
        &[50430, 50432],
        Reason::NoSuchPlace,
        "This participant is not in the conversation (any more). Look at `member list`.",
    ),
    never(&[50500], Reason::NoSuchPlace, "This message is not there (any more)."),
    never(&[50507], Reason::NoSuchPlace, "This file is not there (any more). Send it again."),
    never(
        &[20404],
        Reason::NoSuchPlace,
        "Twilio does not have this. Check the SID, and that it belongs to the service twilio.service_sid.",
    ),
    // States.
    never(
        &[50375, 50376, 50377, 50378, 50384],
        Reason::PlaceClosed,
        "The conversation is closed, or in a state that does not allow it. Open it again (`group unarchive`), or make a new one.",
    ),
    // Participants.
    never(
        &[ALREADY_BOUND, 50425],
        Reason::Conflict,
        "This number is in another conversation with the same sender already. Take it out of there, or choose another sender.",
    ),
    never(&[50433, 50437], Reason::Conflict, "This participant is in the conversation already."),
    never(
        &[50407, 21211, 21614],
        Reason::Refused,
        "This is not an address that Twilio can reach. Write it in full, like +14155550100 or whatsapp:+14155550100.",
    ),
    never(
        &[50408, 50412, 50415],
        Reason::Refused,
        "This sender cannot be used here: it must be a number of this account, set up for the same kind of channel. Check twilio.senders.",
    ),
    never(
        &[50409],
        Reason::Refused,
        "The member's address and the sender are the same number. Choose another sender.",
    ),
    never(&[50411], Reason::Refused, "The member's address or the sender is missing. State both."),
    never(
        &[50413],
        Reason::Refused,
        "The member and the sender are on different channels. Use a WhatsApp sender for WhatsApp, a number for SMS.",
    ),
    never(
        &[50414],
        Reason::Refused,
        "This sender is not set up for WhatsApp. Register it in the Twilio console, or choose another one.",
    ),
    never(
        &[50417, 50418, 50422, 50426, 50436],
        Reason::Refused,
        "The conversation is full: it can have 1000 participants, 50 of them on phones, and 10 can be added at once. Make another group.",
    ),
    // What is said.
    never(
        &[50504, 21617],
        Reason::Content,
        "The message is too long for Twilio, which takes 1600 characters. Say it in shorter parts.",
    ),
    never(
        &[50508],
        Reason::Content,
        "This file was sent before and Twilio takes each upload once only. Send it again.",
    ),
    never(
        &[50510, 50511],
        Reason::Content,
        "Phones cannot show a file of this type. Send it as JPEG, PNG, PDF, MP4 or as a link.",
    ),
    never(
        &[50512],
        Reason::Content,
        "The file is too large: WhatsApp takes 16 MB (pictures 5 MB), MMS 5 MB. Send a smaller one, or a link.",
    ),
    // What receipts say of one member.
    never(
        &[WINDOW_CLOSED],
        Reason::Unreachable,
        "WhatsApp takes free words only within 24 hours of the member's last message. Send an approved template (`notify`), or wait until the member writes.",
    ),
    never(
        &[63003, 63024],
        Reason::Unreachable,
        "There is no WhatsApp user at this number. Check the number, or add the member by SMS.",
    ),
    never(
        &[63014],
        Reason::Unreachable,
        "The member has blocked this sender in WhatsApp. Only the member can undo that.",
    ),
    never(
        &[21610],
        Reason::Unreachable,
        "The member has opted out with STOP. Nothing can be sent until the member writes START.",
    ),
    never(
        &[30003, 30005],
        Reason::Unreachable,
        "The phone cannot be reached: it is switched off, out of coverage, or the number does not exist. Check the number, and try again later.",
    ),
    never(
        &[30006],
        Reason::Unreachable,
        "This number is a landline or cannot get messages. Use a mobile number.",
    ),
];

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

fn row(code: u32) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.codes.contains(&code))
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
