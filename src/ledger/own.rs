//! Events of our own: what the bridge's words about a place are owed because of.

use partyline_core::{Action, Place, Text};
use rusqlite::params;

use super::mark::Key;
use super::owed::insert_owed;
use super::threads::Writing;
use super::{Accepted, Owed, Sql, timestamp};

/// An event of our own, and what it is known by.
pub(super) struct Own {
    event: i64,
    key: Key,
    /// Where it happened.
    place: Place,
}

/// Notes an event of our own in a place, whose row this is, under a key that no other has.
pub(super) fn note(
    writing: &Writing<'_>,
    place: &Place,
    row: i64,
    key: String,
    now: i64,
) -> Sql<Own> {
    let key = Key::own(place, key);
    let event = insert(writing, &key, row, "other", now)?;
    Ok(Own { event, key, place: place.clone() })
}

/// Writes down an event of our own: its row.
pub(super) fn insert(
    writing: &Writing<'_>,
    key: &Key,
    place: i64,
    kind: &str,
    now: i64,
) -> Sql<i64> {
    writing
        .connection
        .prepare_cached(
            "INSERT INTO events (network, key, place, at, received, via, kind, state, raw)
             VALUES (?1, ?2, ?3, ?4, ?4, 'own', ?5, 0, x'')",
        )?
        .execute(params![key.network(), key.key(), place, now, kind])?;
    Ok(writing.connection.last_insert_rowid())
}

/// Owes a place the bridge's own words because of it.
pub(super) fn owe(
    writing: &Writing<'_>,
    own: &Own,
    to: &Place,
    text: String,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    act(writing, own, to, Action::Notice { text: Text::plain(text) }, now, accepted)
}

/// Owes a place something of the bridge's own because of it.
pub(super) fn act(
    writing: &Writing<'_>,
    own: &Own,
    to: &Place,
    action: Action,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let (to, from) = (to.clone(), own.place.clone());
    let owed = Owed { to, from, speaker: None, at: timestamp(now), action };
    let position = Some(writing.next_position());
    insert_owed(writing, own.event, &own.key, &owed, position, now)?;
    accepted.wake(owed.lane());
    Ok(())
}
