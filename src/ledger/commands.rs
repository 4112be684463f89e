//! Commands that were given and are not done yet, and how they end.

use partyline_core::{Event, Happening, Place};
use rusqlite::{OptionalExtension, params};

use super::mark::Key;
use super::owed::insert_owed;
use super::threads::Writing;
use super::{Accepted, Answered, AuditEntry, Change, Ledger, LedgerError, Owed, Sql, from_json};
use super::{
    answers, audit, blocks, broadcasts, erase, groups, inbox, journal, links, mutes, parked, roles,
    schedules, suppressions, windows,
};
use crate::crash::{Point, point};

/// A command that was given and is not done.
#[derive(Clone, Debug)]
pub struct PendingCommand {
    /// Its event's number in the ledger.
    pub number: i64,
    /// The event.
    pub event: Event,
}

/// What the end of a command brings with it.
#[derive(Debug, Default)]
pub struct Ending {
    /// What is owed because of it, the answer first.
    pub owed: Vec<Owed>,
    /// What it changes.
    pub changes: Vec<Change>,
    /// The answer, where the operator gave the command.
    pub answered: Option<Answered>,
    /// Its row in the audit, where it has one.
    pub audit: Option<AuditEntry>,
    /// Nothing of the command's own words is kept, and the file is written anew after it.
    pub erase: bool,
}

impl Ledger {
    /// The oldest command of a place that is not done. What cannot be read any more is passed by.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn next_command(&self, place: &Place) -> Result<Option<PendingCommand>, LedgerError> {
        while let Some((number, event)) = self.next_row(place).await? {
            match from_json(&event) {
                Ok(event) => return Ok(Some(PendingCommand { number, event })),
                Err(_) => {
                    tracing::error!(%place, number, "a command cannot be read and is passed by");
                    self.pass_by(number).await?;
                }
            }
        }
        Ok(None)
    }

    async fn next_row(&self, place: &Place) -> Result<Option<(i64, String)>, LedgerError> {
        let place = place.to_string();
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id, coalesce(event, '') FROM events WHERE state = 2
                         AND place = (SELECT id FROM places WHERE place = ?1)
                         ORDER BY id LIMIT 1",
                    )?
                    .query_row([place], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            })
            .await
    }

    async fn pass_by(&self, number: i64) -> Result<(), LedgerError> {
        self.threads
            .write(move |writing| {
                writing
                    .connection
                    .prepare_cached("UPDATE events SET state = 0 WHERE id = ?1")?
                    .execute([number])
                    .map(drop)
            })
            .await
    }

    /// The places with commands that are not done: where work goes on after a start.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn places_commanded(&self) -> Result<Vec<Place>, LedgerError> {
        self.places_of(
            "SELECT place FROM places WHERE id IN (SELECT DISTINCT place FROM events WHERE state = 2)",
            (),
        )
        .await
    }

    /// A command is done: its changes, what is owed because of it (the answer first), its row in
    /// the audit and its being done are one commit, so that it takes effect once however often
    /// the program is killed.
    ///
    /// # Errors
    /// Nothing took effect: the command is still to be done.
    pub async fn finish(
        &self,
        command: &PendingCommand,
        ending: Ending,
    ) -> Result<Accepted, LedgerError> {
        let now = self.now_ms();
        let number = command.number;
        let key = Key::of(&command.event);
        debug_assert!(matches!(command.event.happening, Happening::Command(_)));
        self.threads
            .write(move |writing| {
                writing
                    .connection
                    .prepare_cached("UPDATE events SET state = 0 WHERE id = ?1")?
                    .execute(params![number])?;
                let mut accepted = Accepted::default();
                for change in &ending.changes {
                    apply(writing, change, number, now, &mut accepted)?;
                }
                journal::forget(writing, number)?;
                broadcasts::drop_plan(writing, number)?;
                for owed in &ending.owed {
                    let position = Some(writing.next_position());
                    insert_owed(writing, number, &key, owed, position, now)?;
                    accepted.wake(owed.lane());
                }
                if let Some(answered) = &ending.answered {
                    answers::put(writing, number, answered, now)?;
                }
                if let Some(entry) = &ending.audit {
                    audit::append(writing.connection, entry, now)?;
                }
                if ending.erase {
                    writing
                        .connection
                        .prepare_cached("UPDATE events SET raw = NULL, event = NULL WHERE id = ?1")?
                        .execute([number])?;
                    erase::owe_compacting(writing.connection)?;
                }
                point(Point::CommandFinishing);
                Ok(accepted)
            })
            .await
    }
}

/// Part of a command's end: one of its changes. `number` is the command's.
fn apply(
    writing: &Writing<'_>,
    change: &Change,
    number: i64,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    match change {
        Change::Link(change) => links::apply(writing, change, now)?,
        Change::Group(change) => groups::apply(writing, change)?,
        Change::Queue(change) => parked::apply(writing, change, accepted)?,
        Change::Role(change) => roles::apply(writing, change, now)?,
        Change::Again(one) => super::held::again(writing, one, now, accepted)?,
        Change::Inbox(change) => {
            inbox::apply(writing, change, number, now, accepted)?;
        }
        Change::Suppression(change) => {
            suppressions::apply(writing, change, now, accepted)?;
        }
        Change::Schedule(change) => schedules::apply(writing, change)?,
        Change::Broadcast(change) => {
            broadcasts::apply(writing, number, change, now)?;
        }
        Change::Invitation(group, invitation) => {
            windows::set_invitation(writing, group, invitation)?;
            super::held::look_at(writing, group, accepted)?;
        }
        Change::Mute(change) => mutes::apply(writing, change)?,
        Change::Block(change) => blocks::apply(writing, change, now)?,
    }
    Ok(())
}
