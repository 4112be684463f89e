//! Links and participants.

use std::collections::HashSet;

use jiff::Timestamp;
use partyline_core::{Address, Link, Place};
use rusqlite::params;

use super::threads::Writing;
use super::{Ledger, LedgerError, timestamp};

/// A link as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLink {
    /// The conversation and the room that are tied to one another.
    pub link: Link,
    /// Who tied it: a person's id.
    pub by: String,
    /// When it was made.
    pub at: Timestamp,
}

/// A change of the links that a command brings; it takes effect in the commit of the command's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// Ties a room, which may be tied to nothing else.
    Tie {
        /// What to tie to what.
        link: Link,
        /// Who does it.
        by: String,
    },
    /// Unties a room.
    Untie {
        /// The room.
        room: Place,
    },
}

pub(super) fn apply(
    writing: &Writing<'_>,
    change: &LinkChange,
    now: i64,
) -> Result<(), rusqlite::Error> {
    match change {
        LinkChange::Tie { link, by } => {
            let conversation = link.conversation.to_string();
            writing
                .connection
                .prepare_cached(
                    "INSERT INTO links (room, conversation, by, at) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (room) DO NOTHING",
                )?
                .execute(params![link.room.to_string(), conversation, by, now])?;
            writing
                .connection
                .prepare_cached("UPDATE places SET unlinked = 0 WHERE place = ?1")?
                .execute([conversation])
                .map(drop)
        }
        LinkChange::Untie { room } => writing
            .connection
            .prepare_cached("DELETE FROM links WHERE room = ?1")?
            .execute([room.to_string()])
            .map(drop),
    }
}

/// A participant as the ledger remembers one, so that names are known before any platform is
/// asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredParticipant {
    /// The conversation.
    pub conversation: Place,
    /// The participant (`MB…`).
    pub sid: String,
    /// How the member is reached.
    pub address: Option<Address>,
    /// The sender that serves the member.
    pub sender: Option<Address>,
    /// The name in the participant's attributes.
    pub name: Option<String>,
}

impl Ledger {
    /// All links that were made by command.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn links(&self) -> Result<Vec<StoredLink>, LedgerError> {
        self.threads
            .read(|connection| {
                connection
                    .prepare_cached("SELECT conversation, room, by, at FROM links ORDER BY room")?
                    .query_map([], |row| {
                        Ok((
                            row.get::<_, String>(0)?,
                            row.get::<_, String>(1)?,
                            row.get(2)?,
                            row.get::<_, i64>(3)?,
                        ))
                    })?
                    .filter_map(|row| {
                        row.map(|(conversation, room, by, at)| {
                            Some(StoredLink {
                                link: Link {
                                    conversation: conversation.parse().ok()?,
                                    room: room.parse().ok()?,
                                },
                                by,
                                at: timestamp(at),
                            })
                        })
                        .transpose()
                    })
                    .collect()
            })
            .await
    }

    /// Notes a participant, or what changed about one.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn note_participants(
        &self,
        participants: Vec<StoredParticipant>,
    ) -> Result<(), LedgerError> {
        self.threads
            .write(move |writing| {
                let mut insert = writing.connection.prepare_cached(
                    "INSERT INTO participants (conversation, sid, address, sender, name)
                     VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (conversation, sid) DO UPDATE SET
                         address = coalesce(excluded.address, address),
                         sender = coalesce(excluded.sender, sender),
                         name = excluded.name",
                )?;
                for participant in &participants {
                    insert.execute(params![
                        participant.conversation.to_string(),
                        participant.sid,
                        participant.address.as_ref().map(Address::as_str),
                        participant.sender.as_ref().map(Address::as_str),
                        participant.name,
                    ])?;
                }
                Ok(())
            })
            .await
    }

    /// The conversations of which members are known.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn conversations_with_members(&self) -> Result<HashSet<Place>, LedgerError> {
        self.places_of("SELECT DISTINCT conversation FROM participants", ()).await
    }

    /// The participants that are known, at most `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn participants(&self, limit: usize) -> Result<Vec<StoredParticipant>, LedgerError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT conversation, sid, address, sender, name FROM participants LIMIT ?1",
                    )?
                    .query_map([limit], |row| {
                        Ok((
                            row.get::<_, String>(0)?,
                            row.get(1)?,
                            row.get::<_, Option<String>>(2)?,
                            row.get::<_, Option<String>>(3)?,
                            row.get(4)?,
                        ))
                    })?
                    .filter_map(|row| {
                        row.map(|(conversation, sid, address, sender, name)| {
                            Some(StoredParticipant {
                                conversation: conversation.parse().ok()?,
                                sid,
                                address: address.and_then(|address| address.parse().ok()),
                                sender: sender.and_then(|sender| sender.parse().ok()),
                                name,
                            })
                        })
                        .transpose()
                    })
                    .collect()
            })
            .await
    }
}
