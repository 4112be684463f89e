//! What the operation behind a command has done: marks that survive a crash, step by step, until
//! the command is done.

use std::collections::BTreeMap;

use rusqlite::params;
use serde_json::Value;

use super::mark::Key;
use super::owed::insert_owed;
use super::threads::Writing;
use super::{Accepted, Ledger, LedgerError, Owed, PendingCommand, from_json, to_json};

impl Ledger {
    /// The marks of a command's operation, by step.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn steps_done(
        &self,
        command: &PendingCommand,
    ) -> Result<BTreeMap<String, Value>, LedgerError> {
        let number = command.number;
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT step, result FROM operations WHERE event = ?1")?
                    .query_map([number], |row| {
                        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
                    })?
                    .map(|row| row.and_then(|(step, result)| Ok((step, from_json(&result)?))))
                    .collect()
            })
            .await
    }

    /// Marks a step with its result, and owes what the step sends, in one commit. Durable when it
    /// returns; a step that has a mark already owes nothing more.
    ///
    /// # Errors
    /// Nothing was written.
    pub async fn step_done(
        &self,
        command: &PendingCommand,
        step: &str,
        result: Value,
        owed: Vec<Owed>,
    ) -> Result<Accepted, LedgerError> {
        let (number, step, now) = (command.number, step.to_owned(), self.now_ms());
        let key = Key::of(&command.event);
        self.threads
            .write(move |writing| {
                let known: bool = writing
                    .connection
                    .prepare_cached(
                        "SELECT EXISTS (SELECT 1 FROM operations WHERE event = ?1 AND step = ?2)",
                    )?
                    .query_row(params![number, step], |row| row.get(0))?;
                writing
                    .connection
                    .prepare_cached(
                        "INSERT INTO operations (event, step, result) VALUES (?1, ?2, ?3)
                         ON CONFLICT DO UPDATE SET result = excluded.result",
                    )?
                    .execute(params![number, step, to_json(&result)?])?;
                let mut accepted = Accepted::default();
                for owed in owed.iter().filter(|_| !known) {
                    let position = Some(writing.next_position());
                    insert_owed(writing, number, &key, owed, position, now)?;
                    accepted.wake(owed.lane());
                }
                Ok(accepted)
            })
            .await
    }

    /// Whether nothing that a command owes waits any more.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn is_delivered(&self, command: &PendingCommand) -> Result<bool, LedgerError> {
        let number = command.number;
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT NOT EXISTS (SELECT 1 FROM deliveries WHERE event = ?1 AND state = 0)",
                    )?
                    .query_row([number], |row| row.get(0))
            })
            .await
    }
}

/// Forgets the marks of a command that is done.
pub(super) fn forget(writing: &Writing<'_>, command: i64) -> Result<(), rusqlite::Error> {
    writing
        .connection
        .prepare_cached("DELETE FROM operations WHERE event = ?1")?
        .execute([command])
        .map(drop)
}
