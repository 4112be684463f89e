//! Writes to one person alone: in a conversation of its own with that person, which is made where
//! there is none. The answers come into a thread of the inbox, or to the room to which the conversation
//! is tied.
//!
//! | step | repeated after a kill |
//! |---|---|
//! | plan: template | marked |
//! | conversation | its unique name comes from the person's address: it is found |
//! | member | one who is in it already is success |
//! | link or inbox, directory, what is said, answer | one commit |
//!
//! Twilio lets an address and a sender be in one conversation only, so that it needs a sender that
//! serves the person in no group.

use std::collections::BTreeMap;

use partyline_core::{
    Address, Channel, Content, ConversationInfo, ConversationState, Link, Network, NewConversation,
    PersonId, Place, Speaker,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::adding;
use super::create::notice;
use super::link::begin;
use super::template;
use super::work::{Done, Stop, Work};
use crate::commands::Desk;
use crate::crash::{Point, point};
use crate::ledger::{
    Change, Ended, Group, GroupChange, InboxChange, LedgerError, LinkChange, Owed, Role, RoleChange,
};
use crate::members;
use crate::optouts::refusal;
use crate::policy::Openness;
use crate::route::posts;

/// What somebody wants to say to one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direct {
    /// The phone that it goes to.
    pub who: Address,
    /// What is said in free words; a template goes without.
    pub text: Option<String>,
    /// Or by a template, with its variables.
    pub template: Option<(String, BTreeMap<String, String>)>,
    /// Where the answers come, if they come nowhere yet; without it, into the inbox, or to where the
    /// command was given.
    pub room: Option<Place>,
    /// Who says it.
    pub by: PersonId,
}

/// A template that was found, with its variables filled in.
type Filled = Option<crate::templates::Filled>;

/// Whether somebody can be written to in free words: always by SMS; by WhatsApp for a day after
/// they wrote in that conversation.
pub(crate) async fn takes_free_words(desk: &Desk, who: &Address) -> Result<bool, LedgerError> {
    if who.channel() != Channel::WhatsApp {
        return Ok(true);
    }
    let Some(group) = known(desk, who).await? else { return Ok(false) };
    let members = desk.ledger.members_of(&group.info.place).await?;
    let windows = desk.ledger.windows_of(&group.info.place).await?;
    let now = desk.clock.now();
    let theirs = members.iter().filter(|one| one.participant.address.as_ref() == Some(who));
    Ok(theirs.into_iter().any(|member| {
        let known = windows.iter().find(|one| one.participant == member.participant.sid);
        known.is_some_and(|known| {
            matches!(known.window.openness(who.channel(), now), Openness::Until(_))
        })
    }))
}

/// The conversation with somebody, as the directory has it: the one of the inbox, or one that was made
/// for this. What is closed at Twilio cannot be written in any more.
async fn known(desk: &Desk, who: &Address) -> Result<Option<Group>, LedgerError> {
    for one in desk.ledger.inbox_with(vec![who.clone()], 1).await? {
        let group = desk.ledger.group(&one.conversation).await?;
        if let Some(group) = group.filter(|group| is_open(group.info.state)) {
            return Ok(Some(group));
        }
    }
    let unique = unique_name(who);
    let found = desk.ledger.find_groups(&unique, 1).await?;
    Ok(found.into_iter().find(|group| group.info.unique_name.as_deref() == Some(&*unique)))
}

/// The name by which the conversation with somebody is found again. It is no number: whoever may
/// see the console sees names.
pub(super) fn unique_name(who: &Address) -> String {
    let digest = Sha256::digest(who.as_str());
    let digest: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("dm-{digest}")
}

