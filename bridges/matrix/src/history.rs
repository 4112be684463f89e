//! Reading a room's history (`GET /rooms/{id}/messages`), newest first, page by page.

use std::ops::ControlFlow;

use jiff::Timestamp;
use matrix_sdk::Room;
use matrix_sdk::deserialized_responses::TimelineEvent;
use matrix_sdk::room::MessagesOptions;
use matrix_sdk::ruma::uint;
use partyline_core::{Again, Failure, Lost, Reason};

use crate::error;

/// The most events that are read back at a time, which bounds the memory. A room that missed more
/// gets the newest of them, and is told.
pub(crate) const MOST: usize = 20_000;

/// The events of consequence: a room's history is mostly people coming and going.
pub(crate) const TYPES: [&str; 7] = [
    "m.room.encrypted",
    "m.room.message",
    "m.room.name",
    "m.room.redaction",
    "m.room.tombstone",
    "m.reaction",
    "m.sticker",
];

/// What was found on the way back.
#[derive(Debug)]
pub(crate) enum Since {
    /// The event that was looked for is there; these came after it, oldest first.
    Found(Vec<TimelineEvent>),
    /// It lies further back than is read; these are the newest, oldest first.
    Cut(Vec<TimelineEvent>),
    /// It is not there (any longer); this is the newest that is.
    Gone(Option<TimelineEvent>),
}

/// Everything of consequence after the event with this id.
///
/// # Errors
/// The homeserver could not be asked. Nothing half-read is returned.
pub(crate) async fn since(room: &Room, event: &str, now: Timestamp) -> Result<Since, Failure> {
    let mut newer = Vec::new();
    let found = walk_back(room, &TYPES, now, |seen| {
        if seen.event_id().is_some_and(|id| id == event) {
            return ControlFlow::Break(());
        }
        newer.push(seen);
        ControlFlow::Continue(())
    })
    .await;
    let found = match found {
        Err(failure) if failure.reason == Reason::Refused => {
            newer.reverse();
            return Ok(Since::Cut(newer));
        }
        found => found?,
    };
    if found.is_none() {
        return Ok(Since::Gone(newer.into_iter().next()));
    }
    newer.reverse();
    Ok(Since::Found(newer))
}

/// What is said of a room in which more than [`MOST`] events were missed.
pub(crate) fn too_many() -> Lost {
    Lost {
        why: format!("More than {MOST} were missed; only the newest were read."),
        again: Again::No,
    }
}

/// What is said of a room in which the last message that was read is not there any more.
pub(crate) fn gone() -> Lost {
    let why =
        "The last message that was read there is gone, so that nobody can tell what came after it.";
    Lost { why: why.into(), again: Again::No }
}

/// Everything of consequence since the bot came into the room.
///
/// # Errors
/// As in [`since`].
pub(crate) async fn since_arrival(
    room: &Room,
    now: Timestamp,
    is_arrival: impl Fn(&TimelineEvent) -> bool + Send + Sync,
) -> Result<Vec<TimelineEvent>, Failure> {
    let mut newer = Vec::new();
    walk_back(room, &[&TYPES[..], &["m.room.member"]].concat(), now, |seen| {
        if is_arrival(&seen) {
            return ControlFlow::Break(());
        }
        newer.push(seen);
        ControlFlow::Continue(())
    })
    .await?;
    newer.reverse();
    Ok(newer)
}

/// Goes back through the room's events of these types until `look` has what it looks for. `None`
/// where the room's (visible) beginning came first.
///
/// # Errors
/// The homeserver could not be asked, or [`MOST`] events were not enough.
pub(crate) async fn walk_back<T: Send>(
    room: &Room,
    types: &[&str],
    now: Timestamp,
    mut look: impl FnMut(TimelineEvent) -> ControlFlow<T> + Send,
) -> Result<Option<T>, Failure> {
    let mut seen = 0;
    let mut from: Option<String> = None;
    loop {
        let mut options = MessagesOptions::backward().from(from.as_deref());
        options.limit = uint!(100);
        options.filter.types = Some(types.iter().map(|kind| (*kind).to_owned()).collect());
        let page = room.messages(options).await.map_err(|error| {
            error::repeatable(error::failure(&error, "read the room's history", now))
        })?;
        seen += page.chunk.len();
        for event in page.chunk {
            if let ControlFlow::Break(found) = look(event) {
                return Ok(Some(found));
            }
        }
        // A page may be empty and yet not the last; the same token twice would go on for ever.
        if page.end.is_none() || page.end == from {
            return Ok(None);
        }
        if seen >= MOST {
            return Err(Failure::never(
                Reason::Refused,
                format!(
                    "The Matrix room has more than {MOST} messages that were not read yet. Unlink \
                     it and link it again to go on from its newest message."
                ),
            ));
        }
        from = page.end;
    }
}

/// Says that something came between the cursor and now that could not be read.
pub(crate) fn note_lost(room: &Room) {
    metrics::counter!("partyline_matrix_gaps_lost_total").increment(1);
    tracing::error!(
        room = %room.room_id(),
        "messages may be missing between what was last read of this Matrix room and now"
    );
}
