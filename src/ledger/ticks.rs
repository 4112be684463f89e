//! What is to be shown and told of how far messages came; see [`crate::ticks`].

use jiff::{SignedDuration, Timestamp};
use partyline_core::{MessageId, Place, ReceiptStatus, Tick, Ticked};
use rusqlite::params;

use super::mark::key_of;
use super::owed::insert_owed;
use super::receipts::SETTLING;
use super::{Accepted, Ledger, LedgerError, Owed, Sql, timestamp};
use news::news;

mod news;

/// News of something that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TickNews {
    /// The event, in the ledger.
    pub event: i64,
    /// How much news there has been of it.
    pub number: i64,
    /// Where it was said.
    pub place: Place,
    /// Its id there; a command has none.
    pub message: Option<MessageId>,
    /// The message that began its thread, if it stands in one.
    pub thread: Option<MessageId>,
    /// When it was said.
    pub at: Timestamp,
    /// The name or address of whoever said it, as the event had it: an id of its network.
    pub speaker: Option<String>,
    /// The conversation that it was said in, or is relayed to; where it is none, one of the phones
    /// that it went to.
    pub conversation: Place,
    /// Where it stands besides, with its ids there.
    pub copies: Vec<(Place, MessageId)>,
    /// What became of it on the phones.
    pub receipts: Vec<Receipt>,
    /// The members who have a phone.
    pub members: Vec<Phone>,
    /// Those of whom there are receipts, and who have left not long ago.
    pub departed: Vec<Phone>,
    /// For whom it is held until they write. What receipts say of those is left out.
    pub waiting: Vec<Waiting>,
    /// What it shows now.
    pub shown: Option<Ticked>,
}

/// What became of one message on one phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The message in the conversation.
    pub message: MessageId,
    /// The participant (`MB…`); the address, where it went to that phone alone.
    pub participant: String,
    /// What became of it.
    pub status: ReceiptStatus,
    /// Twilio's code, where it failed (63016: the window is closed).
    pub error: Option<u32>,
    /// Whether people were told that it failed.
    pub told: bool,
}

/// A phone that something was said to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// The participant (`MB…`); the address, where it went to that phone alone.
    pub participant: String,
    /// The address, in its canonical form.
    pub address: String,
    /// The name in the participant's attributes.
    pub name: Option<String>,
    /// The messages that it went as: several where it went in parts.
    pub parts: usize,
}

/// Somebody for whom something is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Whose phone it is.
    pub address: String,
    /// The sender that the member is behind, as Twilio writes it.
    pub sender: String,
    /// Whether people were told since the window closed.
    pub told: bool,
}

