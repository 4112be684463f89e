//! Events in: keys, order, cursors.

use std::time::Duration;

use partyline_core::{Content, Event, EventKey, Happening, MessageId, Network, Place, RoomChange};
use rusqlite::params;

use super::alerts;
use super::cursors::{BEFORE_THE_FIRST, PlaceRow, move_cursor, to_i64};
use super::follow::follow;
use super::held;
use super::holds::drain;
use super::inbox::{self, Concern};
use super::inquiries;
use super::lively;
use super::logs;
use super::mark::Key;
use super::members::is_member;
use super::owed::insert_owed;
use super::receipts;
use super::suppressions;
use super::threads::Writing;
use super::windows;
use super::{Accepted, Entry, Ledger, LedgerError, Order, Sql, to_json};
use crate::crash::{Point, point};

impl Ledger {
    /// Stores events, with what is owed because of them, in one commit. A repeat of a key is
    /// dropped. Durable when it returns.
    ///
    /// # Errors
    /// Nothing was stored.
    pub async fn accept(&self, entries: Vec<Entry>) -> Result<Accepted, LedgerError> {
        let (now, first) = (self.now_ms(), self.inquires);
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                for entry in &entries {
                    let known = accepted.repeats;
                    accept_one(writing, entry, now, &mut accepted)?;
                    if let Some(first) = first.filter(|_| accepted.repeats == known) {
                        inquiries::said(writing, &entry.event, (now, first), &mut accepted)?;
                    }
                }
                point(Point::IntakeWritten);
                Ok(accepted)
            })
            .await
    }

    /// Keeps bytes in which nothing was understood; whether they were not kept by the same way within
    /// `lately` before.
    ///
    /// # Errors
    /// Nothing was stored.
    pub async fn keep_unparsed(
        &self,
        network: Network,
        via: &'static str,
        raw: bytes::Bytes,
        lately: Duration,
    ) -> Result<bool, LedgerError> {
        let now = self.now_ms();
        let since = now.saturating_sub(i64::try_from(lately.as_millis()).unwrap_or(i64::MAX));
        self.threads
            .write(move |writing| {
                writing
                    .connection
                    .prepare_cached(
                        "INSERT INTO unparsed (network, via, received, raw)
                         SELECT ?1, ?2, ?3, ?4 WHERE ?3 = ?5 OR NOT EXISTS
                             (SELECT 1 FROM unparsed WHERE received >= ?5
                              AND network = ?1 AND via = ?2 AND raw = ?4)",
                    )?
                    .execute(params![network.as_str(), via, now, &raw[..], since])
                    .map(|rows| rows > 0)
            })
            .await
    }
}

/// Writes down that our own message stands at `ordinal` in a conversation, so that its number is
/// not taken for a hole. Part of a settle.
pub(super) fn note_own(
    writing: &Writing<'_>,
    place: &Place,
    id: &MessageId,
    ordinal: Option<u64>,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let event = Event {
        key: EventKey::new(id.as_str()),
        place: place.clone(),
        at: super::timestamp(now),
        ordinal,
        happening: Happening::Echo { id: id.clone(), delivery: None },
    };
    let entry = Entry::alone(event, "own", Order::Counted);
    accept_one(writing, &entry, now, accepted)
}

/// Stores one event, and what is owed because of it. Part of a write.
pub(super) fn accept_one(
    writing: &Writing<'_>,
    entry: &Entry,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let event = &entry.event;
    if receipts::take(writing, event, now, accepted)? {
        return Ok(());
    }
    let place = PlaceRow::of(writing, &event.place)?;
    if entry.order == Order::CursorOnly {
        return move_cursor(writing, place.id, None, event.happening.message());
    }
    let turn = turn(entry.order, &place, event.ordinal.map(to_i64));
    let heard_elsewhere = heard_elsewhere(writing, event)?;
    let Some(row) = insert_event(writing, entry, place.id, turn, heard_elsewhere, now)? else {
        accepted.repeats += 1;
        return Ok(());
    };
    accepted.fresh += 1;
    // Most messages are found by their event's key: it is their id.
    if let Happening::Message { id, .. } = &event.happening
        && id.as_str() != event.key.as_str()
    {
        map_message(writing, place.id, id, row, None)?;
    }
    lively::note_reply(writing, &place, entry)?;
    logs::note_sender(writing, event, now)?;
    inbox::knock(writing, entry, row, heard_elsewhere, now, accepted)?;
    let concern = inbox::concern(writing, entry, row, now, accepted)?;
    if entry.unlinked && !concern.aside {
        writing
            .connection
            .prepare_cached("UPDATE places SET unlinked = unlinked + 1 WHERE id = ?1")?
            .execute([place.id])?;
    }
    owe_all(writing, entry, row, turn, &concern, now, accepted)?;
    match turn {
        Turn::Held { gap: true } => accepted.gap(&event.place),
        Turn::Held { gap: false } => {}
        Turn::Now => pass(writing, entry, &place, accepted)?,
    }
    Ok(())
}

