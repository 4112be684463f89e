//! The one thread that writes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use metrics::counter;
use partyline_core::Contact;
use sled::transaction::{TransactionError, Transactional};
use sled::{Db, Error};
use tokio::sync::{mpsc, oneshot};

use super::super::{Change, Listener, StoreError};
use super::blocks::Edit;
use super::{Place, Shared, Trees, failed, index, open, scrub, trees};
use crate::crash::{Point, point};

/// How often it is looked whether a store that failed can be opened anew.
const AGAIN: Duration = Duration::from_millis(200);

/// So much room, in bytes, sled needs to be opened: a segment of its log, and some more.
const ROOM: u64 = 4 << 20;

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
    /// Leave nothing behind in the files of what was removed.
    Scrub(Answer<()>),
}

/// A job that is applied and waits for the flush.
enum Applied {
    Put(Answer<()>),
    Remove(bool, Answer<bool>),
    Scrub(Answer<()>),
}

pub(super) struct Writer {
    /// Not there while, and if ever, the store is replaced by one that cannot be opened.
    pub(super) db: Option<Db>,
    pub(super) trees: Shared,
    pub(super) place: Place,
    pub(super) listener: Arc<OnceLock<Listener>>,
    /// A write failed. After that sled 0.34 refuses everything, reading too, until it is opened anew:
    /// as soon as there is room.
    pub(super) failed: bool,
    /// Contacts that were changed by writes that failed: what they are is known once the store was
    /// opened anew.
    pub(super) unsure: BTreeSet<String>,
}

impl Writer {
    /// Writes until nobody is left who could ask for it.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            let mut applied = Vec::new();
            let mut changes = Vec::new();
            let mut next = Some(job);
            while let Some(job) = next {
                applied.extend(self.apply(job, &mut changes));
                next = (applied.len() < SHARED).then(|| jobs.try_recv().ok()).flatten();
            }
            point(Point::ContactWritten);
            let flushed = match &self.db {
                Some(db) => db.flush().map(drop).map_err(|error| error.to_string()),
                None => Err("it could not be opened again; restart".to_owned()),
            };
            point(Point::ContactFlushed);
            if flushed.is_err() {
                self.failed = true;
                self.unsure.extend(changes.iter().map(key_of));
            }
            // Even after a failed flush: it is what the store now answers when it is read.
            changes.iter().for_each(|change| self.tell(change));
            counter!("partyline_contacts_changes_total").increment(changes.len() as u64);
            for job in applied {
                let flushed = flushed.clone().map_err(StoreError::Failed);
                // Whoever asked may have stopped waiting.
                match job {
                    Applied::Put(answer) => drop(answer.send(flushed)),
                    Applied::Remove(was, answer) => drop(answer.send(flushed.map(|()| was))),
                    Applied::Scrub(answer) => {
                        drop(answer.send(flushed.and_then(|()| self.scrub())));
                    }
                }
            }
            self.mend(&mut jobs);
        }
    }

    /// Opens a store that failed anew. Until that works, what is asked is refused.
    fn mend(&mut self, jobs: &mut mpsc::Receiver<Job>) {
        while self.failed && !jobs.is_closed() {
            match self.open_anew() {
                Ok(()) => self.failed = false,
                Err(error) => {
                    while let Ok(job) = jobs.try_recv() {
                        job.refuse(StoreError::Failed(error.to_string()));
                    }
                    std::thread::sleep(AGAIN);
                }
            }
        }
    }

    /// Opens the store anew, and tells what became of the changes that failed.
    fn open_anew(&mut self) -> Result<(), StoreError> {
        let Place { folder, cache_bytes } = &self.place;
        let disk = rustix::fs::statvfs(folder).map_err(failed)?;
        if disk.f_bavail.saturating_mul(disk.f_frsize) < ROOM {
            return Err(failed("the disk is full: make room"));
        }
        let mut shared = self.trees.write().unwrap_or_else(PoisonError::into_inner);
        (*shared, self.db) = (None, None);
        let (db, opened) = open::open(folder, *cache_bytes)?;
        (*shared, self.db) = (Some(opened), Some(db));
        drop(shared);
        tracing::info!("the contact store was opened anew after a write that failed");
        let trees = trees(&self.trees)?;
        for key in std::mem::take(&mut self.unsure) {
            let kept = trees.contacts.get(key.as_bytes()).map_err(failed)?;
            let kept = kept.and_then(|value| serde_json::from_slice::<Contact>(&value).ok());
            self.tell(&kept.map_or(Change::Removed(key), |kept| Change::Put(kept.into())));
        }
        Ok(())
    }

    fn tell(&self, change: &Change) {
        if let Some(listener) = self.listener.get() {
            listener(change);
        }
    }

    /// Writes the store anew. Whoever reads waits while the copy takes its place.
    fn scrub(&mut self) -> Result<(), StoreError> {
        let Place { folder, cache_bytes } = &self.place;
        let Some(db) = &self.db else { return Ok(()) };
        scrub::copy(db, folder, *cache_bytes).map_err(failed)?;
        let mut shared = self.trees.write().unwrap_or_else(PoisonError::into_inner);
        // sled lets go of the folder when the last handle is gone; readers keep theirs for moments,
        // for which the opening waits.
        (*shared, self.db) = (None, None);
        let replaced = scrub::replace(folder);
        // If it was not replaced, it is the one of before.
        let (db, trees) = open::open(folder, *cache_bytes)?;
        (*shared, self.db) = (Some(trees), Some(db));
        replaced.map_err(failed)
    }

    /// Applies a job; one that fails is answered at once.
    fn apply(&mut self, job: Job, changes: &mut Vec<Change>) -> Option<Applied> {
        match job {
            Job::Put(rows, answer) => match self.put(&rows) {
                Ok(()) => {
                    changes.extend(rows.into_iter().map(|row| Change::Put(row.contact)));
                    Some(Applied::Put(answer))
                }
                Err(error) => {
                    self.failed = true;
                    drop(answer.send(Err(error)));
                    None
                }
            },
            Job::Scrub(answer) => Some(Applied::Scrub(answer)),
            Job::Remove(key, answer) => match self.remove(&key) {
                Ok(was) => {
                    changes.extend(was.then_some(Change::Removed(key)));
                    Some(Applied::Remove(was, answer))
                }
                Err(error) => {
                    self.failed = true;
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
        let trees = trees(&self.trees)?;
        let mut edits = trees.edit();
        last.into_values().try_for_each(|row| edits.put(row)).map_err(failed)?;
        edits.apply()
    }

    fn remove(&self, key: &str) -> Result<bool, StoreError> {
        let trees = trees(&self.trees)?;
        let mut edits = trees.edit();
        if !edits.remove(key).map_err(failed)? {
            return Ok(false);
        }
        edits.apply()?;
        Ok(true)
    }
}

fn key_of(change: &Change) -> String {
    match change {
        Change::Put(contact) => contact.key.clone(),
        Change::Removed(key) => key.clone(),
    }
}

impl Job {
    /// Answers that nothing was done.
    fn refuse(self, error: StoreError) {
        // Whoever asked may have stopped waiting.
        match self {
            Self::Put(_, answer) | Self::Scrub(answer) => drop(answer.send(Err(error))),
            Self::Remove(_, answer) => drop(answer.send(Err(error))),
        }
    }
}

impl Trees {
    /// Begins a change of all trees.
    pub(super) fn edit(&self) -> Edits<'_> {
        let (contacts, names, teams) = (self.contacts.edit(), self.names.edit(), self.teams.edit());
        Edits { trees: self, contacts, names, teams, count: 0 }
    }
}

/// A change of the trees, made in one transaction when it is applied.
pub(super) struct Edits<'a> {
    trees: &'a Trees,
    pub(super) contacts: Edit<'a>,
    pub(super) names: Edit<'a>,
    pub(super) teams: Edit<'a>,
    /// By how much it changes the number of contacts.
    pub(super) count: i64,
}

