//! What is held for members whose WhatsApp window is closed, until they write.
//!
//! A message to a group goes to its conversation whoever is in it; for those whose window is closed, a
//! row is kept in the same commit. Its state: 0 expected (our reckoning says that it did not come), 1
//! sure (a receipt says so), 2 done (it was sent to the phone alone, or was given up; the row stays, so
//! that another receipt of the same message does not begin it anew). A receipt that it came takes the
//! row away.

use jiff::Timestamp;
use partyline_core::{Event, Happening, MessageId, Place, ReceiptStatus};
use rusqlite::{Connection, OptionalExtension, params};

use super::cursors::place_id;
use super::intake::{insert_owed, owe};
use super::mark::Key;
use super::threads::Writing;
use super::windows::{self, window};
use super::{Accepted, Entry, Ledger, LedgerError, Owed, from_json, receipts, timestamp};
use crate::crash::{Point, point};
use crate::policy::{CLOSED, Window};

type Sql<T> = Result<T, rusqlite::Error>;

/// A phone for which something is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPhone {
    /// What is known of its window.
    pub window: Window,
    /// When its owner was invited to open it.
    pub invited: Option<Timestamp>,
    /// The conversation in which it was said.
    pub conversation: Place,
    /// What is held, oldest first.
    pub messages: Vec<HeldMessage>,
}

/// Something that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldMessage {
    /// The event, in the ledger.
    pub number: i64,
    /// Whether a receipt says that it did not come.
    pub sure: bool,
    /// What was said; nothing where its body is not kept any more.
    pub event: Option<Event>,
    /// Its messages in the conversation.
    pub messages: Vec<MessageId>,
}

/// What was held for a phone for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The phone.
    pub phone: Place,
    /// The conversation in which it was said.
    pub conversation: Place,
    /// How many messages.
    pub messages: u64,
    /// The newest of them, in the ledger.
    pub newest: i64,
}

/// Holds what is said for the members to whom it does not come. Called when the event is written down.
pub(super) fn hold(
    writing: &Writing<'_>,
    entry: &Entry,
    row: i64,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let Happening::Message { speaker, content, .. } = &entry.event.happening else {
        return Ok(());
    };
    let said_here = entry.event.place.is_conversation() && !entry.unlinked;
    let conversation = if said_here {
        Some(&entry.event.place)
    } else {
        entry.owed.iter().map(|owed| &owed.to).find(|to| to.is_conversation())
    };
    let Some(conversation) = conversation.filter(|_| !content.is_empty()) else { return Ok(()) };
    let shut = windows::shut_out_of(writing.connection, conversation, timestamp(now))?;
    let others = shut.iter().filter(|(address, _)| address.as_str() != speaker.id.id);
    let mut held = false;
    for (address, sender) in others {
        keep(writing, row, (address.as_str(), sender), conversation, 0, now)?;
        accepted.phone(address.as_str(), sender);
        held = true;
    }
    if held && said_here {
        receipts::look_at(writing, row, now, accepted)?;
    }
    Ok(())
}

/// Keeps a row, or makes one sure that was expected; whether that is new.
fn keep(
    writing: &Writing<'_>,
    event: i64,
    (address, sender): (&str, &str),
    conversation: &Place,
    state: i64,
    now: i64,
) -> Sql<bool> {
    let kept = writing
        .connection
        .prepare_cached(
            "INSERT INTO held (event, address, sender, conversation, state, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (address, sender, event) DO UPDATE SET state = excluded.state
             WHERE state < excluded.state AND state <> 2",
        )?
        .execute(params![event, address, sender, conversation.to_string(), state, now])?;
    Ok(kept > 0)
}

/// What a receipt of something that was said in a conversation says of it.
pub(super) struct Fate<'a> {
    pub(super) conversation: &'a Place,
    pub(super) participant: &'a str,
    pub(super) status: ReceiptStatus,
    pub(super) error: Option<u32>,
}

