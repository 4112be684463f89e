//! Gives commands at the times that were set for them.
//!
//! A command whose time has come goes the way of every other: into the ledger by the one door, under
//! the key of its schedule and time, so that it is given once however often the bridge is killed in
//! between. What was missed while the bridge was down is given once, late, however many times of it
//! were missed; what was missed by more than a day is told and not done (see `operations`).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use partyline_core::{CommandLine, Event, EventKey, Happening, Incoming, Intake};
use tokio_util::sync::CancellationToken;

use crate::commands::Desk;
use crate::crash::{Point, point};
use crate::ledger::Schedule;

/// What the keys of such commands begin with.
pub(crate) const KEY: &str = "schedule:";

/// How many are given in a round.
const ROUND: u32 = 100;

/// The longest sleep: the clock can be set meanwhile.
const LONGEST: Duration = Duration::from_secs(30);

/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// The schedule and the time that a command was set for, by the key of its event.
pub(crate) fn of(key: &EventKey) -> Option<(&str, Timestamp)> {
    let (id, due) = key.as_str().strip_prefix(KEY)?.split_once(':')?;
    Some((id, Timestamp::from_millisecond(due.parse().ok()?).ok()?))
}

/// Gives commands at their times until it is stopped.
pub async fn keep(desk: Arc<Desk>, intake: Arc<dyn Intake>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let wait = match round(&desk, intake.as_ref()).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!("what is scheduled could not be looked at; trying again: {error}");
                PAUSE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait.min(LONGEST)) => {}
            () = desk.scheduled.notified() => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Gives what is due, and says how long nothing else is.
async fn round(desk: &Desk, intake: &dyn Intake) -> Result<Duration, String> {
    let due = desk.ledger.due_schedules(ROUND).await.map_err(|error| error.to_string())?;
    let more = due.len() == ROUND as usize;
    for schedule in due {
        give(desk, intake, schedule).await?;
    }
    if more {
        return Ok(Duration::ZERO);
    }
    let next = desk.ledger.next_schedule().await.map_err(|error| error.to_string())?;
    let wait = next.map(|next| next.duration_since(desk.clock.now()));
    Ok(wait.map_or(LONGEST, |wait| wait.try_into().unwrap_or_default()))
}

async fn give(desk: &Desk, intake: &dyn Intake, schedule: Schedule) -> Result<(), String> {
    let now = desk.clock.now();
    let at = schedule.when.newest(schedule.due, now);
    let event = Event {
        key: EventKey::new(format!("{KEY}{}:{}", schedule.id, at.as_millisecond())),
        place: schedule.room.clone(),
        at: now,
        ordinal: None,
        happening: Happening::Command(CommandLine {
            line: schedule.line.clone(),
            given: None,
            by: schedule.by.clone(),
            name: schedule.name.clone(),
            answer: schedule.answer.clone(),
        }),
    };
    let (network, raw) = (schedule.room.network(), Bytes::new());
    let incoming = Incoming { network, via: "schedule", raw, events: vec![event] };
    intake.accept(incoming).await.map_err(|error| error.to_string())?;
    point(Point::ScheduleGiven);
    metrics::counter!("partyline_schedules_given_total").increment(1);
    let next = schedule.when.next(now.max(at));
    desk.ledger.schedule_given(&schedule, next).await.map_err(|error| error.to_string())
}
