//! Moving somebody from one group to another: Twilio has one conversation for a person and a sender
//! (50416), so who is in as many groups as there are senders gets into one more only by leaving one.

use partyline_core::{Address, Button, Place, Press};
use serde::{Deserialize, Serialize};

use super::adding::{self, Added, memberships};
use super::create::notice;
use super::work::{Stop, Work};
use crate::crash::{Point, point};
use crate::ledger::{Owed, StoredParticipant};
use crate::policy::{Right, may};
use crate::roles::standing;

/// The most people whom one button moves: its command must fit into what Slack keeps of it.
const BY_BUTTON: usize = 20;

/// Somebody who leaves a group for another one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Leaving {
    who: Address,
    group: Place,
}

/// Who of those of whom no sender of the pool is free leaves which group: the first that whoever asks
/// may manage. Marked, so that its rooms are told whatever is found when it is done again.
pub(super) async fn leaving(
    work: &mut Work<'_>,
    group: &Place,
    wanted: &[Address],
    sender: Option<&Address>,
) -> Result<Vec<Leaving>, Stop> {
    let desk = work.desk();
    let pool = sender.map_or(&desk.senders[..], std::slice::from_ref);
    let mut held = memberships(work, Some(group), wanted).await?;
    let mut all = Vec::new();
    for address in wanted {
        let Some(groups) = held.remove(address) else { continue };
        let mut senders = pool.iter().filter(|one| one.channel() == address.channel());
        if senders.clone().any(|sender| !groups.contains_key(sender)) {
            continue;
        }
        let room = &work.command.event.place;
        for other in senders.by_ref().filter_map(|sender| groups.get(sender)) {
            let of = standing(desk, &work.line.by, room, Some(&other.group)).await?;
            if may(of, Right::Manager) {
                all.push(Leaving { who: address.clone(), group: other.group.clone() });
                break;
            }
        }
    }
    work.mark(LEAVING, &all, Vec::new()).await?;
    Ok(all)
}

/// The mark of [`leaving`].
const LEAVING: &str = "leaving";

/// Those who leave, where that is known already.
pub(super) fn known(work: &Work<'_>) -> Option<Vec<Leaving>> {
    work.marked(LEAVING)
}

/// Takes them out, each of the group that they leave. Who is out already is success.
pub(super) async fn free(work: &Work<'_>, all: &[Leaving]) -> Result<(), Stop> {
    for one in all {
        take_out(work, &one.group, &one.who).await?;
        point(Point::GroupMember);
    }
    Ok(())
}

/// What the rooms of the groups that they left are told.
pub(super) async fn told(
    work: &Work<'_>,
    group: &Place,
    all: &[Leaving],
    added: &Added,
) -> Result<Vec<Owed>, Stop> {
    let desk = work.desk();
    let found = if all.is_empty() { None } else { desk.ledger.group(group).await? };
    let to = found.map_or_else(|| "another group".to_owned(), |one| format!("\"{}\"", one.name()));
    let mut owed = Vec::new();
    for Leaving { who, group: old } in all {
        let name = adding::name(work, who, Some(old)).await;
        let text = if added.added.contains(who) {
            format!("{name} was moved from here to {to}.")
        } else {
            format!(
                "{name} was taken out here to be moved to {to}, and is not in it: `member add` puts them back."
            )
        };
        let rooms = desk.links.others(old);
        owed.extend(rooms.iter().map(|room| notice(work, room, old, text.clone())));
    }
    Ok(owed)
}

/// Takes somebody out of a group, if they are in it.
async fn take_out(work: &Work<'_>, group: &Place, address: &Address) -> Result<(), Stop> {
    let (groups, manage, desk) = (work.groups()?, work.manage()?, work.desk());
    let members = work.attempt(|| groups.members(group)).await?;
    for member in members.iter().filter(|one| one.address.as_ref() == Some(address)) {
        work.attempt(|| manage.remove_member(group, &member.participant)).await?;
        let gone = StoredParticipant {
            conversation: group.clone(),
            sid: member.participant.clone(),
            address: member.address.clone(),
            sender: member.sender.clone(),
            name: member.name.clone(),
        };
        desk.ledger.forget_participant(gone).await?;
    }
    desk.contacts.names().forget_member(group, address);
    Ok(())
}

/// The button that moves these people into a group.
pub(super) fn offer(group: &Place, elsewhere: &[Address]) -> Vec<Button> {
    if elsewhere.is_empty() || elsewhere.len() > BY_BUTTON {
        return Vec::new();
    }
    let mut words = vec!["member".to_owned(), "add".to_owned(), group.id().to_owned()];
    words.extend(elsewhere.iter().map(Address::to_string));
    words.push("--move".to_owned());
    let label = if elsewhere.len() == 1 { "Move them here" } else { "Move all of them here" };
    vec![Button { label: label.to_owned(), danger: false, press: Press::Give(words) }]
}