impl Edits<'_> {
    fn put(&mut self, row: &Row) -> Result<(), Error> {
        let contact = row.contact.as_ref();
        match self.contacts.insert(contact.key.as_bytes(), &row.json)? {
            Some(before) => self.remove_entries(&before)?,
            None => self.count += 1,
        }
        for entry in index::names(contact) {
            self.names.insert(&entry, &[])?;
        }
        if let Some(entry) = index::team(contact) {
            self.teams.insert(&entry, &[])?;
        }
        Ok(())
    }

    fn remove(&mut self, key: &str) -> Result<bool, Error> {
        let Some(before) = self.contacts.remove(key.as_bytes())? else { return Ok(false) };
        self.count -= 1;
        self.remove_entries(&before)?;
        Ok(true)
    }

    /// Removes what the secondary trees have of a contact as it was kept. One that cannot be read
    /// leaves its entries behind: they lead to whatever is under its key.
    fn remove_entries(&mut self, before: &[u8]) -> Result<(), Error> {
        let Ok(contact) = serde_json::from_slice::<Contact>(before) else { return Ok(()) };
        for entry in index::names(&contact) {
            self.names.remove(&entry)?;
        }
        if let Some(entry) = index::team(&contact) {
            self.teams.remove(&entry)?;
        }
        Ok(())
    }

    /// Makes the change. It is not durable before a flush.
    pub(super) fn apply(self) -> Result<(), StoreError> {
        let Trees { contacts, names, teams, meta } = self.trees;
        let batches = [self.contacts, self.names, self.teams].map(Edit::batch);
        let [in_contacts, in_names, in_teams] = batches;
        let in_contacts = in_contacts.map_err(failed)?;
        let (in_names, in_teams) = (in_names.map_err(failed)?, in_teams.map_err(failed)?);
        let count = self.count;
        (contacts.tree(), names.tree(), teams.tree(), meta)
            .transaction(|(contacts, names, teams, meta)| {
                contacts.apply_batch(&in_contacts)?;
                names.apply_batch(&in_names)?;
                teams.apply_batch(&in_teams)?;
                let before = meta.get(index::COUNT)?.map_or(0, |count| index::read_count(&count));
                let after = before.saturating_add_signed(count);
                meta.insert(index::COUNT, &after.to_be_bytes())?;
                Ok(())
            })
            .map_err(|error: TransactionError| failed(error))
    }
}
