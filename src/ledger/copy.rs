//! Copies of SQLite files that others are writing to.
//!
//! `VACUUM INTO` and not SQLite's backup API: that one begins again whenever somebody commits
//! between two of its steps, and under traffic somebody always does. `VACUUM INTO` reads one
//! snapshot, which in WAL mode holds up no writer, and leaves out what was deleted: bodies beyond
//! their retention are in no free page of a backup.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::LedgerError;

/// Copies a SQLite database, as of now, into a file that is not there yet. Gives the version of
/// what is in it (`user_version`). The copy is not synced.
///
/// # Errors
/// It cannot be read, is damaged, or the copy cannot be written.
pub fn copy(from: &Path, to: &Path) -> Result<usize, LedgerError> {
    let connection = existing(from)?;
    let to = to.to_str().ok_or_else(|| {
        LedgerError::Unusable(format!("{} is a path that SQLite cannot take", to.display()))
    })?;
    connection.execute("VACUUM INTO ?1", [to])?;
    super::schema::version(&connection)
}

/// Notes in a ledger that no daemon has open that it was restored from a backup now.
///
/// # Errors
/// It cannot be written, or a newer program made it.
pub fn note_restored(path: &Path, now: jiff::Timestamp) -> Result<(), LedgerError> {
    let connection = existing(path)?;
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('restored', ?1)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [now.to_string()],
    )?;
    Ok(())
}

fn existing(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    Ok(connection)
}
