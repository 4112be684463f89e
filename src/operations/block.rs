//! Blocks somebody: takes them out of every group, then has nothing of theirs relayed any more and
//! nothing sent to them. Their conversation in the inbox stays as it is, for what they write there is
//! where they are heard again once they are unblocked.
//!
//! | step | repeated after a kill |
//! |---|---|
//! | groups | marked |
//! | taken out | who is out already is success |
//! | block, what rooms are told, answer | one commit |

use partyline_core::{Address, ConversationState, Place};

use super::adding;
use super::create::notice;
use super::work::{Done, Stop, Work};
use crate::crash::{Point, point};
use crate::ledger::{BlockChange, Change, Owed};

pub(super) async fn run(work: &mut Work<'_>, who: &Address) -> Result<Done, Stop> {
    let name = adding::name(work, who, None).await;
    let groups = match work.marked::<Vec<Place>>("groups") {
        Some(groups) => groups,
        None => {
            let groups = groups_of(work, who).await?;
            work.mark("groups", &groups, Vec::new()).await?;
            groups
        }
    };
    for group in &groups {
        take_out(work, who, group).await?;
        point(Point::GroupMember);
    }
    let told = format!("{name} was blocked, and is no longer in this group.");
    let told = |group: &Place| -> Vec<Owed> {
        let rooms = work.desk().links.others(group);
        rooms.iter().map(|room| notice(work, room, group, told.clone())).collect()
    };
    let owed = groups.iter().flat_map(told).collect();
    let out = match groups.len() {
        0 => String::new(),
        1 => " They were taken out of one group.".to_owned(),
        count => format!(" They were taken out of {count} groups."),
    };
    let key = who.contact_key();
    let prefix = work.desk().prefix(work.command.event.place.network());
    let answer = format!(
        "{name} is blocked: nothing that they write is shown, and nothing is sent to them.{out} `{prefix} inbox unblock {key}` takes it back."
    );
    let block = BlockChange::Block { address: who.clone(), by: work.line.by.to_string() };
    let done = Done::changed(answer, vec![Change::Block(Box::new(block))]);
    Ok(Done { owed, ..done.with("groups", groups.len()) })
}

/// The open groups that somebody is in, by whichever channel, but not what is theirs alone.
async fn groups_of(work: &Work<'_>, who: &Address) -> Result<Vec<Place>, Stop> {
    let (manage, ledger) = (work.manage()?, &work.desk().ledger);
    let mut groups = Vec::new();
    for form in who.forms() {
        for one in work.attempt(|| manage.memberships(&form)).await? {
            let over = matches!(one.state, ConversationState::Closed | ConversationState::Removed);
            let alone = ledger.correspondent(&one.conversation).await?.is_some();
            if !over && !alone {
                groups.push(one.conversation);
            }
        }
    }
    Ok(groups)
}

async fn take_out(work: &Work<'_>, who: &Address, group: &Place) -> Result<(), Stop> {
    let (groups, manage) = (work.groups()?, work.manage()?);
    let forms = who.forms();
    let theirs =
        |address: &Option<Address>| address.as_ref().is_some_and(|address| forms.contains(address));
    for member in work.attempt(|| groups.members(group)).await? {
        if theirs(&member.address) {
            work.attempt(|| manage.remove_member(group, &member.participant)).await?;
        }
    }
    Ok(())
}
