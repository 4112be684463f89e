//! The directory of groups: every conversation, by SID, unique name and what people call it.
//! `change` is how it comes to be so.

mod change;

use partyline_core::{ConversationInfo, ConversationState, Place};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::{Ledger, LedgerError, Sql, from_json, timestamp, to_json};

pub use change::GroupChange;
pub(super) use change::{Before, apply, forget, note, note_state};

/// A group, as the directory knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// What its platform says of it.
    pub info: ConversationInfo,
    /// How many members are known.
    pub members: u32,
    /// The rooms that it had when it was archived.
    pub rooms: Vec<Place>,
}

impl Group {
    /// What people call it; without a name, what programs call it.
    #[must_use]
    pub fn name(&self) -> &str {
        let info = &self.info;
        info.name.as_deref().or(info.unique_name.as_deref()).unwrap_or_else(|| info.place.id())
    }
}

/// Which groups are wanted, and in what order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupFilter {
    /// Those in this state; `None` for every state.
    pub state: Option<ConversationState>,
    /// With this in the name, the unique name or the description, in whatever case.
    pub search: Option<String>,
    /// By what they are ordered.
    pub sort: GroupSort,
    /// The other way round.
    pub descending: bool,
    /// These conversations at most; `None` for all.
    pub only: Option<Vec<Place>>,
}

/// By what a list of groups is ordered; among equals by the conversation's SID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupSort {
    /// By name.
    #[default]
    Name,
    /// By when they were made.
    Created,
    /// By when they were changed.
    Updated,
}

const COLUMNS: &str = "conversation, unique_name, name, description, created_by, state, created,
     updated, rooms, (SELECT count(*) FROM participants WHERE conversation = groups.conversation)";

impl Ledger {
    /// The groups that a text can mean: the one of this SID or unique name; else those of this
    /// name, in whatever case; else those whose name or unique name begins with it. At most
    /// `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn find_groups(
        &self,
        reference: &str,
        limit: u32,
    ) -> Result<Vec<Group>, LedgerError> {
        let reference = reference.trim().to_owned();
        self.threads.read(move |connection| find(connection, &reference, limit)).await
    }

    /// Whether a text is the SID, unique name or name of a group in full.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn is_group(&self, text: &str) -> Result<bool, LedgerError> {
        let text = text.trim().to_owned();
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT EXISTS (SELECT 1 FROM groups WHERE conversation = ?1)
                         OR EXISTS (SELECT 1 FROM groups WHERE unique_name = ?2)
                         OR EXISTS (SELECT 1 FROM groups WHERE folded = ?3)",
                    )?
                    .query_row(
                        params![Place::conversation(&text).to_string(), text, fold(&text)],
                        |row| row.get(0),
                    )
            })
            .await
    }

    /// A group.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn group(&self, conversation: &Place) -> Result<Option<Group>, LedgerError> {
        let conversation = conversation.to_string();
        self.threads.read(move |connection| by_place(connection, &conversation)).await
    }

    /// Groups from the row `offset` on, at most `limit`, and how many there are in all.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn groups(
        &self,
        filter: &GroupFilter,
        offset: u32,
        limit: u32,
    ) -> Result<(Vec<Group>, u64), LedgerError> {
        let filter = filter.clone();
        self.threads
            .read(move |connection| {
                let wanted = "(?1 IS NULL OR state = ?1) AND (?2 IS NULL OR instr(folded, ?2)
                     OR instr(lower(unique_name), ?2) OR instr(lower(description), ?2))
                     AND (?3 IS NULL OR conversation IN (SELECT value FROM json_each(?3)))";
                let state = filter.state.map(word);
                let search = filter.search.as_deref().map(fold);
                let only = filter.only.as_ref().map(to_json).transpose()?;
                let order = match filter.sort {
                    GroupSort::Name => "folded",
                    GroupSort::Created => "created",
                    GroupSort::Updated => "updated",
                };
                let way = if filter.descending { "DESC" } else { "ASC" };
                let total = connection
                    .prepare_cached(&format!("SELECT count(*) FROM groups WHERE {wanted}"))?
                    .query_row(params![state, search, only], |row| row.get(0))?;
                let rows = connection
                    .prepare_cached(&format!(
                        "SELECT {COLUMNS} FROM groups WHERE {wanted}
                         ORDER BY {order} {way}, conversation LIMIT ?4 OFFSET ?5"
                    ))?
                    .query_map(params![state, search, only, limit, offset], read)?
                    .collect::<Sql<Vec<_>>>()?;
                Ok((rows.into_iter().flatten().collect(), total))
            })
            .await
    }
}

/// Small letters and single spaces: how names are compared.
#[must_use]
pub fn fold(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn find(connection: &Connection, reference: &str, limit: u32) -> Sql<Vec<Group>> {
    if reference.is_empty() {
        return Ok(Vec::new());
    }
    let folded = fold(reference);
    // The end of all texts that begin with it.
    let end = format!("{folded}\u{10ffff}");
    let place = Place::conversation(reference).to_string();
    let tries: [(&str, &[&dyn rusqlite::ToSql]); 4] = [
        ("conversation = ?1", &[&place]),
        ("unique_name = ?1", &[&reference]),
        ("folded = ?1", &[&folded]),
        (
            "conversation IN (SELECT conversation FROM groups WHERE folded >= ?1 AND folded < ?2
                 UNION SELECT conversation FROM groups WHERE unique_name >= ?1 AND unique_name < ?2)",
            &[&folded, &end],
        ),
    ];
    for (wanted, values) in tries {
        let found = connection
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM groups WHERE {wanted} ORDER BY folded LIMIT {limit}"
            ))?
            .query_map(values, read)?
            .collect::<Sql<Vec<_>>>()?;
        let found: Vec<Group> = found.into_iter().flatten().collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

pub(super) fn by_place(connection: &Connection, place: &str) -> Sql<Option<Group>> {
    let found = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM groups WHERE conversation = ?1"))?
        .query_row([place], read)
        .optional()?;
    Ok(found.flatten())
}

/// A row of [`COLUMNS`]; `None` where this program does not know its state.
fn read(row: &Row<'_>) -> Sql<Option<Group>> {
    let (place, state): (String, String) = (row.get(0)?, row.get(5)?);
    let (Ok(place), Some(state)) = (place.parse(), state_of(&state)) else { return Ok(None) };
    let at = |index| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(index)?.map(timestamp));
    let rooms: Option<String> = row.get(8)?;
    Ok(Some(Group {
        info: ConversationInfo {
            place,
            unique_name: row.get(1)?,
            name: row.get(2)?,
            description: row.get(3)?,
            created_by: row.get(4)?,
            state,
            created: at(6)?,
            updated: at(7)?,
        },
        rooms: rooms.map(|rooms| from_json(&rooms)).transpose()?.unwrap_or_default(),
        members: row.get(9)?,
    }))
}

const STATES: [(ConversationState, &str); 5] = [
    (ConversationState::Initializing, "initializing"),
    (ConversationState::Active, "active"),
    (ConversationState::Inactive, "inactive"),
    (ConversationState::Closed, "closed"),
    (ConversationState::Removed, "removed"),
];

pub(super) fn word(state: ConversationState) -> &'static str {
    STATES.iter().find(|(known, _)| *known == state).map_or("active", |(_, word)| word)
}

pub(super) fn state_of(word: &str) -> Option<ConversationState> {
    STATES.iter().find(|(_, known)| *known == word).map(|(state, _)| *state)
}

#[cfg(test)]
mod tests;
