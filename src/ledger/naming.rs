//! Groups that were renamed or described elsewhere, after which their rooms are still to be named.

use partyline_core::{ConversationInfo, Place};
use rusqlite::{OptionalExtension, params};

use super::groups::{self, Before, Group};
use super::threads::Writing;
use super::{Ledger, LedgerError};

/// What the rooms of a group still have to take over from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unnamed {
    /// The group as it is now.
    pub group: Group,
    /// Whether they are still to get its name.
    pub name: bool,
    /// Whether they are still to get its description, as their topic.
    pub description: bool,
}

/// Owes the rooms of a conversation what changed of its name and description; whether anything did.
pub(super) fn owe(
    writing: &Writing<'_>,
    before: &Before,
    info: &ConversationInfo,
) -> Result<bool, rusqlite::Error> {
    let name = info.name.is_some() && before.name != info.name;
    let description = before.description != info.description;
    if name || description {
        writing
            .connection
            .prepare_cached(
                "INSERT INTO unnamed (conversation, name, description) VALUES (?1, ?2, ?3)
                 ON CONFLICT (conversation) DO UPDATE SET
                     name = name OR excluded.name,
                     description = description OR excluded.description",
            )?
            .execute(params![info.place.to_string(), name, description])?;
    }
    Ok(name || description)
}

impl Ledger {
    /// The groups after which rooms are still to be named.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn all_unnamed(&self) -> Result<Vec<Place>, LedgerError> {
        self.places_of("SELECT conversation FROM unnamed", ()).await
    }

    /// What the rooms of this group still have to take over; `None` where that is nothing, or the
    /// group is gone.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn unnamed(&self, place: &Place) -> Result<Option<Unnamed>, LedgerError> {
        let place = place.to_string();
        self.threads
            .read(move |connection| {
                let owed: Option<(bool, bool)> = connection
                    .prepare_cached(
                        "SELECT name, description FROM unnamed WHERE conversation = ?1",
                    )?
                    .query_row([&place], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                let Some((name, description)) = owed else { return Ok(None) };
                let group = groups::by_place(connection, &place)?;
                Ok(group.map(|group| Unnamed { group, name, description }))
            })
            .await
    }

    /// The rooms of a group have taken this over; unless it was changed again meanwhile, that is
    /// all.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn named(&self, done: Unnamed) -> Result<(), LedgerError> {
        self.threads
            .write(move |writing| {
                let (connection, info) = (writing.connection, &done.group.info);
                connection
                    .prepare_cached(
                        "DELETE FROM unnamed WHERE conversation = ?1 AND EXISTS (SELECT 1 FROM groups
                             WHERE conversation = ?1 AND name IS ?2 AND description IS ?3)",
                    )?
                    .execute(params![info.place.to_string(), info.name, info.description])
                    .map(drop)
            })
            .await
    }
}
