//! The forms that values take: each function gives the value or says what is wrong with the text.

use std::net::IpAddr;
use std::time::Duration;

use url::{Host, Url};

/// Refuses what the example file has in place of a real value: `AC…`, `xoxb-...`, `<token>`.
pub(super) fn not_placeholder(text: &str) -> Result<(), String> {
    let text = text.trim();
    let stands_for_something = text.contains('…')
        || text.ends_with("...")
        || (text.starts_with('<') && text.ends_with('>'))
        || ["changeme", "change-me", "secret", "todo"].contains(&text.to_lowercase().as_str());
    if text.is_empty() {
        Err("it is empty".to_owned())
    } else if stands_for_something {
        Err("it is still a placeholder".to_owned())
    } else {
        Ok(())
    }
}

/// A Twilio SID: two letters and 32 hexadecimal digits.
pub(super) fn sid(prefix: &'static str) -> impl Fn(&str) -> Result<String, String> {
    move |text| {
        let right = text.strip_prefix(prefix).is_some_and(|digits| {
            digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        if right {
            Ok(text.to_owned())
        } else {
            Err(format!("this is not {prefix} and 32 hexadecimal digits"))
        }
    }
}

/// A secret of at least so many characters, without white space around it.
pub(super) fn long(least: usize) -> impl Fn(&str) -> Result<(), String> {
    move |text| {
        if text != text.trim() {
            Err("there is white space around it".to_owned())
        } else if text.chars().count() < least {
            Err(format!("it is shorter than {least} characters"))
        } else {
            Ok(())
        }
    }
}

/// A secret that its platform begins with `prefix`.
pub(super) fn token(prefix: &'static str) -> impl Fn(&str) -> Result<(), String> {
    move |text| {
        if text.starts_with(prefix) {
            long(prefix.len() + 8)(text)
        } else {
            Err(format!("it does not begin with {prefix}"))
        }
    }
}

/// A platform's base address: HTTPS, or HTTP to this machine. A path gets the `/` at its end that
/// joining needs.
pub(super) fn base_url(text: &str) -> Result<Url, String> {
    let mut url: Url = text.parse().map_err(|error| format!("this is not a URL: {error}"))?;
    let local = is_loopback(&url);
    match url.scheme() {
        "https" => {}
        "http" if local => {}
        "http" => return Err("http is for this machine only (127.0.0.1, localhost)".to_owned()),
        other => return Err(format!("this is a URL of {other}, not of https")),
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("there is a ? or # in it".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("there is a user or a password in it".to_owned());
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// Whether a URL is of this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}

/// A span of time in words: `500 ms`, `2s`, `30 days`. A day has 24 hours here.
pub(crate) fn duration(
    least: Duration,
    most: Duration,
) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| {
        let span: jiff::Span =
            text.parse().map_err(|_| format!("\"{text}\" is not a span of time"))?;
        let duration = span
            .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
            .ok()
            .and_then(|duration| Duration::try_from(duration).ok())
            .ok_or_else(|| format!("\"{text}\" is no span of days, hours, minutes or seconds"))?;
        if duration < least {
            Err(format!("{text} is too short, the least is {least:?}"))
        } else if duration > most {
            Err(format!("{text} is too long, the most is {} hours", most.as_secs() / 3600))
        } else {
            Ok(duration)
        }
    }
}

/// The word that somebody probably meant, if one is near.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_must_be_https_unless_they_stay_on_this_machine() {
        assert!(base_url("https://bridge.test/prefix").is_ok());
        assert_eq!(base_url("https://a.test/api").expect("url").path(), "/api/");
        for local in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1"] {
            assert!(base_url(local).is_ok(), "{local}");
        }
        for wrong in
            ["http://a.test", "a.test", "ftp://a.test", "https://u:p@a.test", "https://a.test?x"]
        {
            assert!(base_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spans_of_time_are_read_in_words() {
        let read = duration(Duration::from_millis(1), Duration::from_secs(90 * 86_400));
        assert_eq!(read("30 days"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(read("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["", "5", "0s", "-3s", "1 year", "91 days", "soon"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_word_is_only_meant_when_it_is_near() {
        let known = ["auth_token", "account_sid", "senders"];
        assert_eq!(nearest("auth_tokn", known.into_iter()), Some("auth_token"));
        assert_eq!(nearest("colour", known.into_iter()), None);
    }
}
