//! What is to be shown and told of how far messages came; see [`crate::ticks`].

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use partyline_core::{MessageId, Place, ReceiptStatus, Tick, Ticked};
use rusqlite::{Connection, OptionalExtension, params};

use super::intake::insert_owed;
use super::mark::key_of;
use super::receipts::{SETTLING, status};
use super::{Accepted, Ledger, LedgerError, Owed, timestamp};
use crate::policy::CLOSED;

type Sql<T> = Result<T, rusqlite::Error>;

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
    /// Twilio's error code.
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
    /// The sender.
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

fn news(
    connection: &Connection,
    event: i64,
    number: i64,
    shown: Option<Ticked>,
) -> Sql<Option<TickNews>> {
    let said = connection
        .prepare_cached(
            "SELECT at, event ->> '$.happening.content.thread', event ->> '$.happening.speaker.id.id',
                 CASE WHEN kind IN ('command', 'invitation')
                     THEN (SELECT place FROM places WHERE id = events.place) END
             FROM events WHERE id = ?1",
        )?
        .query_row([event], |row| {
            let commanded: Option<String> = row.get(3)?;
            Ok((row.get(0)?, row.get::<_, Option<String>>(1)?, row.get(2)?, commanded))
        })
        .optional()?;
    let Some((at, thread, speaker, commanded)) = said else { return Ok(None) };
    let standing = Standing::read(connection, event)?;
    // What a command sent, or an invitation, has no message of its own.
    let told_at = commanded.and_then(|place| place.parse().ok());
    let told_at = told_at.filter(|place: &Place| place.is_room() || place.is_conversation());
    let (place, message) = match (standing.origin, told_at) {
        (Some((place, message)), _) => (place, Some(message)),
        (None, Some(place)) => (place, None),
        (None, None) => return Ok(None),
    };
    let mut members = match &standing.conversation {
        Some(conversation) => members_in(connection, conversation, standing.parts)?,
        None => Vec::new(),
    };
    let mut receipts = receipts(connection, event)?;
    let waiting = settle_held(connection, event, &members, &mut receipts)?;
    for (phone, parts) in &standing.phones {
        let Some((_, address)) = phone.as_phone() else { continue };
        let address = address.to_string();
        match members.iter_mut().find(|member| member.address == address) {
            // It was held for them, and went to their phone alone once they wrote.
            Some(member) => {
                member.parts = *parts;
                let direct = receipts.iter_mut().filter(|one| one.participant == address);
                direct.for_each(|one| one.participant.clone_from(&member.participant));
            }
            None => members.push(Phone {
                participant: address.clone(),
                address,
                name: None,
                parts: *parts,
            }),
        }
    }
    let phone = standing.phones.into_keys().next();
    let Some(conversation) = standing.conversation.or(phone) else { return Ok(None) };
    Ok(Some(TickNews {
        event,
        number,
        place,
        message,
        thread: thread.map(MessageId::new),
        at: timestamp(at),
        speaker,
        copies: standing.copies,
        receipts,
        members,
        waiting,
        conversation,
        shown,
    }))
}

/// Where something stands that was said.
#[derive(Default)]
struct Standing {
    origin: Option<(Place, MessageId)>,
    conversation: Option<Place>,
    /// Its messages in the conversation.
    parts: usize,
    /// The phones that it went to alone, with its messages there.
    phones: BTreeMap<Place, usize>,
    copies: Vec<(Place, MessageId)>,
}

impl Standing {
    fn read(connection: &Connection, event: i64) -> Sql<Self> {
        let mut standing = Self::default();
        let mut messages = connection.prepare_cached(
            "SELECT places.place, message, delivery IS NULL FROM messages
             JOIN places ON places.id = messages.place WHERE messages.event = ?1",
        )?;
        let mut rows = messages.query([event])?;
        while let Some(row) = rows.next()? {
            let Ok(place) = row.get::<_, String>(0)?.parse::<Place>() else { continue };
            let message = MessageId::new(row.get::<_, String>(1)?);
            let is_origin: bool = row.get(2)?;
            if place.is_conversation() {
                standing.parts += 1;
                standing.conversation.get_or_insert_with(|| place.clone());
            }
            if is_origin {
                standing.origin = Some((place, message));
            } else if place.is_phone() {
                *standing.phones.entry(place).or_default() += 1;
            } else if place.is_room() {
                standing.copies.push((place, message));
            }
        }
        Ok(standing)
    }
}

/// For whom an event is still held. Whatever receipts say of those for whom it is or was held is taken
/// out: that it did not come is known, and no failure.
fn settle_held(
    connection: &Connection,
    event: i64,
    members: &[Phone],
    receipts: &mut Vec<Receipt>,
) -> Sql<Vec<Waiting>> {
    let held: Vec<(Waiting, bool)> = connection
        .prepare_cached(
            "SELECT held.address, held.sender, windows.told IS NOT NULL, held.state < 2
             FROM held LEFT JOIN windows
                 ON windows.address = held.address AND windows.sender = held.sender
             WHERE held.event = ?1",
        )?
        .query_map([event], |row| {
            let (address, sender, told) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((Waiting { address, sender, told }, row.get(3)?))
        })?
        .collect::<Result<_, _>>()?;
    let is_held = |participant: &str| {
        let member = members.iter().find(|member| member.participant == participant);
        member.is_some_and(|member| held.iter().any(|(one, _)| one.address == member.address))
    };
    receipts.retain(|one| one.error != Some(CLOSED) || !is_held(&one.participant));
    Ok(held.into_iter().filter(|(_, waits)| *waits).map(|(one, _)| one).collect())
}

fn receipts(connection: &Connection, event: i64) -> Sql<Vec<Receipt>> {
    connection
        .prepare_cached(
            "SELECT message, participant, rank, error, told FROM receipts WHERE event = ?1",
        )?
        .query_map([event], |row| {
            Ok(Receipt {
                message: MessageId::new(row.get::<_, String>(0)?),
                participant: row.get(1)?,
                status: status(row.get(2)?),
                error: row.get(3)?,
                told: row.get(4)?,
            })
        })?
        .collect()
}

fn members_in(connection: &Connection, conversation: &Place, parts: usize) -> Sql<Vec<Phone>> {
    connection
        .prepare_cached(
            "SELECT sid, address, name FROM participants
             WHERE conversation = ?1 AND address IS NOT NULL AND address NOT LIKE 'client:%'",
        )?
        .query_map([conversation.to_string()], |row| {
            let (participant, address, name) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Phone { participant, address, name, parts })
        })?
        .collect()
}

#[cfg(test)]
mod tests;
