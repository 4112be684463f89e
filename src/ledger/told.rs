//! What people on phones have said of late, and by which way that was told.
//!
//! What somebody says can be told twice, by the Messaging webhook and by a conversation, in whichever order
//! and with no id in common (the webhook has `SM…`, the conversation `IM…`). So each is written down with
//! who said what, and paired with one of the other kind, its *twin*: same person, same words, about the
//! same time. Of equal words either may be the other's twin; as many count in the end as were written.

use jiff::SignedDuration;
use partyline_core::{Address, Content, Happening};
use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::threads::Writing;
use super::{Entry, Sql};

/// How far apart two tellings of the same may be: the webhook's time is when it came.
const APART: SignedDuration = SignedDuration::from_mins(2);

/// How long it is remembered who told what, where the senders' logs are read meanwhile.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// How long where they cannot be, and what somebody asked for: what one way told, the other may tell
/// once it can be read.
const REMEMBERED_AT_MOST: SignedDuration = SignedDuration::from_hours(24);

/// By which way something was told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Webhook = 0,
    Conversation = 1,
}

/// Whether what somebody asks for (no more messages, messages again, help) was heeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heeded {
    /// Not by this telling.
    No = 0,
    /// It was, and whatever is to be answered is.
    Yes = 1,
    /// It was, and the answer waits until it is known by which sender it goes.
    Unanswered = 2,
}

/// What was told, so that it is known again; not the words themselves.
fn fingerprint(content: &Content) -> String {
    let mut hash = Sha256::new();
    hash.update(content.files.len().to_be_bytes());
    hash.update(content.text.plain.trim());
    hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Who says what in an event, and by which way it is told.
fn telling(entry: &Entry) -> Option<(Address, &Content, Way)> {
    match &entry.event.happening {
        Happening::Wrote { address, content, .. } => Some((address.clone(), content, Way::Webhook)),
        Happening::Message { speaker, content, .. } => {
            Some((speaker.address()?, content, Way::Conversation))
        }
        _ => None,
    }
}

/// Writes down that something was told, once, and gives the event that told the same by the other way.
/// `row` is the event's.
pub(super) fn tell(writing: &Writing<'_>, entry: &Entry, row: i64, now: i64) -> Sql<Option<i64>> {
    let Some((address, content, way)) = telling(entry) else { return Ok(None) };
    let connection = writing.connection;
    let known: Option<Option<i64>> = connection
        .prepare_cached("SELECT twin FROM told WHERE event = ?1")?
        .query_row([row], |row| row.get(0))
        .optional()?;
    if let Some(twin) = known {
        return Ok(twin);
    }
    forget(writing, now)?;
    let (words, at) = (fingerprint(content), entry.event.at.as_millisecond());
    let twin: Option<i64> = connection
        .prepare_cached(
            "SELECT event FROM told WHERE address = ?1 AND words = ?2 AND way <> ?3
                 AND twin IS NULL AND abs(at - ?4) <= ?5 ORDER BY event LIMIT 1",
        )?
        .query_row(params![address.as_str(), words, way as i64, at, millis(APART)], |row| {
            row.get(0)
        })
        .optional()?;
    connection
        .prepare_cached(
            "INSERT INTO told (event, address, words, way, at, noted, twin)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![row, address.as_str(), words, way as i64, at, now, twin])?;
    if let Some(twin) = twin {
        connection
            .prepare_cached("UPDATE told SET twin = ?2 WHERE event = ?1")?
            .execute([twin, row])?;
    }
    Ok(twin)
}

fn forget(writing: &Writing<'_>, now: i64) -> Sql<()> {
    let [recent, longest] =
        [REMEMBERED, REMEMBERED_AT_MOST].map(|span| now.saturating_sub(millis(span)));
    writing
        .connection
        .prepare_cached(
            "DELETE FROM told WHERE heeded = 0 AND noted <
                 max(?1, min(?2, (SELECT coalesce(min(looked), ?2) FROM logs)))",
        )?
        .execute([longest, recent])?;
    writing
        .connection
        .prepare_cached("DELETE FROM told WHERE heeded > 0 AND noted < ?1")?
        .execute([longest])
        .map(drop)
}

/// Whether what somebody asks for was heeded when this event told it.
pub(super) fn heeded(writing: &Writing<'_>, event: Option<i64>) -> Sql<Heeded> {
    let found: Option<i64> = writing
        .connection
        .prepare_cached("SELECT heeded FROM told WHERE event = ?1")?
        .query_row([event], |row| row.get(0))
        .optional()?;
    Ok(match found {
        None | Some(0) => Heeded::No,
        Some(2) => Heeded::Unanswered,
        Some(_) => Heeded::Yes,
    })
}

/// Notes whether what somebody asks for was heeded.
pub(super) fn note(writing: &Writing<'_>, event: i64, heeded: Heeded) -> Sql<()> {
    writing
        .connection
        .prepare_cached("UPDATE told SET heeded = ?2 WHERE event = ?1")?
        .execute(params![event, heeded as i64])
        .map(drop)
}

/// Notes that somebody was no member when they wrote this.
pub(super) fn note_stranger(writing: &Writing<'_>, event: i64) -> Sql<()> {
    writing
        .connection
        .prepare_cached("UPDATE told SET stranger = 1 WHERE event = ?1")?
        .execute([event])
        .map(drop)
}

/// Whether somebody was no member of late.
pub(super) fn was_stranger(writing: &Writing<'_>, address: &Address) -> Sql<bool> {
    writing
        .connection
        .prepare_cached("SELECT 1 FROM told WHERE address = ?1 AND stranger = 1 LIMIT 1")?
        .exists([address.as_str()])
}

fn millis(span: SignedDuration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
