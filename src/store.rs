//! The folder that holds everything the daemon keeps, and who may use it.
//!
//! | | |
//! |---|---|
//! | `ledger.db` | the ledger, SQLite; `ledger.lock` is held by whoever has the store |
//! | `contacts/` | the contacts, sled |
//! | `matrix/` | the Matrix bot's session and its SDK's stores, SQLite |
//! | `control.sock` | where a running daemon answers the command line (`control`) |
//! | `restoring/` | a restore that was not finished |
//! | `before-restore-…/` | what a restore moved aside |

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder of a store.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// Why a store cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotHad {
    /// Another process has it.
    #[error(
        "{0} is in use by another partyline: stop that one, or give this one a store of its own (store.url)"
    )]
    InUse(String),
    /// The file system refuses.
    #[error("{path} cannot be opened: {why}")]
    Unusable {
        /// The file.
        path: String,
        /// What the file system says.
        why: String,
    },
}

/// Held while a process has the store: a second one would send everything twice. The file also says
/// whether a ledger was made here, so that one which lost everything is not taken for a new one.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Whether a ledger was made here once.
    #[must_use]
    pub fn is_made(&self) -> bool {
        self.file.metadata().is_ok_and(|data| data.len() > 0)
    }

    /// Writes down that a ledger was made here.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn note_made(&self) -> Result<(), NotHad> {
        if self.is_made() {
            return Ok(());
        }
        let written = (&self.file).write_all(b"made\n").and_then(|()| self.file.sync_all());
        written.map_err(|error| unusable(&self.path, &error))
    }
}

impl Folder {
    /// The store in this folder, which need not be there yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// The folder itself: `store.url` without its scheme.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// `ledger.db`, the ledger's file.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.0.join("ledger.db")
    }

    /// The folder of the contacts.
    #[must_use]
    pub fn contacts(&self) -> PathBuf {
        self.0.join("contacts")
    }

    /// The folder of the Matrix bot.
    #[must_use]
    pub fn matrix(&self) -> PathBuf {
        self.0.join("matrix")
    }

    /// The socket of a running daemon.
    #[must_use]
    pub fn control(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    /// What a restore puts together, and removes as its last step.
    #[must_use]
    pub fn restoring(&self) -> PathBuf {
        self.0.join("restoring")
    }

    /// Takes the store for this process.
    ///
    /// # Errors
    /// Another process has it, or the folder cannot be used.
    pub fn lock(&self) -> Result<Lock, NotHad> {
        lock(&self.ledger())
    }
}

/// Takes the store that this ledger belongs to.
pub(crate) fn lock(ledger: &Path) -> Result<Lock, NotHad> {
    let path = ledger.with_extension("lock");
    let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let file = options.map_err(|error| unusable(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { file, path }),
        Err(std::fs::TryLockError::WouldBlock) => Err(NotHad::InUse(ledger.display().to_string())),
        Err(std::fs::TryLockError::Error(error)) => Err(unusable(&path, &error)),
    }
}

fn unusable(path: &Path, error: &std::io::Error) -> NotHad {
    NotHad::Unusable { path: path.display().to_string(), why: error.to_string() }
}
