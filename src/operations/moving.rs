//! Moving somebody from one group to another: Twilio has one conversation for a person and a sender
//! (50416), so who is in as many groups as there are senders gets into one more only by leaving one.

use partyline_core::{Address, Button, Place, Press};

use super::adding::memberships;
use super::work::{Stop, Work};
use crate::ledger::StoredParticipant;
use crate::policy::{Right, may};
use crate::roles::standing;

/// The most people whom one button moves: its command must fit into what Slack keeps of it.
const BY_BUTTON: usize = 20;

/// Takes those of whom no sender of the pool is free out of one group each: the first that whoever
/// asks may manage. Done again, it finds a sender free.
pub(super) async fn free(
    work: &Work<'_>,
    group: &Place,
    wanted: &[Address],
    sender: Option<&Address>,
) -> Result<(), Stop> {
    let desk = work.desk();
    let pool = sender.map_or(&desk.senders[..], std::slice::from_ref);
    let mut held = memberships(work, Some(group), wanted).await?;
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
                take_out(work, &other.group, address).await?;
                break;
            }
        }
    }
    Ok(())
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
