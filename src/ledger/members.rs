//! Members of a group, with what is known of each; and by which senders somebody was met.

use jiff::Timestamp;
use partyline_core::{Address, Place};
use rusqlite::Connection;

use super::{Ledger, LedgerError, StoredParticipant, timestamp};
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
pub(super) fn is_member(
    connection: &Connection,
    address: &Address,
    sender: &Address,
) -> Result<bool, rusqlite::Error> {
    connection
        .prepare_cached("SELECT 1 FROM participants WHERE address = ?1 AND sender = ?2")?
        .exists([address.as_str(), sender.as_str()])
}

/// Keys that are looked for in one read, so that nobody waits long for a reader.
const AT_ONCE: usize = 500;

/// The ways in which somebody was met, whoever they last wrote to first.
fn ways(connection: &Connection, key: &str) -> Result<Vec<(Address, Address)>, rusqlite::Error> {
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
        let group = group.to_string();
        self.threads
            .write(move |writing| {
                let known: Vec<String> = writing
                    .connection
                    .prepare_cached("SELECT sid FROM participants WHERE conversation = ?1")?
                    .query_map([&group], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                let mut forget = writing.connection.prepare_cached(
                    "DELETE FROM participants WHERE conversation = ?1 AND sid = ?2",
                )?;
                let gone = known.iter().filter(|sid| !present.contains(sid));
                gone.into_iter().try_for_each(|sid| forget.execute([&group, sid]).map(drop))
            })
            .await
    }
}
