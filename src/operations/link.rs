//! Ties a conversation to a room: the conversation is looked up, its members' names are learned,
//! both places get a cursor (what was said before is not relayed), then the link is written down.

use partyline_core::{ConversationState, Link, Place};

use super::work::{Done, Stop, Work};
use crate::crash::{Point, point};
use crate::intake::newest;
use crate::ledger::{Change, GroupChange, LinkChange};
use crate::members;

pub(super) async fn run(
    work: &Work<'_>,
    reference: &str,
    room: &Place,
    by: &str,
) -> Result<Done, Stop> {
    let (desk, groups) = (work.desk(), work.groups()?);
    let info = work.attempt(|| groups.conversation(reference)).await?;
    let sid = info.place.id();
    let called = info.name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
    if info.state == ConversationState::Closed {
        return Ok(Done::said(format!(
            "{sid}{called} is closed: nobody can write in it. Make a new group, or link another one."
        )));
    }
    match desk.links.conversation(room) {
        Some(tied) if tied == info.place => {
            return Ok(Done::answered(format!("This room is tied to {sid}{called} already.")));
        }
        Some(tied) => {
            return Ok(Done::said(format!(
                "This room is tied to {} already. `{} group unlink` unties it.",
                tied.id(),
                desk.prefix(room.network())
            )));
        }
        None => {}
    }
    let learn = || members::learn(groups, &desk.ledger, desk.contacts.names(), &info.place);
    let count = work.attempt(learn).await?;
    point(Point::LinkLearned);
    begin(work, &[&info.place, room]).await?;
    point(Point::LinkBegun);
    let answer = format!(
        "Tied to {sid}{called}. What is written here goes to its {count} members, and what they write comes here."
    );
    let link = Link { conversation: info.place.clone(), room: room.clone() };
    let tie = Change::Link(LinkChange::Tie { link, by: by.to_owned() });
    Ok(Done::changed(answer, vec![Change::Group(GroupChange::Note(Box::new(info))), tie]))
}

/// Places that are tied to nothing yet begin where they are now.
pub(super) async fn begin(work: &Work<'_>, places: &[&Place]) -> Result<(), Stop> {
    let desk = work.desk();
    for place in places {
        let Some(powers) = desk.networks.get(place.network()) else { continue };
        if desk.links.knows(place) {
            continue;
        }
        let pieces = work.attempt(|| powers.read_back.read_back(place, None)).await?;
        desk.ledger.begin_anew(place, newest(&pieces)).await?;
    }
    Ok(())
}
