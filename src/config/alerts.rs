//! `[alerts]`: what the bridge watches itself for, and who is told.

use std::time::Duration;

use partyline_core::{Network, Place};

use super::section::{Noted, Section};

/// `[alerts]`.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// The administrators' rooms. None: alerts are in the log, the metrics and `/ready` only.
    pub rooms: Vec<Place>,
    /// How often each network is asked whether it works, and the daemon's own public address is
    /// called.
    pub canary_interval: Duration,
    /// How long a network or the ledger may be out of order before it is told.
    pub grace: Duration,
    /// How long something must be fine again before that is told.
    pub calm: Duration,
    /// How long a message may wait.
    pub queue_age: Duration,
    /// How much room the store's disk must have, in MiB.
    pub disk_free_mib: u64,
    /// How far this machine's clock may be off.
    pub clock_off: Duration,
}

impl Alerts {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let rooms = section.list(
            "rooms",
            "Write rooms as slack:C0123ABC (channel details, at the bottom) or matrix:!abc:example.org",
            |text| match text.parse::<Place>() {
                Ok(place) if !place.is_room() => {
                    Err("this is no room: members on phones are not told".to_owned())
                }
                Ok(place) => Ok(place),
                Err(error) => Err(error.to_string()),
            },
        );
        let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
        let day = 24 * hour;
        let canary_interval = section.span("canary_interval", "1 minute", second..=hour);
        let grace = section.span("grace", "30s", Duration::from_millis(1)..=hour);
        let calm = section.span("calm", "2 minutes", Duration::from_millis(1)..=hour);
        let queue_age = section.span("queue_age", "10 minutes", second..=30 * day);
        let clock_off = section.span("clock_off", "30s", second..=hour);
        let disk_free_mib = section.number("disk_free_mib", 1024, 1..=1_000_000_000);
        Ok(Self {
            rooms: rooms?,
            canary_interval: canary_interval?,
            grace: grace?,
            calm: calm?,
            queue_age: queue_age?,
            disk_free_mib: disk_free_mib?,
            clock_off: clock_off?,
        })
    }

    /// Notes the rooms that are on a network which is off.
    pub(super) fn check(&self, is_on: impl Fn(Network) -> bool, section: &mut Section<'_>) {
        for room in self.rooms.iter().filter(|room| !is_on(room.network())) {
            let network = room.network();
            section.fault(
                "rooms",
                format!("{room} is on {network}, which is off"),
                format!("Fill in the section [{network}], or take the room out"),
            );
        }
    }
}
