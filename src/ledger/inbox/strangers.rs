//! Strangers: people of whose words the Messaging webhook alone has told, and who may be in no
//! conversation with that sender.
//!
//! What somebody says can be told by the conversation as well (`ledger/told.rs`). What the conversation told
//! is said by it; what the webhook alone told is let in after a while, and should the conversation tell it
//! later, that is said already.

use jiff::Timestamp;
use partyline_core::{Action, Address, Event, Happening, PersonId, Place};
use rusqlite::{OptionalExtension, params};

use super::{Sql, heard, mentioning, queue};
use crate::ledger::threads::Writing;
use crate::ledger::told::Found;
use crate::ledger::{
    Accepted, Entry, Ledger, LedgerError, Owed, from_json, timestamp, to_json, told,
};

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

/// Notes that somebody wrote, as the webhook tells it. Who is not known to be in a conversation is a
/// stranger. `row` is the event's.
pub(in crate::ledger) fn knock(
    writing: &Writing<'_>,
    entry: &Entry,
    row: i64,
    member: bool,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let Happening::Wrote { address, sender: Some(sender), .. } = &entry.event.happening else {
        return Ok(());
    };
    if !entry.inbox || entry.owed.is_empty() {
        return Ok(());
    }
    let twin = told::tell(writing, entry, row, now)?;
    if !member {
        told::note_stranger(writing, row)?;
    }
    // A member is heard in the conversation. But who became one of late may have written this before;
    // or what the conversation told of it was taken for the twin of something else.
    if twin.is_some() || (member && !told::was_stranger(writing, address)?) {
        return Ok(());
    }
    let owed: Vec<&Owed> = entry.owed.iter().collect();
    // What the webhook tells comes behind what it told before, whatever our clock says; what the log
    // tells has its own time.
    let last: i64 = match entry.is_listed() {
        true => 0,
        false => writing
            .connection
            .prepare_cached("SELECT coalesce(max(said), 0) FROM strangers WHERE address = ?1")?
            .query_row([address.as_str()], |row| row.get(0))?,
    };
    let said = entry.event.at.as_millisecond().max(last);
    have_wait(writing, row, (address, sender), &to_json(&owed)?, (now, said))?;
    accepted.strangers = true;
    Ok(())
}

/// Has what the webhook told wait after all: what was taken for it was written to another sender. `owed` is
/// what is owed because of the same words there.
fn knock_again(writing: &Writing<'_>, row: i64, mut owed: Vec<Owed>, now: i64) -> Sql<()> {
    let connection = writing.connection;
    let event: Option<Option<String>> = connection
        .prepare_cached("SELECT event FROM events WHERE id = ?1")?
        .query_row([row], |row| row.get(0))
        .optional()?;
    let Some(event) = event.flatten() else { return Ok(()) };
    let event: Event = from_json(&event)?;
    let Happening::Wrote { address, sender: Some(sender), content, .. } = event.happening else {
        return Ok(());
    };
    for Owed { at, action, .. } in &mut owed {
        *at = event.at;
        // Its own files.
        if let Action::Post { content: said, part: None, .. } = action {
            *said = content.clone();
        }
    }
    let said = event.at.as_millisecond();
    have_wait(writing, row, (&address, &sender), &to_json(&owed)?, (now, said))
}

/// Has what a stranger wrote wait for a conversation: `row` is the event's, `said` when it was written.
fn have_wait(
    writing: &Writing<'_>,
    row: i64,
    (address, sender): (&Address, &Address),
    owed: &str,
    (now, said): (i64, i64),
) -> Sql<()> {
    writing
        .connection
        .prepare_cached(
            "INSERT INTO strangers (event, address, sender, at, owed, said)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![row, address.as_str(), sender.as_str(), now, owed, said])
        .map(drop)
}

/// Whether what a conversation tells was said already, because the webhook told it before and it was let
/// in.
pub(super) fn is_said(writing: &Writing<'_>, entry: &Entry, row: i64, now: i64) -> Sql<bool> {
    let Some(twin) = told::tell(writing, entry, row, now)? else { return Ok(false) };
    // It waited to be let in: the conversation says it.
    writing.connection.prepare_cached("DELETE FROM strangers WHERE event = ?1")?.execute([twin])?;
    writing
        .connection
        .prepare_cached("SELECT 1 FROM told WHERE event = ?1 AND said = 1")?
        .exists([twin])
}

/// Whether something that somebody wrote before still waits to be let in.
pub(super) fn is_waiting(writing: &Writing<'_>, address: &Address) -> Sql<bool> {
    writing
        .connection
        .prepare_cached("SELECT 1 FROM strangers WHERE address = ?1 LIMIT 1")?
        .exists([address.as_str()])
}

impl Ledger {
    /// Those who wrote and may be in no conversation, in the order in which they wrote, at most
    /// `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn strangers(&self, limit: u32) -> Result<Vec<Stranger>, LedgerError> {
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT event, address, sender, at FROM strangers ORDER BY said, event LIMIT ?1",
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

    /// Whether what a stranger wrote is still to be let in: by now a conversation may have told it.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn is_to_be_let_in(&self, stranger: &Stranger) -> Result<bool, LedgerError> {
        let event = stranger.event;
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT 1 FROM strangers WHERE event = ?1")?
                    .exists([event])
            })
            .await
    }

    /// What a stranger wrote is said in this conversation; or it is said by the conversation itself,
    /// where there is none given. `owner` is who it is for, where that is nobody yet.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn let_in(
        &self,
        stranger: &Stranger,
        conversation: Option<&Place>,
        owner: Option<PersonId>,
    ) -> Result<Accepted, LedgerError> {
        let (event, address) = (stranger.event, stranger.address.clone());
        let (place, now) = (conversation.cloned(), self.now_ms());
        self.threads
            .write(move |writing| {
                let (connection, mut accepted) = (writing.connection, Accepted::default());
                let owed: Option<String> = connection
                    .prepare_cached("DELETE FROM strangers WHERE event = ?1 RETURNING owed")?
                    .query_row([event], |row| row.get(0))
                    .optional()?;
                // What they wrote since waits behind it.
                let theirs: Vec<String> = connection
                    .prepare_cached("SELECT conversation FROM inbox WHERE address = ?1")?
                    .query_map([address.as_str()], |row| row.get(0))?
                    .collect::<Sql<_>>()?;
                accepted.inbox.extend(theirs.iter().filter_map(|place| place.parse().ok()));
                let (Some(place), Some(owed)) = (&place, owed) else { return Ok(accepted) };
                let owed: Vec<Owed> = from_json(&owed)?;
                match told::found_in(connection, event, place)? {
                    Found::Told => return Ok(accepted),
                    Found::TakenFor(other) => {
                        knock_again(writing, other, owed, now)?;
                        accepted.strangers = true;
                        return Ok(accepted);
                    }
                    Found::Untold => {}
                }
                connection
                    .prepare_cached("UPDATE told SET said = 1 WHERE event = ?1")?
                    .execute([event])?;
                let conversation = place.to_string();
                let mentions = heard(writing, &conversation, owner.as_ref(), now)?;
                for owed in mentioning(&owed, mentions.as_ref()).iter() {
                    let owed = Owed { from: place.clone(), ..owed.clone() };
                    queue(writing, &conversation, event, &owed)?;
                }
                accepted.inbox.push(place.clone());
                Ok(accepted)
            })
            .await
    }
}
