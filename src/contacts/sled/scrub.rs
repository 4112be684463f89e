//! Writing the store anew, so that nothing is left in its files of what was removed.
//!
//! sled only ever adds to its files, and what is removed stands there until it happens to be
//! overwritten. So all that is still there is copied into a new folder, which then takes the place of
//! the old one:
//!
//! | a kill | leaves | and the next opening |
//! |---|---|---|
//! | while it is copied | the store, and a piece of a copy | removes the copy |
//! | between the two renames | the copy, whole, and the old folder under another name | gives the copy the store's name |
//! | before the old folder is removed | the new store, and the old folder | removes it |

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sled::{Batch, Db, Error};

use super::open::{MADE, config};
use crate::crash::{Point, point};

/// How many entries are copied between two flushes: sled holds in memory what is not flushed.
const STEP: usize = 1000;

/// A folder beside the store's own.
fn beside(folder: &Path, end: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(end);
    folder.with_file_name(name)
}

fn copy_of(folder: &Path) -> PathBuf {
    beside(folder, ".copy")
}

fn old_of(folder: &Path) -> PathBuf {
    beside(folder, ".old")
}

/// Ends what a kill interrupted. To be called before the store is opened.
pub(super) fn recover(folder: &Path) -> io::Result<()> {
    let (copy, old) = (copy_of(folder), old_of(folder));
    if old.exists() && !folder.exists() && copy.exists() {
        fs::rename(&copy, folder)?;
    }
    for leftover in [copy, old] {
        if leftover.exists() {
            fs::remove_dir_all(leftover)?;
        }
    }
    Ok(())
}

/// Copies all that is in the store beside it; nothing may be written to it meanwhile, nor until
/// [`replace`] has been called.
pub(super) fn copy(db: &Db, folder: &Path, cache_bytes: u64) -> Result<(), Error> {
    let path = copy_of(folder);
    if path.exists() {
        fs::remove_dir_all(&path)?;
    }
    let copy = config(&path, cache_bytes).open()?;
    for name in db.tree_names() {
        let (from, to) = (db.open_tree(&name)?, copy.open_tree(&name)?);
        let (mut batch, mut count) = (Batch::default(), 0);
        for entry in &from {
            let (key, value) = entry?;
            batch.insert(key, value);
            count += 1;
            if count % STEP == 0 {
                to.apply_batch(std::mem::take(&mut batch))?;
                copy.flush()?;
            }
        }
        to.apply_batch(batch)?;
    }
    copy.flush()?;
    fs::File::create(path.join(MADE))?.sync_all()?;
    point(Point::ContactsCopied);
    Ok(())
}

/// Puts the copy in the store's place. Nobody may have the store open.
pub(super) fn replace(folder: &Path) -> io::Result<()> {
    let old = old_of(folder);
    fs::rename(folder, &old)?;
    point(Point::ContactsMoved);
    fs::rename(copy_of(folder), folder)?;
    if let Some(parent) = folder.parent() {
        fs::File::open(parent)?.sync_all()?;
    }
    point(Point::ContactsReplaced);
    fs::remove_dir_all(old)
}
