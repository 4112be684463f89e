//! Whether a webhook really comes from Twilio.
//!
//! `X-Twilio-Signature` is the base64 of an HMAC, keyed with the account's auth token, over the
//! URL that Twilio called, followed by each form parameter's name and value in sorted order
//! (Twilio's documentation of webhook security; the official `twilio` library's
//! `request_validator.py`). It is HMAC-SHA1 unless a second header names HMAC_SHA256. A body that
//! is not a form is covered by its SHA-256 in the URL's query.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, header};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

use crate::wire::Form;

/// The header that holds the signature.
pub const SIGNATURE: &str = "x-twilio-signature";

/// The header that names another algorithm: `key=…,algorithm=HMAC_SHA256`.
pub const SETTINGS: &str = "x-twilio-webhooks-signature-settings";

/// The algorithm of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Sha1,
    Sha256,
}

/// Whether the request is signed by whoever has the token. The time that it takes does not tell
/// how much of a wrong signature was right.
///
/// `public_url` is the daemon's address as Twilio calls it, to which the request's path and query
/// are added. The parameters are the body's where it is a form; a body that is no form must have
/// its hash in the query, an empty one excepted.
#[must_use]
pub fn verify(
    token: &SecretString,
    public_url: &Url,
    path_and_query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> bool {
    let Some(claimed) = headers.get(SIGNATURE) else { return false };
    let Some(algorithm) = algorithm(headers) else { return false };
    let parameters = if is_form(headers) {
        Form::parse(body)
    } else {
        let covered = match body_hash(path_and_query) {
            Some(claimed) => {
                equal(hex(&Sha256::digest(body)).as_bytes(), claimed.to_lowercase().as_bytes())
            }
            None => body.is_empty(),
        };
        if !covered {
            return false;
        }
        Form::default()
    };
    let tail = sorted_tail(&parameters);
    // No early return: each address is tried, whether the one before it fitted or not.
    addresses(public_url)
        .map(|address| sign_text(algorithm, token, &format!("{address}{path_and_query}{tail}")))
        .fold(false, |fits, signature| fits | equal(signature.as_bytes(), claimed.as_bytes()))
}

/// The signature that Twilio puts on a form that it posts to this URL, in HMAC-SHA1.
#[must_use]
pub fn sign(token: &SecretString, url: &str, form: &Form<'_>) -> String {
    sign_text(Algorithm::Sha1, token, &format!("{url}{}", sorted_tail(form)))
}

/// Whether a request says that it is signed: without that, it is none of Twilio's.
#[must_use]
pub fn is_claimed(headers: &HeaderMap) -> bool {
    headers.contains_key(SIGNATURE)
}

/// Whether the body is an HTML form, by its content type.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// The daemon's address with and without a port: which one Twilio signs is not fixed, says its
/// library.
fn addresses(public_url: &Url) -> impl Iterator<Item = String> {
    let scheme = public_url.scheme();
    let host = public_url.host_str().unwrap_or_default();
    let path = public_url.path().trim_end_matches('/');
    let port = public_url.port_or_known_default().unwrap_or(443);
    [format!("{scheme}://{host}{path}"), format!("{scheme}://{host}:{port}{path}")].into_iter()
}

/// The form's names and values, sorted, each pair once, with nothing between them.
fn sorted_tail(form: &Form<'_>) -> String {
    form.pairs()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .flat_map(|(name, value)| [name, value])
        .collect()
}

fn algorithm(headers: &HeaderMap) -> Option<Algorithm> {
    let Some(settings) = headers.get(SETTINGS) else { return Some(Algorithm::Sha1) };
    let named = settings.to_str().ok()?.split(',').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        (name.trim() == "algorithm" && !value.trim().is_empty()).then(|| value.trim())
    });
    match named.map(str::to_ascii_uppercase).as_deref() {
        None | Some("HMAC_SHA1") => Some(Algorithm::Sha1),
        Some("HMAC_SHA256") => Some(Algorithm::Sha256),
        Some(_) => None,
    }
}

fn body_hash(path_and_query: &str) -> Option<String> {
    let (_, query) = path_and_query.split_once('?')?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "bodySHA256")
        .map(|(_, value)| value.into_owned())
}

fn sign_text(algorithm: Algorithm, token: &SecretString, text: &str) -> String {
    let key = token.expose_secret().as_bytes();
    match algorithm {
        Algorithm::Sha1 => STANDARD.encode(hmac::<Hmac<Sha1>>(key, text)),
        Algorithm::Sha256 => STANDARD.encode(hmac::<Hmac<Sha256>>(key, text)),
    }
}

pub(crate) fn hmac<M: Mac + KeyInit>(key: &[u8], text: &str) -> impl AsRef<[u8]> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes()
}

