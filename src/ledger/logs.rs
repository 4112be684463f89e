//! How far the log of messages of each sender was read, and what was found there too late.

use std::collections::HashSet;

use jiff::Timestamp;
use partyline_core::{Action, Address, Event, Happening, Place, Text};
use rusqlite::{OptionalExtension, params};

use super::alerts::{Told, tell};
use super::intake::accept_one;
use super::members::is_member;
use super::threads::Writing;
use super::{Accepted, Entry, Ledger, LedgerError, Owed, Skipped, Sql, timestamp};

/// How much later a log must have been read for that to be noted, in milliseconds.
const LOOKED_APART: i64 = 60_000;

/// How far the log of a sender was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPosition {
    /// Since when it is read: what was written before is history.
    pub began: Timestamp,
    /// When the newest message was written that was read there.
    pub read_to: Timestamp,
    /// When it was read to its end, by our clock.
    pub looked: Timestamp,
}

/// Whoever tells of it that somebody wrote to a sender: from then on that sender's log is read.
pub(super) fn note_sender(writing: &Writing<'_>, event: &Event, now: i64) -> Sql<()> {
    let Happening::Wrote { sender: Some(sender), .. } = &event.happening else { return Ok(()) };
    begin(writing, sender, now)
}

fn begin(writing: &Writing<'_>, sender: &Address, now: i64) -> Sql<()> {
    writing
        .connection
        .prepare_cached(
            "INSERT INTO logs (sender, began, read_to, looked) VALUES (?1, ?2, ?2, ?2)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![sender.as_str(), now])
        .map(drop)
}

impl Ledger {
    /// The senders whose logs are read: these, and those that somebody wrote to.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn senders_with_logs(&self, pool: Vec<Address>) -> Result<Vec<Address>, LedgerError> {
        self.threads
            .read(move |connection| {
                let mut senders = pool;
                let known: Vec<String> = connection
                    .prepare_cached("SELECT sender FROM logs ORDER BY sender")?
                    .query_map([], |row| row.get(0))?
                    .collect::<Sql<_>>()?;
                for sender in known.iter().filter_map(|sender| sender.parse().ok()) {
                    if !senders.contains(&sender) {
                        senders.push(sender);
                    }
                }
                Ok(senders)
            })
            .await
    }

    /// How far a sender's log was read. One that was never read begins now.
    ///
    /// # Errors
    /// The ledger could not be read, or the beginning not be noted.
    pub async fn log_position(&self, sender: &Address) -> Result<LogPosition, LedgerError> {
        let key = sender.clone();
        let found = self
            .threads
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT began, read_to, looked FROM logs WHERE sender = ?1")?
                    .query_row([key.as_str()], |row| {
                        let [began, read_to, looked] = [row.get(0)?, row.get(1)?, row.get(2)?];
                        let [began, read_to, looked] = [began, read_to, looked].map(timestamp);
                        Ok(LogPosition { began, read_to, looked })
                    })
                    .optional()
            })
            .await?;
        if let Some(position) = found {
            return Ok(position);
        }
        let (sender, now) = (sender.clone(), self.now());
        self.threads.write(move |writing| begin(writing, &sender, now.as_millisecond())).await?;
        Ok(LogPosition { began: now, read_to: now, looked: now })
    }

    /// A sender's log was read up to a message of this time, where there was one; and to its end, as it
    /// was at `looked`.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn log_read(
        &self,
        sender: &Address,
        to: Option<Timestamp>,
        looked: Option<Timestamp>,
    ) -> Result<(), LedgerError> {
        let sender = sender.clone();
        let [to, looked] = [to, looked].map(|at| at.map_or(0, Timestamp::as_millisecond));
        self.threads
            .write(move |writing| {
                writing
                    .connection
                    .prepare_cached(
                        "UPDATE logs SET read_to = max(read_to, ?2), looked = max(looked, ?3),
                             refusal = NULL
                         WHERE sender = ?1
                           AND (read_to < ?2 OR looked < ?3 - ?4 OR refusal IS NOT NULL)",
                    )?
                    .execute(params![sender.as_str(), to, looked, LOOKED_APART])
                    .map(drop)
            })
            .await
    }

    /// The platform does not give a sender's log, and says why.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn log_refused(&self, sender: &Address, why: String) -> Result<(), LedgerError> {
        let sender = sender.clone();
        self.threads
            .write(move |writing| {
                writing
                    .connection
                    .prepare_cached(
                        "UPDATE logs SET refusal = ?2 WHERE sender = ?1 AND refusal IS NOT ?2",
                    )?
                    .execute([sender.as_str(), &why])
                    .map(drop)
            })
            .await
    }

    /// The senders whose logs the platform does not give, each with why.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn refused_logs(&self) -> Result<Vec<(Address, String)>, LedgerError> {
        self.threads
            .read(|connection| {
                let refused: Vec<(String, String)> = connection
                    .prepare_cached(
                        "SELECT sender, refusal FROM logs WHERE refusal IS NOT NULL ORDER BY sender",
                    )?
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<Sql<_>>()?;
                let refused = refused.into_iter();
                Ok(refused.filter_map(|(sender, why)| Some((sender.parse().ok()?, why))).collect())
            })
            .await
    }

    /// Stores what was found in a log too late to be relayed, and what it asks for all the same. The
    /// room is told how much of it strangers wrote, in the words that `words` finds for it, in the same
    /// commit.
    ///
    /// # Errors
    /// Nothing was stored.
    pub async fn accept_late(
        &self,
        entries: Vec<Entry>,
        room: Option<Place>,
        words: impl Fn(&Skipped) -> String + Send + 'static,
    ) -> Result<Accepted, LedgerError> {
        let now = self.now_ms();
        let without = |mut entry: Entry| {
            let relayed = !std::mem::take(&mut entry.owed).is_empty();
            (entry, relayed)
        };
        let entries: Vec<(Entry, bool)> = entries.into_iter().map(without).collect();
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let (mut late, mut people) = (Vec::new(), HashSet::new());
                for (entry, relayed) in &entries {
                    let stranger = stranger(writing, entry)?.filter(|_| *relayed);
                    let known = accepted.repeats;
                    accept_one(writing, entry, now, &mut accepted)?;
                    if let Some(stranger) = stranger.filter(|_| accepted.repeats == known) {
                        people.insert(stranger);
                        late.push(&entry.event);
                    }
                }
                let (Some(first), Some(last), Some(room)) = (late.first(), late.last(), &room)
                else {
                    return Ok(accepted);
                };
                let skipped = Skipped {
                    messages: late.len(),
                    people: people.len(),
                    first: first.at,
                    last: last.at,
                    follow: 0,
                };
                let (key, text) = (format!("late:{}", last.key), words(&skipped));
                let action = Action::Notice { text: Text::plain(text.clone()) };
                let (to, from, at) = (room.clone(), room.clone(), timestamp(now));
                let owed = vec![Owed { to, from, speaker: None, at, action }];
                tell(writing, &Told { key, text, owed }, "told", now, &mut accepted)?;
                Ok(accepted)
            })
            .await
    }
}

/// Who wrote it, where they are in no conversation with that sender.
fn stranger(writing: &Writing<'_>, entry: &Entry) -> Sql<Option<Address>> {
    let Happening::Wrote { address, sender: Some(sender), .. } = &entry.event.happening else {
        return Ok(None);
    };
    Ok((!is_member(writing.connection, address, sender)?).then(|| address.clone()))
}
