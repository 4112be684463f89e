//! Contacts in a folder of this machine, kept by sled.
//!
//! One thread writes. It takes what has queued up, applies it, flushes once, and only then
//! answers: a change that was acknowledged survives a crash, and sled's `flush_async`, which
//! deadlocks from seven callers on (0.34.7), is not used. Reading is done where it is asked for;
//! it takes microseconds.
//!
//! | tree | key | value |
//! |---|---|---|
//! | `contacts.2` | the contact's key | the contact as JSON |
//! | `names.2` | the name, lower case, from each of its words on; 0; the contact's key | |
//! | `teams.2` | the team, lower case; 0; the contact's key | |
//! | `meta` | `count` | how many contacts there are, big-endian |
//! | | `version` | the version of these trees, big-endian |
//!
//! The first three keep their entries in blocks (see `blocks`). All four change in one transaction.
//! Neither a name nor a key holds a 0 (see `checked`).

mod blocks;
mod examine;
mod index;
mod migrate;
mod open;
mod scrub;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::{BTreeSet, HashSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;

use async_trait::async_trait;
use metrics::counter;
use partyline_core::{Contact, mask};
use sled::Tree;
use tokio::sync::{mpsc, oneshot};

use super::{CONTACT_LIMIT, ContactStore, Listener, PAGE_LIMIT, StoreError, checked};
use blocks::Blocks;
pub use examine::Disorder;
use writer::{Job, Row, Writer};

/// How many contacts are written and flushed at a time. A million at once needs 1.6 GB of memory,
/// since sled holds what is not flushed.
const STEP: usize = 500;

/// How many changes may wait for the writer before a further one waits outside.
const QUEUE: usize = 256;

/// Contacts in a folder of this machine. One process at a time can have it open.
pub struct SledContacts {
    trees: Shared,
    // Both are there until the store is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    listener: Arc<OnceLock<Listener>>,
}

/// The trees as all who read them share them; none while, and if ever, the store is replaced by one
/// that cannot be opened.
type Shared = Arc<RwLock<Option<Trees>>>;

/// Where the store is, and how it is opened.
struct Place {
    folder: PathBuf,
    cache_bytes: u64,
}

/// The four trees.
#[derive(Clone)]
struct Trees {
    contacts: Blocks,
    names: Blocks,
    teams: Blocks,
    meta: Tree,
}

impl SledContacts {
    /// Opens the store in this folder, which is made where it is missing, with a cache of so many
    /// bytes.
    ///
    /// # Errors
    /// Somebody else has it open, it is damaged, or the folder cannot be used; one sentence.
    pub fn open(folder: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let (db, trees) = open::open(folder, cache_bytes)?;
        let trees = Arc::new(RwLock::new(Some(trees)));
        let listener = Arc::new(OnceLock::new());
        let (jobs, queue) = mpsc::channel(QUEUE);
        let place = Place { folder: folder.to_owned(), cache_bytes };
        let writer = Writer {
            db: Some(db),
            trees: trees.clone(),
            listener: listener.clone(),
            place,
            failed: false,
            unsure: BTreeSet::new(),
        };
        let writer = std::thread::Builder::new()
            .name("contacts".to_owned())
            .spawn(move || writer.run(queue))
            .map_err(|error| StoreError::Open(format!("No thread for contacts: {error}.")))?;
        Ok(Self { trees, jobs: Some(jobs), writer: Some(writer), listener })
    }

    /// As [`ContactStore::get`], where it is asked for.
    ///
    /// # Errors
    /// Likewise.
    pub fn get_now(&self, key: &str) -> Result<Option<Contact>, StoreError> {
        let Some(value) = self.trees()?.contacts.get(key.as_bytes()).map_err(failed)? else {
            return Ok(None);
        };
        parse(&value).map(Some).map_err(|why| StoreError::Damaged { key: key.to_owned(), why })
    }

    /// The trees, to be let go soon: while somebody holds them, the store cannot be replaced.
    fn trees(&self) -> Result<Trees, StoreError> {
        trees(&self.trees)
    }

