//! Makes a group: a conversation, its members, its room, the link between them.
//!
//! | step | repeated after a kill |
//! |---|---|
//! | plan: template, senders | marked; what is begun is gone on with |
//! | conversation | its unique name comes from the command's key: the first is found |
//! | members | one who is in it already is success |
//! | room | marked before and after; what an earlier try made is looked for |
//! | link, directory, greeting, invitation, answer | one commit |
//!
//! What nobody could be added to is taken back.

use std::collections::BTreeMap;

use partyline_core::{
    Action, Address, Link, Network, NewConversation, NewRoom, PersonId, Place, Text, Verdict,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::adding::{self, Added, Plan};
use super::link::begin;
use super::template;
use super::work::{Done, Stop, Work};
use crate::crash::{Point, point};
use crate::ledger::{Change, Ended, GroupChange, LinkChange, Owed, Role, RoleChange};
use crate::members;
use crate::templates::Filled;

/// Members that a greeting names.
const NAMED: usize = 30;

/// What somebody wants made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewGroup {
    /// What it is to be called.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who is in it.
    pub members: Vec<Address>,
    /// The sender for all of them, where one was named.
    pub sender: Option<Address>,
    /// The template that invites the members, with its variables.
    pub template: Option<(String, BTreeMap<String, String>)>,
    /// Which room it is tied to, or what room is made for it.
    pub room: RoomWish,
    /// Who makes it.
    pub by: PersonId,
}

/// Which room a new group has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoomWish {
    /// The one in which it is made.
    Here,
    /// This one.
    Room(Place),
    /// A new one on the same network.
    New,
    /// None.
    None,
}

/// What was decided before anything was made.
#[derive(Serialize, Deserialize)]
struct Decided {
    plan: Plan,
    template: Option<Filled>,
}

pub(super) async fn run(work: &mut Work<'_>, new: &NewGroup) -> Result<Done, Stop> {
    let decided = match planned(work, new).await? {
        Ok(decided) => decided,
        Err(done) => return Ok(done),
    };
    let manage = work.manage()?;
    let wanted = NewConversation {
        unique_name: unique_name(work, &new.name),
        name: new.name.clone(),
        description: new.description.clone(),
        created_by: new.by.to_string(),
    };
    let info = work.attempt(|| manage.create(&wanted)).await?;
    point(Point::GroupMade);
    let group = info.place.clone();
    let noted = GroupChange::Note(Box::new(info.clone()));
    work.desk().ledger.change_groups(vec![noted.clone()]).await?;
    let added = adding::add(work, &group, &decided.plan).await?;
    if added.added.is_empty() && !new.members.is_empty() {
        return take_back(work, &group, &new.name, &added).await;
    }
    let desk = work.desk();
    let (groups, names) = (work.groups()?, desk.contacts.names());
    work.attempt(|| members::learn(groups, &desk.ledger, names, &group)).await?;
    let (room, trouble) = room(work, new).await?;
    point(Point::GroupRoom);
    let mut changes = vec![Change::Group(noted)];
    let mut owed = Vec::new();
    if let Some(room) = &room {
        begin(work, &[&group, room]).await?;
        let link = Link { conversation: group.clone(), room: room.clone() };
        changes.push(Change::Link(LinkChange::Tie { link, by: new.by.to_string() }));
        owed.push(notice(work, room, &group, greeting(work, new, &group, &added).await));
    }
    if let Some(filled) = &decided.template {
        owed.extend(template::owed(work, &group, filled, room.as_slice()));
    }
    if matches!(new.by.network, Network::Slack | Network::Matrix) {
        let (person, role) = (new.by.clone(), Role::Manager(group.clone()));
        changes.push(Change::Role(RoleChange::Grant { person, role, by: new.by.to_string() }));
    }
    let answer = account(new, &group, &decided, &added, (room.as_ref(), trouble));
    let done = Done { answer, changes, owed, about: Some(group), ..Done::default() };
    Ok(added.told(done).with("name", &new.name).with("room", &room))
}

