//! Templates on their way to many people: who is still to get it, and what became of those who were.
//!
//! Before a broadcast begins, everybody who is to get it is a row. It begins with its command being done. The rows
//! become deliveries a few at a time, each in the commit that deletes it, so that nobody is left out
//! or owed twice, wherever the program ends. One that is over is kept with its account, as long as
//! bodies are.

mod account;
mod list;

use std::collections::BTreeMap;

use jiff::Timestamp;
use partyline_core::{Action, AnswerTo, MessageId, Place};
use rusqlite::{Connection, OptionalExtension, params};

use super::mark::key_of;
use super::owed::{insert_owed, owe};
use super::threads::Writing;
use super::{Accepted, Ledger, LedgerError, Owed, Sql, from_json, timestamp, to_json};
use crate::crash::{Point, point};
pub use account::Account;

/// How many of those who are to get one are written down in one commit: others write in between.
const PIECE: usize = 1000;

/// A broadcast that begins; who is to get it was written down by [`Ledger::plan_broadcast`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBroadcast {
    /// Where its account goes.
    pub answer: AnswerTo,
    /// The room in which it was given.
    pub room: Place,
    /// Who gave it.
    pub by: String,
    /// The SID of the template that was chosen, `HX…`; a phone can get another language of it.
    pub template: String,
    /// The template's name, by which people know the broadcast.
    pub name: String,
    /// What stands for each placeholder of the template: `1` → `Spring launch`.
    pub variables: BTreeMap<String, String>,
    /// How many get none, because they want no messages.
    pub suppressed: u64,
}

/// A change of what is on its way to many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BroadcastChange {
    /// One begins.
    Begin(Box<NewBroadcast>),
    /// Nobody who is not owed it yet gets this one.
    Stop {
        /// The event of its command.
        event: i64,
        /// Who stops it.
        by: String,
    },
}

/// A broadcast that goes on, or is over and kept for `relay.retention` with its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// The event of its command: its number for people.
    pub event: i64,
    /// Where its account goes.
    pub answer: AnswerTo,
    /// Who gave it, where that is known.
    pub by: Option<String>,
    /// The template's name, for people.
    pub name: String,
    /// How many were to get it, those who want no messages among them.
    pub total: u64,
    /// The message that shows how far it is, once there is one.
    pub shown: Option<MessageId>,
    /// When it began.
    pub at: Timestamp,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// Who stopped it before its end, a person's id.
    pub stopped: Option<String>,
    /// How many of its copies were sent, refused, and so on.
    pub account: Account,
}

/// Changes what is on its way: part of the commit in which its command is done.
pub(super) fn apply(
    writing: &Writing<'_>,
    event: i64,
    change: &BroadcastChange,
    now: i64,
) -> Sql<()> {
    match change {
        BroadcastChange::Begin(new) => begin(writing, event, new, now),
        BroadcastChange::Stop { event, by } => {
            let left = writing
                .connection
                .prepare_cached("DELETE FROM recipients WHERE event = ?1")?
                .execute([event])?;
            writing
                .connection
                .prepare_cached(
                    "UPDATE broadcasts SET stopped = coalesce(stopped, ?2), unsent = unsent + ?3
                     WHERE event = ?1 AND ended IS NULL",
                )?
                .execute(params![event, by, i64::try_from(left).unwrap_or(i64::MAX)])
                .map(drop)
        }
    }
}

fn begin(writing: &Writing<'_>, event: i64, new: &NewBroadcast, now: i64) -> Sql<()> {
    let connection = writing.connection;
    let planned: i64 = connection
        .prepare_cached("SELECT count(*) FROM recipients WHERE event = ?1")?
        .query_row([event], |row| row.get(0))?;
    let total = planned.unsigned_abs().saturating_add(new.suppressed);
    connection
        .prepare_cached(
            "INSERT INTO broadcasts
                 (event, answer, room, by, template, name, variables, total, suppressed, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            event,
            to_json(&new.answer)?,
            new.room.to_string(),
            new.by,
            new.template,
            new.name,
            to_json(&new.variables)?,
            total,
            new.suppressed,
            now
        ])?;
    Ok(())
}

/// What was planned by a command that came to nothing is forgotten with it.
pub(super) fn drop_plan(writing: &Writing<'_>, event: i64) -> Sql<()> {
    writing
        .connection
        .prepare_cached(
            "DELETE FROM recipients WHERE event = ?1
                 AND NOT EXISTS (SELECT 1 FROM broadcasts WHERE event = ?1)",
        )?
        .execute([event])
        .map(drop)
}

/// Whether it is the event of a broadcast: what becomes of it is in the broadcast's account, and
/// nowhere else.
pub(super) fn is_one(connection: &Connection, event: i64) -> Sql<bool> {
    connection.prepare_cached("SELECT 1 FROM broadcasts WHERE event = ?1")?.exists([event])
}

