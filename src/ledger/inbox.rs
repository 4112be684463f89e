//! The inbox: conversations with one person each, in threads of one room.
//!
//! What somebody writes whose conversation is tied to nothing waits here until the conversation has a
//! thread. The thread begins with a card, which goes by the room's lane like anything else; once the
//! card is sent, its message is the thread. Tying the two and letting go what waits is one commit.
//! As long as something waits, what comes in that conversation waits behind it, so that the order holds.

use jiff::Timestamp;
use partyline_core::{Address, Happening, Link, Place};
use rusqlite::{Connection, OptionalExtension, params};

use super::cursors::place_id;
use super::intake::insert_owed;
use super::mark::key_of;
use super::threads::Writing;
use super::{
    Accepted, Entry, Ledger, LedgerError, LinkChange, Owed, from_json, links, own, timestamp,
    to_json,
};
use crate::crash::{Point, point};

type Sql<T> = Result<T, rusqlite::Error>;

/// Who ties conversations to their threads.
const BY: &str = "inbox";

/// A conversation with one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correspondence {
    /// The conversation.
    pub conversation: Place,
    /// With whom, once that is known.
    pub address: Option<Address>,
    /// Its thread, once there is one.
    pub thread: Option<Place>,
    /// Whether it is not done with.
    pub open: bool,
    /// How much was written since somebody answered.
    pub unread: u64,
    /// When it was last written in.
    pub at: Timestamp,
}

/// What is to be done for a conversation of the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is to be found out with whom it is, and its card is to be posted.
    Begin,
    /// Its card is there: this is its thread.
    Tie(Place),
    /// Something waits for the thread that is there.
    Release(Place),
}