/// What was decided, now or before a kill; or the answer, where nothing is to be made (yet).
async fn planned(work: &mut Work<'_>, new: &NewGroup) -> Result<Result<Decided, Done>, Stop> {
    if let Some(decided) = work.marked::<Decided>("plan") {
        return Ok(Ok(decided));
    }
    let decided = match decide(work, new).await? {
        Ok(decided) => decided,
        Err(answer) => return Ok(Err(Done::said(answer))),
    };
    let to = format!("the members of \"{}\", once it is made", new.name);
    let filled = decided.template.as_ref();
    if let Some(question) = filled.and_then(|filled| template::unconfirmed(work, filled, &to)) {
        return Ok(Err(question));
    }
    work.mark("plan", &decided, Vec::new()).await?;
    Ok(Ok(decided))
}

/// Everything that can be known before anything is made.
async fn decide(work: &Work<'_>, new: &NewGroup) -> Result<Result<Decided, String>, Stop> {
    let template = match &new.template {
        None => None,
        Some((reference, variables)) => match template::find(work, reference, variables).await? {
            Ok(found) => Some(found),
            Err(sentence) => return Ok(Err(sentence)),
        },
    };
    if let Some(room) = adopted(work, new)
        && let Err(why) = readable(work, &room).await?
    {
        return Ok(Err(format!("No group was made, since {room} cannot be its room: {why}")));
    }
    let named = new.sender.as_ref().map(std::slice::from_ref);
    let pool = named.unwrap_or(&work.desk().senders);
    let plan = match adding::plan(work, None, &[], &new.members, pool).await? {
        Ok(plan) => plan,
        Err(sentence) => return Ok(Err(sentence)),
    };
    if plan.adding.is_empty() && !new.members.is_empty() {
        let why = plan.refused.join("; ");
        return Ok(Err(format!("No group was made, since nobody could be in it: {why}.")));
    }
    Ok(Ok(Decided { plan, template }))
}

/// The room that there is already, and that becomes the group's.
fn adopted(work: &Work<'_>, new: &NewGroup) -> Option<Place> {
    match &new.room {
        RoomWish::Here => Some(work.command.event.place.clone()),
        RoomWish::Room(room) => Some(room.clone()),
        RoomWish::New | RoomWish::None => None,
    }
}

/// Whether the bridge is in a room, so that it can be tied; otherwise why not.
async fn readable(work: &Work<'_>, room: &Place) -> Result<Result<(), String>, Stop> {
    let Some(powers) = work.desk().networks.get(room.network()) else {
        return Ok(Err(format!("{} is not configured here.", room.network())));
    };
    match work.attempt(|| powers.read_back.read_back(room, None)).await {
        Ok(_) => Ok(Ok(())),
        Err(Stop::Platform(failure)) => Ok(Err(failure.sentence)),
        Err(stop) => Err(stop),
    }
}

