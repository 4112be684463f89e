//! `[relay]`: how messages are passed on.

use std::time::Duration;

use jiff::tz::TimeZone;
use partyline_core::Lateness;

use super::section::{Noted, Section};
use crate::ledger::Limit;

/// `[relay]`.
#[derive(Clone, Debug)]
pub struct Relay {
    /// How a message stands on a phone, where nothing else shows who speaks: a pattern with
    /// `{name}` and, after it, `{text}`, once each.
    pub attribution: String,
    /// How long to wait for a message that is missing in a conversation's order before it is
    /// fetched.
    pub gap_wait: Duration,
    /// How long the bodies of settled messages are kept.
    pub retention: Duration,
    /// How long the keys and ids of settled messages are kept, and WhatsApp names.
    pub remember: Duration,
    /// How long a message is tried to be delivered before it is parked and its sender is told.
    pub give_up_after: Duration,
    /// From when on a message shows when it was said, and in which zone.
    pub lateness: Lateness,
    /// What was missed and is older is not relayed.
    pub catch_up_age: Duration,
    /// So many of the newest messages of a place that were missed are relayed.
    pub catch_up_messages: usize,
    /// Whether a message shows how far it came on the members' phones.
    pub ticks: bool,
}

/// The longest pattern, in characters: it takes its share of the 1600 that Twilio allows.
const ATTRIBUTION_LIMIT: usize = 100;

impl Relay {
    /// How much of what was missed is relayed. What is not late is in any case.
    #[must_use]
    pub fn catch_up(&self) -> Limit {
        Limit {
            age: self.catch_up_age,
            messages: self.catch_up_messages,
            fresh: self.lateness.after,
        }
    }

    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let attribution = section.or(
            "attribution",
            "*{name}*: {text}",
            "Write a pattern with {name} and {text} in it: \"*{name}*: {text}\"",
            attribution,
        );
        let gap_wait =
            section.span("gap_wait", "1s", Duration::from_millis(10)..=Duration::from_secs(60));
        let retention = section.span(
            "retention",
            "30 days",
            Duration::from_secs(60)..=Duration::from_secs(10 * 366 * 86_400),
        );
        let remember = section.span(
            "remember",
            "366 days",
            Duration::from_secs(30 * 86_400)..=Duration::from_secs(100 * 366 * 86_400),
        );
        let give_up_after = section.span(
            "give_up_after",
            "3 days",
            Duration::from_secs(1)..=Duration::from_secs(366 * 86_400),
        );
        let late_after = section.span(
            "late_after",
            "5 minutes",
            Duration::from_secs(1)..=Duration::from_secs(366 * 86_400),
        );
        let zone =
            section.or("time_zone", "UTC", "Write a zone such as UTC or Europe/Berlin", time_zone);
        let catch_up_age = section.span(
            "catch_up_age",
            "1 day",
            Duration::from_secs(1)..=Duration::from_secs(10 * 366 * 86_400),
        );
        let catch_up_messages = section.number("catch_up_messages", 500, 0..=1_000_000);
        let ticks = section.choice("ticks", &[("shown", true), ("off", false)]);
        Ok(Self {
            ticks: ticks?,
            attribution: attribution?,
            gap_wait: gap_wait?,
            retention: retention?,
            remember: remember?,
            give_up_after: give_up_after?,
            lateness: Lateness { after: late_after?, zone: zone? },
            catch_up_age: catch_up_age?,
            catch_up_messages: catch_up_messages?,
        })
    }
}

fn time_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| "this machine knows no such zone".to_owned())
}

fn attribution(text: &str) -> Result<String, String> {
    for word in ["{name}", "{text}"] {
        match text.matches(word).count() {
            1 => {}
            0 => return Err(format!("there is no {word} in it")),
            _ => return Err(format!("there is more than one {word} in it")),
        }
    }
    if text.find("{name}") > text.find("{text}") {
        return Err("{text} stands before {name}".to_owned());
    }
    if text.matches(['{', '}']).count() > 4 {
        return Err("there are braces of no meaning in it".to_owned());
    }
    if text.chars().count() > ATTRIBUTION_LIMIT {
        return Err(format!("it is longer than {ATTRIBUTION_LIMIT} characters"));
    }
    Ok(text.to_owned())
}
