//! Opening the folder, and what is said when it cannot be opened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use sled::{Db, Error};

use super::super::StoreError;
use super::{Trees, index};

pub(super) fn open(folder: &Path, cache_mib: u64) -> Result<(Db, Trees), StoreError> {
    let config = sled::Config::new()
        .path(folder)
        .cache_capacity(cache_mib * 1024 * 1024)
        // The writer flushes; a second one beside it would only take time.
        .flush_every_ms(None);
    // sled panics on some kinds of damage instead of saying so.
    catch_unwind(AssertUnwindSafe(|| {
        let db = config.open()?;
        let trees = Trees {
            contacts: db.open_tree("contacts")?,
            names: db.open_tree("names")?,
            teams: db.open_tree("teams")?,
            meta: db.open_tree("meta")?,
        };
        if trees.meta.get(index::COUNT)?.is_none() {
            trees.meta.insert(index::COUNT, &0u64.to_be_bytes())?;
            db.flush()?;
        }
        Ok((db, trees))
    }))
    .unwrap_or_else(|_| Err(Error::Corruption { at: None, bt: () }))
    .map_err(|error| StoreError::Open(sentence(folder, &error)))
}

fn sentence(folder: &Path, error: &Error) -> String {
    let folder = folder.display();
    match error {
        Error::Io(io) if io.to_string().contains("could not acquire lock") => format!(
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
