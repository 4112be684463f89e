//! Puts a group away, brings it back, removes it.
//!
//! An archived group is *inactive* at Twilio, not closed: closing is for good (error 50377), and
//! would free the members' senders so that it could not come back as it was. Its rooms are
//! archived and untied; the directory keeps which they were. Twilio makes an inactive
//! conversation active again by itself when a member writes in it.

use std::time::Duration;

use partyline_core::{
    Action, ConversationChange, ConversationState, Failure, Link, Place, Reason, Rooms, Text,
};

use super::create::notice;
use super::link::begin;
use super::work::{Done, Stop, Work};
use crate::crash::{Point, point};
use crate::ledger::{Change, Group, GroupChange, LinkChange, Owed};

/// How long the members' message may take before the group is put away all the same.
const TELLING: Duration = Duration::from_secs(60);

/// How often it is looked at whether it left.
const LOOK: Duration = Duration::from_millis(100);

pub(super) async fn archive(
    work: &mut Work<'_>,
    group: &Group,
    tell: Option<&str>,
) -> Result<Done, Stop> {
    let place = group.info.place.clone();
    if let Some(text) = tell {
        tell_members(work, &place, text).await?;
    }
    let rooms = match work.marked::<Vec<Place>>("rooms") {
        Some(rooms) => rooms,
        None => {
            let rooms = work.desk().links.others(&place);
            work.mark("rooms", &rooms, Vec::new()).await?;
            rooms
        }
    };
    let info = set_state(work, &place, ConversationState::Inactive).await?;
    point(Point::GroupState);
    let mut trouble = Vec::new();
    for room in &rooms {
        trouble.extend(refused(room, put_away(work, room, group.name()).await)?);
        point(Point::GroupRoom);
    }
    let mut changes = vec![
        Change::Group(GroupChange::Note(Box::new(info))),
        Change::Group(GroupChange::Archived(place, rooms.clone())),
    ];
    let untie = |room: &Place| Change::Link(LinkChange::Untie { room: room.clone() });
    changes.extend(rooms.iter().map(untie));
    let mut answer = format!(
        "\"{}\" is archived. `group unarchive \"{}\"` brings it back.",
        group.name(),
        group.name()
    );
    if !trouble.is_empty() {
        answer.push_str(&format!(
            " Not every room could be put away; do that there: {}",
            trouble.join(" ")
        ));
    }
    Ok(Done::changed(answer, changes).with("rooms", rooms).with("refused", trouble))
}

/// Tells the members, and waits until that has left: once the group is put away, it would bring
/// it back.
async fn tell_members(work: &mut Work<'_>, group: &Place, text: &str) -> Result<(), Stop> {
    if work.marked::<bool>("told").is_none() {
        let owed = Owed {
            to: group.clone(),
            from: work.command.event.place.clone(),
            speaker: None,
            at: work.desk().clock.now(),
            action: Action::Notice { text: Text::plain(text) },
        };
        work.mark("told", &true, vec![owed]).await?;
    }
    let deadline = tokio::time::Instant::now() + TELLING;
    while !work.desk().ledger.is_delivered(work.command).await? {
        if tokio::time::Instant::now() > deadline {
            break;
        }
        work.operations.pause(LOOK).await;
        if work.operations.stop.is_cancelled() {
            return Err(Stop::Stopping);
        }
    }
    point(Point::GroupTold);
    Ok(())
}

