//! When something is to be done, as people write it: `in 1 hour`, `tomorrow 9:00`,
//! `2027-01-05 14:30 Europe/Berlin`, or cron. Pure.

mod words;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};
use serde::{Deserialize, Serialize};

use words::{cron, in_a_while, moment};

/// The farthest that something can be put off, in years.
const FARTHEST: i64 = 5;

/// What was missed by more than this is not done any more.
pub const MISSED: SignedDuration = SignedDuration::from_hours(24);

/// When something is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Once, at this time; in the zone in which it was written.
    Once(Timestamp, String),
    /// Again and again: five fields of cron and a zone.
    Cron(String),
}

impl When {
    /// Reads what somebody wrote at `now`, in `zone` where it names none. `Err` is a sentence.
    ///
    /// # Errors
    /// It is not understood, is over, or is too far away.
    pub fn read(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Self, String> {
        let text = text.trim().to_lowercase();
        let words: Vec<&str> = text.split_whitespace().collect();
        let is_cron =
            |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit() || b"*/,-".contains(&byte));
        if words.len() >= 5 && words.iter().take(2).all(is_cron) {
            return cron(&words, now, zone);
        }
        let (at, zone) = match words.split_first() {
            Some((&"in", span)) => (in_a_while(&span.join(" "), now, zone)?, zone.clone()),
            _ => moment(&words, now, zone)?,
        };
        if at <= now {
            return Err(format!("That is over: it is {} now.", in_words(now, &zone)));
        }
        if now
            .to_zoned(zone.clone())
            .checked_add(FARTHEST.years())
            .is_ok_and(|far| at > far.timestamp())
        {
            return Err(format!("That is more than {FARTHEST} years away."));
        }
        Ok(Self::Once(at, name(&zone)))
    }

    /// The first time after this one; `None` when there is none any more.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Once(at, _) => Some(*at).filter(|at| *at > after),
            Self::Cron(text) => {
                let cron = cronexpr::parse_crontab(text).ok()?;
                let next = cron.find_next(after).ok()?;
                // At an hour that was named, once a day: where the clocks go back, the first time.
                let named = text.split(' ').nth(1).is_some_and(|hour| !hour.contains('*'));
                let next = match named && is_second(&next) {
                    true => cron.find_next(next.timestamp()).ok()?,
                    false => next,
                };
                Some(next.timestamp())
            }
        }
    }

    /// Which of the times from `due` to `now` is to be done: the newest is what is left of those that
    /// were missed, once, however many there were.
    #[must_use]
    pub fn newest(&self, due: Timestamp, now: Timestamp) -> Timestamp {
        let from = due.max(now.saturating_sub(MISSED).unwrap_or(due));
        let mut newest = due;
        let mut at = if from == due { Some(due) } else { self.next(from) };
        while let Some(next) = at.filter(|next| *next <= now) {
            newest = next;
            at = self.next(next);
        }
        newest
    }

    /// As people read it.
    #[must_use]
    pub fn in_words(&self, due: Timestamp) -> String {
        match self {
            Self::Once(_, zone) => in_words(due, &TimeZone::get(zone).unwrap_or(TimeZone::UTC)),
            Self::Cron(text) => {
                let zone = text.rsplit(' ').next().and_then(|zone| TimeZone::get(zone).ok());
                let next = in_words(due, &zone.unwrap_or(TimeZone::UTC));
                format!("\"{text}\", next on {next}")
            }
        }
    }
}

/// `Tuesday, 5 January 2027, 14:30 Europe/Berlin`
fn in_words(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone());
    format!("{} {}", local.strftime("%A, %-d %B %Y, %H:%M"), name(zone))
}

/// Whether the clocks have shown this time before: they went back.
fn is_second(at: &Zoned) -> bool {
    let first = at.time_zone().to_ambiguous_zoned(at.datetime()).earlier();
    first.is_ok_and(|first| first < *at)
}

