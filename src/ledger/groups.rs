//! The directory of groups: every conversation, by SID, unique name and what people call it.

use jiff::Timestamp;
use partyline_core::{ConversationInfo, ConversationState, Place};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::threads::Writing;
use super::{Ledger, LedgerError, from_json, timestamp, to_json};

type Sql<T> = Result<T, rusqlite::Error>;

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
    /// In this state only.
    pub state: Option<ConversationState>,
    /// With this in the name, the unique name or the description, in whatever case.
    pub search: Option<String>,
    /// In this order.
    pub sort: GroupSort,
    /// The other way round.
    pub descending: bool,
    /// Of these only.
    pub only: Option<Vec<Place>>,
}

/// An order of groups.
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
pub(super) struct Before {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) state: String,
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
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT conversation FROM groups WHERE seen < ?1 AND updated < ?2",
                    )?
                    .query_map(params![listing, began.as_millisecond()], |row| {
                        row.get::<_, String>(0)
                    })?
                    .filter_map(|place| place.map(|place| place.parse().ok()).transpose())
                    .collect()
            })
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

/// Notes a group. What it was before, if it was there; `None` too where something newer is known.
pub(super) fn note(writing: &Writing<'_>, info: &ConversationInfo) -> Sql<Option<Before>> {
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
pub(super) fn note_state(
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
pub(super) fn forget(writing: &Writing<'_>, place: &Place) -> Sql<bool> {
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

pub(super) fn apply(writing: &Writing<'_>, change: &GroupChange) -> Sql<()> {
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
mod tests {
    use std::sync::Arc;

    use partyline_core::SystemClock;

    use super::*;

    fn info(number: u8, name: &str, updated: i64) -> ConversationInfo {
        ConversationInfo {
            place: Place::conversation(&format!("CH{number:032x}")),
            name: Some(name.to_owned()),
            unique_name: Some(format!("unique-{number}")),
            description: None,
            created_by: None,
            state: ConversationState::Active,
            created: None,
            updated: Timestamp::from_second(updated).ok(),
        }
    }

    async fn ledger(groups: &[ConversationInfo]) -> (tempfile::TempDir, Ledger) {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger.db"), Arc::new(SystemClock)).unwrap();
        let notes = groups.iter().map(|one| GroupChange::Note(Box::new(one.clone()))).collect();
        ledger.change_groups(notes).await.unwrap();
        (folder, ledger)
    }

    async fn names(ledger: &Ledger, reference: &str) -> Vec<String> {
        let found = ledger.find_groups(reference, 9).await.unwrap();
        found.iter().map(|group| group.name().to_owned()).collect()
    }

    #[tokio::test]
    async fn a_group_is_found_by_every_name_it_has() {
        let all = [info(1, "Spring Launch", 1), info(2, "Spring", 1), info(3, "Übung 100%", 1)];
        let (_folder, ledger) = ledger(&all).await;
        for (reference, found) in [
            ("CH00000000000000000000000000000001", vec!["Spring Launch"]),
            ("unique-2", vec!["Spring"]),
            (" spring  launch ", vec!["Spring Launch"]),
            ("spring", vec!["Spring"]),
            ("spr", vec!["Spring", "Spring Launch"]),
            ("übung", vec!["Übung 100%"]),
            ("unique-", vec!["Spring", "Spring Launch", "Übung 100%"]),
            ("%", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(names(&ledger, reference).await, found, "{reference}");
        }
        assert!(ledger.is_group("SPRING").await.unwrap());
        assert!(!ledger.is_group("spr").await.unwrap());
    }

    #[tokio::test]
    async fn what_is_older_changes_nothing() {
        let (_folder, ledger) = ledger(&[info(1, "New", 20)]).await;
        let late = GroupChange::Note(Box::new(info(1, "Old", 10)));
        ledger.change_groups(vec![late]).await.unwrap();
        assert_eq!(names(&ledger, "unique-1").await, ["New"]);
    }

    #[tokio::test]
    async fn a_list_is_filtered_and_sorted() {
        let all = [info(1, "b", 3), info(2, "A", 1), info(3, "c launch", 2)];
        let (_folder, ledger) = ledger(&all).await;
        let list = async |filter: GroupFilter| {
            let (groups, total) = ledger.groups(&filter, 0, 2).await.unwrap();
            let names: Vec<_> = groups.iter().map(|group| group.name().to_owned()).collect();
            (names.join(" "), total)
        };
        assert_eq!(list(GroupFilter::default()).await, ("A b".into(), 3));
        let sort = GroupSort::Updated;
        let filter = GroupFilter { sort, descending: true, ..GroupFilter::default() };
        assert_eq!(list(filter).await, ("b c launch".into(), 3));
        let search = Some("LAUNCH".to_owned());
        let filter = GroupFilter { search, ..GroupFilter::default() };
        assert_eq!(list(filter).await, ("c launch".into(), 1));
        let state = Some(ConversationState::Closed);
        let filter = GroupFilter { state, ..GroupFilter::default() };
        assert_eq!(list(filter).await, (String::new(), 0));
        let only = Some(vec![info(2, "", 0).place, info(3, "", 0).place, info(9, "", 0).place]);
        let filter = GroupFilter { only, ..GroupFilter::default() };
        assert_eq!(list(filter).await, ("A c launch".into(), 2));
    }

    #[tokio::test]
    async fn a_listing_shows_what_is_new_and_what_is_gone() {
        let (_folder, ledger) =
            ledger(&[info(1, "same", 1), info(2, "old", 1), info(3, "gone", 1)]).await;
        let listing = ledger.next_listing().await.unwrap();
        let listed = vec![info(1, "same", 1), info(2, "new", 2), info(4, "more", 1)];
        let changed = ledger.note_listed(listed, listing, |_| true).await.unwrap();
        assert_eq!(changed, [(info(2, "old", 1), info(2, "new", 2))], "it goes through intake");
        assert_eq!(names(&ledger, "more").await, ["more"]);
        let began = Timestamp::from_second(100).unwrap();
        let gone = ledger.unlisted(listing, began).await.unwrap();
        assert_eq!(gone, [info(3, "gone", 1).place]);
    }
}
