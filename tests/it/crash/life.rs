//! How a life of the daemon ends, and what goes wrong meanwhile.

use std::time::Duration;

use partyline::crash::Point;
use partyline_slack::simulator as slack;
use partyline_twilio::simulator as twilio;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::support::{PATIENCE, World};

/// How long a life that was drawn lasts at most.
const LONGEST: Duration = Duration::from_secs(15);

/// How a life ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// SIGKILL, so long after the start.
    Kill(Duration),
    /// SIGTERM, so long after the start, and a good end.
    Stop(Duration),
    /// Where it reaches this point for the n-th time, counted from 1.
    At(Point, u32),
}

/// A kind of command.
#[derive(Clone, Copy, Debug)]
pub(super) enum Insists {
    /// `contact add`.
    Contacts,
    /// `group link`.
    Links,
}

/// A life of the daemon.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) end: End,
    /// How long it lasts at most if its fail point is not reached.
    pub(super) longest: Duration,
    /// Messages that are said before it starts.
    pub(super) missed: u32,
    /// The commands that are given all the time, and no others.
    pub(super) insists: Option<Insists>,
    /// Jumps of its clock: after so many looks at it, so many seconds off.
    clock: Vec<(u32, i64)>,
    twilio: Vec<(&'static str, f64)>,
    slack: Vec<(&'static str, &'static str, f64)>,
    seed: u64,
}

impl Life {
    /// A life in which nothing goes wrong before its end.
    pub(super) fn plain(end: End) -> Self {
        let (clock, twilio, slack) = (Vec::new(), Vec::new(), Vec::new());
        let longest = PATIENCE;
        Self { end, longest, missed: 2, insists: None, clock, twilio, slack, seed: 0 }
    }

    /// The same, in which such commands are given all the time.
    pub(super) fn insisting(mut self, on: Insists) -> Self {
        self.insists = Some(on);
        self
    }

    /// The same with one fault of Slack's.
    pub(super) fn with_slack_fault(mut self, name: &'static str, target: &'static str) -> Self {
        self.slack.push((name, target, 1.0));
        self
    }

    /// Any life.
    pub(super) fn drawn(rng: &mut StdRng) -> Self {
        let after = Duration::from_millis(rng.random_range(20..1500));
        let end = match rng.random_range(0..10) {
            0 => End::Stop(after),
            1..5 => End::Kill(after),
            _ => {
                let point = *Point::ALL.choose(rng).expect("a point");
                End::At(point, rng.random_range(1..12))
            }
        };
        let clock = if rng.random_bool(0.3) { jumps(rng) } else { Vec::new() };
        let twilio = draw(rng, &TWILIO_FAULTS);
        let slack = draw(rng, &SLACK_FAULTS)
            .into_iter()
            .map(|((name, target), chance)| (name, target, chance))
            .collect();
        let missed = rng.random_range(0..6);
        let (longest, seed) = (LONGEST, rng.random());
        Self { end, longest, missed, insists: None, clock, twilio, slack, seed }
    }

    /// What the environment arms for it.
    pub(super) fn armed(&self) -> String {
        let mut armed = Vec::new();
        if let End::At(point, count) = self.end {
            armed.push(format!("{}={}*off->return", point.name(), count.saturating_sub(1)));
        }
        if !self.clock.is_empty() {
            let mut steps: Vec<String> =
                self.clock.iter().map(|(looks, off)| format!("{looks}*return({off})")).collect();
            steps.push("return(0)".to_owned());
            armed.push(format!("clock={}", steps.join("->")));
        }
        armed.join(";")
    }

    /// Has the platforms fail as it says, and in no other way.
    pub(super) fn break_platforms(&self, world: &World) {
        world.twilio.clear_faults();
        world.slack.clear_faults();
        for (number, (name, chance)) in self.twilio.iter().enumerate() {
            let kind = twilio::FaultKind::named(name, fault_number(name)).expect("a fault's name");
            let seed = self.seed.wrapping_add(number as u64);
            world.twilio.fault(twilio::Fault::chance(kind, *chance, seed));
        }
        for (number, (name, target, probability)) in self.slack.iter().enumerate() {
            let delay = Duration::from_millis(300);
            let (name, error) = name.split_once(' ').unwrap_or((name, ""));
            let fault = slack::Fault::named(name, 1, delay, error).expect("a fault's name");
            let seed = self.seed.wrapping_add(number as u64);
            let dose = slack::Dose::Chance { probability: *probability, seed };
            world.slack.fault(fault, target, dose);
        }
    }
}

/// The number that goes with a fault of Twilio's: seconds, milliseconds, or nothing.
fn fault_number(name: &str) -> u64 {
    match name {
        "rate_limited" => 1,
        "delayed" => 300,
        _ => 0,
    }
}

/// A few of these, each with the probability with which it strikes.
fn draw<T: Copy>(rng: &mut StdRng, from: &[T]) -> Vec<(T, f64)> {
    let count = if rng.random_bool(0.3) { 0 } else { rng.random_range(1..4) };
    let drawn: Vec<T> = from.choose_multiple(rng, count).copied().collect();
    drawn.into_iter().map(|fault| (fault, rng.random_range(0.02..0.3))).collect()
}

/// Jumps of a clock, forth and back, by seconds to hours.
fn jumps(rng: &mut StdRng) -> Vec<(u32, i64)> {
    const OFF: [i64; 6] = [-7200, -600, -2, 2, 600, 7200];
    let count = rng.random_range(1..4);
    (0..count).map(|_| (rng.random_range(20..400), *OFF.choose(rng).expect("a number"))).collect()
}

/// All faults of the simulated Twilio.
const TWILIO_FAULTS: [&str; 14] = [
    "rate_limited",
    "rate_limited_bare",
    "error_500",
    "error_500_after",
    "hang",
    "hang_after",
    "reset_before",
    "reset_after",
    "truncated",
    "not_json",
    "lost",
    "doubled",
    "delayed",
    "out_of_order",
];

/// The faults of the simulated Slack, each where it can strike; the refusals that need no state.
/// Slack's events have no count in which a hole would show, so one that comes late or not at all
/// (`delayed`, `out_of_order`, `lost`), or goes first into a socket that nobody reads any more
/// (`socket_half_open`), is relayed as late as it comes or is found in the channel's history: of
/// those, and of no others, the order is excused.
const SLACK_FAULTS: [(&str, &str); 24] = [
    ("rate_limited", "*"),
    ("rate_limited_bare", "*"),
    ("error_500", "*"),
    ("error_500_after", "*"),
    ("hang", "*"),
    ("reset_before", "*"),
    ("reset_after", "*"),
    ("truncated", "*"),
    ("not_json", "*"),
    ("error_500_after", "chat.postMessage"),
    ("reset_after", "chat.postMessage"),
    ("truncated", "chat.postMessage"),
    ("reset_before", "response_url"),
    ("refused internal_error", "*"),
    ("refused fatal_error", "chat.postMessage"),
    ("refused service_unavailable", "*"),
    ("refused restricted_action", "chat.postMessage"),
    ("refused account_inactive", "*"),
    ("doubled", "*"),
    ("socket_drop", "*"),
    ("lost", "message"),
    ("delayed", "message"),
    ("out_of_order", "message"),
    ("socket_half_open", "message"),
];
