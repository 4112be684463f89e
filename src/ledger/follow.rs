//! What is changed elsewhere is followed: a conversation that was renamed, closed or removed at
//! Twilio, a room that was archived, opened again or deleted on its platform. The directory is
//! kept true, and rooms that ought to know are told, in the commit that stores the event.

use jiff::Timestamp;
use partyline_core::{
    Action, ConversationInfo, ConversationState, Event, Happening, Network, Place, RoomChange, Text,
};
use rusqlite::params;

use super::groups::{self, Before, Group};
use super::naming;
use super::parked::{self, QueueChange, Selection};
use super::threads::Writing;
use super::{Accepted, Entry, Owed, Sql};

/// Follows an event, and gives what the rooms in `entry.tell` are owed because of it.
pub(super) fn follow(
    writing: &Writing<'_>,
    entry: &Entry,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<Vec<Owed>> {
    let event = &entry.event;
    let sentence = match &event.happening {
        Happening::Conversation { state, info, .. } => {
            let before = conversation(writing, event, *state, info.as_deref())?;
            if let (Some(before), Some(info)) = (&before.0, info)
                && !entry.tell.is_empty()
                && naming::owe(writing, before, info)?
            {
                accepted.renamed.push(event.place.clone());
            }
            before.1
        }
        Happening::Room { change } => room(writing, entry, change, accepted)?,
        Happening::Message { speaker, .. } if event.place.is_conversation() => {
            let participant = speaker.participant.as_deref();
            heard(writing, &event.place, participant, &speaker.id.id, event.at)?;
            None
        }
        _ => None,
    };
    let Some(sentence) = sentence else { return Ok(Vec::new()) };
    let itself = std::slice::from_ref(&event.place);
    let told = match &event.happening {
        Happening::Room { change: RoomChange::Renamed(_) } => itself,
        _ => &entry.tell,
    };
    let notice = |to: &Place| Owed {
        to: to.clone(),
        from: event.place.clone(),
        speaker: None,
        at: super::timestamp(now),
        action: Action::Notice { text: Text::plain(sentence.clone()) },
    };
    Ok(told.iter().map(notice).collect())
}

/// How much later somebody must be heard for it to be noted, in milliseconds: people ask for the
/// day, and each note is a page more for the disk.
const HEARD_APART: u32 = 60_000;

fn heard(
    writing: &Writing<'_>,
    place: &Place,
    participant: Option<&str>,
    address: &str,
    at: Timestamp,
) -> Sql<()> {
    let column = if participant.is_some() { "sid" } else { "address" };
    writing
        .connection
        .prepare_cached(&format!(
            "UPDATE participants SET heard = ?3
             WHERE conversation = ?1 AND {column} = ?2 AND coalesce(heard, 0) <= ?3 - {HEARD_APART}"
        ))?
        .execute(params![place.to_string(), participant.unwrap_or(address), at.as_millisecond()])
        .map(drop)
}

/// Follows a conversation: what it was before, and what its rooms are told.
fn conversation(
    writing: &Writing<'_>,
    event: &Event,
    state: ConversationState,
    info: Option<&ConversationInfo>,
) -> Sql<(Option<Before>, Option<String>)> {
    if state == ConversationState::Removed {
        let was_there = groups::forget(writing, &event.place)?;
        return Ok((None, was_there.then(|| {
            "This group was deleted at Twilio: nothing that is written here reaches anybody. `group unlink` unties this room."
                .to_owned()
        })));
    }
    let before = match info {
        Some(info) => {
            let updated = Some(info.updated.unwrap_or(event.at));
            groups::note(writing, &ConversationInfo { updated, ..info.clone() })?
        }
        None => groups::note_state(writing, &event.place, state, event.at)?,
    };
    let told =
        before.as_ref().and_then(|before| renamed(before, info).or_else(|| moved(before, state)));
    Ok((before, told))
}

fn renamed(before: &Before, info: Option<&ConversationInfo>) -> Option<String> {
    let name = info?.name.as_deref()?;
    (before.name.as_deref() != Some(name)).then(|| format!("This group is called \"{name}\" now."))
}

fn moved(before: &Before, state: ConversationState) -> Option<String> {
    if before.state == groups::word(state) || before.state == "initializing" {
        return None;
    }
    let sentence = match state {
        ConversationState::Closed => {
            "This group was closed at Twilio, for good: nobody can write in it any more. `group create` makes a new one."
        }
        ConversationState::Active => "This group is active again.",
        _ => return None,
    };
    Some(sentence.to_owned())
}

/// What a room hears that is not called like its group any more. Nobody knows who renamed it, so it is
/// not known whether they may rename the group.
fn strayed(group: &Group, name: &str) -> Option<String> {
    // As far as platforms let the bridge write a group's name: in Slack in small letters, with hyphens.
    let letters = |name: &str| -> String {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let (room, own) = (letters(name), letters(group.name()));
    // What was too long for the room was cut.
    let same = room == own || (!room.is_empty() && own.starts_with(&room) && name.len() >= 80);
    (!same).then(|| {
        format!(
            "This room is called \"{name}\" now, and its group is \"{}\" still. `group rename \"{name}\"` gives the group this name too.",
            group.name()
        )
    })
}

fn room(
    writing: &Writing<'_>,
    entry: &Entry,
    change: &RoomChange,
    accepted: &mut Accepted,
) -> Sql<Option<String>> {
    let place = &entry.event.place;
    // A group that the bridge itself is putting away is not active any more by then.
    let group = match &entry.group {
        Some(group) => groups::by_place(writing.connection, &group.to_string())?,
        None => None,
    };
    if group.as_ref().is_some_and(|group| group.info.state != ConversationState::Active) {
        return Ok(None);
    }
    let network = place.network();
    Ok(match change {
        // Matrix has no archive: a room is replaced by another one, for good.
        RoomChange::Archived if network == Network::Matrix => Some(format!(
            "The room {place} was replaced by a new one in {network}. Invite the bridge there, and write `group link {} --replaces {place}` in it: it gets what waits then.",
            entry.group.as_ref().map_or("GROUP", Place::id),
        )),
        RoomChange::Archived => Some(format!(
            "The room {place} was archived in {network}. What is said here waits for it as a failed delivery, which `queue list` shows, until it is opened again."
        )),
        RoomChange::Deleted | RoomChange::Left => Some(format!(
            "The room {place} is gone, or the bridge was put out of it. What is said here does not reach it any more."
        )),
        RoomChange::Unarchived => {
            // What it missed is sent now.
            let missed = QueueChange::Retry(Selection::To(vec![place.clone()]));
            parked::apply(writing, &missed, accepted)?;
            Some(format!("The room {place} is open again. What it missed is sent now."))
        }
        RoomChange::Renamed(name) => group.and_then(|group| strayed(&group, name)),
        RoomChange::Joined => None,
    })
}
