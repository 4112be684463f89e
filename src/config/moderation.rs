//! `[moderation]`: what members may not say to one another.

use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::section::{Noted, Section};
use crate::policy::{Hours, Rules, phrase};

/// The most messages within a minute that can be asked for.
const MOST: u32 = 1000;

/// Reads the section; hours are of this zone.
pub(super) fn read(section: &mut Section<'_>, zone: &TimeZone) -> Result<Rules, Noted> {
    let words = section.list(
        "blocked_words",
        "Write words in quotes, such as [\"spam\", \"buy now\"]",
        |text| match phrase(text) {
            words if words.is_empty() => Err("there is no word in it".to_owned()),
            words => Ok(words),
        },
    );
    let files = section.list(
        "blocked_files",
        "Write media types, such as [\"application/zip\", \"video/*\"]",
        media_type,
    );
    let quiet =
        section.optional("quiet_hours", "Write two times, such as \"22:00-07:00\"", |text| {
            hours(text, zone)
        });
    let per_minute = section.optional_number("messages_per_minute", 1..=MOST);
    Ok(Rules { words: words?, files: files?, quiet: quiet?, per_minute: per_minute? })
}

fn media_type(text: &str) -> Result<String, String> {
    let text = text.to_lowercase();
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic() && !b"/*;".contains(&b))
    };
    match text.split_once('/') {
        Some((kind, rest)) if is_part(kind) && (rest == "*" || is_part(rest)) => Ok(text),
        _ => Err(format!("\"{text}\" is no media type")),
    }
}

fn hours(text: &str, zone: &TimeZone) -> Result<Hours, String> {
    let time = |text: &str| {
        let time = Time::strptime("%H:%M", text.trim());
        time.map_err(|_| format!("\"{}\" is no time of day", text.trim()))
    };
    let (from, to) = text.split_once('-').ok_or("there is no - between two times")?;
    let (from, to) = (time(from)?, time(to)?);
    if from == to {
        return Err("they begin when they end".to_owned());
    }
    Ok(Hours { from, to, zone: zone.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_two_times_of_day() {
        let read = |text| hours(text, &TimeZone::UTC).map(|hours| (hours.from, hours.to));
        let time = |hour, minute| jiff::civil::time(hour, minute, 0, 0);
        assert_eq!(read("22:00-07:30"), Ok((time(22, 0), time(7, 30))));
        assert_eq!(read("9:05 - 17:00"), Ok((time(9, 5), time(17, 0))));
        for wrong in ["22:00", "22:00-25:00", "22-7", "07:00-07:00", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_media_type_is_whole_or_a_kind() {
        assert_eq!(media_type("Video/*"), Ok("video/*".to_owned()));
        assert_eq!(
            media_type("application/x-msdownload"),
            Ok("application/x-msdownload".to_owned())
        );
        for wrong in ["video", "video/", "/mp4", "*/*", "*", "a/b/c", "text/plain; x"] {
            assert!(media_type(wrong).is_err(), "{wrong}");
        }
    }
}