/// Takes what a receipt says: it came after all, or it is held from now on.
pub(super) fn learn(
    writing: &Writing<'_>,
    event: i64,
    fate: &Fate<'_>,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let came = matches!(fate.status, ReceiptStatus::Delivered | ReceiptStatus::Read);
    if !fate.conversation.is_conversation() || (!came && fate.error != Some(CLOSED)) {
        return Ok(());
    }
    let member: Option<(String, String)> = writing
        .connection
        .prepare_cached(
            "SELECT address, sender FROM participants WHERE conversation = ?1 AND sid = ?2
                 AND address LIKE 'whatsapp:%' AND sender IS NOT NULL",
        )?
        .query_row(params![fate.conversation.to_string(), fate.participant], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((address, sender)) = member else { return Ok(()) };
    if came {
        return writing
            .connection
            .prepare_cached(
                "DELETE FROM held WHERE address = ?1 AND sender = ?2 AND event = ?3 AND state = 0",
            )?
            .execute(params![address, sender, event])
            .map(drop);
    }
    let said: Option<i64> = writing
        .connection
        .prepare_cached("SELECT at FROM events WHERE id = ?1 AND kind = 'message'")?
        .query_row([event], |row| row.get(0))
        .optional()?;
    // What was no message (a notice, say) is not said once more; that it does not come is told.
    let Some(said) = said else { return Ok(()) };
    windows::refused(writing, &address, &sender, said)?;
    if keep(writing, event, (&address, &sender), fate.conversation, 1, now)? {
        accepted.phone(&address, &sender);
    }
    Ok(())
}

/// Whether something is held of an event.
pub(super) fn is_held(connection: &Connection, event: i64) -> Sql<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM held WHERE event = ?1 AND state < 2)")?
        .query_row([event], |row| row.get(0))
}

impl Accepted {
    /// A phone is to be looked at, for which something is held.
    pub(super) fn phone(&mut self, address: &str, sender: &str) {
        let (Ok(sender), Ok(address)) = (sender.parse(), address.parse()) else { return };
        let phone = Place::phone(&sender, &address);
        if !self.phones.contains(&phone) {
            self.phones.push(phone);
        }
    }
}

