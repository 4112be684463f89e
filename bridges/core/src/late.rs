//! When something was said, for messages that arrive late.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The most characters that [`Late::mark`] has, with the space behind it.
pub const LATE_LIMIT: usize = 48;

/// From when on a message is late, and in which zone its time is told.
#[derive(Clone, Debug)]
pub struct Lateness {
    /// A message is late when it is sent more than this after it was said.
    pub after: Duration,
    /// The zone of the times in texts.
    pub zone: TimeZone,
}

impl Lateness {
    /// The time to show with a message that was said `at` and is sent `now`; nothing where it is
    /// not late.
    #[must_use]
    pub fn of(&self, at: Timestamp, now: Timestamp) -> Option<Late> {
        let waited = Duration::try_from(now.duration_since(at)).ok()?;
        (waited > self.after).then(|| self.told(at, now))
    }

    /// The time to show with a message that stands in the wrong place of the order, however late
    /// it is.
    #[must_use]
    pub fn told(&self, at: Timestamp, now: Timestamp) -> Late {
        Late { at, words: self.words(at, now) }
    }

    /// A time as people write it: the hour, and the day where it is another one than that of
    /// `now`, and the year where that is another one.
    #[must_use]
    pub fn words(&self, at: Timestamp, now: Timestamp) -> String {
        let (at, now) = (at.to_zoned(self.zone.clone()), now.to_zoned(self.zone.clone()));
        let form = if at.date() == now.date() {
            "%H:%M %Z"
        } else if at.year() == now.year() {
            "%-d %b %H:%M %Z"
        } else {
            "%-d %b %Y %H:%M %Z"
        };
        at.strftime(form).to_string()
    }
}

impl Default for Lateness {
    /// Five minutes, UTC.
    fn default() -> Self {
        Self { after: Duration::from_secs(300), zone: TimeZone::UTC }
    }
}

/// When a late message was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// The time, for platforms that show times in the reader's own zone.
    pub at: Timestamp,
    /// The time in words, for those that do not: `18 Nov 14:05 UTC`.
    pub words: String,
}

impl Late {
    /// The words as they stand in front of a text: `[18 Nov 14:05 UTC] `.
    #[must_use]
    pub fn mark(&self) -> String {
        format!("[{}] ", self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(at: &str, now: &str, zone: TimeZone) -> Option<String> {
        let lateness = Lateness { zone, ..Lateness::default() };
        let late = lateness.of(at.parse().expect("a time"), now.parse().expect("a time"));
        late.map(|late| late.mark())
    }

    #[test]
    fn what_is_late_tells_the_hour_and_the_day_where_it_is_another() {
        let told = |at, now| mark(at, now, TimeZone::UTC);
        assert_eq!(told("2026-11-18T14:05:00Z", "2026-11-18T14:09:59Z"), None);
        assert_eq!(told("2026-11-18T14:05:00Z", "2026-11-18T13:00:00Z"), None);
        let expected = |text: &str| Some(text.to_owned());
        let same = told("2026-11-18T14:05:00Z", "2026-11-18T16:00:00Z");
        assert_eq!(same, expected("[14:05 UTC] "));
        let next = told("2026-11-08T14:05:00Z", "2026-11-19T01:00:00Z");
        assert_eq!(next, expected("[8 Nov 14:05 UTC] "));
        let year = told("2025-12-31T23:00:00Z", "2026-01-01T01:00:00Z");
        assert_eq!(year, expected("[31 Dec 2025 23:00 UTC] "));
    }

    #[test]
    fn the_day_is_that_of_the_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(9));
        let told = mark("2026-11-18T14:05:00Z", "2026-11-18T15:30:00Z", zone);
        assert_eq!(told.as_deref(), Some("[18 Nov 23:05 +09] "));
    }

    #[test]
    fn the_longest_mark_has_room() {
        let zone = TimeZone::posix("<ABCDEFGHIJKLMNOPQRSTUVWXYZ>9").expect("a zone");
        let told = mark("2025-12-30T14:05:00Z", "2026-11-18T15:30:00Z", zone).expect("late");
        assert!(told.chars().count() <= LATE_LIMIT, "{told}");
    }
}
