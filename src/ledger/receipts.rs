//! Receipts: what became of each message on each member's phone.
//!
//! A receipt is not kept as an event: what it says is one row that only ever moves on, so that a
//! repeat, or an older one that comes later, changes nothing. One that comes before its send has
//! returned, when nobody knows yet which message it is of, waits as a receipt of event 0.

use partyline_core::{Event, Happening, MessageId, Place, ReceiptStatus};
use rusqlite::{OptionalExtension, params};

use super::cursors::place_id;
use super::held::{self, Fate};
use super::threads::Writing;
use super::{Accepted, broadcasts, suppressions};

type Sql<T> = Result<T, rusqlite::Error>;

/// How long after the first news of a message its tick is looked at, in milliseconds: most members'
/// receipts come together.
pub(super) const SETTLING: i64 = 2000;

/// How far a message came on one phone, in the order in which news replaces older news. What a
/// carrier refused and then delivered after all is delivered.
pub(super) const fn rank(status: ReceiptStatus) -> i64 {
    match status {
        ReceiptStatus::Sent => 1,
        ReceiptStatus::Undelivered => 2,
        ReceiptStatus::Failed => 3,
        ReceiptStatus::Delivered => 4,
        ReceiptStatus::Read => 5,
    }
}

/// The inverse of [`rank`].
pub(super) const fn status(rank: i64) -> ReceiptStatus {
    match rank {
        ..=1 => ReceiptStatus::Sent,
        2 => ReceiptStatus::Undelivered,
        3 => ReceiptStatus::Failed,
        4 => ReceiptStatus::Delivered,
        _ => ReceiptStatus::Read,
    }
}

/// Takes a receipt, if this event is one.
pub(super) fn take(
    writing: &Writing<'_>,
    event: &Event,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<bool> {
    let Happening::Receipt { message, participant, status, error } = &event.happening else {
        return Ok(false);
    };
    // Of what went to one phone, nobody is named but the phone.
    let phone = event.place.as_phone().map(|(_, address)| address.to_string());
    let participant = participant.as_deref().or(phone.as_deref()).unwrap_or_default();
    let of = origin(writing, &event.place, message)?;
    let fresh = writing
        .connection
        .prepare_cached(
            "INSERT INTO receipts (event, message, participant, rank, error, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (event, message, participant) DO UPDATE
                 SET rank = excluded.rank, error = excluded.error, at = excluded.at
                 WHERE excluded.rank > rank",
        )?
        .execute(params![
            of.as_ref().map_or(0, |of| of.event),
            message.as_str(),
            participant,
            rank(*status),
            error,
            now
        ])?;
    if fresh == 0 {
        accepted.repeats += 1;
        return Ok(true);
    }
    accepted.fresh += 1;
    note_member(writing, &event.place, participant, *status, *error)?;
    suppressions::learn(writing, &event.place, participant, (*status, *error), event.at, accepted)?;
    if let Some(of) = of {
        let fate = Fate { conversation: &event.place, participant, status: *status, error: *error };
        held::learn(writing, of.event, &fate, now, accepted)?;
        // Of what a phone said, only that somebody does not get it is told.
        let failed = matches!(status, ReceiptStatus::Undelivered | ReceiptStatus::Failed);
        if (of.ours || failed) && !broadcasts::is_one(writing.connection, of.event)? {
            look_at(writing, of.event, now, accepted)?;
        }
    }
    Ok(true)
}

/// A message of ours is known by now: the receipts that came before are its own.
pub(super) fn claim(
    writing: &Writing<'_>,
    place: &Place,
    message: &MessageId,
    event: i64,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let early: Vec<(String, i64, Option<u32>)> = writing
        .connection
        .prepare_cached(
            "UPDATE receipts SET event = ?1 WHERE event = 0 AND message = ?2
             RETURNING participant, rank, error",
        )?
        .query_map(params![event, message.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    for (participant, rank, error) in &early {
        let (participant, status) = (participant.as_str(), status(*rank));
        let fate = Fate { conversation: place, participant, status, error: *error };
        held::learn(writing, event, &fate, now, accepted)?;
    }
    let news = !early.is_empty() || held::is_held(writing.connection, event)?;
    if !news || broadcasts::is_one(writing.connection, event)? {
        return Ok(());
    }
    look_at(writing, event, now, accepted)
}

/// Has the tick of what was said looked at, soon.
pub(super) fn look_at(
    writing: &Writing<'_>,
    event: i64,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    accepted.ticks = true;
    writing
        .connection
        .prepare_cached(
            "INSERT INTO ticks (event, news, due) VALUES (?1, 1, ?2)
             ON CONFLICT (event) DO UPDATE
                 SET news = news + 1, due = coalesce(due, excluded.due)",
        )?
        .execute(params![event, now + SETTLING])
        .map(drop)
}

struct Origin {
    event: i64,
    ours: bool,
}

/// What a message in a conversation was said because of.
fn origin(writing: &Writing<'_>, place: &Place, message: &MessageId) -> Sql<Option<Origin>> {
    let place = place_id(writing, place)?;
    writing
        .connection
        .prepare_cached(
            "SELECT event, delivery IS NOT NULL FROM messages WHERE place = ?1 AND message = ?2",
        )?
        .query_row(params![place, message.as_str()], |row| {
            Ok(Origin { event: row.get(0)?, ours: row.get(1)? })
        })
        .optional()
}

/// For the list of members: what became of the last message to one.
fn note_member(
    writing: &Writing<'_>,
    place: &Place,
    participant: &str,
    status: ReceiptStatus,
    error: Option<u32>,
) -> Sql<()> {
    let status = serde_json::to_value(status).unwrap_or_default();
    writing
        .connection
        .prepare_cached(
            "UPDATE participants SET status = ?3, error = ?4 WHERE conversation = ?1 AND sid = ?2",
        )?
        .execute(params![place.to_string(), participant, status.as_str(), error])
        .map(drop)
}
