//! The inbox: conversations with one person each, in threads of one room.
//!
//! What somebody writes whose conversation is tied to nothing waits here until the conversation has a
//! thread (`steps`). As long as something waits, what comes in that conversation waits behind it, so that
//! the order holds. Who is in no conversation at all is a stranger (`strangers`).
//!
//! A correspondence may have an owner: who is mentioned when the other one writes again. An owner of no
//! characters stands for anybody.

use std::borrow::Cow;

use partyline_core::{Action, Address, Happening, PersonId, Place};
use rusqlite::{OptionalExtension, params};

use super::threads::Writing;
use super::{Accepted, Entry, Owed, Sql, to_json};

mod list;
mod steps;
mod strangers;

pub use list::{Correspondence, Untied};
pub use steps::InboxStep;
pub(super) use steps::sent;
pub use strangers::Stranger;
pub(super) use strangers::knock;

const CLOSED: i64 = 0;
const OPEN: i64 = 1;
/// It is a group, and none of the inbox's.
const GROUP: i64 = 2;

/// What a command changes in the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InboxChange {
    /// Somebody was written to by command.
    Written {
        /// The conversation with them.
        conversation: Place,
        /// Who they are.
        address: Address,
        /// Who is mentioned when they write, where nobody is yet.
        owner: Option<PersonId>,
        /// What their thread is owed; it waits until there is one.
        waiting: Vec<Owed>,
    },
    /// A conversation is done with (`false`), or not after all.
    Open(Place, bool),
    /// Who is mentioned when they write again; nobody, where it is anybody's.
    Assign(Place, Option<PersonId>),
}

/// What the inbox has to do with an event.
#[derive(Debug, Default)]
pub(super) struct Concern {
    /// What is owed because of it is not sent now: it waits for a thread, or was said already.
    pub(super) aside: bool,
    /// Who is mentioned by it.
    pub(super) mentions: Option<PersonId>,
}

