//! Whether what a member says is passed on: muted members, blocked words and files, quiet hours, and
//! how much one member may say in a minute. Pure.

use std::collections::VecDeque;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// What is stopped, whoever says it.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Words and phrases, as [`phrase`] gives them.
    pub words: Vec<Vec<String>>,
    /// Media types: `application/zip`, or `video/*` for all of a kind. In small letters.
    pub files: Vec<String>,
    /// When members do not hear one another.
    pub quiet: Option<Hours>,
    /// How many messages a member may send within a minute.
    pub per_minute: Option<u32>,
}

/// A time of day, every day.
#[derive(Clone, Debug)]
pub struct Hours {
    /// When it begins.
    pub from: Time,
    /// When it ends; the day after, where that is no later.
    pub to: Time,
    /// Where it is that time.
    pub zone: TimeZone,
}

/// From when to when a member is muted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mute {
    /// What was said before is passed on.
    pub since: Timestamp,
    /// `None`: until somebody takes it back.
    pub until: Option<Timestamp>,
}

/// What is said.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// The words.
    pub text: &'a str,
    /// The media types of its files, as their network states them.
    pub files: &'a [&'a str],
    /// When the platform says that it was said.
    pub at: Timestamp,
}

/// Why something is not passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Whoever says it is muted, until then.
    Muted(Option<Timestamp>),
    /// A word in it is blocked.
    Word,
    /// A file of this type is blocked.
    File(String),
    /// It is a quiet hour; they end then.
    Quiet(Timestamp),
    /// It is more than so many within a minute.
    TooMany(u32),
}

impl Stopped {
    /// The word in metrics.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Muted(_) => "muted",
            Self::Word => "word",
            Self::File(_) => "file",
            Self::Quiet(_) => "quiet",
            Self::TooMany(_) => "too_many",
        }
    }
}

impl Rules {
    /// Whether something is stopped wherever it is met: because of who says it, or of what is in it.
    #[must_use]
    pub fn anywhere(&self, said: &Said<'_>, mute: Option<Mute>) -> Option<Stopped> {
        if let Some(mute) = mute.filter(|mute| mute.covers(said.at)) {
            return Some(Stopped::Muted(mute.until));
        }
        let blocked = said.files.iter().find(|file| self.blocks(file));
        if let Some(file) = blocked {
            return Some(Stopped::File((*file).to_owned()));
        }
        if self.words.is_empty() {
            return None;
        }
        let text = phrase(said.text);
        let stands_in = |words: &Vec<String>| text.windows(words.len()).any(|part| part == words);
        self.words.iter().any(stands_in).then_some(Stopped::Word)
    }

    /// Whether the other members are not to hear anything now.
    #[must_use]
    pub fn quiet(&self, at: Timestamp) -> Option<Stopped> {
        self.quiet.as_ref()?.end(at).map(Stopped::Quiet)
    }

    fn blocks(&self, media_type: &str) -> bool {
        let bare = media_type.split(';').next().unwrap_or_default().trim().to_lowercase();
        self.files.iter().any(|blocked| match blocked.strip_suffix('*') {
            Some(kind) => bare.starts_with(kind),
            None => bare == *blocked,
        })
    }
}

impl Mute {
    /// Whether it holds at a time.
    #[must_use]
    pub fn covers(&self, at: Timestamp) -> bool {
        self.since <= at && self.until.is_none_or(|until| at < until)
    }
}

impl Hours {
    /// When they end, if it is one of them.
    fn end(&self, at: Timestamp) -> Option<Timestamp> {
        let now = at.to_zoned(self.zone.clone());
        let (time, today) = (now.time(), now.date());
        let over_night = self.to <= self.from;
        let day = match (time >= self.from, time < self.to) {
            (true, true) if !over_night => today,
            (_, true) if over_night => today,
            (true, _) if over_night => today.checked_add(1.day()).ok()?,
            _ => return None,
        };
        Some(day.to_datetime(self.to).to_zoned(self.zone.clone()).ok()?.timestamp())
    }
}

/// What somebody said within the last minute.
#[derive(Clone, Debug, Default)]
pub struct Minute(VecDeque<Timestamp>);

impl Minute {
    /// Counts one more, unless it is too many.
    pub fn take(&mut self, at: Timestamp, most: u32) -> Option<Stopped> {
        // A clock that was set back begins anew.
        self.0.retain(|one| {
            let ago = at.duration_since(*one);
            !ago.is_negative() && ago < SignedDuration::from_mins(1)
        });
        if self.0.len() >= most as usize {
            return Some(Stopped::TooMany(most));
        }
        self.0.push_back(at);
        None
    }
}

