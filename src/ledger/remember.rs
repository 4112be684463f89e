//! What is remembered for long: the keys and message ids of settled events, and WhatsApp names.
//!
//! A key makes a repeat a repeat, so it is kept far longer than any platform repeats or tells what
//! was missed: Twilio and Slack repeat within minutes, and a place is read back from its cursor on,
//! which stays. A message id is what an edit, a reaction or a receipt finds its message by.

use jiff::SignedDuration;
use rusqlite::{Connection, OptionalExtension, params};

use super::forget::{BATCH, Old, is_full};
use super::{Ledger, LedgerError, fold};

/// Between which folded texts those stand that begin with this.
pub(super) fn beginning_with(beginning: &str) -> (String, String) {
    let beginning = fold(beginning);
    let end = format!("{beginning}\u{10ffff}");
    (beginning, end)
}

impl Ledger {
    /// Notes what somebody calls themselves on WhatsApp, under the contact's key.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn note_profile(&self, key: &str, name: &str) -> Result<(), LedgerError> {
        let (key, name, now) = (key.to_owned(), name.to_owned(), self.now_ms());
        self.threads
            .write(move |writing| {
                writing
                    .connection
                    .prepare_cached(
                        "INSERT INTO profiles (key, name, at, folded) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (key) DO UPDATE SET
                             name = excluded.name, at = excluded.at, folded = excluded.folded",
                    )?
                    .execute(params![key, name, now, fold(&name)])
                    .map(drop)
            })
            .await
    }

    /// The WhatsApp names that were noted last, at most `limit`: by key, the newest last.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn profiles(&self, limit: usize) -> Result<Vec<(String, String)>, LedgerError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.threads
            .read(move |connection| {
                let mut newest: Vec<(String, String)> = connection
                    .prepare("SELECT key, name FROM profiles ORDER BY at DESC LIMIT ?1")?
                    .query_map([limit], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<Result<_, _>>()?;
                newest.reverse();
                Ok(newest)
            })
            .await
    }

    /// The WhatsApp names whose number (`+1415…`) or whose name, in whatever case, begins with this;
    /// each with the contact's key in front, in that order, at most `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn find_profiles(
        &self,
        beginning: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>, LedgerError> {
        let (beginning, end) = beginning_with(beginning);
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT key, name FROM profiles WHERE key >= ?1 AND key < ?2
                         UNION SELECT key, name FROM profiles WHERE folded >= ?1 AND folded < ?2
                         ORDER BY key LIMIT ?3",
                    )?
                    .query_map(params![beginning, end, limit], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })?
                    .collect()
            })
            .await
    }

    /// Forgets the keys and message ids of events that came longer ago than this, of which nothing
    /// is open and whose bodies are gone, and WhatsApp names that were noted before; a bounded
    /// number at a time. Answers whether there is more to do.
    ///
    /// # Errors
    /// Nothing was forgotten.
    pub async fn forget_keys(&self, remember: SignedDuration) -> Result<bool, LedgerError> {
        let before = self.before(remember);
        self.threads
            .write(move |writing| {
                let connection = writing.connection;
                let end = first_since(connection, before)?;
                let events: Vec<i64> = connection
                    .prepare_cached(
                        "SELECT id FROM events
                         WHERE id < ?1 AND received < ?2 AND raw IS NULL AND state = 0
                           AND NOT EXISTS (SELECT 1 FROM deliveries
                               WHERE deliveries.event = events.id AND deliveries.state IN (0, 2))
                         ORDER BY id LIMIT ?3",
                    )?
                    .query_map(params![end, before, BATCH], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                for sql in [
                    "DELETE FROM deliveries WHERE event = ?1",
                    "DELETE FROM messages WHERE event = ?1",
                    "DELETE FROM receipts WHERE event = ?1",
                    "DELETE FROM ticks WHERE event = ?1",
                    "DELETE FROM held WHERE event = ?1",
                    "DELETE FROM events WHERE id = ?1",
                ] {
                    let mut delete = connection.prepare_cached(sql)?;
                    events.iter().try_for_each(|event| delete.execute([event]).map(drop))?;
                }
                let names = Old::Profiles.delete(connection, before)?;
                Ok(is_full(events.len()) || names)
            })
            .await
    }
}

/// The number of the first event that came at this time or after it. Events are numbered as they
/// come, so it is found by halving, and needs no index of times, which every event would pay for.
/// (Where the clock was set back it is off by what came in between, which is forgotten later.)
fn first_since(connection: &Connection, at: i64) -> Result<i64, rusqlite::Error> {
    let (mut low, mut high): (i64, i64) = connection.query_row(
        "SELECT coalesce(min(id), 0), coalesce(max(id), 0) + 1 FROM events",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut next = connection
        .prepare_cached("SELECT id, received FROM events WHERE id >= ?1 ORDER BY id LIMIT 1")?;
    while low < high {
        let middle = low + (high - low) / 2;
        let found: Option<(i64, i64)> =
            next.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match found {
            Some((id, received)) if received < at => low = id + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
