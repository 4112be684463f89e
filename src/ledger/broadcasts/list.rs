//! Broadcasts, read: those on their way, and those that were.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::{Lane, Ledger, LedgerError, from_json, timestamp};
use super::account::{Account, count};
use super::{Broadcast, Sql};
use partyline_core::MessageId;

const COLUMNS: &str = "event, answer, by, name, total, shown, at, ended, stopped, suppressed, \
    unsent, account";

impl Ledger {
    /// The numbers of broadcasts that are not over, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn open_broadcast_numbers(&self, limit: u32) -> Result<Vec<i64>, LedgerError> {
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT event FROM broadcasts WHERE ended IS NULL ORDER BY event LIMIT ?1",
                    )?
                    .query_map([limit], |row| row.get(0))?
                    .collect()
            })
            .await
    }

    /// All broadcasts that are known, the newest first: those before the number `before`, at most
    /// `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn broadcasts(
        &self,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Broadcast>, LedgerError> {
        self.threads
            .read(move |connection| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM broadcasts WHERE event < ?1 ORDER BY event DESC LIMIT ?2"
                );
                select(connection, &sql, params![before.unwrap_or(i64::MAX), limit])
            })
            .await
    }

    /// The broadcast of this number.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn broadcast(&self, event: i64) -> Result<Option<Broadcast>, LedgerError> {
        self.threads
            .read(move |connection| {
                let sql = format!("SELECT {COLUMNS} FROM broadcasts WHERE event = ?1");
                Ok(select(connection, &sql, params![event])?.pop())
            })
            .await
    }

    /// Broadcasts that were over since then, of some of whose copies no last word had come by their end; each
    /// as its account was given, and what it is now.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn broadcasts_in_doubt(
        &self,
        since: Timestamp,
    ) -> Result<Vec<(Broadcast, Account)>, LedgerError> {
        self.threads
            .read(move |connection| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM broadcasts
                     WHERE ended >= ?1 AND json_extract(account, '$.unsure') > 0 ORDER BY event"
                );
                let over = select(connection, &sql, [since.as_millisecond()])?.into_iter();
                over.map(|broadcast| {
                    let now = recount(connection, broadcast.event)?;
                    Ok((broadcast, now))
                })
                .collect()
            })
            .await
    }

    /// The message in which a broadcast's account was given, where the platform lets it be changed.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn broadcast_account(
        &self,
        broadcast: &Broadcast,
    ) -> Result<Option<MessageId>, LedgerError> {
        let (event, lane) = (broadcast.event, Lane::answers(broadcast.answer.place.clone()));
        self.threads
            .read(move |connection| {
                // Before it, the command was answered.
                let message: Option<Option<String>> = connection
                    .prepare_cached(
                        "SELECT message FROM deliveries
                         LEFT JOIN messages ON messages.event = deliveries.event
                             AND messages.delivery = deliveries.id
                         WHERE deliveries.event = ?1 AND lane = ?2
                         ORDER BY deliveries.id DESC LIMIT 1",
                    )?
                    .query_row(params![event, lane.to_string()], |row| row.get(0))
                    .optional()?;
                Ok(message.flatten().map(MessageId::new))
            })
            .await
    }

    /// How many of a broadcast are on their way, and the first delivery of these, of those behind
    /// this one (0: of all). Costs what is on its way, not what ever was.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn broadcast_waiting(
        &self,
        event: i64,
        behind: i64,
    ) -> Result<(u64, Option<i64>), LedgerError> {
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT count(*), min(id) FROM deliveries
                         WHERE event = ?1 AND id >= ?2 AND state = 0 AND lane GLOB 'twilio:*/*'",
                    )?
                    .query_row([event, behind], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
                    .map(Option::unwrap_or_default)
            })
            .await
    }
}

/// What was read of a broadcast, before it is counted what became of it.
struct Stored {
    broadcast: Broadcast,
    suppressed: u64,
    unsent: u64,
    /// Its account at its end.
    account: Option<Account>,
}

fn select(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Sql<Vec<Broadcast>> {
    let mut rows = connection.prepare_cached(sql)?;
    let stored: Vec<Option<Stored>> = rows.query_map(parameters, read)?.collect::<Sql<_>>()?;
    let counted = stored.into_iter().flatten().map(|stored| {
        let Stored { broadcast, suppressed, unsent, account } = stored;
        let account = match account {
            Some(account) => account,
            None => with(count(connection, broadcast.event)?, suppressed, unsent),
        };
        Ok(Broadcast { account, ..broadcast })
    });
    counted.collect()
}

/// What an account is by now, whatever was given.
fn recount(connection: &Connection, event: i64) -> Sql<Account> {
    let (suppressed, unsent) = connection
        .prepare_cached("SELECT suppressed, unsent FROM broadcasts WHERE event = ?1")?
        .query_row([event], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(with(count(connection, event)?, suppressed, unsent))
}

/// With those whom the plan left out, and those who got none because it was stopped.
fn with(mut account: Account, suppressed: u64, unsent: u64) -> Account {
    account.suppressed += suppressed;
    account.stopped = unsent;
    account
}

/// The broadcast of a row; `None` for one that a later program wrote.
fn read(row: &Row<'_>) -> Sql<Option<Stored>> {
    let Ok(answer) = from_json(&row.get::<_, String>(1)?) else { return Ok(None) };
    let account: Option<String> = row.get(11)?;
    let broadcast = Broadcast {
        event: row.get(0)?,
        answer,
        by: row.get(2)?,
        name: row.get(3)?,
        total: row.get(4)?,
        shown: row.get::<_, Option<String>>(5)?.map(MessageId::new),
        at: timestamp(row.get(6)?),
        ended: row.get::<_, Option<i64>>(7)?.map(timestamp),
        stopped: row.get(8)?,
        account: Account::default(),
    };
    let account = account.and_then(|account| from_json(&account).ok());
    Ok(Some(Stored { broadcast, suppressed: row.get(9)?, unsent: row.get(10)?, account }))
}