pub(super) async fn run(work: &mut Work<'_>, direct: &Direct) -> Result<Done, Stop> {
    let name = adding::name(work, &direct.who, None).await;
    let filled = match planned(work, direct, &name).await? {
        Ok(filled) => filled,
        Err(done) => return Ok(done),
    };
    let info = conversation(work, direct, &name).await?;
    if info.state == ConversationState::Closed {
        return Ok(Done::said(format!(
            "The conversation with {name} is closed at Twilio, and that is for good: delete it ({}) first.",
            info.place.id()
        )));
    }
    let place = info.place.clone();
    let noted = GroupChange::Note(Box::new(info));
    work.desk().ledger.change_groups(vec![noted.clone()]).await?;
    if let Err(sentence) = member(work, &place, direct).await? {
        return Ok(Done { ended: Ended::Refused, answer: sentence, ..Done::default() });
    }
    let (groups, desk) = (work.groups()?, work.desk());
    work.attempt(|| members::learn(groups, &desk.ledger, desk.contacts.names(), &place)).await?;
    let rooms = desk.links.others(&place);
    let own = direct.room.as_ref().or(desk.inbox.room.as_ref());
    let room = own.unwrap_or(&work.command.event.place);
    let to = if rooms.is_empty() { std::slice::from_ref(room) } else { &rooms };
    let mut owed = match &filled {
        Some(filled) => template::owed(work, &place, filled, to),
        None => said(work, direct, &place, to),
    };
    let mut changes = vec![Change::Group(noted)];
    let answer = if goes_to_the_inbox(desk, direct, &rooms) {
        let waits = |one: &mut Owed| rooms.is_empty() && one.to == *room;
        let waiting: Vec<Owed> = owed.extract_if(.., waits).collect();
        changes.push(Change::Inbox(Box::new(InboxChange::Written {
            conversation: place.clone(),
            address: direct.who.clone(),
            owner: desk.inbox.mention.once_answered_by(&direct.by),
            waiting,
        })));
        if desk.ledger.cursor(&place).await?.is_none() {
            begin(work, &[&place]).await?;
        }
        format!("Sent to {name} alone. Answers come into {name}'s thread in the inbox ({room}).")
    } else {
        if rooms.is_empty() {
            begin(work, &[&place, room]).await?;
            let link = Link { conversation: place.clone(), room: room.clone() };
            changes.push(Change::Link(LinkChange::Tie { link, by: direct.by.to_string() }));
            owed.insert(0, introduced(work, room, &place, &name));
        }
        let shown: Vec<String> = to.iter().map(Place::to_string).collect();
        format!("Sent to {name} alone. Answers come to {}.", shown.join(" and "))
    };
    if rooms.is_empty() && matches!(direct.by.network, Network::Slack | Network::Matrix) {
        let (person, role) = (direct.by.clone(), Role::Manager(place.clone()));
        let by = direct.by.to_string();
        changes.push(Change::Role(RoleChange::Grant { person, role, by }));
    }
    Ok(Done { answer, changes, owed, about: Some(place), ..Done::default() })
}

/// The template, found now or before a kill; or the answer, where nothing is to be said (yet).
async fn planned(
    work: &mut Work<'_>,
    direct: &Direct,
    name: &str,
) -> Result<Result<Filled, Done>, Stop> {
    if let Some(filled) = work.marked::<Filled>("plan") {
        return Ok(Ok(filled));
    }
    let filled = match decide(work, direct, name).await? {
        Ok(filled) => filled,
        Err(sentence) => return Ok(Err(Done::said(sentence))),
    };
    if let Some(question) =
        filled.as_ref().and_then(|filled| template::unconfirmed(work, filled, name))
    {
        return Ok(Err(question));
    }
    work.mark("plan", &filled, Vec::new()).await?;
    Ok(Ok(filled))
}

/// Whether the answers come into the inbox: no room was named, and none is tied but a thread of it.
fn goes_to_the_inbox(desk: &Desk, direct: &Direct, rooms: &[Place]) -> bool {
    let nowhere = rooms.is_empty() && direct.room.is_none() && desk.inbox.room.is_some();
    nowhere || rooms.iter().any(|room| desk.inbox.has(room))
}

/// What a room is told that is tied to a conversation from now on.
fn introduced(work: &Work<'_>, room: &Place, conversation: &Place, name: &str) -> Owed {
    let told = format!(
        "This is a conversation with {name} alone: what is written here goes to {name} and nobody else, and what {name} answers comes here."
    );
    notice(work, room, conversation, told)
}

const fn is_open(state: ConversationState) -> bool {
    !matches!(state, ConversationState::Closed | ConversationState::Removed)
}

