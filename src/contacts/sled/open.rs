//! Opening the folder, and what is said when it cannot be opened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use sled::{Db, Error};

use super::super::StoreError;
use super::{Trees, index};

/// The file that says that a store was made here, so that one which lost everything is not taken
/// for a new one.
const MADE: &str = "made";

/// How long a store that somebody else has open is waited for: a process that is just ending lets
/// go of it in this time.
const PATIENCE: Duration = Duration::from_secs(2);

/// The version of the trees. Whoever changes what is in them counts it up, and teaches `try_open`
/// to bring an older one up to date.
const VERSION: u64 = 1;

/// Opens or makes the store. Its pages are not read through: a million contacts take seconds. A
/// contact that turns out to be damaged when it is read is told then, and `partyline doctor` reads
/// them all. What cannot be told at all: a file cut off at its end, which to sled is the store as
/// it was earlier.
pub(super) fn open(folder: &Path, cache_bytes: u64) -> Result<(Db, Trees), StoreError> {
    let began = Instant::now();
    loop {
        // sled panics on some kinds of damage instead of saying so.
        let opened = catch_unwind(AssertUnwindSafe(|| try_open(folder, cache_bytes)))
            .unwrap_or_else(|_| Err(damaged()));
        match opened {
            Err(error) if is_locked(&error) && began.elapsed() < PATIENCE => {
                std::thread::sleep(PATIENCE / 100);
            }
            opened => {
                let (db, trees) =
                    opened.map_err(|error| StoreError::Open(sentence(folder, &error)))?;
                check_version(folder, &trees)?;
                return Ok((db, trees));
            }
        }
    }
}

fn try_open(folder: &Path, cache_bytes: u64) -> Result<(Db, Trees), Error> {
    let db = sled::Config::new()
        .path(folder)
        .cache_capacity(cache_bytes)
        // The writer flushes; a second one beside it would only take time.
        .flush_every_ms(None)
        .open()?;
    let trees = Trees {
        contacts: db.open_tree("contacts")?,
        names: db.open_tree("names")?,
        teams: db.open_tree("teams")?,
        meta: db.open_tree("meta")?,
    };
    match trees.meta.get(index::COUNT)? {
        Some(_) => {}
        // sled takes a file that it cannot make sense of for an empty one.
        None if folder.join(MADE).exists() => return Err(damaged()),
        None => {
            trees.meta.insert(index::COUNT, &0u64.to_be_bytes())?;
            db.flush()?;
            std::fs::File::create(folder.join(MADE))?.sync_all()?;
        }
    }
    Ok((db, trees))
}

/// Refuses a newer program's store, and marks one from before there were versions.
fn check_version(folder: &Path, trees: &Trees) -> Result<(), StoreError> {
    let failed = |error: Error| StoreError::Open(sentence(folder, &error));
    let found = trees.meta.get(index::VERSION).map_err(failed)?;
    match found.map(|version| index::read_count(&version)) {
        Some(found) if found > VERSION => Err(StoreError::Open(format!(
            "The contact store in {} was written by a newer partyline (version {found}, this one knows {VERSION}): run the newer program.",
            folder.display()
        ))),
        Some(_) => Ok(()),
        None => {
            trees.meta.insert(index::VERSION, &VERSION.to_be_bytes()).map_err(failed)?;
            trees.meta.flush().map(drop).map_err(failed)
        }
    }
}

const fn damaged() -> Error {
    Error::Corruption { at: None, bt: () }
}

fn is_locked(error: &Error) -> bool {
    matches!(error, Error::Io(io) if io.to_string().contains("could not acquire lock"))
}

fn sentence(folder: &Path, error: &Error) -> String {
    let folder = folder.display();
    match error {
        error if is_locked(error) => format!(
            "The contact store in {folder} is open in another process: stop that one first, or give this one a store of its own (store.url)."
        ),
        Error::Io(io) => format!(
            "The contact store in {folder} cannot be opened ({io}): see that the folder can be written and that the disk is not full."
        ),
        Error::Corruption { .. } | Error::ReportableBug(_) => format!(
            "The contact store in {folder} is damaged: restore a backup, or move the folder away to begin with an empty one."
        ),
        Error::Unsupported(why) => {
            format!("The contact store in {folder} was made by another version of sled ({why}).")
        }
        Error::CollectionNotFound(_) => {
            format!("The contact store in {folder} lacks a tree: restore a backup.")
        }
    }
}
