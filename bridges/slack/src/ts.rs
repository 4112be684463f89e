//! Slack's time stamps, which are also its message ids: `1712345678.000100`, seconds and
//! microseconds, unique and rising within a channel.

use jiff::Timestamp;
use partyline_core::{Network, Place};

/// The time stamp in microseconds: the number of a message in the order of its channel. `None`
/// for what is no time stamp.
pub(crate) fn ordinal(ts: &str) -> Option<u64> {
    let (seconds, fraction) = ts.split_once('.').unwrap_or((ts, ""));
    if seconds.is_empty() || fraction.len() > 6 {
        return None;
    }
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(seconds) || !digits(fraction) {
        return None;
    }
    let seconds: u64 = seconds.parse().ok()?;
    let micros: u64 = format!("{fraction:0<6}").parse().ok()?;
    seconds.checked_mul(1_000_000)?.checked_add(micros)
}

/// The time stamp of an ordinal.
pub(crate) fn from_ordinal(ordinal: u64) -> String {
    format!("{}.{:06}", ordinal / 1_000_000, ordinal % 1_000_000)
}

/// The time that a time stamp names.
pub(crate) fn time(ts: &str) -> Option<Timestamp> {
    Timestamp::from_microsecond(i64::try_from(ordinal(ts)?).ok()?).ok()
}

/// The ordinal of a time; 0 before 1970.
pub(crate) fn at(time: Timestamp) -> u64 {
    u64::try_from(time.as_microsecond()).unwrap_or(0)
}

/// The channel with this id, where it is one (`C…`, `G…`, `D…`).
pub(crate) fn channel(id: &str) -> Option<Place> {
    if id.contains('/') {
        return None;
    }
    format!("{}:{id}", Network::Slack).parse().ok()
}

/// A Slack place's channel and, where it is a thread's, the time stamp that began it.
pub(crate) fn parts(place: &Place) -> (&str, Option<&str>) {
    match place.id().split_once('/') {
        Some((channel, thread)) => (channel, Some(thread)),
        None => (place.id(), None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_stamp_is_a_number_and_a_time() {
        assert_eq!(ordinal("1712345678.000100"), Some(1_712_345_678_000_100));
        assert_eq!(from_ordinal(1_712_345_678_000_100), "1712345678.000100");
        let time = time("1712345678.000100").expect("time");
        assert_eq!(time.to_string(), "2024-04-05T19:34:38.0001Z");
        assert_eq!(at(time), 1_712_345_678_000_100);
    }

    #[test]
    fn what_is_no_time_stamp_has_no_number() {
        for text in ["", ".", ".1", "now", "1.0000001", "1.-1", "99999999999999999999.000000"] {
            assert_eq!(ordinal(text), None, "{text}");
        }
    }

    #[test]
    fn only_channels_are_places() {
        assert!(channel("C0123ABC").is_some());
        for id in ["", "U0123ABC", "T0123ABC", "general", "C0123/1.1"] {
            assert!(channel(id).is_none(), "{id}");
        }
        let thread: Place = "slack:C0123ABC/1712345678.000100".parse().expect("place");
        assert_eq!(parts(&thread), ("C0123ABC", Some("1712345678.000100")));
    }

    proptest! {
        #[test]
        fn numbers_and_time_stamps_are_each_other(n in 0u64..4_000_000_000_000_000) {
            prop_assert_eq!(ordinal(&from_ordinal(n)), Some(n));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,30}") {
            let _ = (ordinal(&text), time(&text), channel(&text));
        }
    }
}
