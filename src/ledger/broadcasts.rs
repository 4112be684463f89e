//! Templates on their way to many people: who is still to get it, and what became of those who were.
//!
//! A broadcast begins with its command being done: then everybody who is to get it is a row. The rows
//! become deliveries a few at a time, each in the commit that deletes it, so that nobody is left out
//! or owed twice, wherever the program ends.

use std::collections::BTreeMap;

use jiff::Timestamp;
use partyline_core::{Action, AnswerTo, MessageId, Place};
use rusqlite::{OptionalExtension, params};

use super::intake::insert_owed;
use super::mark::key_of;
use super::threads::Writing;
use super::{Accepted, Ledger, LedgerError, Owed, from_json, timestamp, to_json};

/// The reason under which a delivery is parked to somebody who wants no messages.
const OPTED_OUT: &str = "opted_out";

/// A broadcast that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBroadcast {
    /// Where its account goes.
    pub answer: AnswerTo,
    /// The room in which it was given.
    pub room: Place,
    /// The template's SID.
    pub template: String,
    /// Its name, for people.
    pub name: String,
    /// Its variables, filled in.
    pub variables: BTreeMap<String, String>,
    /// The phones that are to get it, each once.
    pub phones: Vec<Place>,
}

/// A broadcast that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// The event of its command.
    pub event: i64,
    /// Where its account goes.
    pub answer: AnswerTo,
    /// The template's name.
    pub name: String,
    /// How many are to get it.
    pub total: u64,
    /// What shows how far it is.
    pub shown: Option<MessageId>,
    /// When it began.
    pub at: Timestamp,
    /// How far it is.
    pub account: Account,
}

/// What became of those who are to get it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Nothing is owed to them yet.
    pub pending: u64,
    /// On their way.
    pub waiting: u64,
    /// Sent.
    pub sent: u64,
    /// Not sent, because they want no messages.
    pub suppressed: u64,
    /// Not sent, by why: the sentence that was told.
    pub refused: BTreeMap<String, u64>,
}

impl Account {
    /// How many were refused in all.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// Begins a broadcast: part of the commit in which its command is done.
pub(super) fn begin(
    writing: &Writing<'_>,
    event: i64,
    new: &NewBroadcast,
    now: i64,
) -> Result<(), rusqlite::Error> {
    let connection = writing.connection;
    connection
        .prepare_cached(
            "INSERT INTO broadcasts (event, answer, room, template, name, variables, total, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            event,
            to_json(&new.answer)?,
            new.room.to_string(),
            new.template,
            new.name,
            to_json(&new.variables)?,
            i64::try_from(new.phones.len()).unwrap_or(i64::MAX),
            now
        ])?;
    let mut insert = connection
        .prepare_cached("INSERT INTO recipients (event, number, phone) VALUES (?1, ?2, ?3)")?;
    for (number, phone) in (0i64..).zip(&new.phones) {
        insert.execute(params![event, number, phone.to_string()])?;
    }
    Ok(())
}

