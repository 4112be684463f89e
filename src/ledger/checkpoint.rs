//! Folding the log (WAL) into the database, beside the commits and not in them.
//!
//! By itself SQLite does that inside the commit that makes the log too long: everybody who waits
//! for that commit waits for two more fsyncs and a thousand pages. Here a thread with a connection
//! of its own copies the pages while the writer goes on. A log to which something is always added
//! never ends by that alone, so the writer copies what little is left between two commits, once the
//! log has grown long; then SQLite begins it anew.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use rusqlite::Connection;

use super::LedgerError;
use super::threads::spawn;

/// How many rows are changed between two rounds: each changes a page or two.
const ROWS: u64 = 4000;
/// How long the log may grow before the writer ends it, in pages of 4 KiB: 32 MiB.
const LONG: i64 = 8192;

/// The writer's side: counts what it writes, and has it folded.
pub(super) struct Checkpoints {
    /// Rows changed at the last round.
    folded: u64,
    rounds: SyncSender<()>,
    /// How long the log was at the end of the last round, in pages.
    log: Arc<AtomicI64>,
}

impl Checkpoints {
    /// Starts the thread. It ends with the writer.
    pub(super) fn start(path: &Path, writer: &Connection) -> Result<Self, LedgerError> {
        writer.pragma_update(None, "wal_autocheckpoint", 0)?;
        let connection = super::connect(path)?;
        let log = Arc::new(AtomicI64::new(0));
        let (rounds, round) = sync_channel(1);
        let length = Arc::clone(&log);
        spawn("ledger-folder", move || {
            while round.recv().is_ok() {
                length.store(fold(&connection), Ordering::Relaxed);
            }
        })?;
        Ok(Self { folded: 0, rounds, log })
    }

    /// To be called by the writer after each commit, on its connection.
    pub(super) fn committed(&mut self, writer: &Connection) {
        if self.log.load(Ordering::Relaxed) > LONG {
            self.log.store(0, Ordering::Relaxed);
            fold(writer);
        }
        let changed = writer.total_changes();
        if changed - self.folded > ROWS {
            self.folded = changed;
            // Where a round is asked for already, that one will do.
            let _ = self.rounds.try_send(());
        }
    }
}

/// Copies what can be copied without waiting for anybody. Answers how long the log is, in pages.
fn fold(connection: &Connection) -> i64 {
    let fold = || {
        connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row([], |row| row.get(1))
    };
    fold().unwrap_or_else(|error: rusqlite::Error| {
        // The next round tries again; meanwhile the log is longer than it need be.
        tracing::warn!(%error, "the ledger's log could not be folded into the database");
        0
    })
}
