//! The number of the newest event, kept beside the ledger, by which it is noticed that the ledger
//! has lost its end.
//!
//! SQLite recovers a log that was cut short or garbled up to the last commit that is whole, and says
//! nothing. So after each commit the newest event's number is written into a small file of its own,
//! without an fsync: a killed program loses nothing of it, and after a loss of power it is at most
//! older than the ledger, never newer. A ledger that is found behind its note has lost something. It
//! keeps when that was said, until the administrators were told (`crate::alerts`).
//!
//! Messages of that time are read back, and looked up before they are sent. A Slack slash command is
//! in no history: it is gone, and people have to be told.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use partyline_core::Clock;
use rusqlite::{Connection, OptionalExtension};

use super::{Ledger, LedgerError, timestamp};

/// The row of `meta` that says what was lost.
const LOST: &str = "lost_end";

/// Two numbers of twenty digits, a space and a line feed.
const LENGTH: usize = 42;

/// Between when and when the ledger has lost what it had written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostEnd {
    /// When the newest event that is left came in.
    pub from: Timestamp,
    /// When the newest one that was committed came in, or something after it.
    pub to: Timestamp,
}

/// The file of the note that belongs to this ledger.
pub(crate) fn beside(ledger: &Path) -> PathBuf {
    ledger.with_extension("noted")
}

/// The note, as the writer keeps it.
pub(super) struct Note {
    /// `None` where the file cannot be had: then nothing is noticed, and nothing else is wrong.
    file: Option<File>,
    newest: i64,
    clock: Arc<dyn Clock>,
}

impl Note {
    /// Opens the note beside the ledger, and notes what the ledger has.
    pub(super) fn open(ledger: &Path, connection: &Connection, clock: Arc<dyn Clock>) -> Self {
        let path = beside(ledger);
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        if let Err(error) = &file {
            tracing::warn!(path = %path.display(), %error, "it would not be noticed if the ledger lost its end");
        }
        let mut note = Self { file: file.ok(), newest: i64::MIN, clock };
        note.committed(connection);
        note
    }

    /// To be called by the writer after each commit, before anybody hears of it. Costs a look at the
    /// end of a table, and a write of 42 bytes where that has changed.
    pub(super) fn committed(&mut self, connection: &Connection) {
        let Some(file) = &self.file else { return };
        let Ok(newest) = newest(connection) else { return };
        if newest == self.newest {
            return;
        }
        let line = line(newest, self.clock.now().as_millisecond());
        if file.write_all_at(line.as_bytes(), 0).is_ok() {
            self.newest = newest;
        }
    }
}

/// Compares the ledger with its note. What was lost is kept in the ledger, and logged.
///
/// # Errors
/// The ledger could not be read or written.
pub(super) fn compare(ledger: &Path, connection: &Connection) -> Result<(), LedgerError> {
    let Some((noted, to)) = read(&beside(ledger)) else { return Ok(()) };
    if noted <= newest(connection)? {
        return Ok(());
    }
    let from: i64 = connection
        .query_row("SELECT received FROM events ORDER BY id DESC LIMIT 1", [], |row| row.get(0))
        .optional()?
        .unwrap_or_default();
    connection.execute(
        "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
        (LOST, line(from.min(to), to)),
    )?;
    tracing::error!(
        ledger = %ledger.display(), from = %timestamp(from.min(to)), to = %timestamp(to),
        "the ledger has lost its end: what it wrote down in this time is gone; messages are read back, commands have to be given again"
    );
    Ok(())
}

impl Ledger {
    /// What the ledger has lost at its end, the last time that it lost something.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn lost_end(&self) -> Result<Option<LostEnd>, LedgerError> {
        self.threads
            .read(|connection| {
                let lost: Option<String> = connection
                    .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
                    .query_row([LOST], |row| row.get(0))
                    .optional()?;
                let lost = lost.and_then(|line| parse(&line));
                Ok(lost.map(|(from, to)| LostEnd { from: timestamp(from), to: timestamp(to) }))
            })
            .await
    }
}

fn newest(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection
        .prepare_cached("SELECT coalesce(max(id), 0) FROM events")?
        .query_row([], |row| row.get(0))
}

fn line(first: i64, second: i64) -> String {
    format!("{first:020} {second:020}\n")
}

/// A note that is not whole says nothing.
fn read(path: &Path) -> Option<(i64, i64)> {
    let text = std::fs::read_to_string(path).ok()?;
    (text.len() == LENGTH).then(|| parse(&text)).flatten()
}

fn parse(line: &str) -> Option<(i64, i64)> {
    let (first, second) = line.trim_end().split_once(' ')?;
    Some((first.parse().ok()?, second.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use partyline_core::ManualClock;

    use super::*;

    fn events(count: i64) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);
                 CREATE TABLE events (id INTEGER PRIMARY KEY, received INTEGER);",
            )
            .unwrap();
        for at in 0..count {
            connection.execute("INSERT INTO events (received) VALUES (?1)", [at * 1000]).unwrap();
        }
        connection
    }

    fn lost(connection: &Connection) -> Option<(i64, i64)> {
        let row = connection.query_row("SELECT value FROM meta", [], |row| row.get::<_, String>(0));
        row.optional().unwrap().and_then(|line| parse(&line))
    }

    fn at(ms: i64) -> Arc<ManualClock> {
        Arc::new(ManualClock::new(timestamp(ms)))
    }

    #[test]
    fn a_ledger_behind_its_note_has_lost_its_end_and_one_before_it_has_not() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.db");
        let three = events(3);
        compare(&ledger, &three).unwrap();
        assert_eq!(lost(&three), None, "nothing is noted yet");
        Note::open(&ledger, &three, at(2500));
        for (left, expected) in
            [(3, None), (4, None), (2, Some((1000, 2500))), (0, Some((0, 2500)))]
        {
            let found = events(left);
            compare(&ledger, &found).unwrap();
            assert_eq!(lost(&found), expected, "{left} are left");
        }
    }

    #[test]
    fn a_note_follows_what_is_committed_and_a_torn_one_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.db");
        let connection = events(1);
        let clock = at(5);
        let mut note = Note::open(&ledger, &connection, clock.clone());
        assert_eq!(read(&beside(&ledger)), Some((1, 5)));
        clock.advance(jiff::SignedDuration::from_millis(4));
        note.committed(&connection);
        assert_eq!(read(&beside(&ledger)), Some((1, 5)), "nothing came in meanwhile");
        connection.execute("INSERT INTO events (received) VALUES (7)", []).unwrap();
        note.committed(&connection);
        assert_eq!(read(&beside(&ledger)), Some((2, 9)));
        std::fs::write(beside(&ledger), "0000000000000").unwrap();
        let nothing = events(0);
        compare(&ledger, &nothing).unwrap();
        assert_eq!(lost(&nothing), None);
    }
}