/// Has what is owed because of an event wait, where it must; whether it does. `row` is the event's.
pub(super) fn wait(
    writing: &Writing<'_>,
    entry: &Entry,
    row: i64,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<bool> {
    let place = &entry.event.place;
    if !entry.inbox || !matches!(entry.event.happening, Happening::Message { .. }) {
        return Ok(false);
    }
    let conversation = place.to_string();
    if !place.is_conversation() {
        writing
            .connection
            .prepare_cached("UPDATE inbox SET unread = 0 WHERE thread = ?1 AND unread > 0")?
            .execute([conversation])?;
        return Ok(false);
    }
    let kind: Option<i64> = writing
        .connection
        .prepare_cached("SELECT state FROM inbox WHERE conversation = ?1")?
        .query_row([&conversation], |row| row.get(0))
        .optional()?;
    // Neither one of the inbox, nor tied to nothing; or one of which it is known that it is a group.
    if (kind.is_none() && !entry.unlinked) || kind == Some(GROUP) {
        return Ok(false);
    }
    writing
        .connection
        .prepare_cached(
            "INSERT INTO inbox (conversation, state, unread, at) VALUES (?1, ?2, 1, ?3)
             ON CONFLICT (conversation) DO UPDATE SET
                 unread = unread + 1, state = excluded.state, at = excluded.at",
        )?
        .execute(params![conversation, OPEN, now])?;
    if !entry.unlinked && !waits(writing.connection, &conversation)? {
        return Ok(false);
    }
    for owed in &entry.owed {
        writing
            .connection
            .prepare_cached(
                "INSERT INTO inbox_waiting (conversation, event, owed) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![conversation, row, to_json(owed)?])?;
    }
    accepted.inbox.push(place.clone());
    Ok(true)
}

const CLOSED: i64 = 0;
const OPEN: i64 = 1;
/// It is a group, and none of the inbox's.
const GROUP: i64 = 2;

fn waits(connection: &Connection, conversation: &str) -> Sql<bool> {
    connection
        .prepare_cached("SELECT 1 FROM inbox_waiting WHERE conversation = ?1 LIMIT 1")?
        .exists([conversation])
}

/// This delivery was sent: if it was a card, its conversation can have its thread.
pub(super) fn sent(writing: &Writing<'_>, delivery: i64, accepted: &mut Accepted) -> Sql<()> {
    let conversation: Option<String> = writing
        .connection
        .prepare_cached("SELECT conversation FROM inbox WHERE card = ?1")?
        .query_row([delivery], |row| row.get(0))
        .optional()?;
    accepted.inbox.extend(conversation.and_then(|place| place.parse().ok()));
    Ok(())
}

fn step(connection: &Connection, conversation: &str) -> Sql<Option<Step>> {
    let found: Option<(Option<i64>, Option<String>)> = connection
        .prepare_cached("SELECT card, thread FROM inbox WHERE conversation = ?1 AND state <> 2")?
        .query_row([conversation], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((card, thread)) = found else { return Ok(None) };
    if let Some(thread) = thread.and_then(|thread| thread.parse().ok()) {
        return Ok(waits(connection, conversation)?.then_some(Step::Release(thread)));
    }
    let Some(card) = card else { return Ok(Some(Step::Begin)) };
    let message: Option<(String, String)> = connection
        .prepare_cached(
            "SELECT places.place, messages.message FROM deliveries
             JOIN messages ON messages.event = deliveries.event
                 AND messages.delivery = deliveries.id
             JOIN places ON places.id = messages.place WHERE deliveries.id = ?1",
        )?
        .query_row([card], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let thread = message.and_then(|(room, message)| format!("{room}/{message}").parse().ok());
    Ok(thread.map(Step::Tie))
}

impl Ledger {
    /// The conversations of the inbox for which something may be to be done.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn inbox_open(&self) -> Result<Vec<Place>, LedgerError> {
        self.threads
            .read(|connection| {
                connection
                    .prepare_cached(
                        "SELECT conversation FROM inbox WHERE thread IS NULL AND state <> 2
                         UNION SELECT DISTINCT conversation FROM inbox_waiting",
                    )?
                    .query_map([], |row| row.get::<_, String>(0))?
                    .filter_map(|place| place.map(|place| place.parse().ok()).transpose())
                    .collect()
            })
            .await
    }

    /// What is to be done next for a conversation of the inbox.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn inbox_step(&self, conversation: &Place) -> Result<Option<Step>, LedgerError> {
        let conversation = conversation.to_string();
        self.threads.read(move |connection| step(connection, &conversation)).await
    }

    /// It is a group and none of the inbox's: what waits for a thread is let go to nowhere.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn inbox_is_group(&self, conversation: &Place) -> Result<(), LedgerError> {
        let place = conversation.to_string();
        self.threads
            .write(move |writing| {
                let connection = writing.connection;
                connection
                    .prepare_cached("UPDATE inbox SET state = ?2 WHERE conversation = ?1")?
                    .execute(params![place, GROUP])?;
                let waiting = connection
                    .prepare_cached("DELETE FROM inbox_waiting WHERE conversation = ?1")?
                    .execute([&place])?;
                connection
                    .prepare_cached("UPDATE places SET unlinked = unlinked + ?2 WHERE place = ?1")?
                    .execute(params![place, waiting as i64])
                    .map(drop)
            })
            .await
    }

    /// Has the card posted that begins a conversation's thread, unless it is already.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn inbox_begin(
        &self,
        conversation: &Place,
        address: &Address,
        room: &Place,
        card: String,
    ) -> Result<Accepted, LedgerError> {
        let (place, address, room) = (conversation.clone(), address.clone(), room.clone());
        let now = self.now_ms();
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let row = place_id(writing, &place)?;
                let begun: bool = writing
                    .connection
                    .prepare_cached(
                        "SELECT 1 FROM inbox WHERE conversation = ?1 AND card IS NOT NULL",
                    )?
                    .exists([place.to_string()])?;
                if begun {
                    return Ok(accepted);
                }
                let key = format!("inbox:{}:{now}", place.id());
                let note = own::note(writing, &place, row, key, now)?;
                own::owe(writing, &note, &room, card.clone(), now, &mut accepted)?;
                let card = writing.connection.last_insert_rowid();
                writing
                    .connection
                    .prepare_cached(
                        "UPDATE inbox SET card = ?2, address = ?3 WHERE conversation = ?1",
                    )?
                    .execute(params![place.to_string(), card, address.as_str()])?;
                point(Point::InboxBegun);
                Ok(accepted)
            })
            .await
    }

    /// A conversation's thread is there: they are tied, and what waits goes there.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn inbox_release(&self, link: &Link) -> Result<Accepted, LedgerError> {
        let (link, now) = (link.clone(), self.now_ms());
        self.threads
            .write(move |writing| {
                let (connection, mut accepted) = (writing.connection, Accepted::default());
                let conversation = link.conversation.to_string();
                let tied = connection
                    .prepare_cached(
                        "UPDATE inbox SET thread = ?2 WHERE conversation = ?1 AND thread IS NULL",
                    )?
                    .execute([&conversation, &link.room.to_string()])?;
                if tied > 0 {
                    let tie = LinkChange::Tie { link: link.clone(), by: BY.to_owned() };
                    links::apply(writing, &tie, now)?;
                }
                let waiting: Vec<(i64, String)> = connection
                    .prepare_cached(
                        "SELECT event, owed FROM inbox_waiting WHERE conversation = ?1 ORDER BY id",
                    )?
                    .query_map([&conversation], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<Sql<_>>()?;
                connection
                    .prepare_cached("DELETE FROM inbox_waiting WHERE conversation = ?1")?
                    .execute([&conversation])?;
                for (event, owed) in waiting {
                    let mut owed: Owed = from_json(&owed)?;
                    if owed.to.is_room() {
                        owed.to = link.room.clone();
                    }
                    let position = Some(writing.next_position());
                    insert_owed(writing, event, &key_of(writing, event)?, &owed, position, now)?;
                    accepted.wake(owed.lane());
                }
                point(Point::InboxTied);
                Ok(accepted)
            })
            .await
    }

    /// The conversations of the inbox, those with something unread first; open ones, or all.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn inbox(
        &self,
        all: bool,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<Correspondence>, LedgerError> {
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT conversation, address, thread, state, unread, at FROM inbox
                         WHERE state = 1 OR (?1 AND state = 0)
                         ORDER BY unread = 0, at DESC LIMIT ?2 OFFSET ?3",
                    )?
                    .query_map(params![all, limit, offset], |row| {
                        let conversation: String = row.get(0)?;
                        let (address, thread): (Option<String>, Option<String>) =
                            (row.get(1)?, row.get(2)?);
                        Ok(conversation.parse().ok().map(|conversation| Correspondence {
                            conversation,
                            address: address.and_then(|address| address.parse().ok()),
                            thread: thread.and_then(|thread| thread.parse().ok()),
                            open: row.get::<_, i64>(3).unwrap_or(OPEN) == OPEN,
                            unread: row.get(4).unwrap_or_default(),
                            at: timestamp(row.get(5).unwrap_or_default()),
                        }))
                    })?
                    .filter_map(Result::transpose)
                    .collect()
            })
            .await
    }

    /// The conversation of the inbox with somebody.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn inbox_with(&self, address: &Address) -> Result<Option<Place>, LedgerError> {
        let forms = address.forms();
        self.threads
            .read(move |connection| {
                let mut find = connection.prepare_cached(
                    "SELECT conversation FROM inbox WHERE address = ?1 ORDER BY at DESC LIMIT 1",
                )?;
                for form in forms {
                    let found: Option<String> =
                        find.query_row([form.as_str()], |row| row.get(0)).optional()?;
                    if let Some(place) = found.and_then(|place| place.parse().ok()) {
                        return Ok(Some(place));
                    }
                }
                Ok(None)
            })
            .await
    }
}

