//! Ties a conversation to a room: the conversation is looked up, its members' names are learned,
//! both places get a cursor (what was said before is not relayed), then the link is written down.

use partyline_core::{ConversationState, Link, Network, Place};

use super::{Done, Stop};
use crate::catchup::newest;
use crate::commands::Desk;
use crate::crash::{Point, point};
use crate::ledger::{Change, LinkChange};
use crate::members;

pub(super) async fn run(
    desk: &Desk,
    reference: &str,
    room: &Place,
    by: &str,
) -> Result<Done, Stop> {
    let groups = desk.networks.get(Network::Twilio).and_then(|powers| powers.groups.as_ref());
    let Some(groups) = groups else {
        return Ok(Done::said("Twilio is not configured here, so there are no groups to link."));
    };
    let info = groups.conversation(reference).await?;
    let sid = info.place.id();
    let called = info.name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
    if info.state == ConversationState::Closed {
        return Ok(Done::said(format!(
            "{sid}{called} is closed: nobody can write in it. Make a new group, or link another one."
        )));
    }
    match desk.links.conversation(room) {
        Some(tied) if tied == info.place => {
            return Ok(Done::said(format!("This room is tied to {sid}{called} already.")));
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
    let count =
        members::learn(groups.as_ref(), &desk.ledger, desk.contacts.names(), &info.place).await?;
    point(Point::LinkLearned);
    for place in [&info.place, room] {
        begin(desk, place).await?;
    }
    point(Point::LinkBegun);
    Ok(Done {
        answer: format!(
            "Tied to {sid}{called}. What is written here goes to its {count} members, and what they write comes here."
        ),
        change: Some(Change::Link(LinkChange::Tie {
            link: Link { conversation: info.place, room: room.clone() },
            by: by.to_owned(),
        })),
    })
}

/// A place that is tied to nothing yet begins where it is now.
async fn begin(desk: &Desk, place: &Place) -> Result<(), Stop> {
    let Some(powers) = desk.networks.get(place.network()) else { return Ok(()) };
    if desk.links.knows(place) {
        return Ok(());
    }
    let pieces = powers.read_back.read_back(place, None).await?;
    desk.ledger.begin_anew(place, newest(&pieces)).await?;
    Ok(())
}