    async fn send<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        let gone = || StoreError::Failed("its writer has stopped".to_owned());
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// The contacts under these keys, as far as they are there and can be read.
    fn fetch(&self, keys: impl Iterator<Item = Vec<u8>>) -> Result<Vec<Contact>, StoreError> {
        let (trees, mut contacts) = (self.trees()?, Vec::new());
        for key in keys {
            if let Some(value) = trees.contacts.get(&key).map_err(failed)? {
                contacts.extend(readable(&key, &value));
            }
        }
        Ok(contacts)
    }
}

impl Drop for SledContacts {
    /// Waits for what is under way, so that the folder can be opened again after this.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take() {
            // The writer itself drops nothing of ours, so this is another thread than it is.
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl ContactStore for SledContacts {
    async fn get(&self, key: &str) -> Result<Option<Contact>, StoreError> {
        self.get_now(key)
    }

    async fn put(&self, contacts: Vec<Contact>) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(contacts.len());
        for contact in contacts {
            rows.push(row(checked(contact)?)?);
        }
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(STEP));
            let step = std::mem::replace(&mut rows, rest);
            self.send(|answer| Job::Put(step, answer)).await?;
        }
        Ok(())
    }

    async fn remove(&self, key: &str) -> Result<bool, StoreError> {
        let key = key.to_owned();
        self.send(|answer| Job::Remove(key, answer)).await
    }

    async fn find(&self, prefix: &str, limit: usize) -> Result<Vec<Contact>, StoreError> {
        let mut seen = HashSet::new();
        let (trees, mut keys) = (self.trees()?, Vec::new());
        for entry in trees.names.beginning(index::lower(prefix).as_bytes()) {
            if keys.len() >= limit.min(PAGE_LIMIT) {
                break;
            }
            let (entry, _) = entry.map_err(failed)?;
            // A name whose words begin alike is in the index several times.
            if let Some(key) = index::key_of(&entry)
                && seen.insert(key.clone())
            {
                keys.push(key);
            }
        }
        self.fetch(keys.into_iter())
    }

    async fn with_key(&self, prefix: &str, limit: usize) -> Result<Vec<Contact>, StoreError> {
        let (trees, mut contacts) = (self.trees()?, Vec::new());
        let entries = trees.contacts.beginning(prefix.as_bytes());
        for entry in entries.take(limit.min(PAGE_LIMIT)) {
            let (key, value) = entry.map_err(failed)?;
            contacts.extend(readable(&key, &value));
        }
        Ok(contacts)
    }

    async fn in_team(
        &self,
        team: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Contact>, StoreError> {
        let prefix = index::entry(&index::lower(team), "");
        let last = after.map(|key| index::entry(&index::lower(team), key));
        let from = last.as_deref().map_or(Bound::Included(&prefix[..]), Bound::Excluded);
        let (trees, mut keys) = (self.trees()?, Vec::new());
        for entry in trees.teams.range(from) {
            let (entry, _) = entry.map_err(failed)?;
            if keys.len() >= limit.min(PAGE_LIMIT) || !entry.starts_with(&prefix) {
                break;
            }
            keys.extend(index::key_of(&entry));
        }
        self.fetch(keys.into_iter())
    }

    async fn teams(&self, prefix: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let prefix = index::lower(prefix).into_bytes();
        let (trees, mut teams) = (self.trees()?, Vec::new());
        let mut from = prefix.clone();
        while teams.len() < limit.min(PAGE_LIMIT) {
            let next = trees.teams.range(Bound::Included(&from)).next();
            let Some((entry, _)) = next.transpose().map_err(failed)? else { break };
            let Some(team) = index::text_of(&entry).filter(|_| entry.starts_with(&prefix)) else {
                break;
            };
            // The next team is the first entry behind every contact of this one.
            from = index::after(&team);
            teams.push(team);
        }
        Ok(teams)
    }

    async fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<Contact>, StoreError> {
        let from = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.as_bytes()));
        let (trees, mut contacts) = (self.trees()?, Vec::new());
        for entry in trees.contacts.range(from) {
            if contacts.len() >= limit.min(PAGE_LIMIT) {
                break;
            }
            let (key, value) = entry.map_err(failed)?;
            contacts.extend(readable(&key, &value));
        }
        Ok(contacts)
    }

    async fn count(&self) -> Result<u64, StoreError> {
        let count = self.trees()?.meta.get(index::COUNT).map_err(failed)?;
        Ok(count.map_or(0, |count| index::read_count(&count)))
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        self.send(Job::Scrub).await
    }

    fn listen(&self, listener: Listener) {
        let _ = self.listener.set(listener);
    }
}

fn trees(shared: &Shared) -> Result<Trees, StoreError> {
    let trees = shared.read().unwrap_or_else(PoisonError::into_inner).clone();
    trees.ok_or_else(|| StoreError::Failed("it could not be opened again; restart".to_owned()))
}

/// The contact as it is kept.
fn row(contact: Contact) -> Result<Row, StoreError> {
    let json = serde_json::to_vec(&contact).map_err(failed)?;
    if json.len() > CONTACT_LIMIT {
        return Err(StoreError::Invalid(format!(
            "The contact {} is larger than {CONTACT_LIMIT} bytes: keep less metadata with it",
            mask(&contact.key)
        )));
    }
    Ok(Row { contact: Arc::new(contact), json })
}

fn parse(value: &[u8]) -> Result<Contact, String> {
    serde_json::from_slice(value)
        .map_err(|error| format!("byte {} of it is not as it was written", error.column()))
}

/// A contact of many: one that cannot be read is told and counted, and holds up no other.
fn readable(key: &[u8], value: &[u8]) -> Option<Contact> {
    parse(value)
        .inspect_err(|why| {
            counter!("partyline_contacts_damaged_total").increment(1);
            let key = mask(&String::from_utf8_lossy(key));
            tracing::error!(
                key,
                why,
                "a contact cannot be read: add it again, or restore a backup"
            );
        })
        .ok()
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(error.to_string())
}
