//! What waits for something before it, and how it is let go.

use partyline_core::Place;
use rusqlite::{OptionalExtension, params};

use super::cursors::{PlaceRow, move_cursor, to_i64};
use super::heads::News;
use super::intake::State;
use super::threads::Writing;
use super::{Accepted, Lane, Ledger, LedgerError, Sql};
use crate::crash::{Point, point};

/// A hold on a place: every new one has a number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold(i64);

impl Hold {
    /// Whether it is still the last one on its place.
    pub(super) const fn stands(self, row: &PlaceRow) -> bool {
        self.0 == row.holding
    }
}

impl Ledger {
    /// From now on, until it is released, what comes with an ordinal in these places is held: they
    /// are about to be read back, and what was missed goes first. A place that was never read is
    /// read from `begin` on.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn hold(&self, places: Vec<Place>, begin: u64) -> Result<(), LedgerError> {
        self.threads
            .write(move |writing| {
                for place in &places {
                    let row = PlaceRow::of(writing, place)?;
                    writing
                        .connection
                        .prepare_cached(
                            "UPDATE places SET holds = holds + 1, holding = holds + 1,
                                 ordinal = coalesce(ordinal, ?2)
                             WHERE id = ?1",
                        )?
                        .execute(params![row.id, to_i64(begin)])?;
                }
                point(Point::HoldWritten);
                Ok(())
            })
            .await
    }

    /// The hold on a place now, for [`Ledger::release_missed`] once it has been read back.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn hold_on(&self, place: &Place) -> Result<Hold, LedgerError> {
        let place = place.to_string();
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT holding FROM places WHERE place = ?1")?
                    .query_row([place], |row| row.get(0))
                    .optional()
                    .map(|hold| Hold(hold.unwrap_or_default()))
            })
            .await
    }

    /// The places in which something is held.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn places_held(&self) -> Result<Vec<Place>, LedgerError> {
        self.places_of(
            "SELECT place FROM places WHERE id IN (SELECT DISTINCT place FROM events WHERE state = 1)",
            (),
        )
        .await
    }

    /// Whether something is held in a place.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn holds(&self, place: &Place) -> Result<bool, LedgerError> {
        let place = place.to_string();
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT EXISTS (SELECT 1 FROM events WHERE state = 1
                         AND place = (SELECT id FROM places WHERE place = ?1))",
                    )?
                    .query_row([place], |row| row.get(0))
            })
            .await
    }
}

/// Lets go the held events that follow `cursor` without a hole.
pub(super) fn drain(
    writing: &Writing<'_>,
    place: i64,
    cursor: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let mut cursor = cursor;
    loop {
        let next: Option<(i64, i64, String)> = writing
            .connection
            .prepare_cached(
                "SELECT id, ordinal, kind FROM events
                 WHERE state = 1 AND place = ?1 AND ordinal <= ?2 + 1
                 ORDER BY ordinal, id LIMIT 1",
            )?
            .query_row(params![place, cursor], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((event, ordinal, kind)) = next else { return Ok(()) };
        release_event(writing, event, &kind, false, accepted)?;
        move_cursor(writing, place, Some(ordinal), None)?;
        cursor = cursor.max(ordinal);
    }
}

pub(super) fn release_all(
    writing: &Writing<'_>,
    row: &PlaceRow,
    accepted: &mut Accepted,
) -> Sql<()> {
    writing
        .connection
        .prepare_cached("UPDATE places SET holding = 0 WHERE id = ?1")?
        .execute([row.id])?;
    release_through(writing, row, i64::MAX, accepted)
}

/// Lets go every held event up to an ordinal; those without one come first.
pub(super) fn release_through(
    writing: &Writing<'_>,
    row: &PlaceRow,
    through: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    loop {
        let next: Option<(i64, Option<i64>, String)> = writing
            .connection
            .prepare_cached(
                "SELECT id, ordinal, kind FROM events
                 WHERE state = 1 AND place = ?1 AND coalesce(ordinal, 0) <= ?2
                 ORDER BY ordinal, id LIMIT 1",
            )?
            .query_row(params![row.id, through], |found| {
                Ok((found.get(0)?, found.get(1)?, found.get(2)?))
            })
            .optional()?;
        let Some((event, ordinal, kind)) = next else { return Ok(()) };
        if kind == "command" {
            accepted.command(&row.place);
        }
        // What has no ordinal has its order from the list.
        let overtaken = ordinal.is_some() && ordinal < row.ordinal;
        release_event(writing, event, &kind, overtaken, accepted)?;
        move_cursor(writing, row.id, ordinal, None)?;
    }
}

/// Lets go one event; `overtaken` says that something later of its place went before.
fn release_event(
    writing: &Writing<'_>,
    event: i64,
    kind: &str,
    overtaken: bool,
    accepted: &mut Accepted,
) -> Sql<()> {
    let state = if kind == "command" { State::Todo } else { State::Done };
    writing
        .connection
        .prepare_cached("UPDATE events SET state = ?2 WHERE id = ?1")?
        .execute(params![event, state as i64])?;
    let position = writing.next_position();
    writing
        .connection
        .prepare_cached("UPDATE deliveries SET position = ?2, overtaken = ?3 WHERE event = ?1")?
        .execute(params![event, position, overtaken])?;
    let mut lanes = writing
        .connection
        .prepare_cached("SELECT DISTINCT lane FROM deliveries WHERE event = ?1")?;
    let mut lanes = lanes.query([event])?;
    while let Some(row) = lanes.next()? {
        if let Some(lane) = Lane::parse(&row.get::<_, String>(0)?) {
            writing.tell(News::Changed(lane.clone()));
            accepted.wake(lane);
        }
    }
    Ok(())
}