/// Writes the row of an event, and says which it is; `None` where the event is there already.
fn insert_event(
    writing: &Writing<'_>,
    entry: &Entry,
    place: i64,
    turn: Turn,
    heard_elsewhere: bool,
    now: i64,
) -> Sql<Option<i64>> {
    let event = &entry.event;
    let state = match turn {
        Turn::Held { .. } => State::Held,
        Turn::Now if is_command(event) => State::Todo,
        Turn::Now => State::Done,
    };
    let inserted = writing
        .connection
        .prepare_cached(
            "INSERT INTO events
                 (network, key, place, at, received, via, kind, ordinal, state, raw, event)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (network, key) DO NOTHING",
        )?
        .execute(params![
            event.place.network().as_str(),
            event.key.as_str(),
            place,
            event.at.as_millisecond(),
            now,
            entry.via,
            event.happening.name(),
            event.ordinal.map(to_i64),
            state as i64,
            if heard_elsewhere { Some(&[][..]) } else { raw_to_keep(entry) },
            // An echo says nothing that the ledger does not know.
            match &event.happening {
                Happening::Echo { .. } => None,
                _ if heard_elsewhere => Some(to_json(&without_words(event))?),
                _ => Some(to_json(event)?),
            },
        ])?;
    Ok((inserted > 0).then(|| writing.connection.last_insert_rowid()))
}

/// Owes each destination what it is to get because of the event in this row: with a position in its
/// lane where the event has its turn, without one where it is held.
fn owe_all(
    writing: &Writing<'_>,
    entry: &Entry,
    row: i64,
    turn: Turn,
    concern: &Concern,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let answer = suppressions::heed(writing, entry, (row, now), accepted)?;
    let position = matches!(turn, Turn::Now).then(|| writing.next_position());
    let told = follow(writing, entry, now, accepted)?;
    windows::follow(writing, entry, accepted)?;
    held::hold(writing, entry, row, now, accepted)?;
    let wrote = matches!(entry.event.happening, Happening::Wrote { .. });
    // What of an untied conversation does not wait for a thread goes nowhere.
    let nowhere = concern.aside || wrote || entry.unlinked;
    let said =
        inbox::mentioning(if nowhere { &[] } else { &entry.owed }, concern.mentions.as_ref());
    let once = match &entry.once {
        Some(told) if alerts::is_new(writing, told, now)? => &told.owed[..],
        _ => &[],
    };
    let key = Key::of(&entry.event);
    for owed in said.iter().chain(once).chain(&told).chain(&answer) {
        insert_owed(writing, row, &key, owed, position, now)?;
        if position.is_some() {
            accepted.wake(owed.lane());
        }
    }
    Ok(())
}

/// Moves the cursor of a place over an event that has its turn, and lets go what waited for it.
fn pass(
    writing: &Writing<'_>,
    entry: &Entry,
    place: &PlaceRow,
    accepted: &mut Accepted,
) -> Sql<()> {
    let event = &entry.event;
    if is_command(event) {
        accepted.command(&event.place);
    }
    let ordinal = event.ordinal.map(to_i64);
    move_cursor(writing, place.id, ordinal, event.happening.message())?;
    // The bridge has just come into a room that it never read: the room begins here.
    let joined = matches!(event.happening, Happening::Room { change: RoomChange::Joined });
    if joined && !place.begun {
        move_cursor(writing, place.id, Some(BEFORE_THE_FIRST), None)?;
    }
    match ordinal {
        Some(ordinal) if entry.order == Order::Counted => {
            drain(writing, place.id, ordinal.max(place.ordinal.unwrap_or(ordinal)), accepted)
        }
        _ => Ok(()),
    }
}

const fn is_command(event: &Event) -> bool {
    matches!(event.happening, Happening::Command(_))
}

/// The bytes that are kept of what came. What Twilio tells of our own messages comes with each of
/// them, and its bytes say no more than the event does.
fn raw_to_keep(entry: &Entry) -> Option<&[u8]> {
    match entry.event.happening {
        Happening::Echo { .. } => None,
        _ => (!entry.raw.is_empty()).then_some(&entry.raw[..]),
    }
}

/// Whether it says what a conversation says as well: a member's words are kept once.
fn heard_elsewhere(writing: &Writing<'_>, event: &Event) -> Sql<bool> {
    match &event.happening {
        Happening::Wrote { address, sender: Some(sender), .. } => {
            is_member(writing.connection, address, sender)
        }
        _ => Ok(false),
    }
}

fn without_words(event: &Event) -> Event {
    let mut bare = event.clone();
    if let Happening::Wrote { content, .. } = &mut bare.happening {
        *content = Content::default();
    }
    bare
}

/// Whether an event goes at once.
#[derive(Clone, Copy)]
enum Turn {
    Now,
    /// It waits until what is missing before it came or was read; `gap` where nobody reads yet.
    Held {
        gap: bool,
    },
}

/// Whether it is this event's turn, given how far its place has been read.
fn turn(order: Order, place: &PlaceRow, ordinal: Option<i64>) -> Turn {
    match (order, place.ordinal, ordinal) {
        (Order::Arrival, _, Some(_)) if place.holding != 0 => Turn::Held { gap: false },
        (Order::Held, _, _) => Turn::Held { gap: false },
        (Order::Counted, Some(cursor), Some(ordinal)) if ordinal > cursor.saturating_add(1) => {
            Turn::Held { gap: true }
        }
        // Something before it may have been said since the place was tied.
        (Order::Counted, None, Some(_)) if place.unread => Turn::Held { gap: true },
        // The first of a place, the next one, or a late one that was given up for missing.
        (Order::Counted | Order::Arrival | Order::CursorOnly, _, _) => Turn::Now,
    }
}

#[derive(Clone, Copy)]
pub(super) enum State {
    Done = 0,
    Held = 1,
    Todo = 2,
}

/// Notes which event a message is, where its id is not the event's key.
pub(super) fn map_message(
    writing: &Writing<'_>,
    place: i64,
    message: &MessageId,
    event: i64,
    delivery: Option<i64>,
) -> Sql<()> {
    writing
        .connection
        .prepare_cached(
            "INSERT INTO messages (place, message, event, delivery) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![place, message.as_str(), event, delivery])
        .map(drop)
}
