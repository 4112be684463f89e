//! Blocks somebody: takes them out of every group, then has nothing of theirs relayed any more and
//! nothing sent to them; and takes that back. Their conversation in the inbox stays as it is, for what they write there is
//! where they are heard again once they are unblocked.
//!
//! | step | repeated after a kill |
//! |---|---|
//! | groups | marked |
//! | taken out | who is out already is success |
//! | block, what rooms are told, answer | one commit |
//! | put back into each group | who is in it is success |
//! | unblocked, what rooms are told, answer | one commit |

use std::fmt::Write as _;

use partyline_core::{Address, Button, ConversationState, Place, Press, Verdict};

use super::adding;
use super::create::notice;
use super::work::{Done, Stop, Work};
use crate::crash::{Point, point};
use crate::ledger::{BlockChange, Change, How, Owed, Removal};
use crate::members;
use crate::optouts::refusal;

/// Groups that are named in an answer.
const NAMED: usize = 10;

pub(super) async fn run(work: &mut Work<'_>, who: &Address) -> Result<Done, Stop> {
    let name = adding::name(work, who, None).await;
    let groups = match work.marked::<Vec<Removal>>("groups") {
        Some(groups) => groups,
        None => {
            let groups = groups_of(work, who).await?;
            work.mark("groups", &groups, Vec::new()).await?;
            groups
        }
    };
    for group in &groups {
        take_out(work, group).await?;
        point(Point::GroupMember);
    }
    let told = format!("{name} was blocked, and is no longer in this group.");
    let owed = groups.iter().flat_map(|one| rooms_told(work, &one.conversation, &told)).collect();
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
    let count = groups.len();
    let block = BlockChange::Block { address: who.clone(), by: work.line.by.to_string(), groups };
    let done = Done::changed(answer, vec![Change::Block(Box::new(block))]);
    Ok(Done { owed, ..done.with("groups", count) })
}

/// Takes a block back. Into the groups they are put back where that is asked for: in the meantime
/// somebody may have had good reasons to go on without them.
pub(super) async fn take_back(work: &Work<'_>, who: &Address, back: bool) -> Result<Done, Stop> {
    let desk = work.desk();
    let groups = desk.ledger.barred_from(who).await?;
    let name = adding::name(work, who, None).await;
    let mut answer = if desk.blocks.has(who) {
        format!("{name} is not blocked any more: what they write from now on is shown.")
    } else {
        format!("{name} is not blocked.")
    };
    let mut changes = vec![Change::Block(Box::new(BlockChange::Unblock(who.clone())))];
    if !back {
        let (offer, buttons) = offered(work, who, &groups).await?;
        answer.push_str(&offer);
        let done = Done::changed(answer, changes).with("left", left_in_json(&groups));
        return Ok(Done { buttons, ..done });
    }
    let (mut owed, mut put_back) = (Vec::new(), Vec::new());
    for one in &groups {
        let called = called(work, &one.conversation).await?;
        match put_in(work, who, one).await? {
            Ok(()) => {
                let told = format!("{name} is not blocked any more, and is back in this group.");
                owed.extend(rooms_told(work, &one.conversation, &told));
                let _ = write!(answer, " Back in {called}.");
                put_back.push(one.conversation.id());
            }
            Err(why) => {
                let _ = write!(answer, " Not back in {called}: {why}");
            }
        }
        point(Point::GroupMember);
    }
    if groups.is_empty() {
        answer.push_str(" There is no group that they were taken out of.");
    }
    changes.push(Change::Block(Box::new(BlockChange::PutBack(who.clone()))));
    let done = Done::changed(answer, changes).with("back", put_back);
    Ok(Done { owed, ..done })
}

/// The groups, as programs are told them.
fn left_in_json(groups: &[Removal]) -> Vec<&str> {
    groups.iter().map(|one| one.conversation.id()).collect()
}

/// The groups that somebody was taken out of, and how they get back, in words and as a button.
async fn offered(
    work: &Work<'_>,
    who: &Address,
    groups: &[Removal],
) -> Result<(String, Vec<Button>), Stop> {
    if groups.is_empty() {
        return Ok((String::new(), Vec::new()));
    }
    let mut names = Vec::new();
    for one in groups.iter().take(NAMED) {
        names.push(called(work, &one.conversation).await?);
    }
    if groups.len() > NAMED {
        names.push(format!("{} more", groups.len() - NAMED));
    }
    let prefix = work.desk().prefix(work.command.event.place.network());
    let text = format!(
        " They were taken out of {}: `{prefix} inbox unblock {} --groups` puts them back.",
        names.join(", "),
        who.contact_key()
    );
    let words = ["inbox", "unblock", who.as_str(), "--groups"].map(str::to_owned).to_vec();
    let label = "Put them back".to_owned();
    Ok((text, vec![Button { label, danger: false, press: Press::Give(words) }]))
}

/// What a group is called in a sentence.
async fn called(work: &Work<'_>, group: &Place) -> Result<String, Stop> {
    let found = work.desk().ledger.group(group).await?;
    Ok(found.map_or_else(|| group.id().to_owned(), |one| format!("\"{}\"", one.name())))
}

/// Puts somebody back into a group; why that cannot be, in a sentence.
async fn put_in(work: &Work<'_>, who: &Address, one: &Removal) -> Result<Result<(), String>, Stop> {
    let (groups, manage, desk) = (work.groups()?, work.manage()?, work.desk());
    let unwanted = desk.ledger.suppressed(vec![who.clone()]).await?;
    if let Some((_, found)) = unwanted.iter().find(|(_, found)| found.how != How::Barred) {
        return Ok(Err(format!("they {}.", refusal(found))));
    }
    let (group, sender) = (&one.conversation, one.sender.as_ref());
    match work.attempt(|| manage.add_member(group, &one.address, sender)).await {
        Ok(()) => {
            let names = desk.contacts.names();
            work.attempt(|| members::learn(groups, &desk.ledger, names, group)).await?;
            Ok(Ok(()))
        }
        Err(Stop::Platform(failure)) if failure.verdict == Verdict::Never => {
            Ok(Err(failure.sentence))
        }
        Err(stop) => Err(stop),
    }
}

fn rooms_told(work: &Work<'_>, group: &Place, text: &str) -> Vec<Owed> {
    let rooms = work.desk().links.others(group);
    rooms.iter().map(|room| notice(work, room, group, text.to_owned())).collect()
}

/// The open groups that somebody is in, by whichever channel, but not what is theirs alone.
async fn groups_of(work: &Work<'_>, who: &Address) -> Result<Vec<Removal>, Stop> {
    let (manage, ledger) = (work.manage()?, &work.desk().ledger);
    let mut groups = Vec::new();
    for form in who.forms() {
        for one in work.attempt(|| manage.memberships(&form)).await? {
            let over = matches!(one.state, ConversationState::Closed | ConversationState::Removed);
            let alone = ledger.correspondent(&one.conversation).await?.is_some();
            if !over && !alone {
                let (address, sender) = (form.clone(), one.sender);
                groups.push(Removal { conversation: one.conversation, address, sender });
            }
        }
    }
    Ok(groups)
}

async fn take_out(work: &Work<'_>, one: &Removal) -> Result<(), Stop> {
    let (groups, manage, group) = (work.groups()?, work.manage()?, &one.conversation);
    for member in work.attempt(|| groups.members(group)).await? {
        if member.address.as_ref() == Some(&one.address) {
            work.attempt(|| manage.remove_member(group, &member.participant)).await?;
        }
    }
    Ok(())
}
