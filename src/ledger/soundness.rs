//! Whether a ledger that was there before can be trusted.
//!
//! SQLite takes a file that was cut to nothing for a new database, and finds a garbled page only
//! when it comes to read it. What it can recover by itself, it does: of a log that was cut short or
//! garbled, everything up to the last commit that is whole.

use std::path::Path;

use rusqlite::Connection;

use super::LedgerError;

/// The smallest file that was ever a ledger: one page.
const PAGE: u64 = 4096;

/// The most pages that are looked through at a start, 100 MiB: less than half a second. What is
/// damaged in a larger ledger is found when it is read.
const PAGES: i64 = 25_000;

/// Whether the file has been cut to nothing. Asked before SQLite opens it, which would write to it.
pub(super) fn of_file(path: &Path) -> Result<(), LedgerError> {
    let length = std::fs::metadata(path).map(|data| data.len()).unwrap_or_default();
    if length < PAGE {
        return Err(LedgerError::Damaged(format!("only {length} bytes of it are left")));
    }
    Ok(())
}

/// Whether its pages hang together.
pub(super) fn of_pages(connection: &Connection) -> Result<(), LedgerError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == 0 {
        return Err(LedgerError::Damaged("it is empty, and it was in use before".into()));
    }
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if pages > PAGES {
        return Ok(());
    }
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    match found.as_str() {
        "ok" => Ok(()),
        // Several lines; the last one says what and where.
        found => Err(LedgerError::Damaged(found.lines().last().unwrap_or(found).to_owned())),
    }
}
