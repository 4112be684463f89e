//! Folding the log (WAL) into the database, beside the commits and not in them.
//!
//! By itself SQLite does that inside the commit that makes the log too long: everybody who waits
//! for that commit waits for two more fsyncs and a thousand pages. Here a thread with a connection
//! of its own copies the pages while the writer goes on. A log to which something is always added
//! never ends by that alone. So once it has grown long the thread copies again, and again what came
//! meanwhile, until little is left; that the writer copies between two commits, and SQLite begins
//! the log anew.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use rusqlite::Connection;

use super::LedgerError;
use super::threads::spawn;

/// How many rows are changed between two rounds. What is changed again and again meanwhile is
/// copied once.
const ROWS: u64 = 16_000;
/// How long the log may grow before it is ended, in pages of 4 KiB: 64 MiB.
const LONG: i64 = 16_384;
/// Where no more than this came during a round, the writer copies in a few milliseconds what came
/// since, in pages.
const LITTLE: i64 = 64;
/// How often the thread copies what came meanwhile before the writer takes over all the same.
const AGAIN: u32 = 6;

/// The writer's side: counts what it writes, and has it folded.
pub(super) struct Checkpoints {
    /// Rows changed at the last round.
    folded: u64,
    rounds: SyncSender<()>,
    /// The log is long, and the thread has left little of it.
    to_end: Arc<AtomicBool>,
}

impl Checkpoints {
    /// Starts the thread. It ends with the writer.
    pub(super) fn start(path: &Path, writer: &Connection) -> Result<Self, LedgerError> {
        writer.pragma_update(None, "wal_autocheckpoint", 0)?;
        let connection = super::connect(path)?;
        let to_end = Arc::new(AtomicBool::new(false));
        let (rounds, round) = sync_channel(1);
        let ended = Arc::clone(&to_end);
        spawn("ledger-folder", move || {
            while round.recv().is_ok() {
                let mut length = fold(&connection);
                for _ in 0..AGAIN {
                    let before = length;
                    if before <= LONG {
                        break;
                    }
                    length = fold(&connection);
                    if length - before <= LITTLE {
                        break;
                    }
                }
                ended.store(length > LONG, Ordering::Relaxed);
            }
        })?;
        Ok(Self { folded: 0, rounds, to_end })
    }

    /// To be called by the writer after each commit, on its connection.
    pub(super) fn committed(&mut self, writer: &Connection) {
        if self.to_end.swap(false, Ordering::Relaxed) {
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

/// Copies what can be copied without waiting for anybody. How long the log was then, in pages: what
/// SQLite says is not copied is so because somebody reads it, and never what came meanwhile.
fn fold(connection: &Connection) -> i64 {
    let fold = || {
        connection
            .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?
            .query_row([], |row| row.get::<_, i64>(1))
    };
    fold().unwrap_or_else(|error: rusqlite::Error| {
        // The next round tries again; meanwhile the log is longer than it need be.
        tracing::warn!(%error, "the ledger's log could not be folded into the database");
        0
    })
}
