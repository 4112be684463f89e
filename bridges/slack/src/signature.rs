//! Slack's signature on its webhooks: `v0=` and the hexadecimal HMAC-SHA256 of
//! `v0:{timestamp}:{raw body}` under the signing secret (docs.slack.dev, "Verifying requests from
//! Slack").
//!
//! Its own check rather than slack-morphism's, which asks the machine for the time and takes the
//! body as text only.

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// A request whose time stamp is further off than this is refused, so that one that somebody
/// recorded cannot be played again: five minutes.
pub const TOLERANCE_SECONDS: i64 = 5 * 60;

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "x-slack-signature";

/// The header with the time stamp, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "x-slack-request-timestamp";

/// What is wrong with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureFault {
    #[error("a signature header is missing or unreadable")]
    Missing,
    #[error("the time stamp is more than five minutes off: check this machine's clock")]
    Stale,
    #[error("the signature is wrong: check slack.signing_secret")]
    Wrong,
}

/// Checks that Slack sent this body, now.
pub(crate) fn check(
    secret: &SecretString,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), SignatureFault> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(signature), Some(timestamp)) = (header(SIGNATURE_HEADER), header(TIMESTAMP_HEADER))
    else {
        return Err(SignatureFault::Missing);
    };
    let sent: i64 = timestamp.parse().map_err(|_| SignatureFault::Missing)?;
    if now.as_second().abs_diff(sent) > TOLERANCE_SECONDS.unsigned_abs() {
        return Err(SignatureFault::Stale);
    }
    let expected = sign(secret, timestamp, body);
    if bool::from(expected.as_bytes().ct_eq(signature.as_bytes())) {
        Ok(())
    } else {
        Err(SignatureFault::Wrong)
    }
}

/// The signature of a body, as Slack writes it into [`SIGNATURE_HEADER`].
///
/// # Panics
/// Never: HMAC takes a key of any length.
#[must_use]
pub fn sign(secret: &SecretString, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(b"v0:");
    mac.update(timestamp.as_bytes());
    mac.update(b":");
    mac.update(body);
    mac.finalize().into_bytes().iter().fold("v0=".to_owned(), |mut hex, byte| {
        hex.push_str(&format!("{byte:02x}"));
        hex
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // The example of docs.slack.dev, "Verifying requests from Slack".
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const TIMESTAMP: i64 = 1_531_420_618;
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow\
        &channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner\
        &command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands\
        %2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
        &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn headers(signature: &str, timestamp: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE_HEADER, signature.parse().expect("header"));
        headers.insert(TIMESTAMP_HEADER, timestamp.parse().expect("header"));
        headers
    }

    fn checked(headers: &HeaderMap, body: &str, now: i64) -> Result<(), SignatureFault> {
        let now = Timestamp::from_second(now).expect("time");
        check(&SECRET.into(), headers, body.as_bytes(), now)
    }

    #[test]
    fn slacks_own_example_is_right() {
        let headers = headers(SIGNATURE, &TIMESTAMP.to_string());
        assert_eq!(checked(&headers, BODY, TIMESTAMP), Ok(()));
        assert_eq!(checked(&headers, BODY, TIMESTAMP + 300), Ok(()));
        assert_eq!(checked(&headers, BODY, TIMESTAMP - 300), Ok(()));
    }

    #[test]
    fn what_is_old_forged_or_unsigned_is_refused() {
        let right = headers(SIGNATURE, &TIMESTAMP.to_string());
        assert_eq!(checked(&right, BODY, TIMESTAMP + 301), Err(SignatureFault::Stale));
        assert_eq!(checked(&right, BODY, TIMESTAMP - 301), Err(SignatureFault::Stale));
        assert_eq!(checked(&right, "text=other", TIMESTAMP), Err(SignatureFault::Wrong));
        assert_eq!(checked(&HeaderMap::new(), BODY, TIMESTAMP), Err(SignatureFault::Missing));
        let later = headers(SIGNATURE, &(TIMESTAMP + 1).to_string());
        assert_eq!(checked(&later, BODY, TIMESTAMP), Err(SignatureFault::Wrong));
        for odd in ["soon", "", "-9223372036854775808", "9223372036854775807"] {
            assert!(checked(&headers(SIGNATURE, odd), BODY, TIMESTAMP).is_err(), "{odd}");
        }
        assert_eq!(
            checked(&headers("v0=", &TIMESTAMP.to_string()), BODY, TIMESTAMP),
            Err(SignatureFault::Wrong)
        );
    }

    proptest! {
        #[test]
        fn whatever_is_changed_makes_it_wrong(
            at in 0..BODY.len(), with in "[a-z0-9&=%]", late in 1..300_i64,
        ) {
            let mut body = BODY.to_owned();
            body.replace_range(at..=at, &with);
            let right = headers(SIGNATURE, &TIMESTAMP.to_string());
            let expected = if body == BODY { Ok(()) } else { Err(SignatureFault::Wrong) };
            prop_assert_eq!(checked(&right, &body, TIMESTAMP), expected);
            let later = headers(SIGNATURE, &(TIMESTAMP + late).to_string());
            prop_assert_eq!(checked(&later, BODY, TIMESTAMP + late), Err(SignatureFault::Wrong));
        }

        #[test]
        fn what_was_signed_is_right_for_five_minutes(
            body in proptest::collection::vec(any::<u8>(), 0..200), off in -400..400_i64,
        ) {
            let timestamp = TIMESTAMP.to_string();
            let signed = headers(&sign(&SECRET.into(), &timestamp, &body), &timestamp);
            let now = Timestamp::from_second(TIMESTAMP + off).expect("a time");
            let in_time = off.abs() <= TOLERANCE_SECONDS;
            let expected = if in_time { Ok(()) } else { Err(SignatureFault::Stale) };
            prop_assert_eq!(check(&SECRET.into(), &signed, &body, now), expected);
        }
    }
}