/// Takes note of what is said in a conversation of the inbox, or in its thread. Has what is owed because
/// of it wait, where it must. `row` is the event's.
pub(super) fn concern(
    writing: &Writing<'_>,
    entry: &Entry,
    row: i64,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<Concern> {
    let place = &entry.event.place;
    let Happening::Message { content, .. } = &entry.event.happening else {
        return Ok(Concern::default());
    };
    // A place on the map is told by the webhook alone; in the conversation it is empty.
    if !entry.inbox || content.is_empty() {
        return Ok(Concern::default());
    }
    if !place.is_conversation() {
        answered(writing, place, entry.owner.as_ref())?;
        return Ok(Concern::default());
    }
    let conversation = place.to_string();
    let kind: Option<i64> = writing
        .connection
        .prepare_cached("SELECT state FROM inbox WHERE conversation = ?1")?
        .query_row([&conversation], |row| row.get(0))
        .optional()?;
    // Neither one of the inbox, nor tied to nothing; or one of which it is known that it is a group.
    if (kind.is_none() && !entry.unlinked) || kind == Some(GROUP) {
        return Ok(Concern::default());
    }
    if strangers::is_said(writing, entry, row, now)? {
        return Ok(Concern { aside: true, mentions: None });
    }
    let mentions = heard(writing, &conversation, entry.owner.as_ref(), now)?;
    if !entry.unlinked && !waits(writing, &conversation, entry)? {
        return Ok(Concern { aside: false, mentions });
    }
    for owed in mentioning(&entry.owed, mentions.as_ref()).iter() {
        queue(writing, &conversation, row, owed)?;
    }
    accepted.inbox.push(place.clone());
    Ok(Concern { aside: true, mentions })
}

/// Somebody has written in a conversation; who is mentioned by it. `owner` is who it is for, where that
/// is nobody yet.
fn heard(
    writing: &Writing<'_>,
    conversation: &str,
    owner: Option<&PersonId>,
    now: i64,
) -> Sql<Option<PersonId>> {
    let (unread, owner): (u64, Option<String>) = writing
        .connection
        .prepare_cached(
            "INSERT INTO inbox (conversation, state, unread, at, owner) VALUES (?1, ?2, 1, ?3, ?4)
             ON CONFLICT (conversation) DO UPDATE SET
                 unread = unread + 1, state = excluded.state, at = excluded.at
             RETURNING unread, owner",
        )?
        .query_row(params![conversation, OPEN, now, owner.map(PersonId::to_string)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    // Once for all that they write until they are answered.
    Ok(owner.filter(|_| unread == 1).and_then(|owner| owner.parse().ok()))
}

/// Somebody has answered in a thread.
fn answered(writing: &Writing<'_>, thread: &Place, owner: Option<&PersonId>) -> Sql<()> {
    writing
        .connection
        .prepare_cached(
            "UPDATE inbox SET unread = 0, owner = coalesce(owner, ?2)
             WHERE thread = ?1 AND (unread > 0 OR (owner IS NULL AND ?2 IS NOT NULL))",
        )?
        .execute(params![thread.to_string(), owner.map(PersonId::to_string)])
        .map(drop)
}

/// What is owed, with this person mentioned in the rooms of their network.
pub(super) fn mentioning<'a>(owed: &'a [Owed], person: Option<&PersonId>) -> Cow<'a, [Owed]> {
    let Some(person) = person else { return owed.into() };
    let mut owed = owed.to_vec();
    for Owed { to, action, .. } in &mut owed {
        if let Action::Post { content, part, .. } = action
            && to.network() == person.network
            && part.is_none_or(|part| part.number == 1)
        {
            content.mentions = Some(person.clone());
        }
    }
    owed.into()
}

/// Has something wait for a conversation's thread.
fn queue(writing: &Writing<'_>, conversation: &str, event: i64, owed: &Owed) -> Sql<()> {
    writing
        .connection
        .prepare_cached(
            "INSERT INTO inbox_waiting (conversation, event, owed) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![conversation, event, to_json(owed)?])
        .map(drop)
}

/// Whether something that was said before in this conversation waits.
fn waits(writing: &Writing<'_>, conversation: &str, entry: &Entry) -> Sql<bool> {
    let waits = writing
        .connection
        .prepare_cached("SELECT 1 FROM inbox_waiting WHERE conversation = ?1 LIMIT 1")?
        .exists([conversation])?;
    let Happening::Message { speaker, .. } = &entry.event.happening else { return Ok(waits) };
    match speaker.address() {
        Some(address) if !waits => strangers::is_waiting(writing, &address),
        _ => Ok(waits),
    }
}

/// Part of a command's end; `event` is the command's.
pub(super) fn apply(
    writing: &Writing<'_>,
    change: &InboxChange,
    event: i64,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    match change {
        InboxChange::Written { conversation, address, owner, waiting } => {
            let place = conversation.to_string();
            let owner = owner.as_ref().map(PersonId::to_string);
            writing
                .connection
                .prepare_cached(
                    "INSERT INTO inbox (conversation, address, state, unread, at, owner)
                     VALUES (?1, ?2, ?3, 0, ?4, ?5)
                     ON CONFLICT (conversation) DO UPDATE SET state = excluded.state, unread = 0,
                         address = coalesce(address, excluded.address),
                         owner = coalesce(owner, excluded.owner), at = excluded.at",
                )?
                .execute(params![place, address.as_str(), OPEN, now, owner])?;
            waiting.iter().try_for_each(|owed| queue(writing, &place, event, owed))?;
            accepted.inbox.push(conversation.clone());
            Ok(())
        }
        InboxChange::Open(conversation, open) => writing
            .connection
            .prepare_cached(
                "UPDATE inbox SET state = ?2, unread = CASE ?2 WHEN 0 THEN 0 ELSE unread END
                 WHERE conversation = ?1 AND state <> 2",
            )?
            .execute(params![conversation.to_string(), if *open { OPEN } else { CLOSED }])
            .map(drop),
        InboxChange::Assign(conversation, person) => writing
            .connection
            .prepare_cached("UPDATE inbox SET owner = ?2 WHERE conversation = ?1 AND state <> 2")?
            .execute(params![
                conversation.to_string(),
                person.as_ref().map_or_else(String::new, PersonId::to_string)
            ])
            .map(drop),
    }
}
