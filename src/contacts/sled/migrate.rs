//! How an older store becomes one of today.

use std::time::Instant;

use sled::{Db, Error};

use super::blocks::Blocks;
use super::index;
use crate::crash::{Point, point};

/// The version of the trees. Whoever changes what is in them counts it up, and teaches [`migrate`]
/// to bring an older one up to date.
pub(super) const VERSION: u64 = 2;

/// The trees of entries, in this version and in the first one, in which each entry was one of sled's.
pub(super) const CONTACTS: &str = "contacts.2";
pub(super) const NAMES: &str = "names.2";
pub(super) const TEAMS: &str = "teams.2";
const BEFORE: [(&str, &str); 3] = [("contacts", CONTACTS), ("names", NAMES), ("teams", TEAMS)];

/// How many entries are packed between two flushes: sled holds in memory what is not flushed.
const STEP: usize = 5000;

/// Brings a store of version 1 up to date. A kill in between leaves that version, and it is done
/// again from the beginning: the older trees go last.
pub(super) fn migrate(db: &Db) -> Result<(), Error> {
    let began = Instant::now();
    tracing::info!("the contact store is of an older version and is being brought up to date");
    let mut entries = 0;
    for (before, after) in BEFORE {
        db.drop_tree(after)?;
        entries += pack(db, before, &Blocks::new(db.open_tree(after)?))?;
        point(Point::StartMigrate);
    }
    db.open_tree("meta")?.insert(index::VERSION, &VERSION.to_be_bytes())?;
    db.flush()?;
    tracing::info!(
        entries,
        seconds = began.elapsed().as_secs_f64(),
        "the contact store is up to date"
    );
    Ok(())
}

/// Removes the trees of version 1, where they are still there.
pub(super) fn forget(db: &Db) -> Result<(), Error> {
    let mut gone = false;
    for (before, _) in BEFORE {
        gone |=
            db.tree_names().iter().any(|name| name == before.as_bytes()) && db.drop_tree(before)?;
    }
    if gone { db.flush().map(drop) } else { Ok(()) }
}

/// Puts all entries of a tree into blocks; how many they were.
fn pack(db: &Db, before: &str, after: &Blocks) -> Result<usize, Error> {
    let mut count = 0;
    let mut edit = after.edit();
    for entry in &db.open_tree(before)? {
        let (key, value) = entry?;
        edit.insert(&key, &value)?;
        count += 1;
        if count % STEP == 0 {
            after.tree().apply_batch(std::mem::replace(&mut edit, after.edit()).batch()?)?;
            db.flush()?;
        }
    }
    after.tree().apply_batch(edit.batch()?)?;
    db.flush()?;
    Ok(count)
}
