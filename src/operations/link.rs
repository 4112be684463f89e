//! Ties a conversation to a room: the conversation is looked up, its members' names are learned,
//! both places get a cursor (what was said before is not relayed), then the link is written down. A room that
//! takes another one's place gets what waits for that.

use partyline_core::{ConversationState, Link, Place};

use super::create::notice;
use super::work::{Done, Stop, Work};
use crate::commands::Desk;
use crate::crash::{Point, point};
use crate::intake::newest;
use crate::ledger::{Change, GroupChange, LinkChange, QueueChange};
use crate::members;

pub(super) async fn run(
    work: &Work<'_>,
    reference: &str,
    (room, replaces): (&Place, Option<&Place>),
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
    if let Some(old) = replaces
        && let Some(refused) = irreplaceable(desk, old, &info.place)
    {
        return Ok(Done::said(refused));
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
    let group = info.place.clone();
    let mut changes = vec![Change::Group(GroupChange::Note(Box::new(info))), tie];
    let Some(old) = replaces else { return Ok(Done::changed(answer, changes)) };
    changes.insert(1, Change::Link(LinkChange::Untie { room: old.clone() }));
    changes.push(Change::Queue(QueueChange::Move { from: old.clone(), to: room.clone() }));
    let told = format!("The room {room} has taken the place of {old} in this group.");
    let others = desk.links.others(&group).into_iter().filter(|one| one != old);
    let owed = others.map(|one| notice(work, &one, &group, told.clone())).collect();
    let answer = format!("{answer} What waited for {old} comes here.");
    Ok(Done { owed, ..Done::changed(answer, changes) })
}

/// Why a room cannot be replaced, in a sentence.
fn irreplaceable(desk: &Desk, old: &Place, group: &Place) -> Option<String> {
    if desk.links.conversation(old).as_ref() != Some(group) {
        return Some(format!(
            "{old} is not tied to this group, so nothing can take its place. Leave --replaces out."
        ));
    }
    desk.fixed.contains(old).then(|| {
        format!(
            "The link of {old} stands in the configuration ([[links]]): name the new room there, and restart."
        )
    })
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