/// The words of a text, in small letters, without what stands between them.
#[must_use]
pub fn phrase(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil;
    use proptest::prelude::*;

    use super::*;

    fn said(text: &str) -> Said<'_> {
        Said { text, files: &[], at: Timestamp::UNIX_EPOCH }
    }

    fn words(blocked: &[&str]) -> Rules {
        Rules { words: blocked.iter().map(|word| phrase(word)).collect(), ..Rules::default() }
    }

    #[test]
    fn a_blocked_word_is_found_as_a_word_and_a_phrase_as_a_phrase() {
        let rules = words(&["Spam", "buy now"]);
        for text in ["spam", "no SPAM!", "¡Spam?", "so: buy, now", "BUY\nNOW"] {
            assert_eq!(rules.anywhere(&said(text), None), Some(Stopped::Word), "{text}");
        }
        for text in ["spammer", "buy it now", "now buy", "", "!?"] {
            assert_eq!(rules.anywhere(&said(text), None), None, "{text}");
        }
    }

    #[test]
    fn files_are_stopped_by_type_or_by_kind() {
        let files = vec!["application/zip".to_owned(), "video/*".to_owned()];
        let rules = Rules { files, ..Rules::default() };
        let stopped = |file: &str| {
            let said = Said { files: &["image/png", file], ..said("") };
            rules.anywhere(&said, None).is_some()
        };
        assert!(stopped("Application/ZIP") && stopped("video/mp4; codecs=x"));
        assert!(!stopped("application/zipx") && !stopped("image/jpeg") && !stopped("videos/mp4"));
    }

    fn at(hour: i8, minute: i8, zone: &TimeZone) -> Timestamp {
        let there = civil::date(2026, 11, 21).at(hour, minute, 0, 0);
        there.to_zoned(zone.clone()).unwrap().timestamp()
    }

    #[test]
    fn quiet_hours_go_over_midnight_and_end_at_their_zones_time() {
        let zone = TimeZone::get("America/Lima").unwrap();
        let hours = |from: i8, to: i8| Rules {
            quiet: Some(Hours {
                from: civil::time(from, 0, 0, 0),
                to: civil::time(to, 0, 0, 0),
                zone: zone.clone(),
            }),
            ..Rules::default()
        };
        let night = hours(22, 7);
        let morning = Some(Stopped::Quiet(at(7, 0, &zone)));
        assert_eq!(night.quiet(at(6, 59, &zone)), morning);
        assert_eq!(night.quiet(at(7, 0, &zone)), None);
        assert_eq!(night.quiet(at(21, 59, &zone)), None);
        let next = at(7, 0, &zone) + SignedDuration::from_hours(24);
        assert_eq!(night.quiet(at(22, 0, &zone)), Some(Stopped::Quiet(next)));
        let noon = hours(12, 14);
        assert_eq!(noon.quiet(at(13, 59, &zone)), Some(Stopped::Quiet(at(14, 0, &zone))));
        assert_eq!(noon.quiet(at(14, 0, &zone)), None);
        assert_eq!(noon.quiet(at(11, 59, &zone)), None);
    }

    #[test]
    fn a_mute_stops_what_is_said_while_it_lasts() {
        let second = |second| Timestamp::from_second(second).unwrap();
        let mute = Mute { since: second(10), until: Some(second(20)) };
        let rules = Rules::default();
        let stopped = |at, mute| rules.anywhere(&Said { at: second(at), ..said("hi") }, Some(mute));
        assert_eq!(stopped(9, mute), None, "said before");
        assert_eq!(stopped(10, mute), Some(Stopped::Muted(mute.until)));
        assert_eq!(stopped(20, mute), None);
        assert_eq!(stopped(99, Mute { until: None, ..mute }), Some(Stopped::Muted(None)));
    }

    proptest! {
        #[test]
        fn a_blocked_word_is_found_wherever_it_stands_and_nothing_else_is(
            before in "[a-m ,.!]{0,30}", after in "[a-m ,.!]{0,30}", word in "[n-z]{1,8}", upper: bool,
        ) {
            let rules = words(&[&word]);
            let shown = if upper { word.to_uppercase() } else { word.clone() };
            let with = format!("{before} {shown} {after}");
            prop_assert_eq!(rules.anywhere(&said(&with), None), Some(Stopped::Word));
            let inside = format!("{before} a{shown} {after}");
            prop_assert_eq!(rules.anywhere(&said(&inside), None), None);
        }

        #[test]
        fn whatever_is_said_and_blocked_nothing_panics(
            text in any::<String>(), blocked in any::<String>(), file in any::<String>(),
        ) {
            let mut rules = words(&[]);
            rules.words.extend(Some(phrase(&blocked)).filter(|words| !words.is_empty()));
            rules.files.push(blocked.to_lowercase());
            let stopped = rules.anywhere(&Said { files: &[&file], ..said(&text) }, None);
            prop_assert!(matches!(stopped, None | Some(Stopped::Word | Stopped::File(_))));
        }

        /// No minute holds more than it may, and nothing is stopped in one that does not hold so many.
        #[test]
        fn a_minute_holds_so_many_and_no_fewer(
            steps in prop::collection::vec(0i64..20_000, 1..200), most in 1u32..10,
        ) {
            let (mut minute, mut now, mut taken) = (Minute::default(), 0i64, Vec::new());
            for step in steps {
                now += step;
                let within = taken.iter().filter(|one: &&i64| now - **one < 60_000).count();
                let stopped = minute.take(Timestamp::from_millisecond(now).unwrap(), most);
                prop_assert_eq!(stopped.is_some(), within >= most as usize);
                if stopped.is_none() {
                    taken.push(now);
                }
            }
        }

        #[test]
        fn quiet_hours_end_after_now_and_within_a_day(
            from in 0i8..24, to in 0i8..24, hour in 0i8..24, minute in 0i8..60,
        ) {
            let zone = TimeZone::UTC;
            let hours = Hours {
                from: civil::time(from, 0, 0, 0), to: civil::time(to, 0, 0, 0), zone: zone.clone(),
            };
            let now = at(hour, minute, &zone);
            let inside = if from < to { from <= hour && hour < to } else { hour >= from || hour < to };
            match hours.end(now) {
                Some(end) => {
                    prop_assert!(inside && end > now);
                    prop_assert!(end.duration_since(now) <= SignedDuration::from_hours(24));
                }
                None => prop_assert!(!inside),
            }
        }
    }
}