impl Ledger {
    /// The broadcasts that are not over, the oldest first, at most `limit`, each with its account.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn broadcasts(&self, limit: u32) -> Result<Vec<Broadcast>, LedgerError> {
        self.threads
            .read(move |connection| {
                let mut rows = connection.prepare_cached(
                    "SELECT event, answer, name, total, shown, at FROM broadcasts
                     ORDER BY event LIMIT ?1",
                )?;
                let mut rows = rows.query([limit])?;
                let mut open = Vec::new();
                while let Some(row) = rows.next()? {
                    let event: i64 = row.get(0)?;
                    let Ok(answer) = from_json(&row.get::<_, String>(1)?) else { continue };
                    open.push(Broadcast {
                        event,
                        answer,
                        name: row.get(2)?,
                        total: row.get::<_, i64>(3)?.unsigned_abs(),
                        shown: row.get::<_, Option<String>>(4)?.map(MessageId::new),
                        at: timestamp(row.get(5)?),
                        account: account(connection, event)?,
                    });
                }
                Ok(open)
            })
            .await
    }

    /// Owes the next `count` of a broadcast theirs.
    ///
    /// # Errors
    /// Nothing was written.
    pub async fn owe_recipients(&self, event: i64, count: u32) -> Result<Accepted, LedgerError> {
        let now = self.now_ms();
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let Some(owed) = template(writing, event)? else { return Ok(accepted) };
                let next: Vec<(i64, String)> = writing
                    .connection
                    .prepare_cached(
                        "SELECT number, phone FROM recipients WHERE event = ?1
                         ORDER BY number LIMIT ?2",
                    )?
                    .query_map(params![event, count], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<Result<_, _>>()?;
                let key = key_of(writing, event)?;
                for (number, phone) in next {
                    writing
                        .connection
                        .prepare_cached("DELETE FROM recipients WHERE event = ?1 AND number = ?2")?
                        .execute(params![event, number])?;
                    let Ok(to) = phone.parse() else { continue };
                    let owed = Owed { to, ..owed.clone() };
                    let position = Some(writing.next_position());
                    insert_owed(writing, event, &key, &owed, position, now)?;
                    accepted.wake.push(owed.lane());
                }
                Ok(accepted)
            })
            .await
    }

    /// Notes where it is shown how far a broadcast is.
    ///
    /// # Errors
    /// Nothing was written.
    pub async fn broadcast_shown(&self, event: i64, shown: &MessageId) -> Result<(), LedgerError> {
        let shown = shown.as_str().to_owned();
        self.threads
            .write(move |writing| {
                writing
                    .connection
                    .prepare_cached("UPDATE broadcasts SET shown = ?2 WHERE event = ?1")?
                    .execute(params![event, shown])
                    .map(drop)
            })
            .await
    }

    /// Ends a broadcast, and owes its account to whoever gave it: once.
    ///
    /// # Errors
    /// Nothing was written.
    pub async fn end_broadcast(&self, event: i64, account: Owed) -> Result<Accepted, LedgerError> {
        let now = self.now_ms();
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let ended = writing
                    .connection
                    .prepare_cached("DELETE FROM broadcasts WHERE event = ?1")?
                    .execute([event])?;
                if ended == 1 {
                    let position = Some(writing.next_position());
                    let key = key_of(writing, event)?;
                    insert_owed(writing, event, &key, &account, position, now)?;
                    accepted.wake(account.lane());
                }
                Ok(accepted)
            })
            .await
    }
}

/// What everybody is owed; `to` is still to be filled in.
fn template(writing: &Writing<'_>, event: i64) -> Result<Option<Owed>, rusqlite::Error> {
    let row = writing
        .connection
        .prepare_cached("SELECT room, template, variables, at FROM broadcasts WHERE event = ?1")?
        .query_row([event], |row| {
            let (room, sid): (String, String) = (row.get(0)?, row.get(1)?);
            Ok((room, sid, row.get::<_, String>(2)?, row.get::<_, i64>(3)?))
        })
        .optional()?;
    let Some((room, sid, variables, at)) = row else { return Ok(None) };
    let (Ok(from), Ok(variables)) = (room.parse::<Place>(), from_json(&variables)) else {
        return Ok(None);
    };
    let action = Action::Template { sid, variables };
    Ok(Some(Owed { to: from.clone(), from, speaker: None, at: timestamp(at), action }))
}

fn account(connection: &rusqlite::Connection, event: i64) -> Result<Account, rusqlite::Error> {
    let pending: i64 = connection
        .prepare_cached("SELECT count(*) FROM recipients WHERE event = ?1")?
        .query_row([event], |row| row.get(0))?;
    let mut account = Account { pending: pending.unsigned_abs(), ..Account::default() };
    // The lanes of phones have a sender in front of a slash.
    let mut rows = connection.prepare_cached(
        "SELECT state, coalesce(sentence, ''), count(*), coalesce(reason, '') FROM deliveries
         WHERE event = ?1 AND lane GLOB 'twilio:*/*' GROUP BY 1, 2, 4",
    )?;
    let mut rows = rows.query([event])?;
    while let Some(row) = rows.next()? {
        let count = row.get::<_, i64>(2)?.unsigned_abs();
        match row.get::<_, i64>(0)? {
            0 => account.waiting += count,
            1 => account.sent += count,
            _ if row.get::<_, String>(3)? == OPTED_OUT => account.suppressed += count,
            _ => *account.refused.entry(row.get(1)?).or_default() += count,
        }
    }
    Ok(account)
}
