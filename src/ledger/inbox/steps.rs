//! How a conversation of the inbox gets its thread.
//!
//! The thread begins with a card, which goes by the room's lane like anything else; once the card is
//! sent, its message is the thread. Tying the two and letting go what waits is one commit.

use jiff::SignedDuration;
use partyline_core::{Action, Address, Link, Place};
use rusqlite::{Connection, OptionalExtension, params};

use super::{GROUP, Sql};
use crate::crash::{Point, point};
use crate::ledger::cursors::place_id;
use crate::ledger::owed::owe;
use crate::ledger::threads::Writing;
use crate::ledger::{Accepted, Ledger, LedgerError, LinkChange, Owed, from_json, links, own};

/// Who ties conversations to their threads.
const BY: &str = "inbox";

/// What is said in the thread of a conversation that is forgotten.
const OVER: &str = "This was closed long ago and leads nowhere any more: what is written here reaches nobody. `dm` writes to them anew.";

/// Conversations that are forgotten in one commit.
const BATCH: u32 = 50;

/// What is to be done for a conversation of the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InboxStep {
    /// It is to be found out with whom it is, and its card is to be posted.
    Begin {
        /// Whether they have written; else they were written to.
        heard: bool,
    },
    /// Its card is there: this is its thread.
    Tie(Place),
    /// Something waits for the thread that is there.
    Release(Place),
}

/// This delivery was sent: if it was a card, its conversation can have its thread.
pub(in crate::ledger) fn sent(
    writing: &Writing<'_>,
    delivery: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let conversation: Option<String> = writing
        .connection
        .prepare_cached("SELECT conversation FROM inbox WHERE card = ?1")?
        .query_row([delivery], |row| row.get(0))
        .optional()?;
    accepted.inbox.extend(conversation.and_then(|place| place.parse().ok()));
    Ok(())
}

/// Whether something waits for the thread of a conversation, and nothing that was written before it is
/// still to be let in.
fn may_leave(connection: &Connection, conversation: &str) -> Sql<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM inbox_waiting WHERE conversation = ?1)
                 AND NOT EXISTS (SELECT 1 FROM strangers
                     WHERE address = (SELECT address FROM inbox WHERE conversation = ?1)
                       AND event < (SELECT max(event) FROM inbox_waiting WHERE conversation = ?1))",
        )?
        .query_row([conversation], |row| row.get(0))
}

fn step(connection: &Connection, conversation: &str) -> Sql<Option<InboxStep>> {
    let found: Option<(Option<i64>, Option<String>, bool)> = connection
        .prepare_cached(
            "SELECT card, thread, unread > 0 FROM inbox WHERE conversation = ?1 AND state <> 2",
        )?
        .query_row([conversation], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((card, thread, heard)) = found else { return Ok(None) };
    if let Some(thread) = thread.and_then(|thread| thread.parse().ok()) {
        return Ok(may_leave(connection, conversation)?.then_some(InboxStep::Release(thread)));
    }
    let Some(card) = card else { return Ok(Some(InboxStep::Begin { heard })) };
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
    Ok(thread.map(InboxStep::Tie))
}

impl Ledger {
    /// The conversations of the inbox for which something may be to be done.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn inbox_open(&self) -> Result<Vec<Place>, LedgerError> {
        self.places_of(
            "SELECT conversation FROM inbox WHERE thread IS NULL AND state <> 2
             UNION SELECT DISTINCT conversation FROM inbox_waiting",
            (),
        )
        .await
    }

    /// What is to be done next for a conversation of the inbox.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn inbox_step(&self, conversation: &Place) -> Result<Option<InboxStep>, LedgerError> {
        let conversation = conversation.to_string();
        self.threads.read(move |connection| step(connection, &conversation)).await
    }

    /// The ordinal of the first message that waits for a conversation's thread; `None` where nothing
    /// waits that has one.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn inbox_waits_from(&self, conversation: &Place) -> Result<Option<u64>, LedgerError> {
        let conversation = conversation.to_string();
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT min(events.ordinal) FROM inbox_waiting
                         JOIN events ON events.id = inbox_waiting.event
                         WHERE inbox_waiting.conversation = ?1",
                    )?
                    .query_row([conversation], |row| row.get(0))
            })
            .await
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
        card: Action,
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
                own::act(writing, &note, &room, card.clone(), now, &mut accepted)?;
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

    /// Forgets conversations that were closed so long ago, some at a time, and unties their threads; in
    /// each it is said that it leads nowhere any more. Gives these threads. Who writes again has a new
    /// one.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn inbox_put_away(
        &self,
        age: SignedDuration,
    ) -> Result<(Vec<Place>, Accepted), LedgerError> {
        let (before, now) = (self.before(age), self.now_ms());
        self.threads
            .write(move |writing| {
                let (mut threads, mut accepted) = (Vec::new(), Accepted::default());
                let old: Vec<(String, Option<String>)> = writing
                    .connection
                    .prepare_cached(
                        "DELETE FROM inbox WHERE conversation IN
                             (SELECT conversation FROM inbox WHERE state = 0 AND at < ?1 LIMIT ?2)
                         RETURNING conversation, thread",
                    )?
                    .query_map(params![before, BATCH], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<Sql<_>>()?;
                for (conversation, thread) in old {
                    let place: Option<Place> = conversation.parse().ok();
                    let thread: Option<Place> = thread.and_then(|thread| thread.parse().ok());
                    let Some((place, thread)) = place.zip(thread) else { continue };
                    links::apply(writing, &LinkChange::Untie { room: thread.clone() }, now)?;
                    let row = place_id(writing, &place)?;
                    let key = format!("inbox:{}:{now}:over", place.id());
                    let note = own::note(writing, &place, row, key, now)?;
                    own::owe(writing, &note, &thread, OVER.to_owned(), now, &mut accepted)?;
                    threads.push(thread);
                }
                Ok((threads, accepted))
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
                connection
                    .prepare_cached("UPDATE inbox SET thread = ?2 WHERE conversation = ?1")?
                    .execute([&conversation, &link.room.to_string()])?;
                // Somebody may have untied it since: they have written again.
                let tie = LinkChange::Tie { link: link.clone(), by: BY.to_owned() };
                links::apply(writing, &tie, now)?;
                let waiting: Vec<(i64, String)> = connection
                    .prepare_cached(
                        "SELECT event, owed FROM inbox_waiting WHERE conversation = ?1
                         ORDER BY event, id",
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
                    owe(writing, event, &owed, now, &mut accepted)?;
                }
                point(Point::InboxTied);
                Ok(accepted)
            })
            .await
    }
}
