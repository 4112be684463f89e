//! Opening the folder, and what is said when it cannot be opened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use sled::{Db, Error};

use super::super::StoreError;
use super::blocks::Blocks;
use super::migrate::{CONTACTS, NAMES, TEAMS, VERSION, forget, migrate};
use super::{Trees, index, scrub};

/// The file that says that a store was made here, so that one which lost everything is not taken
/// for a new one.
pub(super) const MADE: &str = "made";

/// How long a store that somebody else has open is waited for: a process that is just ending lets
/// go of it in this time.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the store cannot be opened.
enum Refused {
    Sled(Error),
    /// A newer program wrote this version.
    Newer(u64),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Sled(error)
    }
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        Self::Sled(error.into())
    }
}

/// Opens or makes the store. Its pages are not read through: a million contacts take seconds. A
/// contact that turns out to be damaged when it is read is told then, and `partyline doctor` reads
/// them all. What cannot be told at all: a file cut off at its end, which to sled is the store as
/// it was earlier.
pub(super) fn open(folder: &Path, cache_bytes: u64) -> Result<(Db, Trees), StoreError> {
    let began = Instant::now();
    loop {
        // sled panics on some kinds of damage instead of saying so.
        let opened = catch_unwind(AssertUnwindSafe(|| try_open(folder, cache_bytes)))
            .unwrap_or_else(|_| Err(damaged().into()));
        match opened {
            Err(Refused::Sled(error)) if is_locked(&error) && began.elapsed() < PATIENCE => {
                std::thread::sleep(PATIENCE / 100);
            }
            opened => {
                return opened.map_err(|refused| StoreError::Open(sentence(folder, &refused)));
            }
        }
    }
}

/// How sled is to keep a folder.
pub(super) fn config(folder: &Path, cache_bytes: u64) -> sled::Config {
    sled::Config::new()
        .path(folder)
        .cache_capacity(cache_bytes)
        // The writer flushes; a second one beside it would only take time.
        .flush_every_ms(None)
}

fn try_open(folder: &Path, cache_bytes: u64) -> Result<(Db, Trees), Refused> {
    scrub::recover(folder)?;
    let db = config(folder, cache_bytes).open()?;
    let meta = db.open_tree("meta")?;
    match meta.get(index::COUNT)? {
        // Before there were versions, it was the first.
        Some(_) => match meta.get(index::VERSION)?.map_or(1, |version| index::read_count(&version))
        {
            VERSION => {}
            found if found > VERSION => return Err(Refused::Newer(found)),
            _ => migrate(&db)?,
        },
        // sled takes a file that it cannot make sense of for an empty one.
        None if folder.join(MADE).exists() => return Err(damaged().into()),
        None => {
            meta.insert(index::VERSION, &VERSION.to_be_bytes())?;
            meta.insert(index::COUNT, &0u64.to_be_bytes())?;
            db.flush()?;
            std::fs::File::create(folder.join(MADE))?.sync_all()?;
        }
    }
    forget(&db)?;
    let open = |name| db.open_tree(name).map(Blocks::new);
    let trees = Trees { contacts: open(CONTACTS)?, names: open(NAMES)?, teams: open(TEAMS)?, meta };
    Ok((db, trees))
}

const fn damaged() -> Error {
    Error::Corruption { at: None, bt: () }
}

fn is_locked(error: &Error) -> bool {
    matches!(error, Error::Io(io) if io.to_string().contains("could not acquire lock"))
}

fn sentence(folder: &Path, refused: &Refused) -> String {
    let folder = folder.display();
    let error = match refused {
        Refused::Sled(error) => error,
        Refused::Newer(found) => {
            return format!(
                "The contact store in {folder} was written by a newer partyline (version {found}, this one knows {VERSION}): run the newer program."
            );
        }
    };
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
