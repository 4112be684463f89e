//! Members of a group, with what is known of each; by which senders somebody was met; and, for a while,
//! those who have left.

use jiff::Timestamp;
use partyline_core::{Address, Place};
use rusqlite::{Connection, OptionalExtension, params};

use super::threads::Writing;
use super::{Ledger, LedgerError, Sql, StoredParticipant, timestamp};
use crate::policy::Met;

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who it is.
    pub participant: StoredParticipant,
    /// When the member last wrote, as far as the bridge saw it.
    pub heard: Option<Timestamp>,
    /// What became of the last message to the member: Twilio's word.
    pub status: Option<String>,
    /// Twilio's error code of it.
    pub error: Option<u32>,
}

/// Whether somebody is known to be in a conversation behind this sender.
pub(super) fn is_member(connection: &Connection, address: &Address, sender: &Address) -> Sql<bool> {
    connection
        .prepare_cached("SELECT 1 FROM participants WHERE address = ?1 AND sender = ?2")?
        .exists([address.as_str(), sender.as_str()])
}

/// Keys that are looked for in one read, so that nobody waits long for a reader.
const AT_ONCE: usize = 500;

/// The ways in which somebody was met, whoever they last wrote to first.
fn ways(connection: &Connection, key: &str) -> Sql<Vec<(Address, Address)>> {
    let Ok(address) = key.parse::<Address>() else { return Ok(Vec::new()) };
    let mut ways: Vec<(Option<i64>, Address, Address)> = Vec::new();
    for form in address.forms() {
        for sql in [
            "SELECT sender, heard FROM windows WHERE address = ?1 AND heard IS NOT NULL",
            "SELECT sender, heard FROM participants WHERE address = ?1 AND sender IS NOT NULL",
        ] {
            let mut rows = connection.prepare_cached(sql)?;
            let mut rows = rows.query([form.as_str()])?;
            while let Some(row) = rows.next()? {
                let Ok(sender) = row.get::<_, String>(0)?.parse() else { continue };
                ways.push((row.get(1)?, form.clone(), sender));
            }
        }
    }
    ways.sort_by_key(|(heard, ..)| std::cmp::Reverse(*heard));
    Ok(ways.into_iter().map(|(_, address, sender)| (address, sender)).collect())
}

/// Whose phone it is.
pub(super) struct Whose {
    pub(super) address: String,
    pub(super) sender: Option<String>,
}

/// Whose phone a participant of a conversation is, or was until they left not long ago; of a phone
/// that is a place of its own, its own. `None` where nobody knows.
pub(super) fn whose(
    connection: &Connection,
    place: &Place,
    participant: &str,
) -> Sql<Option<Whose>> {
    if let Some((sender, address)) = place.as_phone() {
        let (address, sender) = (address.to_string(), Some(sender.to_string()));
        return Ok(Some(Whose { address, sender }));
    }
    connection
        .prepare_cached(
            "SELECT address, sender FROM participants
             WHERE conversation = ?1 AND sid = ?2 AND address IS NOT NULL
             UNION ALL
             SELECT address, sender FROM departed WHERE conversation = ?1 AND sid = ?2
             LIMIT 1",
        )?
        .query_row([&place.to_string(), participant], |row| {
            Ok(Whose { address: row.get(0)?, sender: row.get(1)? })
        })
        .optional()
}

/// The sender that serves a participant, who is known by SID or address.
pub(super) fn sender_of(
    connection: &Connection,
    conversation: &Place,
    participant: &str,
) -> Sql<Option<Address>> {
    let found: Option<Option<String>> = connection
        .prepare_cached(
            "SELECT sender FROM participants
             WHERE conversation = ?1 AND (sid = ?2 OR address = ?2)",
        )?
        .query_row([&conversation.to_string(), participant], |row| row.get(0))
        .optional()?;
    Ok(found.flatten().and_then(|sender| sender.parse().ok()))
}

