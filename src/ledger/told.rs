//! What people on phones have said of late, and by which way that was told.
//!
//! What somebody says can be told twice, by the Messaging webhook and by a conversation, in whichever order
//! and with no id in common (the webhook has `SM…`, the conversation `IM…`). So each is written down with
//! who said what, and paired with one of the other kind, its *twin*: same person, same words, about the
//! same time, same sender. Of equal words either may be the other's twin; as many count in the end as were
//! written.
//!
//! By which sender a conversation serves somebody may not be known yet when it tells something. Then
//! whatever can be its twin is; should that turn out wrong once the conversation is known ([`found_in`]), the
//! pair is parted.

use jiff::SignedDuration;
use partyline_core::{Address, Content, Happening, Place};
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::members::{is_member, sender_of};
use super::threads::Writing;
use super::{Entry, Sql};

/// How far apart two tellings of the same may be: the webhook's time is when it came.
const APART: SignedDuration = SignedDuration::from_mins(2);

/// How long it is remembered who told what, where the senders' logs are read meanwhile.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// How long where they cannot be, and what somebody asked for: what one way told, the other may tell
/// once it can be read.
const REMEMBERED_AT_MOST: SignedDuration = SignedDuration::from_hours(24);

/// How many of the same words are looked at for a twin.
const CANDIDATES: u32 = 100;

/// By which way something was told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    Webhook {
        sender: Option<Address>,
        /// Into which it was let in.
        conversation: Option<Place>,
    },
    Conversation(Place),
}

impl Way {
    const fn column(&self) -> i64 {
        match self {
            Self::Webhook { .. } => 0,
            Self::Conversation(_) => 1,
        }
    }

    const fn sender(&self) -> Option<&Address> {
        match self {
            Self::Webhook { sender, .. } => sender.as_ref(),
            Self::Conversation(_) => None,
        }
    }

    const fn conversation(&self) -> Option<&Place> {
        match self {
            Self::Webhook { conversation, .. } => conversation.as_ref(),
            Self::Conversation(place) => Some(place),
        }
    }
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
        Happening::Wrote { address, sender, content, .. } => {
            let way = Way::Webhook { sender: sender.clone(), conversation: None };
            Some((address.clone(), content, way))
        }
        Happening::Message { speaker, content, .. } => {
            Some((speaker.address()?, content, Way::Conversation(entry.event.place.clone())))
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
    let twin = twin(connection, (&address, &words), &way, at)?;
    connection
        .prepare_cached(
            "INSERT INTO told (event, address, words, way, at, noted, sender, conversation)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            row,
            address.as_str(),
            words,
            way.column(),
            at,
            now,
            way.sender().map(Address::as_str),
            way.conversation().map(Place::to_string),
        ])?;
    if let Some(twin) = twin {
        pair(connection, row, twin)?;
    }
    Ok(twin)
}

/// What told the same by the other way at about that time, and has no twin yet, the nearest: behind the same
/// sender, or else one of which that is not known.
fn twin(
    connection: &Connection,
    (address, words): (&Address, &str),
    way: &Way,
    at: i64,
) -> Sql<Option<i64>> {
    let mut find = connection.prepare_cached(
        "SELECT event, way, sender, conversation FROM told
         WHERE address = ?1 AND words = ?2 AND way <> ?3 AND twin IS NULL AND abs(at - ?4) <= ?5
         ORDER BY abs(at - ?4), event LIMIT ?6",
    )?;
    let others = find.query_map(
        params![address.as_str(), words, way.column(), at, millis(APART), CANDIDATES],
        read,
    )?;
    let mut perhaps = None;
    for other in others {
        let (event, other) = other?;
        match same_sender(connection, address, way, &other)? {
            Some(true) => return Ok(Some(event)),
            None => perhaps = perhaps.or(Some(event)),
            Some(false) => {}
        }
    }
    Ok(perhaps)
}

fn read(row: &Row<'_>) -> Sql<(i64, Way)> {
    let (sender, conversation): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
    let sender = sender.and_then(|sender| sender.parse().ok());
    let conversation = conversation.and_then(|place| place.parse().ok());
    let way = match (row.get::<_, i64>(1)?, conversation) {
        (1, Some(place)) => Way::Conversation(place),
        (_, conversation) => Way::Webhook { sender, conversation },
    };
    Ok((row.get(0)?, way))
}

/// Whether two ways tell of the same sender, as far as it is known.
fn same_sender(
    connection: &Connection,
    address: &Address,
    one: &Way,
    other: &Way,
) -> Sql<Option<bool>> {
    let ((Way::Webhook { sender, conversation }, Way::Conversation(place))
    | (Way::Conversation(place), Way::Webhook { sender, conversation })) = (one, other)
    else {
        // Written down by a version that did not note it.
        return Ok(None);
    };
    if let Some(conversation) = conversation {
        return Ok(Some(conversation == place));
    }
    let Some(sender) = sender else { return Ok(None) };
    Ok(match sender_of(connection, place, address.as_str())? {
        Some(known) => Some(known == *sender),
        // Somebody is in one conversation behind a sender, no more: a known one is not this one.
        None => is_member(connection, address, sender)?.then_some(false),
    })
}

fn pair(connection: &Connection, one: i64, other: i64) -> Sql<()> {
    let mut set = connection.prepare_cached("UPDATE told SET twin = ?2 WHERE event = ?1")?;
    set.execute([one, other])?;
    set.execute([other, one]).map(drop)
}

/// What was found out of something that the webhook told, once its conversation is known.
pub(super) enum Found {
    /// The conversation has not told it.
    Untold,
    /// The conversation has told it.
    Told,
    /// The conversation has told it, which was taken for what this event of the webhook's told: that one
    /// has no twin now.
    TakenFor(i64),
}

/// Looks for what the webhook told (`event`) in the conversation that it was written in, which is known by
/// now.
pub(super) fn found_in(connection: &Connection, event: i64, conversation: &Place) -> Sql<Found> {
    let place = conversation.to_string();
    connection
        .prepare_cached("UPDATE told SET conversation = ?2 WHERE event = ?1")?
        .execute(params![event, place])?;
    // Its own first, then what is taken for what was written to another sender, and let in nowhere.
    let there: Option<(i64, Option<i64>)> = connection
        .prepare_cached(
            "SELECT said.event, said.twin FROM told this
             JOIN told said ON said.address = this.address AND said.words = this.words
                 AND said.way = 1 AND said.conversation = ?2 AND abs(said.at - this.at) <= ?3
             LEFT JOIN told other ON other.event = said.twin
             WHERE this.event = ?1 AND (said.twin IS NULL
                 OR (other.said = 0 AND other.heeded = 0 AND other.sender <> this.sender))
             ORDER BY said.twin IS NOT NULL, said.event LIMIT 1",
        )?
        .query_row(params![event, place, millis(APART)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((said, taken_for)) = there else { return Ok(Found::Untold) };
    pair(connection, event, said)?;
    let Some(other) = taken_for else { return Ok(Found::Told) };
    connection.prepare_cached("UPDATE told SET twin = NULL WHERE event = ?1")?.execute([other])?;
    Ok(Found::TakenFor(other))
}

fn forget(writing: &Writing<'_>, now: i64) -> Sql<()> {
    let [recent, longest] =
        [REMEMBERED, REMEMBERED_AT_MOST].map(|span| now.saturating_sub(millis(span)));
    writing
        .connection
        .prepare_cached(
            "DELETE FROM told WHERE heeded = 0 AND noted <
                 max(?1, min(?2, (SELECT coalesce(min(looked), ?2) FROM logs WHERE refusal IS NULL)))",
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
