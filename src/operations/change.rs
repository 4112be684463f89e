//! Changes a conversation at its platform, and the directory with it. Its rooms take its name and
//! what it is for, where their platforms let the bridge do that.

use partyline_core::{ConversationChange, Place};

use super::work::{Done, Stop, Work};
use crate::crash::{Point, point};
use crate::ledger::{Change, GroupChange};

pub(super) async fn run(
    work: &Work<'_>,
    group: &Place,
    change: &ConversationChange,
    mut answer: String,
) -> Result<Done, Stop> {
    let manage = work.manage()?;
    let info = work.attempt(|| manage.change(group, change)).await?;
    let note = GroupChange::Note(Box::new(info));
    // Known before a room is touched: what happens to the rooms is our own doing.
    work.desk().ledger.change_groups(vec![note.clone()]).await?;
    point(Point::GroupState);
    for room in work.desk().links.others(group) {
        if let Some(sentence) = follow(work, &room, change).await? {
            answer.push_str(&sentence);
        }
    }
    Ok(Done::changed(answer, vec![Change::Group(note)]))
}

/// Has a room follow. What its platform refuses is a sentence.
async fn follow(
    work: &Work<'_>,
    room: &Place,
    change: &ConversationChange,
) -> Result<Option<String>, Stop> {
    let powers = work.desk().networks.get(room.network());
    let Some(rooms) = powers.and_then(|powers| powers.rooms.as_deref()) else { return Ok(None) };
    let (what, done) = match (&change.name, &change.description) {
        (Some(name), _) => ("name", work.attempt(|| rooms.rename(room, name)).await),
        (None, Some(topic)) => ("topic", work.attempt(|| rooms.set_topic(room, topic)).await),
        (None, None) => return Ok(None),
    };
    match done {
        Ok(()) => Ok(None),
        Err(Stop::Platform(failure)) => {
            Ok(Some(format!(" The {what} of {room} stays as it is: {}", failure.sentence)))
        }
        Err(stop) => Err(stop),
    }
}