/// The name by which a second try finds what the first has made.
fn unique_name(work: &Work<'_>, name: &str) -> String {
    let event = &work.command.event;
    let mut hash = Sha256::new();
    hash.update(event.place.to_string());
    hash.update(event.key.as_str());
    let digest: String = hash.finalize()[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    let slug: String = name
        .to_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-")
        .chars()
        .take(60)
        .collect();
    if slug.is_empty() { format!("group-{digest}") } else { format!("{slug}-{digest}") }
}

async fn take_back(
    work: &Work<'_>,
    group: &Place,
    name: &str,
    added: &Added,
) -> Result<Done, Stop> {
    let manage = work.manage()?;
    work.attempt(|| manage.delete(group)).await?;
    let why = added.refused.join("; ");
    let answer = format!("\"{name}\" was not made, since nobody could be added: {why}.");
    let forget = Change::Group(GroupChange::Forget(group.clone()));
    Ok(added.told(Done { ended: Ended::Refused, ..Done::changed(answer, vec![forget]) }))
}

/// The room, or why there is none.
async fn room(
    work: &mut Work<'_>,
    new: &NewGroup,
) -> Result<(Option<Place>, Option<String>), Stop> {
    let here = work.command.event.place.clone();
    if let Some(room) = adopted(work, new) {
        return Ok((Some(room), None));
    }
    if new.room == RoomWish::None {
        return Ok((None, None));
    }
    if let Some(room) = work.marked::<Place>("room") {
        return Ok((Some(room), None));
    }
    let network = here.network();
    let desk = work.desk();
    let rooms = desk.networks.get(network).and_then(|powers| powers.rooms.as_deref());
    let Some(rooms) = rooms else {
        return Ok((None, Some(format!("the bridge makes no rooms in {network}."))));
    };
    let wanted = NewRoom {
        key: unique_name(work, &new.name),
        name: new.name.clone(),
        topic: new.description.clone(),
        again: work.marked::<bool>("making the room").is_some(),
    };
    work.mark("making the room", &true, Vec::new()).await?;
    let made = match work.attempt(|| rooms.make(&wanted)).await {
        // A try that may have worked is looked for.
        Err(Stop::Platform(failure)) if failure.verdict == Verdict::Unknown => {
            let again = NewRoom { again: true, ..wanted };
            work.attempt(|| rooms.make(&again)).await
        }
        made => made,
    };
    let room = match made {
        Ok(room) => room,
        Err(Stop::Platform(failure)) => return Ok((None, Some(failure.sentence))),
        Err(stop) => return Err(stop),
    };
    work.mark("room", &room, Vec::new()).await?;
    if new.by.network == network
        && let Err(Stop::Platform(failure)) = work.attempt(|| rooms.invite(&room, &new.by)).await
    {
        tracing::warn!(%room, "whoever made the group could not be invited: {failure}");
    }
    Ok((Some(room), None))
}

/// What whoever made it is told: the group, who is in it, its room or why it has none.
fn account(
    new: &NewGroup,
    group: &Place,
    decided: &Decided,
    added: &Added,
    (room, trouble): (Option<&Place>, Option<String>),
) -> String {
    let mut answer = format!("\"{}\" is made ({}).", new.name, group.id());
    if !new.members.is_empty() {
        let total = decided.plan.adding.len() + decided.plan.refused.len();
        answer.push_str(&format!(" {}", adding::progress(added, total)));
    }
    match (room, trouble) {
        (Some(room), _) => answer.push_str(&format!(" It is tied to {room}.")),
        (None, Some(trouble)) => answer.push_str(&format!(
            " It has no room: {trouble} `group link {}` ties it to one.",
            group.id()
        )),
        (None, None) => {}
    }
    if let Some((template, _)) = &decided.template {
        answer.push_str(&format!(" The invitation \"{}\" is sent.", template.name));
    }
    answer
}

/// What a new group's room is told first.
async fn greeting(work: &Work<'_>, new: &NewGroup, group: &Place, added: &Added) -> String {
    let prefix = work.desk().prefix(work.command.event.place.network());
    let who = match added.added.len() {
        0 => "Nobody is in it yet.".to_owned(),
        count => format!(
            "{count} on the phones: {}.",
            adding::names(work, &added.added, Some(group), NAMED).await
        ),
    };
    let about = new.description.as_deref().map(|text| format!("{text}\n")).unwrap_or_default();
    format!(
        "This room is tied to the group \"{}\". What is written here goes to its members, and what they write comes here.\n{about}{who}\n`{prefix} member add WHO` adds somebody, `{prefix} help` shows what else you can do.",
        new.name
    )
}

/// Something that the bridge says in a room.
pub(super) fn notice(work: &Work<'_>, to: &Place, from: &Place, text: String) -> Owed {
    Owed {
        to: to.clone(),
        from: from.clone(),
        speaker: None,
        at: work.desk().clock.now(),
        action: Action::Notice { text: Text::plain(text) },
    }
}
