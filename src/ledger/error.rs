//! Why the ledger could not do something, in words for whoever runs the daemon.

use crate::store::NotHad;

/// What statements come to, inside the ledger.
pub(super) type Sql<T> = Result<T, rusqlite::Error>;

/// Why the ledger could not do something.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process has it open.
    #[error(
        "the ledger {0} is in use by another partyline: stop that one, or give this one a store of its own (store.url)"
    )]
    Locked(String),
    /// It is not a database, or a damaged one.
    #[error(
        "the ledger is damaged ({0}): restore a backup (`partyline restore DIR`), or move the file away to begin a new one"
    )]
    Damaged(String),
    /// A newer program wrote it.
    #[error(
        "the ledger was written by a newer partyline (version {found}, this one knows {known}): run the newer program"
    )]
    Newer {
        /// The version found.
        found: usize,
        /// The newest version that this program knows.
        known: usize,
    },
    /// The disk is full.
    #[error(
        "the disk with the ledger is full: make room; nothing that came meanwhile was acknowledged"
    )]
    Full,
    /// More is waiting than it can write.
    #[error("the ledger is busy: more is waiting than it can write")]
    Busy,
    /// It is shut, or the write was given up before it began; the log says why.
    #[error("the ledger did not take the write; see the log for the reason")]
    Closed,
    /// Anything else.
    #[error("the ledger cannot be used: {0}")]
    Unusable(String),
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(error.to_string())
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Locked(String::new())
            }
            _ => Self::Unusable(error.to_string()),
        }
    }
}

impl From<NotHad> for LedgerError {
    fn from(error: NotHad) -> Self {
        match error {
            NotHad::InUse(path) => Self::Locked(path),
            unusable @ NotHad::Unusable { .. } => Self::Unusable(unusable.to_string()),
        }
    }
}
