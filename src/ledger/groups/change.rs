//! What changes the directory of groups: listings, events and commands.

use jiff::Timestamp;
use partyline_core::{ConversationInfo, ConversationState, Place};
use rusqlite::{OptionalExtension, params};

use super::super::threads::Writing;
use super::super::{Ledger, LedgerError, to_json};
use super::{Sql, by_place, fold, word};

/// What a command changes in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupChange {
    /// It is this now.
    Note(Box<ConversationInfo>),
    /// It was archived, and these rooms untied from it.
    Archived(Place, Vec<Place>),
    /// It was brought back.
    Unarchived(Place),
    /// It is gone, with its members.
    Forget(Place),
}

/// How a group's row was changed, as far as people want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ledger) struct Before {
    pub(in crate::ledger) name: Option<String>,
    pub(in crate::ledger) description: Option<String>,
    pub(in crate::ledger) state: String,
}

impl Ledger {
    /// Notes what a listing found, and gives back what changed about those that are `followed`, each
    /// as it was and as it is: these are not noted here, they go through intake.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn note_listed(
        &self,
        listed: Vec<ConversationInfo>,
        listing: i64,
        followed: impl Fn(&Place) -> bool + Send + 'static,
    ) -> Result<Vec<(ConversationInfo, ConversationInfo)>, LedgerError> {
        self.threads
            .write(move |writing| {
                let mut changed = Vec::new();
                for info in &listed {
                    let known = by_place(writing.connection, &info.place.to_string())?;
                    match known {
                        // A row that is as it was costs its mark only.
                        Some(known) if known.info == *info => {}
                        Some(known) if followed(&info.place) => {
                            changed.push((known.info, info.clone()));
                        }
                        _ => note(writing, info).map(drop)?,
                    }
                    writing
                        .connection
                        .prepare_cached("UPDATE groups SET seen = ?2 WHERE conversation = ?1")?
                        .execute(params![info.place.to_string(), listing])?;
                }
                Ok(changed)
            })
            .await
    }

    /// The number of a new listing: later than every mark so far.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn next_listing(&self) -> Result<i64, LedgerError> {
        self.threads
            .read(|connection| {
                connection
                    .prepare_cached("SELECT coalesce(max(seen), 0) + 1 FROM groups")?
                    .query_row([], |row| row.get(0))
            })
            .await
    }

    /// Groups that a listing did not show though they were there before it began.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn unlisted(
        &self,
        listing: i64,
        began: Timestamp,
    ) -> Result<Vec<Place>, LedgerError> {
        self.places_of(
            "SELECT conversation FROM groups WHERE seen < ?1 AND updated < ?2",
            (listing, began.as_millisecond()),
        )
        .await
    }

    /// Applies changes to the directory at once, outside of a command's end.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn change_groups(&self, changes: Vec<GroupChange>) -> Result<(), LedgerError> {
        self.threads
            .write(move |writing| changes.iter().try_for_each(|change| apply(writing, change)))
            .await
    }
}

/// Notes a group. What it was before, if it was there; `None` too where something newer is known.
pub(in crate::ledger) fn note(
    writing: &Writing<'_>,
    info: &ConversationInfo,
) -> Sql<Option<Before>> {
    let place = info.place.to_string();
    let updated = info.updated.or(info.created).unwrap_or(Timestamp::UNIX_EPOCH);
    let before = writing
        .connection
        .prepare_cached(
            "SELECT name, description, state, updated FROM groups WHERE conversation = ?1",
        )?
        .query_row([&place], |row| {
            let before = Before { name: row.get(0)?, description: row.get(1)?, state: row.get(2)? };
            Ok((before, row.get::<_, i64>(3)?))
        })
        .optional()?;
    // Hooks tell thousandths of a second, lists do not.
    if before.as_ref().is_some_and(|(_, known)| known / 1000 > updated.as_second()) {
        return Ok(None);
    }
    let name = info.name.as_deref().or(info.unique_name.as_deref()).unwrap_or_default();
    writing
        .connection
        .prepare_cached(
            "INSERT INTO groups (conversation, unique_name, name, folded, description, created_by,
                                 state, created, updated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (conversation) DO UPDATE SET
                 unique_name = excluded.unique_name, name = excluded.name,
                 folded = excluded.folded, description = excluded.description,
                 created_by = coalesce(excluded.created_by, created_by), state = excluded.state,
                 created = coalesce(excluded.created, created), updated = excluded.updated",
        )?
        .execute(params![
            place,
            info.unique_name,
            info.name,
            fold(name),
            info.description,
            info.created_by,
            word(info.state),
            info.created.map(Timestamp::as_millisecond),
            updated.as_millisecond(),
        ])?;
    Ok(before.map(|(before, _)| before))
}

/// Notes a new state of a group that is known. What it was before.
pub(in crate::ledger) fn note_state(
    writing: &Writing<'_>,
    place: &Place,
    state: ConversationState,
    at: Timestamp,
) -> Sql<Option<Before>> {
    let Some(known) = by_place(writing.connection, &place.to_string())? else { return Ok(None) };
    let info = ConversationInfo { state, updated: Some(at), ..known.info };
    note(writing, &info)
}

/// Forgets a group and who was in it. Whether it was there.
pub(in crate::ledger) fn forget(writing: &Writing<'_>, place: &Place) -> Sql<bool> {
    let place = place.to_string();
    for sql in [
        "DELETE FROM participants WHERE conversation = ?1",
        "DELETE FROM unnamed WHERE conversation = ?1",
        "DELETE FROM mutes WHERE conversation = ?1",
    ] {
        writing.connection.prepare_cached(sql)?.execute([&place])?;
    }
    let gone = writing
        .connection
        .prepare_cached("DELETE FROM groups WHERE conversation = ?1")?
        .execute([&place])?;
    Ok(gone > 0)
}

pub(in crate::ledger) fn apply(writing: &Writing<'_>, change: &GroupChange) -> Sql<()> {
    let keep_rooms = |place: &Place, rooms: Option<String>| {
        writing
            .connection
            .prepare_cached("UPDATE groups SET rooms = ?2 WHERE conversation = ?1")?
            .execute(params![place.to_string(), rooms])
            .map(drop)
    };
    match change {
        GroupChange::Note(info) => note(writing, info).map(drop),
        GroupChange::Archived(place, rooms) => keep_rooms(place, Some(to_json(rooms)?)),
        GroupChange::Unarchived(place) => keep_rooms(place, None),
        GroupChange::Forget(place) => forget(writing, place).map(drop),
    }
}
