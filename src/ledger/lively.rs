//! Threads of Slack channels in which something was said of late, and places over which the program
//! died: what a read-back has to know of before it begins.

use jiff::SignedDuration;
use partyline_core::{Happening, Network, Place};
use rusqlite::params;

use super::cursors::{PlaceRow, to_i64};
use super::threads::Writing;
use super::{Entry, Ledger, LedgerError};

/// The program's version: what one version dies over, the next one may not.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long a thread is known in which nothing more is said.
pub const LIVELY: SignedDuration = SignedDuration::from_hours(8 * 24);

/// The most threads that are known after a start.
const THREADS: i64 = 16_384;

/// A thread of a Slack channel in which something was said within the week: one of those that are read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivelyThread {
    /// The channel that it is in.
    pub channel: Place,
    /// The id of the message that began it.
    pub thread: String,
    /// The ordinal of the newest reply that came.
    pub newest: u64,
}

/// Notes that something was said in a thread of a channel, if that is what the event is.
pub(super) fn note_reply(
    writing: &Writing<'_>,
    place: &PlaceRow,
    entry: &Entry,
) -> Result<(), rusqlite::Error> {
    let Happening::Message { content, .. } = &entry.event.happening else { return Ok(()) };
    let (Some(thread), Some(ordinal)) = (&content.thread, entry.event.ordinal) else {
        return Ok(());
    };
    if place.place.network() != Network::Slack {
        return Ok(());
    }
    writing
        .connection
        .prepare_cached(
            "INSERT INTO threads (place, thread, newest) VALUES (?1, ?2, ?3)
             ON CONFLICT (place, thread) DO UPDATE SET newest = max(newest, excluded.newest)",
        )?
        .execute(params![place.id, thread.as_str(), to_i64(ordinal)])
        .map(drop)
}

impl Ledger {
    /// The threads in which something was said within [`LIVELY`], at most 16,384; the one spoken in
    /// last at the end.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn lively_threads(&self) -> Result<Vec<LivelyThread>, LedgerError> {
        // Slack's ordinals are microseconds.
        let since = self.before(LIVELY).saturating_mul(1000);
        self.threads
            .read(move |connection| {
                let mut rows = connection.prepare(
                    "SELECT places.place, threads.thread, threads.newest
                     FROM threads JOIN places ON places.id = threads.place
                     WHERE threads.newest > ?1 ORDER BY threads.newest DESC LIMIT ?2",
                )?;
                let mut rows = rows.query(params![since, THREADS])?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    let Ok(channel) = row.get::<_, String>(0)?.parse() else { continue };
                    let newest = u64::try_from(row.get::<_, i64>(2)?).unwrap_or_default();
                    found.push(LivelyThread { channel, thread: row.get(1)?, newest });
                }
                found.reverse();
                Ok(found)
            })
            .await
    }

    /// This version of the program died over a place again and again while it read it back.
    ///
    /// # Errors
    /// It was not noted.
    pub async fn note_deadly(&self, place: &Place) -> Result<(), LedgerError> {
        let place = place.clone();
        self.threads
            .write(move |writing| {
                let row = PlaceRow::of(writing, &place)?;
                writing
                    .connection
                    .prepare_cached("UPDATE places SET deadly = ?2 WHERE id = ?1")?
                    .execute(params![row.id, VERSION])
                    .map(drop)
            })
            .await
    }

    /// The places over which this version of the program died.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn deadly_places(&self) -> Result<Vec<Place>, LedgerError> {
        self.places_of(
            "SELECT place FROM places WHERE deadly IS NOT NULL AND deadly = ?1",
            [VERSION],
        )
        .await
    }
}
