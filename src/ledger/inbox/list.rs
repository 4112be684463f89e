//! Which conversations are the inbox's: a page of them, by name and by address; those that may become it.

use jiff::Timestamp;
use partyline_core::{Address, PersonId, Place};
use rusqlite::params;

use super::{GROUP, OPEN};
use crate::ledger::remember::beginning_with;
use crate::ledger::{Ledger, LedgerError, Sql, timestamp};

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
    /// Who is mentioned when they write again.
    pub owner: Option<PersonId>,
}

/// An open conversation that is tied to nothing, and of which it is not known that it is a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untied {
    /// The conversation.
    pub conversation: Place,
    /// It was made since there is an inbox, and nothing of it was read yet.
    pub new: bool,
    /// It was read before.
    pub read: bool,
}

fn correspondence(row: &rusqlite::Row<'_>) -> Sql<Option<Correspondence>> {
    let conversation: String = row.get(0)?;
    let (address, thread): (Option<String>, Option<String>) = (row.get(1)?, row.get(2)?);
    let (unread, at, owner): (_, _, Option<String>) = (row.get(4)?, row.get(5)?, row.get(6)?);
    Ok(conversation.parse().ok().map(|conversation| Correspondence {
        conversation,
        address: address.and_then(|address| address.parse().ok()),
        thread: thread.and_then(|thread| thread.parse().ok()),
        open: row.get::<_, i64>(3).unwrap_or(OPEN) == OPEN,
        unread,
        at: timestamp(at),
        owner: owner.and_then(|owner| owner.parse().ok()),
    }))
}

impl Ledger {
    /// Notes that there is an inbox from now on, where that is not known: conversations that are made
    /// later are read from their beginning.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn inbox_begins(&self) -> Result<(), LedgerError> {
        let now = self.now_ms().to_string();
        self.threads
            .write(move |writing| {
                writing
                    .connection
                    .execute(
                        "INSERT INTO meta (key, value) VALUES ('inbox_since', ?1)
                         ON CONFLICT DO NOTHING",
                        [&now],
                    )
                    .map(drop)
            })
            .await
    }

    /// The conversations that may be the inbox's and are tied to nothing by command.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn inbox_untied(&self) -> Result<Vec<Untied>, LedgerError> {
        self.threads
            .read(|connection| {
                connection
                    .prepare_cached(
                        "SELECT groups.conversation, places.ordinal IS NOT NULL,
                             created >= coalesce(
                                 (SELECT CAST(value AS INTEGER) / 1000 * 1000 FROM meta
                                  WHERE key = 'inbox_since'), created + 1)
                         FROM groups
                         LEFT JOIN places ON places.place = groups.conversation
                         LEFT JOIN inbox ON inbox.conversation = groups.conversation
                         WHERE groups.state IN ('active', 'inactive') AND coalesce(inbox.state, 1) <> 2
                             AND NOT EXISTS (SELECT 1 FROM links
                                 WHERE links.conversation = groups.conversation)",
                    )?
                    .query_map([], |row| {
                        let (place, read): (String, bool) = (row.get(0)?, row.get(1)?);
                        let late: Option<bool> = row.get(2)?;
                        Ok(place.parse().ok().map(|conversation| Untied {
                            conversation,
                            new: !read && late.unwrap_or_default(),
                            read,
                        }))
                    })?
                    .filter_map(Result::transpose)
                    .collect()
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
                        "SELECT conversation, address, thread, state, unread, at, owner FROM inbox
                         WHERE state = 1 OR (?1 AND state = 0)
                         ORDER BY unread = 0, at DESC LIMIT ?2 OFFSET ?3",
                    )?
                    .query_map(params![all, limit, offset], correspondence)?
                    .filter_map(Result::transpose)
                    .collect()
            })
            .await
    }

    /// Those who have written alone and go by a name in WhatsApp that begins with this, in whatever case; each
    /// with it, in the order of their numbers, at most `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn inbox_named(
        &self,
        beginning: &str,
        limit: u32,
    ) -> Result<Vec<(Address, String)>, LedgerError> {
        let (from, to) = beginning_with(beginning);
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT DISTINCT inbox.address, profiles.name FROM profiles
                         JOIN inbox ON inbox.address IN (profiles.key, 'whatsapp:' || profiles.key)
                         WHERE folded >= ?1 AND folded < ?2 AND inbox.state <> ?3
                         ORDER BY profiles.key LIMIT ?4",
                    )?
                    .query_map(params![from, to, GROUP, limit], |row| {
                        Ok((row.get::<_, String>(0)?, row.get(1)?))
                    })?
                    .filter_map(|row| {
                        row.map(|(address, name)| Some((address.parse().ok()?, name))).transpose()
                    })
                    .collect()
            })
            .await
    }

    /// The conversations of the inbox with whoever has one of these addresses, the newest first, at most
    /// `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn inbox_with(
        &self,
        addresses: Vec<Address>,
        limit: u32,
    ) -> Result<Vec<Correspondence>, LedgerError> {
        self.threads
            .read(move |connection| {
                let mut find = connection.prepare_cached(
                    "SELECT conversation, address, thread, state, unread, at, owner FROM inbox
                     WHERE address = ?1 AND state <> 2 ORDER BY at DESC LIMIT ?2",
                )?;
                let mut found: Vec<Correspondence> = Vec::new();
                for address in addresses {
                    let rows = find.query_map(params![address.as_str(), limit], correspondence)?;
                    found.extend(rows.filter_map(Result::transpose).collect::<Sql<Vec<_>>>()?);
                }
                found.sort_by_key(|one| std::cmp::Reverse(one.at));
                found.truncate(limit as usize);
                Ok(found)
            })
            .await
    }
}