impl Ledger {
    /// When there is news of a message to be looked at next.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn next_tick(&self) -> Result<Option<Timestamp>, LedgerError> {
        self.threads
            .read(|connection| {
                connection
                    .prepare_cached("SELECT min(due) FROM ticks WHERE due IS NOT NULL")?
                    .query_row([], |row| row.get::<_, Option<i64>>(0))
                    .map(|due| due.map(timestamp))
            })
            .await
    }

    /// News that is to be looked at by now, oldest first, at most `limit`. Of what too little is known
    /// to show anything, there is no news any more.
    ///
    /// # Errors
    /// The ledger could not be read or written.
    pub async fn tick_news(&self, limit: u32) -> Result<Vec<TickNews>, LedgerError> {
        let now = self.now_ms();
        let read: Vec<(i64, Option<TickNews>)> = self
            .threads
            .read(move |connection| {
                let due: Vec<(i64, i64, Option<Ticked>)> = connection
                    .prepare_cached(
                        "SELECT event, news, shown, handle FROM ticks
                         WHERE due <= ?1 ORDER BY due LIMIT ?2",
                    )?
                    .query_map(params![now, limit], |row| {
                        let shown: Option<String> = row.get(2)?;
                        let tick = shown.as_deref().and_then(Tick::named);
                        let handle = row.get(3)?;
                        Ok((row.get(0)?, row.get(1)?, tick.map(|tick| Ticked { tick, handle })))
                    })?
                    .collect::<Result<_, _>>()?;
                let read =
                    |(event, number, shown)| Ok((event, news(connection, event, number, shown)?));
                due.into_iter().map(read).collect()
            })
            .await?;
        let unknown = read.iter().filter(|(_, news)| news.is_none());
        let unknown: Vec<i64> = unknown.map(|(event, _)| *event).collect();
        if !unknown.is_empty() {
            self.threads
                .write(move |writing| {
                    let mut forget =
                        writing.connection.prepare_cached("DELETE FROM ticks WHERE event = ?1")?;
                    unknown.iter().try_for_each(|event| forget.execute([event]).map(drop))
                })
                .await?;
        }
        Ok(read.into_iter().filter_map(|(_, news)| news).collect())
    }

    /// Of these receipts people were told, and for whom it is held, with what the rooms are owed for
    /// it.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn tell_failed(
        &self,
        event: i64,
        receipts: Vec<Receipt>,
        waiting: Vec<Waiting>,
        notices: Vec<Owed>,
    ) -> Result<Accepted, LedgerError> {
        let now = self.now_ms();
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let mut told = writing.connection.prepare_cached(
                    "UPDATE receipts SET told = 1
                     WHERE event = ?1 AND message = ?2 AND participant = ?3",
                )?;
                for receipt in &receipts {
                    told.execute(params![event, receipt.message.as_str(), receipt.participant])?;
                }
                let mut held = writing.connection.prepare_cached(
                    "INSERT INTO windows (address, sender, told) VALUES (?1, ?2, ?3)
                     ON CONFLICT (address, sender) DO UPDATE SET told = excluded.told",
                )?;
                for one in &waiting {
                    held.execute(params![one.address, one.sender, now])?;
                }
                for notice in &notices {
                    let position = Some(writing.next_position());
                    let key = key_of(writing, event)?;
                    insert_owed(writing, event, &key, notice, position, now)?;
                    accepted.wake(notice.lane());
                }
                Ok(accepted)
            })
            .await
    }

    /// A piece of news was looked at: what the message comes to, what it shows now, and when it is
    /// to be looked at again although nothing new came.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn ticked(
        &self,
        news: &TickNews,
        tick: Option<Tick>,
        shown: Option<Ticked>,
        again: Option<SignedDuration>,
    ) -> Result<(), LedgerError> {
        let (event, number, at) = (news.event, news.number, news.at.as_millisecond());
        let place = news.place.to_string();
        let soon = self.now_ms() + SETTLING;
        let again = again.map(|wait| {
            self.now_ms().saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
        });
        self.threads
            .write(move |writing| {
                // What came meanwhile is looked at in its turn.
                let shown = shown.as_ref();
                writing
                    .connection
                    .prepare_cached(
                        "UPDATE ticks SET tick = ?3, shown = ?4, handle = ?5, at = ?6, place = ?7,
                             due = CASE WHEN news = ?2 THEN ?8 ELSE ?9 END
                         WHERE event = ?1",
                    )?
                    .execute(params![
                        event,
                        number,
                        tick.map(Tick::name),
                        shown.map(|shown| shown.tick.name()),
                        shown.and_then(|shown| shown.handle.as_deref()),
                        at,
                        place,
                        again,
                        soon
                    ])
                    .map(drop)
            })
            .await
    }

    /// How many of the messages that were said in a place since then came how far.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn tick_counts(
        &self,
        place: &Place,
        since: Timestamp,
    ) -> Result<Vec<(Tick, u64)>, LedgerError> {
        let place = place.to_string();
        self.threads
            .read(move |connection| {
                let counts: Vec<(String, u64)> = connection
                    .prepare_cached(
                        "SELECT tick, count(*) FROM ticks
                         WHERE place = ?1 AND at >= ?2 AND tick IS NOT NULL GROUP BY tick",
                    )?
                    .query_map(params![place, since.as_millisecond()], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })?
                    .collect::<Result<_, _>>()?;
                let of = |tick: Tick| {
                    let found = counts.iter().find(|(name, _)| name == tick.name());
                    found.map(|(_, count)| (tick, *count))
                };
                Ok(Tick::ALL.into_iter().filter_map(of).collect())
            })
            .await
    }
}

#[cfg(test)]
mod tests;