impl Ledger {
    /// Writes down who is to get a broadcast before it begins, each phone once, with the SID of the template in
    /// their language (`usual` is that of most). It takes many commits; what an earlier try has written is
    /// replaced.
    ///
    /// # Errors
    /// Not all is written down.
    pub async fn plan_broadcast(
        &self,
        event: i64,
        phones: &[(Place, String)],
        usual: &str,
    ) -> Result<(), LedgerError> {
        while self.forget_some_planned(event).await? == PIECE {}
        for (piece, phones) in phones.chunks(PIECE).enumerate() {
            let row = |(at, (phone, template)): (usize, &(Place, String))| {
                let template = Some(template.clone()).filter(|template| template != usual);
                (piece * PIECE + at, phone.to_string(), template)
            };
            let rows: Vec<_> = phones.iter().enumerate().map(row).collect();
            self.threads
                .write(move |writing| {
                    let mut insert = writing.connection.prepare_cached(
                        "INSERT INTO recipients (event, number, phone, template)
                         VALUES (?1, ?2, ?3, ?4)",
                    )?;
                    let mut rows = rows.iter();
                    rows.try_for_each(|(number, phone, template)| {
                        insert.execute(params![event, number, phone, template]).map(drop)
                    })
                })
                .await?;
            point(Point::BroadcastPlanned);
        }
        Ok(())
    }

    async fn forget_some_planned(&self, event: i64) -> Result<usize, LedgerError> {
        self.threads
            .write(move |writing| {
                writing
                    .connection
                    .prepare_cached(
                        "DELETE FROM recipients WHERE event = ?1 AND number IN
                             (SELECT number FROM recipients WHERE event = ?1 LIMIT ?2)",
                    )?
                    .execute(params![event, PIECE])
            })
            .await
    }

    /// Owes the next `count` of a broadcast theirs; how many these were.
    ///
    /// # Errors
    /// Nothing was written.
    pub async fn owe_recipients(
        &self,
        event: i64,
        count: u32,
    ) -> Result<(Accepted, u64), LedgerError> {
        let now = self.now_ms();
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let Some(owed) = template(writing, event)? else { return Ok((accepted, 0)) };
                let next: Vec<(i64, String, Option<String>)> = writing
                    .connection
                    .prepare_cached(
                        "SELECT number, phone, template FROM recipients WHERE event = ?1
                         ORDER BY number LIMIT ?2",
                    )?
                    .query_map(params![event, count], |row| {
                        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                    })?
                    .collect::<Result<_, _>>()?;
                let taken = next.len() as u64;
                let key = key_of(writing, event)?;
                for (number, phone, other) in next {
                    writing
                        .connection
                        .prepare_cached("DELETE FROM recipients WHERE event = ?1 AND number = ?2")?
                        .execute(params![event, number])?;
                    let Ok(to) = phone.parse() else { continue };
                    let mut owed = Owed { to, ..owed.clone() };
                    if let (Action::Template { sid, .. }, Some(other)) = (&mut owed.action, other) {
                        *sid = other;
                    }
                    let position = Some(writing.next_position());
                    insert_owed(writing, event, &key, &owed, position, now)?;
                    accepted.wake.push(owed.lane());
                }
                Ok((accepted, taken))
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

    /// Ends a broadcast with this account, and owes what is told of it to whoever gave it: once.
    ///
    /// # Errors
    /// Nothing was written.
    pub async fn end_broadcast(
        &self,
        event: i64,
        account: &Account,
        told: Option<Owed>,
    ) -> Result<Accepted, LedgerError> {
        let (now, account) = (self.now_ms(), account.clone());
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let ended = writing
                    .connection
                    .prepare_cached(
                        "UPDATE broadcasts SET ended = ?2, account = ?3
                         WHERE event = ?1 AND ended IS NULL",
                    )?
                    .execute(params![event, now, to_json(&account)?])?;
                if let Some(told) = told.as_ref().filter(|_| ended == 1) {
                    owe(writing, event, told, now, &mut accepted)?;
                }
                Ok(accepted)
            })
            .await
    }
}

impl Ledger {
    /// The account of a broadcast that is over is another one by now, of which whoever gave it is told
    /// where there is something to tell: once for each account.
    ///
    /// # Errors
    /// Nothing was written.
    pub async fn amend_broadcast(
        &self,
        given: &Broadcast,
        account: &Account,
        told: Option<Owed>,
    ) -> Result<Accepted, LedgerError> {
        let (now, event) = (self.now_ms(), given.event);
        let (before, account) = (given.account.clone(), account.clone());
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let amended = writing
                    .connection
                    .prepare_cached(
                        "UPDATE broadcasts SET account = ?3 WHERE event = ?1 AND account = ?2",
                    )?
                    .execute(params![event, to_json(&before)?, to_json(&account)?])?;
                if let Some(told) = told.as_ref().filter(|_| amended == 1) {
                    owe(writing, event, told, now, &mut accepted)?;
                }
                Ok(accepted)
            })
            .await
    }
}

/// What everybody is owed; `to` is still to be filled in.
fn template(writing: &Writing<'_>, event: i64) -> Sql<Option<Owed>> {
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
