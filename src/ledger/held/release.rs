//! What is held for a phone, until it leaves or is given up.

use jiff::Timestamp;
use partyline_core::{MessageId, Place, Speaker};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Expired, HeldMessage, HeldPart, HeldPhone, Sql, key, lane_of, let_go};
use crate::crash::{Point, point};
use crate::ledger::heads::News;
use crate::ledger::owed::owe;
use crate::ledger::receipts::status;
use crate::ledger::threads::Writing;
use crate::ledger::windows::window;
use crate::ledger::{Accepted, Lane, Ledger, LedgerError, Owed, from_json, timestamp};

/// How many of those who said something are told; one more than people are shown.
pub const SPEAKERS: usize = 4;

impl Ledger {
    /// The phones for which something is held: what is looked at after a start.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn phones_held(&self) -> Result<Vec<Place>, LedgerError> {
        self.threads
            .read(|connection| {
                let phones: Vec<(String, String)> = connection
                    .prepare_cached("SELECT DISTINCT address, sender FROM held WHERE state < 2")?
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<Result<_, _>>()?;
                let mut all = Accepted::default();
                phones.iter().for_each(|(address, sender)| all.phone(address, sender));
                Ok(all.phones)
            })
            .await
    }

    /// What is held for a phone, the oldest `limit`; `None` where that is nothing.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn held_for(
        &self,
        phone: &Place,
        limit: u32,
    ) -> Result<Option<HeldPhone>, LedgerError> {
        let (address, sender) = key(phone);
        self.threads.read(move |connection| held(connection, &address, &sender, limit)).await
    }

    /// These came after all, or will come: they are held no more.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn not_held(&self, phone: &Place, events: Vec<i64>) -> Result<(), LedgerError> {
        let (address, sender) = key(phone);
        self.threads
            .write(move |writing| {
                let mut free = writing.connection.prepare_cached(
                    "DELETE FROM held
                     WHERE address = ?1 AND sender = ?2 AND event = ?3 AND state = 0",
                )?;
                let mut each = events.iter();
                each.try_for_each(|event| free.execute(params![address, sender, event]).map(drop))
            })
            .await
    }

    /// What was held leaves: these are held no more, and this is owed for them, each for one of them; all of
    /// it for the last where it is a `digest`. What was refused at the phone goes before it, as it was.
    ///
    /// # Errors
    /// Nothing was noted: it is still held.
    pub async fn release_held(
        &self,
        phone: &Place,
        events: Vec<i64>,
        (owed, digest): (Vec<(i64, Owed)>, bool),
    ) -> Result<Accepted, LedgerError> {
        let (now, (address, sender)) = (self.now_ms(), key(phone));
        let lane = Lane::of(phone.clone());
        let digest = owed.last().map(|(event, _)| *event).filter(|_| digest);
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let mut done = writing.connection.prepare_cached(
                    "UPDATE held SET state = 2, digest = coalesce(?4, digest)
                     WHERE address = ?1 AND sender = ?2 AND event = ?3 AND state < 2",
                )?;
                for event in &events {
                    done.execute(params![address, sender, event, digest])?;
                    if send_again(writing, *event, &lane, now)? {
                        accepted.wake(lane.clone());
                    }
                }
                for (event, owed) in &owed {
                    owe(writing, *event, owed, now, &mut accepted)?;
                }
                point(Point::HeldReleasing);
                Ok(accepted)
            })
            .await
    }

    /// What has been held since before this time, by phone, at most `limit` phones.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn held_since(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Expired>, LedgerError> {
        self.threads
            .read(move |connection| {
                let rows: Vec<(String, String, String, u64, i64)> = connection
                    .prepare_cached(
                        // A digest that was refused is one that is held, and stands for all in it.
                        "SELECT address, sender, conversation,
                             sum(1 + (SELECT count(*) FROM held AS inside
                                 WHERE inside.digest = held.event AND inside.event <> held.event
                                     AND inside.address = held.address
                                     AND inside.sender = held.sender)),
                             max(event) FROM held
                         WHERE state < 2 AND at < ?1
                         GROUP BY address, sender, conversation LIMIT ?2",
                    )?
                    .query_map(params![before.as_millisecond(), limit], |row| {
                        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
                    })?
                    .collect::<Result<_, _>>()?;
                let mut all = Vec::with_capacity(rows.len());
                for (address, sender, conversation, messages, newest) in rows {
                    let speakers =
                        speakers(connection, (&address, &sender), &conversation, before)?;
                    let phone = sender.parse().ok().zip(address.parse().ok());
                    let phone = phone.map(|(sender, address)| Place::phone(&sender, &address));
                    let Some((phone, conversation)) = phone.zip(conversation.parse().ok()) else {
                        continue;
                    };
                    all.push(Expired { phone, conversation, messages, speakers, newest });
                }
                Ok(all)
            })
            .await
    }

    /// What was held for too long is given up, with what the rooms are told.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn give_up_held(
        &self,
        expired: &Expired,
        before: Timestamp,
        told: Vec<Owed>,
    ) -> Result<Accepted, LedgerError> {
        let (now, (address, sender)) = (self.now_ms(), key(&expired.phone));
        let newest = expired.newest;
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let phone = (address.as_str(), sender.as_str());
                if let_go(writing, phone, before.as_millisecond())? == 0 {
                    return Ok(accepted);
                }
                for owed in &told {
                    owe(writing, newest, owed, now, &mut accepted)?;
                }
                Ok(accepted)
            })
            .await
    }
}