fn name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A Wednesday, ten in the morning in Berlin.
    const NOW: &str = "2026-11-18T09:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").expect("a zone")
    }

    fn read(text: &str) -> Result<When, String> {
        When::read(text, at(NOW), &berlin())
    }

    #[test]
    fn what_people_write_is_understood() {
        for (text, expected) in [
            ("in 1 hour", "2026-11-18T10:00:00Z"),
            ("in an hour", "2026-11-18T10:00:00Z"),
            ("In 2 days 3 hours", "2026-11-20T12:00:00Z"),
            ("in 90m", "2026-11-18T10:30:00Z"),
            ("tomorrow 9:00", "2026-11-19T08:00:00Z"),
            ("tomorrow at 9 am", "2026-11-19T08:00:00Z"),
            ("today 23:59 UTC", "2026-11-18T23:59:00Z"),
            ("9:00", "2026-11-19T08:00:00Z"),
            ("11:00", "2026-11-18T10:00:00Z"),
            ("next monday 12pm", "2026-11-23T11:00:00Z"),
            ("Wed 9:30", "2026-11-25T08:30:00Z"),
            ("wednesday 10:30", "2026-11-18T09:30:00Z"),
            ("2027-01-05 14:30 Europe/Berlin", "2027-01-05T13:30:00Z"),
            ("2027-07-05 14:30 america/new_york", "2027-07-05T18:30:00Z"),
            // The clocks go forward in between: a day is a day, and what is skipped is an hour later.
            ("2027-03-28 2:30", "2027-03-28T01:30:00Z"),
        ] {
            let when = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(
                matches!(when, When::Once(found, _) if found == at(expected)),
                "{text}: {when:?}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_a_sentence_with_examples() {
        for (text, expected) in [
            ("", "no time that I understand"),
            ("soon", "no time that I understand"),
            ("in 1 fortnightish", "tomorrow 9:00"),
            ("tomorrow", "no time that I understand"),
            ("tomorrow 25:00", "no time that I understand"),
            ("tomorrow 13pm", "no time that I understand"),
            ("2027-02-30 9:00", "no time that I understand"),
            ("tomorrow 9:00 Mars/Base", "\"mars/base\" is no time zone"),
            ("today 9:00", "That is over: it is Wednesday, 18 November 2026, 10:00 Europe/Berlin"),
            ("in -1 hour", "That is over"),
            ("2036-01-01 9:00", "more than 5 years away"),
            ("* * * *", "no time that I understand"),
            ("61 9 * * *", "no cron that I understand"),
            ("0 9 30 2 *", "That never comes"),
            ("0 9 * * 1-5 Mars/Base", "is no time zone"),
        ] {
            let sentence = read(text).expect_err(text);
            assert!(sentence.contains(expected), "{text}: {sentence}");
        }
    }

    #[test]
    fn cron_comes_again_in_its_zone() {
        let when = read("0 9 * * MON-FRI America/New_York").expect("cron");
        assert_eq!(when, When::Cron("0 9 * * MON-FRI America/New_York".into()));
        let first = when.next(at(NOW)).expect("a time");
        assert_eq!(first, at("2026-11-18T14:00:00Z"));
        assert_eq!(when.next(first), Some(at("2026-11-19T14:00:00Z")));
        assert!(when.in_words(first).contains("next on Wednesday, 18 November 2026, 09:00"));
        assert_eq!(read("*/5 * * * *"), Ok(When::Cron("*/5 * * * * Europe/Berlin".into())));
    }

    /// In Berlin the clocks go forward on 28 March 2027 at two, and back on 31 October at three.
    #[test]
    fn cron_keeps_its_hour_over_a_change_of_the_clocks() {
        let daily = read("0 9 * * *").expect("cron");
        for (after, next) in [
            ("2027-03-27T08:00:00Z", "2027-03-28T07:00:00Z"),
            ("2027-03-28T07:00:00Z", "2027-03-29T07:00:00Z"),
            ("2027-10-30T07:00:00Z", "2027-10-31T08:00:00Z"),
            ("2027-10-31T08:00:00Z", "2027-11-01T08:00:00Z"),
        ] {
            assert_eq!(daily.next(at(after)), Some(at(next)), "{after}");
        }
        let times = |cron: &str, from: &str, to: &str| {
            let cron = read(cron).expect("cron");
            let (mut now, mut times) = (at(from), Vec::new());
            while let Some(next) = cron.next(now).filter(|next| *next < at(to)) {
                times.push(next.to_string());
                now = next;
            }
            times
        };
        // What the clocks show twice is given once; every half hour goes on.
        let back = ("2027-10-30T22:00:00Z", "2027-10-31T03:00:00Z");
        assert_eq!(times("30 2 * * *", back.0, back.1), ["2027-10-31T00:30:00Z"]);
        assert_eq!(times("30 * * * *", back.0, back.1).len(), 5);
        // What they do not show at all is not given that day.
        let forward = ("2027-03-27T22:00:00Z", "2027-03-28T22:00:00Z");
        assert_eq!(times("30 2 * * *", forward.0, forward.1), [""; 0]);
    }

    /// Whatever was missed, one time is left of it: the newest.
    #[test]
    fn of_what_was_missed_the_newest_is_left() {
        let hourly = read("0 * * * *").expect("cron");
        let due = at("2026-11-18T10:00:00Z");
        assert_eq!(hourly.newest(due, at("2026-11-18T10:00:01Z")), due);
        assert_eq!(hourly.newest(due, at("2026-11-18T13:30:00Z")), at("2026-11-18T13:00:00Z"));
        assert_eq!(hourly.newest(due, at("2026-12-18T13:30:00Z")), at("2026-12-18T13:00:00Z"));
        let yearly = read("0 9 1 1 * UTC").expect("cron");
        let due = at("2027-01-01T09:00:00Z");
        assert_eq!(yearly.newest(due, at("2027-03-01T09:00:00Z")), due);
        let once = read("in 1 hour").expect("once");
        assert_eq!(
            once.newest(at("2026-11-18T10:00:00Z"), at("2027-01-01T00:00:00Z")),
            at("2026-11-18T10:00:00Z")
        );
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_panics(text in "\\PC{0,60}", cron in "[0-9*/,\\-#LW ]{5,30}") {
            let _ = read(&text);
            let _ = read(&cron);
            let _ = read(&format!("in {text}"));
        }

        #[test]
        fn what_is_understood_lies_ahead(hours in 1i64..40_000) {
            let when = read(&format!("in {hours} hours")).expect("understood");
            prop_assert!(when.next(at(NOW)).is_some());
        }
    }
}