pub(super) async fn unarchive(work: &mut Work<'_>, group: &Group) -> Result<Done, Stop> {
    let place = group.info.place.clone();
    let info = set_state(work, &place, ConversationState::Active).await?;
    point(Point::GroupState);
    let mut trouble = Vec::new();
    let mut tied = Vec::new();
    for room in &group.rooms {
        if work.desk().links.knows(room) {
            trouble.push(format!("{room} is tied to another group by now."));
            continue;
        }
        match refused(room, bring_back(work, room, group).await)? {
            None => tied.push(room.clone()),
            Some(sentence) => trouble.push(sentence),
        }
        point(Point::GroupRoom);
    }
    let mut changes = vec![
        Change::Group(GroupChange::Note(Box::new(info))),
        Change::Group(GroupChange::Unarchived(place.clone())),
    ];
    let by = work.line.by.to_string();
    let tie = |room: &Place| {
        let link = Link { conversation: place.clone(), room: room.clone() };
        Change::Link(LinkChange::Tie { link, by: by.clone() })
    };
    changes.extend(tied.iter().map(tie));
    let mut answer = format!("\"{}\" is active again.", group.name());
    if !tied.is_empty() {
        let rooms: Vec<String> = tied.iter().map(Place::to_string).collect();
        answer.push_str(&format!(" It is tied to {} as before.", rooms.join(" and ")));
    }
    if !trouble.is_empty() {
        answer.push_str(&format!(
            " Not every room came back: {} `group link {}` there ties it again.",
            trouble.join(" "),
            place.id()
        ));
    }
    Ok(Done::changed(answer, changes).with("rooms", tied).with("refused", trouble))
}

pub(super) async fn delete(work: &mut Work<'_>, group: &Group) -> Result<Done, Stop> {
    let place = &group.info.place;
    let manage = work.manage()?;
    work.attempt(|| manage.delete(place)).await?;
    point(Point::GroupState);
    let rooms = work.desk().links.others(place);
    let mut changes = vec![Change::Group(GroupChange::Forget(place.clone()))];
    let untie = |room: &Place| Change::Link(LinkChange::Untie { room: room.clone() });
    changes.extend(rooms.iter().map(untie));
    let told =
        format!("The group \"{}\" was deleted: what is written here stays here.", group.name());
    let here = &work.command.event.place;
    let owed = rooms
        .iter()
        .filter(|room| *room != here)
        .map(|room| notice(work, room, place, told.clone()))
        .collect();
    let answer =
        format!("\"{}\" is deleted, with all that was said in it at Twilio.", group.name());
    Ok(Done { answer, changes, owed, ..Done::default() })
}

async fn set_state(
    work: &Work<'_>,
    group: &Place,
    state: ConversationState,
) -> Result<partyline_core::ConversationInfo, Stop> {
    let manage = work.manage()?;
    let change = ConversationChange { state: Some(state), ..ConversationChange::default() };
    let info = work.attempt(|| manage.change(group, &change)).await?;
    // Known before a room is touched: what happens to the rooms is our own doing.
    let note = GroupChange::Note(Box::new(info.clone()));
    work.desk().ledger.change_groups(vec![note]).await?;
    Ok(info)
}

/// What changes rooms on the network of this one; otherwise why nothing does.
fn rooms_of<'a>(work: &Work<'a>, room: &Place) -> Result<&'a dyn Rooms, Stop> {
    let powers = work.desk().networks.get(room.network());
    powers.and_then(|powers| powers.rooms.as_deref()).ok_or_else(|| {
        let sentence = format!("the bridge changes no rooms in {}.", room.network());
        Stop::Platform(Failure::never(Reason::Refused, sentence))
    })
}

/// What a platform refused to do to a room is a sentence of the account.
fn refused(room: &Place, done: Result<(), Stop>) -> Result<Option<String>, Stop> {
    match done {
        Ok(()) => Ok(None),
        Err(Stop::Platform(Failure { reason: Reason::NoSuchPlace, .. })) => {
            Ok(Some(format!("{room} is not there any more.")))
        }
        Err(Stop::Platform(failure)) => Ok(Some(format!("{room}: {}", failure.sentence))),
        Err(stop) => Err(stop),
    }
}

async fn put_away(work: &Work<'_>, room: &Place, name: &str) -> Result<(), Stop> {
    let rooms = rooms_of(work, room)?;
    work.attempt(|| rooms.archive(room, name)).await
}

async fn bring_back(work: &Work<'_>, room: &Place, group: &Group) -> Result<(), Stop> {
    let rooms = rooms_of(work, room)?;
    let opened = work.attempt(|| rooms.unarchive(room, group.name())).await;
    // Whether it could be opened or not, it is read from here on.
    begin(work, &[&group.info.place, room]).await?;
    opened
}
