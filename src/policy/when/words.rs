//! Times as people write them, and cron: read, or a sentence with examples.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

use super::{When, name};

/// Examples that are understood, for whoever wrote something else.
const EXAMPLES: &str = "Write: in 1 hour, tomorrow 9:00, monday 9am, 2027-01-05 14:30 Europe/Berlin, or cron in quotes: \"0 9 * * 1-5\".";

pub(super) fn cron(words: &[&str], now: Timestamp, zone: &TimeZone) -> Result<When, String> {
    let fields = words[..5].join(" ");
    let zone = match words.get(5..) {
        Some([]) | None => zone.clone(),
        Some([one]) => TimeZone::get(one).map_err(|_| no_zone(one))?,
        Some(_) => return Err(not_understood(&words.join(" "))),
    };
    let text = format!("{} {}", fields.to_uppercase(), name(&zone));
    if !text.is_ascii() || cronexpr::parse_crontab(&text).is_err() {
        return Err(format!(
            "\"{fields}\" is no cron that I understand: it has five fields (minute, hour, day of the month, month, day of the week), as in \"0 9 * * 1-5\"."
        ));
    }
    let when = When::Cron(text);
    when.next(now)
        .ok_or_else(|| "That never comes, in the next four years at least.".to_owned())?;
    Ok(when)
}

/// `1 hour`, `2 days 3 hours`, `a week`.
pub(super) fn in_a_while(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let text = match text.split_once(' ') {
        Some(("a" | "an" | "one", rest)) => format!("1 {rest}"),
        _ => text.to_owned(),
    };
    let span: Span = text.parse().map_err(|_| not_understood(&format!("in {text}")))?;
    let then = now.to_zoned(zone.clone()).checked_add(span);
    then.map(|then| then.timestamp()).map_err(|_| not_understood(&format!("in {text}")))
}

/// `[DAY] TIME [ZONE]`.
pub(super) fn moment(
    words: &[&str],
    now: Timestamp,
    zone: &TimeZone,
) -> Result<(Timestamp, TimeZone), String> {
    let unclear = || not_understood(&words.join(" "));
    let mut words: Vec<&str> =
        words.iter().copied().filter(|word| !matches!(*word, "on" | "at" | "next")).collect();
    let zone = match words.last().map(|last| (last, TimeZone::get(last))) {
        Some((_, Ok(zone))) => {
            words.pop();
            zone
        }
        Some((last, Err(_))) if last.contains('/') => return Err(no_zone(last)),
        _ => zone.clone(),
    };
    let local = now.to_zoned(zone.clone());
    // `9 am` is `9am`.
    if let [.., _, "am" | "pm"] = words.as_slice() {
        let half = words.pop().unwrap_or_default();
        let hour = words.pop().unwrap_or_default();
        return moment_of(&words, &format!("{hour}{half}"), &local, &zone).ok_or_else(unclear);
    }
    let time = words.pop().ok_or_else(unclear)?;
    moment_of(&words, time, &local, &zone).ok_or_else(unclear)
}

fn moment_of(
    day: &[&str],
    time: &str,
    local: &Zoned,
    zone: &TimeZone,
) -> Option<(Timestamp, TimeZone)> {
    let time = clock(time)?;
    let on = |date: Date| date.to_datetime(time).to_zoned(zone.clone()).ok();
    let at = match day {
        // The next time that the clock shows it.
        [] => match on(local.date())? {
            today if today > *local => today,
            _ => on(local.date().tomorrow().ok()?)?,
        },
        ["today"] => on(local.date())?,
        ["tomorrow"] => on(local.date().tomorrow().ok()?)?,
        [day] => match weekday(day) {
            Some(weekday) => match on(local.date())? {
                today if local.weekday() == weekday && today > *local => today,
                _ => on(local.date().nth_weekday(1, weekday).ok()?)?,
            },
            None => on(day.parse().ok()?)?,
        },
        _ => return None,
    };
    Some((at.timestamp(), zone.clone()))
}

/// `14:30`, `9am`, `9:30pm`.
fn clock(text: &str) -> Option<Time> {
    let (digits, half) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(0)),
        (_, Some(digits)) => (digits, Some(12)),
        _ => (text, None),
    };
    let (hour, minute) = match digits.split_once(':') {
        Some((hour, minute)) if minute.len() == 2 => (hour, minute.parse().ok()?),
        Some(_) => return None,
        // A bare number is no time of day: `2027`.
        None if half.is_some() => (digits, 0),
        None => return None,
    };
    let hour: i8 = hour.parse().ok()?;
    let hour = match half {
        None => hour,
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
    };
    Time::new(hour, minute, 0, 0).ok()
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text.get(..3)? {
        start
            if !("monday tuesday wednesday thursday friday saturday sunday")
                .split(' ')
                .any(|day| day == text || start == text && day.starts_with(start)) =>
        {
            return None;
        }
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        _ => Weekday::Sunday,
    })
}

fn no_zone(text: &str) -> String {
    let shown: String = text.chars().take(60).collect();
    format!("\"{shown}\" is no time zone that I know: write one such as UTC or Europe/Berlin.")
}

fn not_understood(text: &str) -> String {
    let shown: String = text.chars().take(60).collect();
    format!("\"{shown}\" is no time that I understand. {EXAMPLES}")
}
