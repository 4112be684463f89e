//! Everything of one person: told, and erased.
//!
//! One list says where people stand ([`tables`]); what is told is what would be erased. Columns that say
//! an address are found by it. The rest (bodies, answers, the audit) is read through by a reader, in
//! pieces; what is found is erased by the writer, a piece a commit, so that nobody waits for long. It is
//! done again from the beginning after a kill. What is deleted is overwritten with zeros
//! (`secure_delete`); SQLite can leave a copy of it in the free space of a page all the same, until the
//! file is written anew ([`Ledger::compact`]).
//!
//! Of the number stays a keyed hash, where it must be known that nothing is to be sent to it.

mod fate;
mod find;
mod tables;
#[cfg(test)]
mod tests;
mod told;
mod traces;

use rusqlite::Connection;
use serde::Serialize;

use super::threads::compact;
use super::{Ledger, LedgerError, PendingCommand};
use find::Person;
use tables::{TABLES, Table};
pub use told::Told;
pub use traces::Traces;

/// An account of what was erased.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// What came, with the bytes that brought it: messages, hooks, commands.
    pub events: u64,
    /// What was given up and would have been sent.
    pub deliveries: u64,
    /// What waited to be sent to them, and is not any more.
    pub dropped: u64,
    /// Commands at a later time that named them, and are not given any more.
    pub schedules: u64,
    /// Places in groups, codes, names.
    pub records: u64,
    /// Receipts of the person's phone.
    pub receipts: u64,
    /// Rows of the audit of which the words were taken.
    pub audit: u64,
    /// What still waits to be sent to others or to be put in order, and was left.
    pub waiting: u64,
}

impl Erased {
    fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.deliveries += other.deliveries;
        self.dropped += other.dropped;
        self.schedules += other.schedules;
        self.records += other.records;
        self.receipts += other.receipts;
        self.audit += other.audit;
        self.waiting += other.waiting;
    }
}

impl Ledger {
    /// Erases everything of somebody but the command that asks for it, which is erased by its end.
    /// What others still wait for is left.
    ///
    /// # Errors
    /// Some of it may be erased already; it can be done again.
    pub async fn erase(
        &self,
        traces: &Traces,
        command: &PendingCommand,
    ) -> Result<Erased, LedgerError> {
        let (of, own) = (traces.clone(), command.number);
        let person = self.threads.read(move |connection| Person::of(connection, of)).await?;
        let mut all = Erased::default();
        for table in TABLES {
            all.add(&self.erase_from(table, &person, own).await?);
        }
        // Receipts that came meanwhile of what was sent to them. From here on, those are passed by.
        for table in TABLES.iter().filter(|table| table.is_of_receipts()) {
            all.add(&self.erase_from(table, &person, own).await?);
        }
        Ok(all)
    }

    async fn erase_from(
        &self,
        table: &'static Table,
        person: &Person,
        own: i64,
    ) -> Result<Erased, LedgerError> {
        let mut all = Erased::default();
        let mut after = None;
        loop {
            let who = person.clone();
            let found = self
                .threads
                .read(move |connection| table.find(connection, &who, after.as_ref()))
                .await?;
            if !found.keys.is_empty() {
                let (who, keys) = (person.clone(), found.keys);
                let erase = move |writing: &super::threads::Writing<'_>| {
                    let mut erased = Erased::default();
                    for key in &keys {
                        table.erase(writing, &who, key, own, &mut erased)?;
                    }
                    Ok(erased)
                };
                all.add(&self.threads.write(erase).await?);
            }
            let Some(next) = found.next else { return Ok(all) };
            after = Some(next);
        }
    }

    /// Writes the file anew, so that nothing is left in it of what was erased. So long, nothing else is
    /// written; it takes as long as copying the file does. A large file is written anew at the next
    /// start instead.
    ///
    /// # Errors
    /// What was erased may still stand in the file; the next start does it.
    pub async fn compact(&self) -> Result<(), LedgerError> {
        self.threads.compact().await
    }
}

/// Has the file written anew at the next start, if it is not before.
pub(super) fn owe_compacting(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('compact', '1')")?
        .execute([])
        .map(drop)
}

/// Writes the file anew where that is still owed. Before anybody else uses it.
pub(super) fn make_up(connection: &Connection) -> Result<(), LedgerError> {
    let owed = connection
        .prepare_cached("SELECT 1 FROM meta WHERE key = 'compact' AND value = '1'")?
        .exists([])?;
    if owed { compact(connection) } else { Ok(()) }
}
