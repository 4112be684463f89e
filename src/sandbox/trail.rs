//! Which message became which: read from the daemon's ledger, which is where the truth is.
//!
//! The ledger is SQLite in WAL mode, so a reader beside the daemon disturbs nobody. Only the
//! sandbox looks into the file; whoever operates a daemon asks it (`/wa status`, `/metrics`).

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

/// The messages that are looked at: the newest.
const NEWEST: u32 = 2000;

/// Reads the ledger of one store.
pub(super) struct Reader {
    path: PathBuf,
    connection: Option<Connection>,
    version: i64,
}

/// What the ledger knows of the newest messages.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// By place and message: the event that it is.
    events: HashMap<(String, String), i64>,
    /// By event: every message that it is, as place and id.
    messages: HashMap<i64, Vec<(String, String)>>,
    /// By event: what is not settled, by the lane that it is in.
    open: HashMap<i64, BTreeMap<String, Open>>,
}

/// A delivery that is not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Open {
    /// It waits for its turn, or for the next try.
    Waiting,
    /// It will not be sent; why.
    Parked(String),
}

impl Reader {
    /// A reader of the ledger in this folder; the file need not be there yet.
    pub(super) fn new(folder: &Path) -> Self {
        Self { path: folder.join("ledger.db"), connection: None, version: -1 }
    }

    /// Whether somebody wrote since the last call. Costs microseconds.
    pub(super) fn has_changed(&mut self) -> bool {
        let Some(connection) = self.connect() else { return false };
        // Changes when another connection commits (sqlite.org, PRAGMA data_version).
        let version = connection.pragma_query_value(None, "data_version", |row| row.get(0));
        let version = version.unwrap_or(self.version);
        std::mem::replace(&mut self.version, version) != version
    }

    /// Reads what there is; nothing where the ledger cannot be read just now.
    pub(super) fn read(&mut self) -> Trail {
        self.connect().and_then(|connection| read(connection).ok()).unwrap_or_default()
    }

    fn connect(&mut self) -> Option<&Connection> {
        if self.connection.is_none() {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            self.connection = Connection::open_with_flags(&self.path, flags).ok();
        }
        self.connection.as_ref()
    }
}

fn read(connection: &Connection) -> rusqlite::Result<Trail> {
    let mut trail = Trail::default();
    for sql in [
        "SELECT m.event, p.place, m.message FROM messages m JOIN places p ON p.id = m.place
         ORDER BY m.event DESC LIMIT ?1",
        // Where a message's id is its event's key, it stands there alone.
        "SELECT e.id, p.place, e.key FROM events e JOIN places p ON p.id = e.place
         WHERE e.kind = 'message' AND NOT EXISTS
             (SELECT 1 FROM messages m WHERE m.event = e.id AND m.delivery IS NULL)
         ORDER BY e.id DESC LIMIT ?1",
    ] {
        let mut messages = connection.prepare_cached(sql)?;
        let rows = messages.query_map([NEWEST], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })?;
        for row in rows {
            let (event, place, message) = row?;
            trail.events.insert((place.clone(), message.clone()), event);
            trail.messages.entry(event).or_default().push((place, message));
        }
    }
    let mut open = connection.prepare_cached(
        "SELECT event, lane, sentence FROM deliveries WHERE state IN (0, 2)
         ORDER BY id DESC LIMIT ?1",
    )?;
    let rows = open.query_map([NEWEST], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?))
    })?;
    for row in rows {
        let (event, lane, sentence) = row?;
        let state = sentence.map_or(Open::Waiting, Open::Parked);
        trail.open.entry(event).or_default().insert(lane, state);
    }
    Ok(trail)
}

impl Trail {
    /// The event that a message is, once the bridge has taken it in.
    pub(super) fn event(&self, place: &str, message: &str) -> Option<i64> {
        self.events.get(&(place.to_owned(), message.to_owned())).copied()
    }

    /// The messages of an event in a place; several, where it went in parts.
    pub(super) fn in_place<'a>(
        &'a self,
        event: i64,
        place: &'a str,
    ) -> impl Iterator<Item = &'a str> {
        self.messages
            .get(&event)
            .into_iter()
            .flatten()
            .filter(move |(at, _)| at == place)
            .map(|(_, message)| message.as_str())
    }

    /// How many deliveries are not settled, of those that were looked at.
    pub(super) fn unsettled(&self) -> usize {
        self.open.values().map(BTreeMap::len).sum()
    }

    /// What of an event is not settled in a place.
    pub(super) fn open(&self, event: i64, place: &str) -> Option<&Open> {
        self.open.get(&event)?.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_ledger_there_is_nothing_to_see() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut reader = Reader::new(folder.path());
        assert!(!reader.has_changed());
        assert_eq!(reader.read().event("slack:C1", "1.0"), None);
    }
}