/// The conversation with the person, which is made where there is none.
async fn conversation(
    work: &Work<'_>,
    direct: &Direct,
    name: &str,
) -> Result<ConversationInfo, Stop> {
    if let Some(group) = known(work.desk(), &direct.who).await? {
        return Ok(group.info);
    }
    let manage = work.manage()?;
    let wanted = NewConversation {
        unique_name: unique_name(&direct.who),
        name: name.to_owned(),
        description: None,
        created_by: direct.by.to_string(),
    };
    let info = work.attempt(|| manage.create(&wanted)).await?;
    point(Point::GroupMade);
    Ok(info)
}

/// Everything that can be known before anything is made.
async fn decide(
    work: &Work<'_>,
    direct: &Direct,
    name: &str,
) -> Result<Result<Filled, String>, Stop> {
    let desk = work.desk();
    let rooms = match known(desk, &direct.who).await? {
        Some(group) => desk.links.others(&group.info.place),
        None => Vec::new(),
    };
    let room = direct.room.as_ref().unwrap_or(&work.command.event.place);
    let free = !desk.links.knows(room) && desk.networks.get(room.network()).is_some();
    if rooms.is_empty() && !goes_to_the_inbox(desk, direct, &rooms) && !free {
        return Ok(Err(format!(
            "{name}'s answers need a place of their own, and this room has none: name one with --room, for example a thread (slack:C0123ABC/1712345678.000100), or give the command in a room that is tied to nothing."
        )));
    }
    let unwanted = desk.ledger.suppressed(vec![direct.who.clone()]).await?;
    if let Some((_, suppression)) = unwanted.first() {
        return Ok(Err(format!("Nothing was sent: {name} {}.", refusal(suppression))));
    }
    let Some((reference, variables)) = &direct.template else {
        if takes_free_words(desk, &direct.who).await? {
            return Ok(Ok(None));
        }
        return Ok(Err(format!(
            "WhatsApp takes free words only for a day after {name} wrote in this conversation. Send a template first: `{} dm {} --template NAME`; `template list` shows them.",
            desk.prefix(work.command.event.place.network()),
            direct.who
        )));
    };
    let filled = match template::find(work, reference, variables).await? {
        Ok(filled) => filled,
        Err(sentence) => return Ok(Err(sentence)),
    };
    Ok(template::in_language_of(work, &filled, &direct.who).await?.map(Some))
}

/// Has the person in the conversation; the error is why that cannot be, and then an empty one is
/// taken back.
async fn member(
    work: &mut Work<'_>,
    place: &Place,
    direct: &Direct,
) -> Result<Result<(), String>, Stop> {
    let groups = work.groups()?;
    let present = work.attempt(|| groups.members(place)).await?;
    let wanted = std::slice::from_ref(&direct.who);
    let planned = adding::plan(work, Some(place), &present, wanted, &work.desk().senders).await?;
    let why = match planned {
        Ok(plan) if !plan.there.is_empty() => return Ok(Ok(())),
        Ok(plan) => {
            let added = adding::add(work, place, &plan).await?;
            if !added.added.is_empty() {
                return Ok(Ok(()));
            }
            added.refused.join("; ")
        }
        Err(sentence) => sentence,
    };
    if present.is_empty() {
        let manage = work.manage()?;
        work.attempt(|| manage.delete(place)).await?;
        let forget = GroupChange::Forget(place.clone());
        work.desk().ledger.change_groups(vec![forget]).await?;
    }
    Ok(Err(format!("Nothing was sent: {why}.")))
}

/// The words for the person, and for the rooms, so that they stand in the conversation there too.
fn said(work: &Work<'_>, direct: &Direct, place: &Place, rooms: &[Place]) -> Vec<Owed> {
    let desk = work.desk();
    let limits = desk.networks.limits();
    let content = Content::plain(direct.text.as_deref().unwrap_or_default());
    let speaker =
        Speaker { id: direct.by.clone(), name: work.line.name.clone(), participant: None };
    let now = desk.clock.now();
    // Where it fails, the room is told.
    let from = rooms.first().unwrap_or(place);
    std::iter::once(place)
        .chain(rooms)
        .flat_map(|to| {
            let limit = limits.get(&to.network()).copied().unwrap_or(usize::MAX);
            posts((from, now), &speaker, &content, to, limit)
        })
        .collect()
}