/// Who said what is held for a phone since before this time: a few of them.
fn speakers(
    connection: &Connection,
    (address, sender): (&str, &str),
    conversation: &str,
    before: Timestamp,
) -> Sql<Vec<Speaker>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT json_extract(events.event, '$.happening.speaker')
             FROM held
             JOIN held AS each ON each.address = held.address AND each.sender = held.sender
                 AND (each.event = held.event OR each.digest = held.event)
             JOIN events ON events.id = each.event
             WHERE held.address = ?1 AND held.sender = ?2 AND held.conversation = ?3
                 AND held.state < 2 AND held.at < ?4
             ORDER BY each.event LIMIT ?5",
        )?
        .query_map(
            params![address, sender, conversation, before.as_millisecond(), SPEAKERS],
            |row| row.get::<_, Option<String>>(0),
        )?
        // Of what is not kept any more nobody is known.
        .filter_map(|speaker| match speaker {
            Ok(speaker) => speaker.and_then(|speaker| from_json(&speaker).ok()).map(Ok),
            Err(error) => Some(Err(error)),
        })
        .collect()
}

/// Sends again what was refused at a phone of an event; whether there is any.
fn send_again(writing: &Writing<'_>, event: i64, lane: &Lane, now: i64) -> Sql<bool> {
    let again = writing
        .connection
        .prepare_cached(
            "UPDATE deliveries SET state = 0, position = ?3, since = ?4
             WHERE event = ?1 AND lane = ?2 AND state = 5",
        )?
        .execute(params![event, lane.to_string(), writing.next_position(), now])?;
    if again > 0 {
        writing.tell(News::Changed(lane.clone()));
    }
    Ok(again > 0)
}

fn held(
    connection: &Connection,
    address: &str,
    sender: &str,
    limit: u32,
) -> Sql<Option<HeldPhone>> {
    let rows: Vec<(i64, bool, bool, String, Option<String>)> = connection
        .prepare_cached(
            "SELECT held.event, held.state = 1, held.conversation, events.event,
                 EXISTS (SELECT 1 FROM deliveries WHERE deliveries.event = held.event
                     AND deliveries.lane = ?4 AND deliveries.state = 5)
             FROM held JOIN events ON events.id = held.event
             WHERE held.address = ?1 AND held.sender = ?2 AND held.state < 2
             ORDER BY held.event LIMIT ?3",
        )?
        .query_map(params![address, sender, limit, lane_of(address, sender)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(4)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut messages = Vec::with_capacity(rows.len());
    for (number, sure, again, place, event) in rows {
        let Ok(conversation) = place.parse::<Place>() else { continue };
        let parts = parts(connection, number, &place, address)?;
        let event = event.and_then(|event| from_json(&event).ok());
        messages.push(HeldMessage { number, sure, again, event, conversation, parts });
    }
    let Some(conversation) = messages.last().map(|one| one.conversation.clone()) else {
        return Ok(None);
    };
    let known = connection
        .prepare_cached(
            "SELECT heard, refused, invited FROM windows WHERE address = ?1 AND sender = ?2",
        )?
        .query_row([address, sender], |row| {
            Ok((window(row, 0)?, row.get::<_, Option<i64>>(2)?.map(timestamp)))
        })
        .optional()?;
    let (window, invited) = known.unwrap_or_default();
    Ok(Some(HeldPhone { window, invited, conversation, messages }))
}

/// The messages of an event in a conversation, with what became of each on somebody's phone.
fn parts(connection: &Connection, event: i64, place: &str, address: &str) -> Sql<Vec<HeldPart>> {
    connection
        .prepare_cached(
            "SELECT message, (SELECT max(rank) FROM receipts
                 WHERE receipts.event = ?1 AND receipts.message = messages.message
                   AND receipts.participant IN
                       (SELECT sid FROM participants WHERE conversation = ?2 AND address = ?3
                        UNION ALL
                        SELECT sid FROM departed WHERE conversation = ?2 AND address = ?3))
             FROM messages
             WHERE event = ?1 AND place = (SELECT id FROM places WHERE place = ?2)
             ORDER BY delivery",
        )?
        .query_map(params![event, place, address], |row| {
            let rank: Option<i64> = row.get(1)?;
            let message = MessageId::new(row.get::<_, String>(0)?);
            Ok(HeldPart { message, status: rank.map(status) })
        })?
        .collect()
}
