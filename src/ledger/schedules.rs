//! Commands that are to be given at a later time.

use jiff::Timestamp;
use partyline_core::{AnswerTo, PersonId, Place};
use rusqlite::{OptionalExtension, Row, params};

use super::threads::Writing;
use super::{Ledger, LedgerError, from_json, timestamp, to_json};
use crate::policy::When;

/// A command that is to be given at a later time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Its id, as people type it.
    pub id: String,
    /// The room in which it is given.
    pub room: Place,
    /// Who gives it.
    pub by: PersonId,
    /// What that person is called there.
    pub name: Option<String>,
    /// Where its answer goes.
    pub answer: AnswerTo,
    /// The command, as it would be typed.
    pub line: String,
    /// When it is given, once or again and again.
    pub when: When,
    /// The next time at which it is given.
    pub due: Timestamp,
}

/// A change of what is to be given later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduleChange {
    /// One more.
    Add(Box<Schedule>),
    /// This one is not given any more.
    Cancel(String),
}

pub(super) fn apply(writing: &Writing<'_>, change: &ScheduleChange) -> Result<(), rusqlite::Error> {
    match change {
        ScheduleChange::Add(new) => writing
            .connection
            .prepare_cached(
                "INSERT INTO schedules (id, room, by, name, answer, line, rule, due)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                new.id,
                new.room.to_string(),
                new.by.to_string(),
                new.name,
                to_json(&new.answer)?,
                new.line,
                to_json(&new.when)?,
                new.due.as_millisecond()
            ]),
        ScheduleChange::Cancel(id) => {
            writing.connection.prepare_cached("DELETE FROM schedules WHERE id = ?1")?.execute([id])
        }
    }
    .map(drop)
}

const COLUMNS: &str = "id, room, by, name, answer, line, rule, due";

/// The schedule of a row; `None` for one that a later program wrote.
fn read(row: &Row<'_>) -> Result<Option<Schedule>, rusqlite::Error> {
    let (room, by): (String, String) = (row.get(1)?, row.get(2)?);
    let (answer, when): (String, String) = (row.get(4)?, row.get(6)?);
    let parsed = room.parse().ok().zip(by.parse().ok());
    let Some((room, by)) = parsed else { return Ok(None) };
    let Ok((answer, when)) = from_json(&answer).and_then(|answer| Ok((answer, from_json(&when)?)))
    else {
        return Ok(None);
    };
    Ok(Some(Schedule {
        id: row.get(0)?,
        room,
        by,
        name: row.get(3)?,
        answer,
        line: row.get(5)?,
        when,
        due: timestamp(row.get(7)?),
    }))
}

impl Ledger {
    /// What is to be given later, the next first: all of it or what one person put down; from the row
    /// `offset` on, at most `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn schedules(
        &self,
        by: Option<&PersonId>,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<Schedule>, LedgerError> {
        let by = by.map(ToString::to_string);
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT {COLUMNS} FROM schedules WHERE ?1 IS NULL OR by = ?1
                         ORDER BY due, id LIMIT ?2 OFFSET ?3"
                    ))?
                    .query_map(params![by, limit, offset], read)?
                    .filter_map(Result::transpose)
                    .collect()
            })
            .await
    }

    /// The one of this id.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn schedule(&self, id: &str) -> Result<Option<Schedule>, LedgerError> {
        let id = id.to_owned();
        self.threads
            .read(move |connection| {
                let found = connection
                    .prepare_cached(&format!("SELECT {COLUMNS} FROM schedules WHERE id = ?1"))?
                    .query_row([id], read)
                    .optional()?;
                Ok(found.flatten())
            })
            .await
    }

    /// Those whose time has come, at most `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn due_schedules(&self, limit: u32) -> Result<Vec<Schedule>, LedgerError> {
        let now = self.now_ms();
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT {COLUMNS} FROM schedules WHERE due <= ?1 ORDER BY due, id LIMIT ?2"
                    ))?
                    .query_map(params![now, limit], read)?
                    .filter_map(Result::transpose)
                    .collect()
            })
            .await
    }

    /// When the next one after now is due.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn next_schedule(&self) -> Result<Option<Timestamp>, LedgerError> {
        let now = self.now_ms();
        self.threads
            .read(move |connection| {
                let next: Option<i64> = connection
                    .prepare_cached("SELECT min(due) FROM schedules WHERE due > ?1")?
                    .query_row([now], |row| row.get(0))?;
                Ok(next.map(timestamp))
            })
            .await
    }

    /// Notes that a schedule's command was given at its time: it waits for the next one, or is over.
    ///
    /// # Errors
    /// Nothing was written.
    pub async fn schedule_given(
        &self,
        schedule: &Schedule,
        next: Option<Timestamp>,
    ) -> Result<(), LedgerError> {
        let (id, due) = (schedule.id.clone(), schedule.due.as_millisecond());
        self.threads
            .write(move |writing| {
                let connection = writing.connection;
                match next.map(Timestamp::as_millisecond) {
                    Some(next) => connection
                        .prepare_cached("UPDATE schedules SET due = ?3 WHERE id = ?1 AND due = ?2")?
                        .execute(params![id, due, next]),
                    None => connection
                        .prepare_cached("DELETE FROM schedules WHERE id = ?1 AND due = ?2")?
                        .execute(params![id, due]),
                }
                .map(drop)
            })
            .await
    }
}
