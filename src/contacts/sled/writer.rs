//! The one thread that writes.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use metrics::counter;
use partyline_core::Contact;
use sled::Db;
use sled::transaction::{
    ConflictableTransactionError, TransactionError, Transactional, TransactionalTree,
};
use tokio::sync::{mpsc, oneshot};

use super::super::{Change, Listener, StoreError};
use super::{Trees, failed, index};
use crate::crash::{Point, point};

/// How many jobs share a flush, at most.
const SHARED: usize = 64;

/// A contact as it is kept.
pub(super) struct Row {
    pub(super) contact: Arc<Contact>,
    pub(super) json: Vec<u8>,
}

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked to do.
pub(super) enum Job {
    Put(Vec<Row>, Answer<()>),
    Remove(String, Answer<bool>),
}

/// A job that is applied and waits for the flush.
enum Applied {
    Put(Answer<()>),
    Remove(bool, Answer<bool>),
}

pub(super) struct Writer {
    pub(super) db: Db,
    pub(super) trees: Trees,
    pub(super) listener: Arc<OnceLock<Listener>>,
}

impl Writer {
    /// Writes until nobody is left who could ask for it.
    pub(super) fn run(self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            let mut applied = Vec::new();
            let mut changes = Vec::new();
            let mut next = Some(job);
            while let Some(job) = next {
                applied.extend(self.apply(job, &mut changes));
                next = (applied.len() < SHARED).then(|| jobs.try_recv().ok()).flatten();
            }
            point(Point::ContactWritten);
            let flushed = self.db.flush().map_err(|error| error.to_string());
            point(Point::ContactFlushed);
            // Even after a failed flush: it is what the store now answers when it is read.
            if let Some(listener) = self.listener.get() {
                changes.iter().for_each(listener);
            }
            counter!("partyline_contacts_changes_total").increment(changes.len() as u64);
            for job in applied {
                let flushed = flushed.clone().map(|_| ()).map_err(StoreError::Failed);
                // Whoever asked may have stopped waiting.
                match job {
                    Applied::Put(answer) => drop(answer.send(flushed)),
                    Applied::Remove(was, answer) => drop(answer.send(flushed.map(|()| was))),
                }
            }
        }
    }

    /// Applies a job; one that fails is answered at once.
    fn apply(&self, job: Job, changes: &mut Vec<Change>) -> Option<Applied> {
        match job {
            Job::Put(rows, answer) => match self.put(&rows) {
                Ok(()) => {
                    changes.extend(rows.into_iter().map(|row| Change::Put(row.contact)));
                    Some(Applied::Put(answer))
                }
                Err(error) => {
                    drop(answer.send(Err(error)));
                    None
                }
            },
            Job::Remove(key, answer) => match self.remove(&key) {
                Ok(was) => {
                    changes.extend(was.then_some(Change::Removed(key)));
                    Some(Applied::Remove(was, answer))
                }
                Err(error) => {
                    drop(answer.send(Err(error)));
                    None
                }
            },
        }
    }

    fn put(&self, rows: &[Row]) -> Result<(), StoreError> {
        // Of several contacts under one key in a step, the last one counts.
        let last: HashMap<&str, &Row> =
            rows.iter().map(|row| (row.contact.key.as_str(), row)).collect();
        self.transaction(|trees| {
            let mut fresh = 0;
            for row in last.values() {
                let contact = row.contact.as_ref();
                let before = trees.contacts.insert(contact.key.as_bytes(), row.json.as_slice())?;
                match before {
                    Some(before) => trees.remove_entries(&before)?,
                    None => fresh += 1,
                }
                for entry in index::names(contact) {
                    trees.names.insert(entry, &[])?;
                }
                if let Some(entry) = index::team(contact) {
                    trees.teams.insert(entry, &[])?;
                }
            }
            trees.add_to_count(fresh)
        })
    }

    fn remove(&self, key: &str) -> Result<bool, StoreError> {
        self.transaction(|trees| {
            let Some(before) = trees.contacts.remove(key.as_bytes())? else { return Ok(false) };
            trees.remove_entries(&before)?;
            trees.add_to_count(-1)?;
            Ok(true)
        })
    }

    fn transaction<T>(
        &self,
        work: impl Fn(&InTransaction<'_>) -> Result<T, ConflictableTransactionError>,
    ) -> Result<T, StoreError> {
        let Trees { contacts, names, teams, meta } = &self.trees;
        (contacts, names, teams, meta)
            .transaction(|(contacts, names, teams, meta)| {
                work(&InTransaction { contacts, names, teams, meta })
            })
            .map_err(|error: TransactionError| failed(error))
    }
}

/// The trees within a transaction.
struct InTransaction<'a> {
    contacts: &'a TransactionalTree,
    names: &'a TransactionalTree,
    teams: &'a TransactionalTree,
    meta: &'a TransactionalTree,
}

impl InTransaction<'_> {
    /// Removes what the secondary trees have of a contact as it was kept. One that cannot be read
    /// leaves its entries behind: they lead to whatever is under its key.
    fn remove_entries(&self, before: &[u8]) -> Result<(), ConflictableTransactionError> {
        let Ok(contact) = serde_json::from_slice::<Contact>(before) else { return Ok(()) };
        for entry in index::names(&contact) {
            self.names.remove(entry)?;
        }
        if let Some(entry) = index::team(&contact) {
            self.teams.remove(entry)?;
        }
        Ok(())
    }

    fn add_to_count(&self, change: i64) -> Result<(), ConflictableTransactionError> {
        let count = self.meta.get(index::COUNT)?.map_or(0, |count| index::read_count(&count));
        let count = count.saturating_add_signed(change);
        self.meta.insert(index::COUNT, &count.to_be_bytes())?;
        Ok(())
    }
}