/// Somebody who wrote to a sender and may be in no conversation behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// The event that brought it.
    pub event: i64,
    /// Who wrote.
    pub address: Address,
    /// To which sender.
    pub sender: Address,
    /// When it came.
    pub at: Timestamp,
}

/// Notes that somebody wrote who is not known to be in a conversation. `row` is the event's.
pub(super) fn knock(
    writing: &Writing<'_>,
    entry: &Entry,
    row: i64,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let Happening::Wrote { address, sender: Some(sender), .. } = &entry.event.happening else {
        return Ok(());
    };
    if entry.inbox && !entry.owed.is_empty() {
        let owed: Vec<&Owed> = entry.owed.iter().collect();
        writing
            .connection
            .prepare_cached(
                "INSERT INTO strangers (event, address, sender, at, owed)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![row, address.as_str(), sender.as_str(), now, to_json(&owed)?])?;
        accepted.strangers = true;
    }
    Ok(())
}

impl Ledger {
    /// Those who wrote and may be in no conversation, in the order in which they came, at most
    /// `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn strangers(&self, limit: u32) -> Result<Vec<Stranger>, LedgerError> {
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT event, address, sender, at FROM strangers ORDER BY event LIMIT ?1",
                    )?
                    .query_map([limit], |row| {
                        let (address, sender): (String, String) = (row.get(1)?, row.get(2)?);
                        let (event, at) = (row.get(0)?, timestamp(row.get(3)?));
                        let both = address.parse().ok().zip(sender.parse().ok());
                        Ok(both.map(|(address, sender)| Stranger { event, address, sender, at }))
                    })?
                    .filter_map(Result::transpose)
                    .collect()
            })
            .await
    }

    /// Whether what a stranger wrote was said in this conversation as well.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn is_said_in(
        &self,
        stranger: &Stranger,
        conversation: &Place,
    ) -> Result<bool, LedgerError> {
        let (event, conversation) = (stranger.event, conversation.to_string());
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT 1 FROM messages JOIN events ON events.id = messages.event
                         WHERE messages.place = (SELECT id FROM places WHERE place = ?1)
                           AND events.kind = 'message'
                           AND events.event ->> '$.happening.content.text.plain' =
                             (SELECT event ->> '$.happening.content.text.plain'
                              FROM events WHERE id = ?2)",
                    )?
                    .exists(params![conversation, event])
            })
            .await
    }

    /// What a stranger wrote is said in this conversation, which was made for it; or it is said by the
    /// conversation itself, where there is none given.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn let_in(
        &self,
        stranger: &Stranger,
        conversation: Option<&Place>,
    ) -> Result<Accepted, LedgerError> {
        let (event, place, now) = (stranger.event, conversation.cloned(), self.now_ms());
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let owed: Option<String> = writing
                    .connection
                    .prepare_cached("DELETE FROM strangers WHERE event = ?1 RETURNING owed")?
                    .query_row([event], |row| row.get(0))
                    .optional()?;
                let (Some(place), Some(owed)) = (&place, owed) else { return Ok(accepted) };
                let conversation = place.to_string();
                writing
                    .connection
                    .prepare_cached(
                        "INSERT INTO inbox (conversation, state, unread, at) VALUES (?1, ?2, 1, ?3)
                         ON CONFLICT (conversation) DO UPDATE SET
                             unread = unread + 1, state = excluded.state, at = excluded.at",
                    )?
                    .execute(params![conversation, OPEN, now])?;
                for owed in from_json::<Vec<Owed>>(&owed)? {
                    let owed = Owed { from: place.clone(), ..owed };
                    writing
                        .connection
                        .prepare_cached(
                            "INSERT INTO inbox_waiting (conversation, event, owed)
                             VALUES (?1, ?2, ?3)",
                        )?
                        .execute(params![conversation, event, to_json(&owed)?])?;
                }
                accepted.inbox.push(place.clone());
                Ok(accepted)
            })
            .await
    }
}

/// A conversation of the inbox is done with, or not after all. Part of a command's end.
pub(super) fn set_open(writing: &Writing<'_>, conversation: &Place, open: bool) -> Sql<()> {
    writing
        .connection
        .prepare_cached(
            "UPDATE inbox SET state = ?2, unread = CASE ?2 WHEN 0 THEN 0 ELSE unread END
             WHERE conversation = ?1 AND state <> 2",
        )?
        .execute(params![conversation.to_string(), if open { OPEN } else { CLOSED }])
        .map(drop)
}