/// The sender that served somebody who has left a conversation; or, where that is not known, the one
/// that they wrote to last.
pub(super) fn sender_before(
    connection: &Connection,
    conversation: &Place,
    address: &str,
) -> Sql<Option<Address>> {
    let found: Option<String> = connection
        .prepare_cached(
            "SELECT sender FROM (
                 SELECT sender, 0 AS rank, at FROM departed
                 WHERE conversation = ?1 AND address = ?2 AND sender IS NOT NULL
                 UNION ALL
                 SELECT sender, 1, heard FROM windows WHERE address = ?2 AND heard IS NOT NULL)
             ORDER BY rank, at DESC LIMIT 1",
        )?
        .query_row([&conversation.to_string(), address], |row| row.get(0))
        .optional()?;
    Ok(found.and_then(|sender| sender.parse().ok()))
}

/// Somebody is in a conversation no more. Receipts of what was said before may still come, so it is
/// kept for a while whose phone it was.
pub(super) fn depart(writing: &Writing<'_>, conversation: &str, sid: &str, now: i64) -> Sql<()> {
    writing
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO departed (conversation, sid, address, sender, name, at)
             SELECT conversation, sid, address, sender, name, ?3 FROM participants
             WHERE conversation = ?1 AND sid = ?2 AND address IS NOT NULL",
        )?
        .execute(params![conversation, sid, now])?;
    writing
        .connection
        .prepare_cached("DELETE FROM participants WHERE conversation = ?1 AND sid = ?2")?
        .execute([conversation, sid])
        .map(drop)
}

impl Ledger {
    /// The ways in which people were met before, by the keys of their contacts; whoever was never met
    /// is not among them.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn met(&self, keys: Vec<String>) -> Result<Met, LedgerError> {
        let mut met = Met::new();
        for keys in keys.chunks(AT_ONCE) {
            let keys = keys.to_vec();
            let found = self.threads.read(move |connection| {
                let mut found = Vec::new();
                for key in keys {
                    let ways = ways(connection, &key)?;
                    if !ways.is_empty() {
                        found.push((key, ways));
                    }
                }
                Ok(found)
            });
            met.extend(found.await?);
        }
        Ok(met)
    }

    /// Notes that somebody has left a conversation.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn forget_participant(&self, gone: StoredParticipant) -> Result<(), LedgerError> {
        let now = self.now_ms();
        self.threads
            .write(move |writing| {
                let conversation = gone.conversation.to_string();
                depart(writing, &conversation, &gone.sid, now)?;
                let Some(address) = &gone.address else { return Ok(()) };
                // Somebody who was never known until the end.
                let sender = gone.sender.as_ref().map(Address::as_str);
                writing
                    .connection
                    .prepare_cached(
                        "INSERT OR IGNORE INTO departed
                             (conversation, sid, address, sender, name, at)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    )?
                    .execute(params![
                        conversation,
                        gone.sid,
                        address.as_str(),
                        sender,
                        gone.name,
                        now
                    ])
                    .map(drop)
            })
            .await
    }

    /// The members of a group that are known.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn members_of(&self, group: &Place) -> Result<Vec<Member>, LedgerError> {
        let (place, key) = (group.clone(), group.to_string());
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT sid, address, sender, name, heard, status, error
                         FROM participants WHERE conversation = ?1 ORDER BY address, sid",
                    )?
                    .query_map([key], |row| {
                        let address: Option<String> = row.get(1)?;
                        let sender: Option<String> = row.get(2)?;
                        Ok(Member {
                            participant: StoredParticipant {
                                conversation: place.clone(),
                                sid: row.get(0)?,
                                address: address.and_then(|address| address.parse().ok()),
                                sender: sender.and_then(|sender| sender.parse().ok()),
                                name: row.get(3)?,
                            },
                            heard: row.get::<_, Option<i64>>(4)?.map(timestamp),
                            status: row.get(5)?,
                            error: row.get(6)?,
                        })
                    })?
                    .collect()
            })
            .await
    }

    /// Forgets members who are not among these any more: the list of all that there are.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn keep_participants(
        &self,
        group: &Place,
        present: Vec<String>,
    ) -> Result<(), LedgerError> {
        let (group, now) = (group.to_string(), self.now_ms());
        self.threads
            .write(move |writing| {
                let known: Vec<String> = writing
                    .connection
                    .prepare_cached("SELECT sid FROM participants WHERE conversation = ?1")?
                    .query_map([&group], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                let mut gone = known.iter().filter(|sid| !present.contains(sid));
                gone.try_for_each(|sid| depart(writing, &group, sid, now))
            })
            .await
    }
}