/// The address and the sender of a phone, as the tables have them.
fn key(phone: &Place) -> (String, String) {
    let (sender, address) = phone.id().split_once('/').unwrap_or_default();
    (address.to_owned(), sender.to_owned())
}

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

    /// The newest messages that went to conversations since then, each with its conversation, of which
    /// no receipt came of any member that it came or failed: at most `limit`, among as many times ten
    /// deliveries.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn untold_since(
        &self,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<(Place, MessageId)>, LedgerError> {
        self.threads
            .read(move |connection| {
                let rows: Vec<(String, String)> = connection
                    .prepare_cached(
                        "WITH newest AS (SELECT id, event, lane FROM
                             (SELECT id, event, lane, state, since FROM deliveries
                              ORDER BY id DESC LIMIT ?2 * 10)
                             WHERE state = 1 AND since >= ?1 AND lane LIKE 'twilio:CH%')
                         SELECT newest.lane, messages.message FROM newest
                         JOIN messages ON messages.event = newest.event
                             AND messages.delivery = newest.id
                         WHERE NOT EXISTS (SELECT 1 FROM receipts
                             WHERE receipts.event = newest.event
                               AND receipts.message = messages.message AND receipts.rank > 1)
                         LIMIT ?2",
                    )?
                    .query_map(params![since.as_millisecond(), limit], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })?
                    .collect::<Result<_, _>>()?;
                let place =
                    |(lane, id): (String, String)| Some((lane.parse().ok()?, MessageId::new(id)));
                Ok(rows.into_iter().filter_map(place).collect())
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

    /// What was held leaves: these are held no more, and this is owed for them, each for one of
    /// them.
    ///
    /// # Errors
    /// Nothing was noted: it is still held.
    pub async fn release_held(
        &self,
        phone: &Place,
        events: Vec<i64>,
        owed: Vec<(i64, Owed)>,
    ) -> Result<Accepted, LedgerError> {
        let (now, (address, sender)) = (self.now_ms(), key(phone));
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let mut done = writing.connection.prepare_cached(
                    "UPDATE held SET state = 2
                     WHERE address = ?1 AND sender = ?2 AND event = ?3 AND state < 2",
                )?;
                for event in &events {
                    done.execute(params![address, sender, event])?;
                }
                for (event, owed) in &owed {
                    owe(writing, *event, owed, now, &mut accepted)?;
                }
                point(Point::HeldReleasing);
                Ok(accepted)
            })
            .await
    }

    /// Invites the owner of a phone to open the window, by this; once for each time that it is
    /// closed. The invitation is an event of its own, in the conversation for whose sake it goes.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn invite(
        &self,
        phone: &Place,
        conversation: &Place,
        owed: Owed,
    ) -> Result<Accepted, LedgerError> {
        let (now, (address, sender)) = (self.now_ms(), key(phone));
        let (phone, conversation) = (phone.clone(), conversation.clone());
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let first = writing
                    .connection
                    .prepare_cached(
                        "INSERT INTO windows (address, sender, invited) VALUES (?1, ?2, ?3)
                         ON CONFLICT (address, sender) DO UPDATE SET invited = excluded.invited
                         WHERE invited IS NULL",
                    )?
                    .execute(params![address, sender, now])?;
                if first == 0 {
                    return Ok(accepted);
                }
                let place = place_id(writing, &conversation)?;
                let key = Key::own(&phone, format!("invitation:{}:{now}", phone.id()));
                writing
                    .connection
                    .prepare_cached(
                        "INSERT INTO events (network, key, place, at, received, via, kind, state, raw)
                         VALUES (?1, ?2, ?3, ?4, ?4, 'own', 'invitation', 0, x'')",
                    )?
                    .execute(params![key.network(), key.key(), place, now])?;
                let event = writing.connection.last_insert_rowid();
                let position = Some(writing.next_position());
                insert_owed(writing, event, &key, &owed, position, now)?;
                accepted.wake(owed.lane());
                point(Point::HeldInviting);
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
                        "SELECT address, sender, conversation, count(*), max(event) FROM held
                         WHERE state < 2 AND at < ?1
                         GROUP BY address, sender, conversation LIMIT ?2",
                    )?
                    .query_map(params![before.as_millisecond(), limit], |row| {
                        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
                    })?
                    .collect::<Result<_, _>>()?;
                let expired = |(address, sender, conversation, messages, newest): (
                    String,
                    String,
                    String,
                    u64,
                    i64,
                )| {
                    let phone = Place::phone(&sender.parse().ok()?, &address.parse().ok()?);
                    let conversation = conversation.parse().ok()?;
                    Some(Expired { phone, conversation, messages, newest })
                };
                Ok(rows.into_iter().filter_map(expired).collect())
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
                let gone = writing
                    .connection
                    .prepare_cached(
                        "UPDATE held SET state = 2
                         WHERE address = ?1 AND sender = ?2 AND state < 2 AND at < ?3",
                    )?
                    .execute(params![address, sender, before.as_millisecond()])?;
                if gone == 0 {
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

fn held(
    connection: &Connection,
    address: &str,
    sender: &str,
    limit: u32,
) -> Sql<Option<HeldPhone>> {
    let rows: Vec<(i64, bool, String, Option<String>)> = connection
        .prepare_cached(
            "SELECT held.event, held.state = 1, held.conversation, events.event
             FROM held JOIN events ON events.id = held.event
             WHERE held.address = ?1 AND held.sender = ?2 AND held.state < 2
             ORDER BY held.event LIMIT ?3",
        )?
        .query_map(params![address, sender, limit], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<Result<_, _>>()?;
    let Some(conversation) = rows.last().and_then(|row| row.2.parse::<Place>().ok()) else {
        return Ok(None);
    };
    let mut parts = connection.prepare_cached(
        "SELECT message FROM messages
         WHERE event = ?1 AND place = (SELECT id FROM places WHERE place = ?2)",
    )?;
    let mut messages = Vec::with_capacity(rows.len());
    for (number, sure, place, event) in rows {
        let ids: Sql<Vec<MessageId>> = parts
            .query_map(params![number, place], |row| row.get::<_, String>(0).map(MessageId::new))?
            .collect();
        let event = event.and_then(|event| from_json(&event).ok());
        messages.push(HeldMessage { number, sure, event, messages: ids? });
    }
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
