//! Slack's `ts`: a message's id in its channel, and its time.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

/// A `ts`, `1712345678.000100`: seconds of the epoch and six more digits that make it unique in
/// its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ts(u64);

/// The text is no `ts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a ts; one looks like 1712345678.000100")]
pub struct InvalidTs;

impl Ts {
    /// The lowest there can be.
    pub(super) const FIRST: Self = Self(0);
    /// The highest there can be.
    pub(super) const LAST: Self = Self(u64::MAX);

    /// The time as a `ts`; times before the epoch count as the epoch.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(u64::try_from(time.as_microsecond()).unwrap_or(0))
    }

    /// The next one.
    #[must_use]
    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The one before.
    #[must_use]
    pub(super) const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The whole seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000_000
    }
}

impl fmt::Display for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

impl FromStr for Ts {
    type Err = InvalidTs;

    /// Reads a `ts`; whole seconds and shorter fractions are taken too, as Slack takes them in
    /// `oldest` and `latest`.
    fn from_str(text: &str) -> Result<Self, InvalidTs> {
        let digits = |s: &str| s.len() <= 12 && s.bytes().all(|b| b.is_ascii_digit());
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        if seconds.is_empty() || !digits(seconds) || !digits(fraction) {
            return Err(InvalidTs);
        }
        let seconds: u64 = seconds.parse().map_err(|_| InvalidTs)?;
        let fraction = fraction.get(..6).unwrap_or(fraction);
        let micros: u64 = format!("{fraction:0<6}").parse().map_err(|_| InvalidTs)?;
        Ok(Self(seconds * 1_000_000 + micros))
    }
}

impl serde::Serialize for Ts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ts_is_read_as_it_is_written() {
        let ts: Ts = "1712345678.000100".parse().unwrap();
        assert_eq!(ts.to_string(), "1712345678.000100");
        assert_eq!("1712345678".parse::<Ts>().unwrap().to_string(), "1712345678.000000");
        assert_eq!("1712345678.5".parse::<Ts>().unwrap().to_string(), "1712345678.500000");
        for text in ["", ".5", "now", "-1", "17.x", "1712345678.é00100"] {
            assert_eq!(text.parse::<Ts>(), Err(InvalidTs), "{text}");
        }
    }
}