fn equal(ours: &[u8], theirs: &[u8]) -> bool {
    ours.ct_eq(theirs).into()
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const CALL: &str = "CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309";
    const DIGITS: &str = "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234";
    const PATH: &str = "/myapp.php?foo=1&bar=2";

    fn token() -> SecretString {
        SecretString::from("12345")
    }

    fn at(url: &str) -> Url {
        url.parse().expect("a URL")
    }

    fn headers(signature: &str, content_type: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE, signature.parse().expect("a header"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers
    }

    fn form(signature: &str) -> HeaderMap {
        headers(signature, "application/x-www-form-urlencoded; charset=UTF-8")
    }

    fn accepts(url: &str, path: &str, headers: &HeaderMap, body: &str) -> bool {
        verify(&token(), &at(url), path, headers, body.as_bytes())
    }

    #[test]
    fn the_published_vectors_are_accepted() {
        for (signature, body) in [
            ("RSOYDt4T1cUTdK1PDd93/VVr8B8=", CALL),
            ("kvajT1Ptam85bY51eRf/AJRuM3w=", CALL),
            ("IK+Dwps556ElfBT0I3Rgjkr1wJU=", DIGITS),
        ] {
            for url in ["https://mycompany.com", "https://mycompany.com:443/"] {
                assert!(accepts(url, PATH, &form(signature), body), "{signature} at {url}");
            }
        }
    }

    #[test]
    fn whatever_is_changed_makes_it_wrong() {
        let signed = form("RSOYDt4T1cUTdK1PDd93/VVr8B8=");
        let url = "https://mycompany.com";
        assert!(!accepts(url, PATH, &signed, &CALL.replace("1234&", "1235&")));
        assert!(!accepts(url, PATH, &signed, &format!("{CALL}&More=1")));
        assert!(!accepts(url, "/myapp.php?foo=1", &signed, CALL));
        assert!(!accepts("http://mycompany.com", PATH, &signed, CALL));
        assert!(!accepts("https://example.com", PATH, &signed, CALL));
        assert!(!accepts(url, PATH, &form("RSOYDt4T1cUTdK1PDd93/VVr8B9="), CALL));
        assert!(!accepts(url, PATH, &form(""), CALL));
        assert!(!accepts(url, PATH, &HeaderMap::new(), CALL));
        assert!(!verify(&SecretString::from("54321"), &at(url), PATH, &signed, CALL.as_bytes()));
    }

    #[test]
    fn a_form_under_another_content_type_is_not_covered() {
        // The signature of the URL alone must not open the door to any body.
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let signature = sign(&token(), url, &Form::default());
        let signed = headers(&signature, "text/plain");
        assert!(accepts("https://mycompany.com", PATH, &signed, ""));
        assert!(!accepts("https://mycompany.com", PATH, &signed, CALL));
    }

    #[test]
    fn a_json_body_is_covered_by_its_hash() {
        let body = r#"{"EventType":"onMessageAdded"}"#;
        let path = format!("/hook?bodySHA256={}", hex(&Sha256::digest(body)));
        let signature = sign(&token(), &format!("https://mycompany.com{path}"), &Form::default());
        let signed = headers(&signature, "application/json");
        assert!(accepts("https://mycompany.com", &path, &signed, body));
        assert!(!accepts("https://mycompany.com", &path, &signed, r#"{"EventType":"x"}"#));
    }

    #[test]
    fn the_settings_header_names_the_algorithm() {
        let text =
            format!("https://mycompany.com{PATH}{}", sorted_tail(&Form::parse(CALL.as_bytes())));
        let mut signed = form(&sign_text(Algorithm::Sha256, &token(), &text));
        assert!(!accepts("https://mycompany.com", PATH, &signed, CALL));
        signed.insert(SETTINGS, HeaderValue::from_static("key=k1, algorithm=hmac_sha256"));
        assert!(accepts("https://mycompany.com", PATH, &signed, CALL));
        signed.insert(SETTINGS, HeaderValue::from_static("algorithm=MD5"));
        assert!(!accepts("https://mycompany.com", PATH, &signed, CALL));
    }

    #[test]
    fn the_port_of_a_test_server_is_signed_or_not() {
        for signed_url in ["http://127.0.0.1:8080", "http://127.0.0.1"] {
            let signature =
                sign(&token(), &format!("{signed_url}{PATH}"), &Form::parse(CALL.as_bytes()));
            assert!(accepts("http://127.0.0.1:8080", PATH, &form(&signature), CALL));
        }
    }

    proptest! {
        #[test]
        fn no_request_panics_and_none_is_signed_by_chance(
            signature in "[ -~]{0,60}",
            settings in proptest::option::of("[ -~]{0,40}"),
            kind in "application/x-www-form-urlencoded|application/json|text/plain|",
            path in "/[ -~]{0,40}",
            body in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut headers = HeaderMap::new();
            let mut add = |name: &'static str, value: &str| {
                headers.insert(name, value.parse().expect("a header"));
            };
            add(SIGNATURE, &signature);
            add("content-type", &kind);
            if let Some(settings) = &settings {
                add(SETTINGS, settings);
            }
            prop_assert!(!verify(&token(), &at("https://mycompany.com"), &path, &headers, &body));
        }
    }
}
