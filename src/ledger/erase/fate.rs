//! What an erasure does with each row that has somebody in it.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::super::Lane;
use super::super::heads::News;
use super::super::threads::Writing;
use super::Erased;
use super::find::{Key, Person};
use super::tables::{Fate, Table};
use crate::ledger::Sql;

/// What stands in the place of what was erased, where a row must stay.
const ERASED: &str = "[erased]";

impl Table {
    /// Erases a row, and counts that. `own` is the event of the command that asks for it, which is
    /// erased by its end.
    pub(super) fn erase(
        &self,
        writing: &Writing<'_>,
        person: &Person,
        key: &Key,
        own: i64,
        erased: &mut Erased,
    ) -> Sql<()> {
        let connection = writing.connection;
        let change = |sql: String| {
            connection.prepare_cached(&sql)?.execute(params_from_iter(key)).map(|rows| rows as u64)
        };
        let number = match key.first() {
            Some(Value::Integer(number)) => *number,
            _ => 0,
        };
        match self.fate {
            Fate::Gone => {
                let rows = change(format!("DELETE FROM {} WHERE {}", self.name, self.by_key()))?;
                *match self.name {
                    "receipts" => &mut erased.receipts,
                    "schedules" => &mut erased.schedules,
                    "unparsed" => &mut erased.events,
                    _ => &mut erased.records,
                } += rows;
            }
            Fate::KeptOnceEnded(_) if is_open(connection, self, key)? => erased.waiting += 1,
            Fate::Kept(words) | Fate::KeptOnceEnded(words) => {
                let sql = format!("UPDATE {} SET {words} WHERE {}", self.name, self.by_key());
                let rows = change(sql)?;
                *match self.name {
                    "audit" => &mut erased.audit,
                    _ => &mut erased.records,
                } += rows;
            }
            Fate::Suppression => erased.records += suppression(connection, key)?,
            Fate::Left if number != own => erased.waiting += 1,
            Fate::Event if number != own => event(connection, number, erased)?,
            Fate::Left | Fate::Event => {}
            Fate::Delivery => delivery(writing, person, number, erased)?,
        }
        Ok(())
    }
}

/// Whether something goes on.
fn is_open(connection: &Connection, table: &Table, key: &Key) -> Sql<bool> {
    let sql = format!("SELECT 1 FROM {} WHERE ended IS NULL AND {}", table.name, table.by_key());
    connection.prepare_cached(&sql)?.exists(params_from_iter(key))
}

/// One that was lifted goes; of one that holds, the hash stays.
fn suppression(connection: &Connection, key: &Key) -> Sql<u64> {
    let gone = connection
        .prepare_cached("DELETE FROM suppressions WHERE id = ? AND lifted IS NOT NULL")?
        .execute(params_from_iter(key))?;
    let kept = connection
        .prepare_cached(
            "UPDATE suppressions SET address = NULL, source = '[erased]', sweep = 0 WHERE id = ?",
        )?
        .execute(params_from_iter(key))?;
    Ok((gone + kept) as u64)
}

/// What came. Where something of it is open, whatever it is owed to still needs it.
fn event(connection: &Connection, id: i64, erased: &mut Erased) -> Sql<()> {
    let open = connection
        .prepare_cached(
            "SELECT 1 FROM events WHERE id = ?1 AND (state <> 0
                 OR EXISTS (SELECT 1 FROM deliveries WHERE event = ?1 AND state = 0))",
        )?
        .exists([id])?;
    if open {
        erased.waiting += 1;
        return Ok(());
    }
    connection
        .prepare_cached("UPDATE events SET raw = NULL, event = NULL WHERE id = ?1")?
        .execute([id])?;
    erased.events += 1;
    let given_up = connection
        .prepare_cached(
            "UPDATE deliveries SET state = 3, owed = NULL, sentence = NULL
             WHERE event = ?1 AND state IN (2, 4, 5)",
        )?
        .execute([id])?;
    // What is held of it for others has no words any more.
    let held = connection.prepare_cached("DELETE FROM held WHERE event = ?1")?.execute([id])?;
    erased.deliveries += (given_up + held) as u64;
    Ok(())
}

fn delivery(writing: &Writing<'_>, person: &Person, id: i64, erased: &mut Erased) -> Sql<()> {
    let found: Option<(i64, String)> = writing
        .connection
        .prepare_cached("SELECT state, lane FROM deliveries WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((state, lane)) = found else { return Ok(()) };
    let theirs = person.traces.number_in(&lane);
    if state == 0 && !theirs {
        // Others wait for it.
        erased.waiting += 1;
        return Ok(());
    }
    writing
        .connection
        .prepare_cached(
            "UPDATE deliveries SET owed = NULL, sentence = NULL,
                 lane = CASE WHEN ?2 THEN ?3 ELSE lane END,
                 state = CASE state WHEN 1 THEN 1 ELSE 3 END WHERE id = ?1",
        )?
        .execute(params![id, theirs, ERASED])?;
    if state == 0 {
        erased.dropped += 1;
        // Memory has it, too.
        if let Some(lane) = Lane::parse(&lane) {
            writing.tell(News::Emptied(lane));
        }
    } else {
        erased.deliveries += 1;
    }
    Ok(())
}
