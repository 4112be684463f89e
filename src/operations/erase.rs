//! Erases everything that is kept of one person.
//!
//! | step | repeated after a kill |
//! |---|---|
//! | plan: what the person is known by in texts | marked: the contact that says it goes |
//! | out of every group; a conversation with them alone is deleted | one who is out already is success |
//! | the contact, names in memory, the ledger's rows | what is gone is gone |
//! | the contacts' files written anew | done again |
//! | answer, audit, the command's own words erased | one commit |
//! | the ledger's file written anew, a large one at the next start | at the next start |
//!
//! What stands in Slack, in Matrix and at Twilio is theirs to delete; the answer says so. The Matrix SDK's
//! own store has no messages: it keeps rooms with their names and members (people in Matrix), and keys.

use partyline_core::{Address, ConversationState, Network, Place, Speaker};
use serde::{Deserialize, Serialize};

use super::contact::failed;
use super::direct::unique_name;
use super::work::{Done, Stop, Work};
use crate::contacts::StoreError;
use crate::crash::{Point, point};
use crate::ledger::{Erased, GroupChange, Traces};

/// What the person is known by.
#[derive(Serialize, Deserialize)]
struct Plan {
    /// The names and numbers as people are shown them.
    shown: Vec<String>,
}

pub(super) async fn run(work: &mut Work<'_>, who: &Address) -> Result<Done, Stop> {
    let plan = match work.marked::<Plan>("plan") {
        Some(plan) => plan,
        None => {
            let plan = Plan { shown: shown(work, who).await? };
            work.mark("plan", &plan, Vec::new()).await?;
            plan
        }
    };
    let groups = leave(work, who).await?;
    let desk = work.desk();
    let store = desk.contacts.store();
    // What is on its way to them has ended, and nothing more goes until it is known that it is not owed.
    let alone = work.operations.wakers.sends.none_to(who).await;
    let contact = store.remove(who.contact_key()).await.map_err(|error| failed(&error))?;
    desk.contacts.names().learn_profile(who, "");
    desk.moderation.forget(who.contact_key());
    let erased = desk.ledger.erase(&Traces::new(who, plan.shown), work.command).await?;
    drop(alone);
    store.scrub().await.map_err(|error| failed(&error))?;
    point(Point::PersonErased);
    let suppressed = desk.ledger.suppressed(vec![who.clone()]).await?.into_iter().next();
    let id = suppressed.map(|(_, suppression)| suppression.id);
    let answer = account(&erased, contact, groups, id.as_deref());
    let mut done = Done::answered(answer).with("erased", &erased).with("groups", groups);
    done.erased = Some(id.unwrap_or_else(|| "…".to_owned()));
    Ok(done)
}

/// How the person is shown: by name, and by the number in words.
async fn shown(work: &Work<'_>, who: &Address) -> Result<Vec<String>, Stop> {
    let desk = work.desk();
    let names = desk.contacts.names();
    let speaker = Speaker::new(Network::Twilio, who.as_str());
    let nowhere = Place::conversation("");
    let contact = desk.contacts.store().get(who.contact_key()).await;
    let mut shown = vec![
        names.resolve(&speaker, &nowhere).await.name,
        crate::contacts::in_words(who),
        who.contact_key().to_owned(),
    ];
    shown.extend(names.profile(who));
    match contact {
        Ok(contact) => shown.extend(contact.map(|contact| contact.name)),
        Err(StoreError::Damaged { .. }) => {}
        Err(error) => return Err(failed(&error)),
    }
    shown.sort();
    shown.dedup();
    Ok(shown)
}

/// Takes the person out of every group, and deletes the conversation with them alone; how many
/// these were.
async fn leave(work: &Work<'_>, who: &Address) -> Result<usize, Stop> {
    let (groups, manage, ledger) = (work.groups()?, work.manage()?, &work.desk().ledger);
    let mut left = 0;
    for form in who.forms() {
        for one in work.attempt(|| manage.memberships(&form)).await? {
            if matches!(one.state, ConversationState::Closed | ConversationState::Removed) {
                continue;
            }
            let place = &one.conversation;
            let info = ledger.group(place).await?.map(|group| group.info);
            let alone = info.and_then(|info| info.unique_name) == Some(unique_name(&form));
            if alone {
                work.attempt(|| manage.delete(place)).await?;
                ledger.change_groups(vec![GroupChange::Forget(place.clone())]).await?;
            } else {
                let members = work.attempt(|| groups.members(place)).await?;
                let theirs = members.iter().filter(|one| one.address.as_ref() == Some(&form));
                for member in theirs {
                    work.attempt(|| manage.remove_member(place, &member.participant)).await?;
                }
            }
            work.desk().contacts.names().forget_member(place, &form);
            left += 1;
        }
    }
    Ok(left)
}

/// What was erased, and what was not.
fn account(erased: &Erased, contact: bool, groups: usize, id: Option<&str>) -> String {
    let mut text = format!(
        "Erased: {}{} messages, hooks and commands that name them, {} receipts, {} other entries; {} rows of the audit keep who did what and when, without its words.",
        if contact { "the contact, " } else { "" },
        erased.events,
        erased.receipts,
        erased.records + erased.deliveries,
        erased.audit
    );
    if erased.dropped > 0 {
        text.push_str(&format!(
            " {} messages that waited to be sent to them are not sent.",
            erased.dropped
        ));
    }
    if erased.schedules > 0 {
        text.push_str(&format!(
            " {} scheduled commands that named them are taken back.",
            erased.schedules
        ));
    }
    if groups > 0 {
        text.push_str(&format!(" They are out of {groups} conversations."));
    }
    if let Some(id) = id {
        text.push_str(&format!(
            " That they want no messages is still known, under a hash of the number ({id})."
        ));
    }
    if erased.waiting > 0 {
        text.push_str(&format!(
            " Left: {} pieces that others still wait for; give the command again once they have them (`status`).",
            erased.waiting
        ));
    }
    text.push_str(" What was posted in Slack and Matrix, what Twilio keeps, and backups are not touched: delete it there.");
    text
}
