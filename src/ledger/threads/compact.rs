//! The file, written anew: nothing is left in it of what was deleted.

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::Writing;
use super::job::WriteJob;
use crate::ledger::LedgerError;

/// The largest file that is written anew while others wait for the writer, in bytes: about a second. (A
/// million events of 763 MiB took ten.)
const SMALL: i64 = 64 << 20;

/// Has the file written anew, so that nothing is left in it of what was deleted.
pub(super) struct Compact {
    pub(super) done: Result<(), LedgerError>,
    pub(super) answer: oneshot::Sender<Result<(), LedgerError>>,
}

impl WriteJob for Compact {
    fn write(&mut self, _: &Writing<'_>) -> Result<(), ()> {
        Ok(())
    }

    fn afterwards(&mut self, connection: &Connection) {
        self.done = match is_small(connection) {
            Ok(true) => compact(connection),
            // The next start does it. Until then the log at least holds nothing of before.
            Ok(false) => connection
                .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
                .map_err(LedgerError::from),
            Err(error) => Err(error.into()),
        };
    }

    fn answer(self: Box<Self>, committed: Result<(), LedgerError>) {
        let _ = self.answer.send(committed.and(self.done));
    }
}

fn is_small(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let size: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    Ok(pages.saturating_mul(size) <= SMALL)
}

/// Writes the file anew, and ends the log, which has the pages of before.
pub(in crate::ledger) fn compact(connection: &Connection) -> Result<(), LedgerError> {
    // The new file is as large as the old one: memory is no place for it.
    connection.pragma_update(None, "temp_store", "file")?;
    let done = connection.execute_batch(
        "VACUUM; UPDATE meta SET value = '0' WHERE key = 'compact'; PRAGMA wal_checkpoint(TRUNCATE)",
    );
    connection.pragma_update(None, "temp_store", "memory")?;
    Ok(done?)
}
