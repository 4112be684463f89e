//! People who are blocked: nothing of theirs is relayed, and nothing is sent to them.
//!
//! They are known by the same hash as those who opted out, so that a block outlives their data. The two
//! are kept apart: what somebody writes never lifts a block, and lifting one sends nothing to who has
//! opted out.

use jiff::Timestamp;
use partyline_core::{Address, Place};
use rusqlite::{OptionalExtension, params};

use super::suppressions::{id_of, id_under, removal};
use super::threads::Writing;
use super::{Ledger, LedgerError, Removal, Sql, timestamp};

/// Somebody who is blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What the person is known by here.
    pub id: String,
    /// The address; `None` once the person's data was erased.
    pub address: Option<Address>,
    /// When the command that blocked them was done.
    pub since: Timestamp,
    /// Who blocked them.
    pub by: String,
}

/// A change of who is blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockChange {
    /// Blocks somebody, and closes their conversations in the inbox.
    Block {
        /// Whom.
        address: Address,
        /// Who says so.
        by: String,
        /// The groups that they were taken out of.
        groups: Vec<Removal>,
    },
    /// Takes that back. The groups are remembered.
    Unblock(Address),
    /// They were put back, as far as that was possible: the groups are forgotten.
    PutBack(Address),
}

pub(super) fn apply(writing: &Writing<'_>, change: &BlockChange, now: i64) -> Sql<()> {
    let connection = writing.connection;
    match change {
        BlockChange::Block { address, by, groups } => {
            remember(writing, address, groups, now)?;
            connection
                .prepare_cached(
                    "INSERT INTO blocks (id, address, since, by) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (id) DO NOTHING",
                )?
                .execute(params![id_of(connection, address)?, address.as_str(), now, by])?;
            let mut close = connection.prepare_cached(
                "UPDATE inbox SET state = 0, unread = 0 WHERE address = ?1 AND state <> 2",
            )?;
            let forms = address.forms();
            forms.iter().try_for_each(|form| close.execute([form.as_str()]).map(drop))
        }
        BlockChange::Unblock(address) => connection
            .prepare_cached("DELETE FROM blocks WHERE id = ?1")?
            .execute([id_of(connection, address)?])
            .map(drop),
        BlockChange::PutBack(address) => connection
            .prepare_cached("DELETE FROM barred WHERE id = ?1")?
            .execute([id_of(connection, address)?])
            .map(drop),
    }
}

/// Remembers the groups that somebody is taken out of, beside those of an earlier block.
fn remember(writing: &Writing<'_>, address: &Address, groups: &[Removal], now: i64) -> Sql<()> {
    let id = id_of(writing.connection, address)?;
    let mut keep = writing.connection.prepare_cached(
        "INSERT OR REPLACE INTO barred (id, conversation, address, sender, at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    groups.iter().try_for_each(|one| {
        let sender = one.sender.as_ref().map(Address::as_str);
        let (group, address) = (one.conversation.to_string(), one.address.as_str());
        keep.execute(params![id, group, address, sender, now]).map(drop)
    })
}

impl Ledger {
    /// What somebody is known by where nothing else of them may be known.
    #[must_use]
    pub fn person_id(&self, address: &Address) -> String {
        id_under(&self.people, address)
    }

    /// Those who are blocked, the newest first; from the row `offset` on, at most `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn blocks(&self, offset: u32, limit: u32) -> Result<Vec<Block>, LedgerError> {
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id, address, since, by FROM blocks
                         ORDER BY since DESC, id LIMIT ?1 OFFSET ?2",
                    )?
                    .query_map([limit, offset], |row| {
                        let address: Option<String> = row.get(1)?;
                        Ok(Block {
                            id: row.get(0)?,
                            address: address.and_then(|address| address.parse().ok()),
                            since: timestamp(row.get(2)?),
                            by: row.get(3)?,
                        })
                    })?
                    .collect()
            })
            .await
    }

    /// The groups that somebody was taken out of when they were blocked, and was not put back into.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn barred_from(&self, address: &Address) -> Result<Vec<Removal>, LedgerError> {
        let id = self.person_id(address);
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT conversation, address, sender FROM barred WHERE id = ?1
                         ORDER BY conversation",
                    )?
                    .query_map([id], removal)?
                    .filter_map(Result::transpose)
                    .collect()
            })
            .await
    }

    /// With whom a conversation of the inbox is; `None` where it is none.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn correspondent(
        &self,
        conversation: &Place,
    ) -> Result<Option<Address>, LedgerError> {
        let conversation = conversation.to_string();
        self.threads
            .read(move |connection| {
                let found: Option<Option<String>> = connection
                    .prepare_cached(
                        "SELECT address FROM inbox WHERE conversation = ?1 AND state <> 2",
                    )?
                    .query_row([conversation], |row| row.get(0))
                    .optional()?;
                Ok(found.flatten().and_then(|address| address.parse().ok()))
            })
            .await
    }
}
