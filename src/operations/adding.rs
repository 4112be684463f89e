//! Adding members: who serves whom, the limits said beforehand, and one after the other with an
//! account of each.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt, TryStreamExt};
use partyline_core::{Address, Channel, ConversationState, Place, Reason, Speaker, Verdict};
use partyline_core::{MemberInfo, Network};
use serde::{Deserialize, Serialize};

use super::work::{Done, Stop, Work};
use crate::crash::{Point, point};
use crate::optouts::refusal;
use crate::policy::{Assignment, assign};

/// The most members of a group, and the most of them that are not SDK clients (Twilio's
/// documentation of Conversations' limits).
const MEMBERS: usize = 1000;
const PHONES: usize = 50;

/// Look-ups of where somebody is, at once.
const AT_ONCE: usize = 8;

/// What is to be done, before anything is done. Marked in the ledger, so that what is begun is
/// gone on with whatever has changed since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    /// Who is added, and behind which sender.
    pub(super) adding: Vec<(Address, Option<Address>)>,
    /// Who cannot be, and why, in a line.
    pub(super) refused: Vec<String>,
    /// Who is in it already.
    pub(super) there: Vec<Address>,
    /// Those of who cannot be added who are in other groups, behind every sender.
    #[serde(default)]
    pub(super) elsewhere: Vec<Address>,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) added: Vec<Address>,
    pub(super) refused: Vec<String>,
    /// Those who were refused because they are in other groups.
    pub(super) elsewhere: Vec<Address>,
}

impl Added {
    /// The account of it for programs: who was added, and why who was not.
    pub(super) fn told(&self, done: Done) -> Done {
        done.with("added", &self.added).with("refused", &self.refused)
    }
}

/// Plans who is added to `group` (`None`: to one that is not made yet), whose members are
/// `members` now. `Err` is the sentence of a limit that stands against all of it.
pub(super) async fn plan(
    work: &Work<'_>,
    group: Option<&Place>,
    members: &[MemberInfo],
    wanted: &[Address],
    pool: &[Address],
) -> Result<Result<Plan, String>, Stop> {
    let present: HashSet<&Address> =
        members.iter().filter_map(|member| member.address.as_ref()).collect();
    let mut seen = HashSet::new();
    let (there, mut new): (Vec<Address>, Vec<Address>) = wanted
        .iter()
        .filter(|address| seen.insert(*address))
        .cloned()
        .partition(|address| present.contains(address));
    if let Some(sentence) = over_the_limit(members, &new) {
        return Ok(Err(sentence));
    }
    let mut refused = unwanted(work, group, &mut new).await?;
    let places = memberships(work, group, &new).await?;
    let taken = places
        .iter()
        .map(|(address, held)| (address.clone(), held.keys().cloned().collect()))
        .collect();
    let Assignment { served, unserved } = assign(&new, pool, &taken);
    let elsewhere = unserved.iter().filter(|one| one.have > 0);
    let elsewhere = elsewhere.map(|one| one.address.clone()).collect();
    for one in unserved {
        let who = name(work, &one.address, group).await;
        let held = places.get(&one.address);
        let groups: Vec<&Held> = pool.iter().filter_map(|sender| held?.get(sender)).collect();
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        refused.push(if one.have == 0 {
            let kind = if one.address.channel() == Channel::WhatsApp { "WhatsApp" } else { "SMS" };
            format!("{who}: there is no sender for {kind} in the pool (twilio.senders)")
        } else if let [only] = groups.as_slice() {
            format!(
                "{who} is in {} behind this sender; {} senders are needed for one more group. {}",
                only.name,
                one.needed,
                moving(work, group, only, &one.address)
            )
        } else {
            format!(
                "{who} is in a group behind each of the {} senders ({}); {} senders are needed for one more",
                one.have,
                names.join(", "),
                one.needed
            )
        });
    }
    Ok(Ok(Plan { adding: served, refused, there, elsewhere }))
}

/// Leaves out who wants no messages, and says why, in a line each. Everything by which somebody comes
/// into a conversation passes here.
async fn unwanted(
    work: &Work<'_>,
    group: Option<&Place>,
    new: &mut Vec<Address>,
) -> Result<Vec<String>, Stop> {
    let mut refused = Vec::new();
    for (address, suppression) in work.desk().ledger.suppressed(new.clone()).await? {
        new.retain(|one| *one != address);
        let who = name(work, &address, group).await;
        refused.push(format!("{who} {}", refusal(&suppression)));
    }
    Ok(refused)
}

fn over_the_limit(members: &[MemberInfo], new: &[Address]) -> Option<String> {
    let is_phone = |address: &Address| address.channel() != Channel::Client;
    let phones = members.iter().filter(|one| one.address.as_ref().is_none_or(is_phone)).count();
    let all_phones = phones + new.iter().filter(|address| is_phone(address)).count();
    let all = members.len() + new.len();
    let (count, most, what) = if all_phones > PHONES {
        (all_phones, PHONES, "members on phones")
    } else if all > MEMBERS {
        (all, MEMBERS, "members")
    } else {
        return None;
    };
    Some(format!(
        "That would be {count} {what}, and Twilio takes {most} in a group. Nobody was added; make a second group for the rest."
    ))
}

/// Another open conversation that somebody is in.
pub(super) struct Held {
    pub(super) group: Place,
    /// What it is called in a sentence, in quotes where people named it.
    name: String,
}

/// How somebody is moved out of the group that stands in the way, into this one or, where that is not
/// made, into a new one.
fn moving(work: &Work<'_>, group: Option<&Place>, held: &Held, address: &Address) -> String {
    let prefix = work.desk().prefix(work.command.event.place.network());
    match group {
        Some(group) => {
            let sid = group.id();
            format!("To move them here: `{prefix} member add {sid} {address} --move`")
        }
        None => {
            let sid = held.group.id();
            format!("To take them out there: `{prefix} member remove {sid} {address}`")
        }
    }
}

/// In which other open conversation each address is, by sender.
pub(super) async fn memberships(
    work: &Work<'_>,
    group: Option<&Place>,
    addresses: &[Address],
) -> Result<HashMap<Address, HashMap<Address, Held>>, Stop> {
    let phones = addresses.iter().filter(|one| one.channel() != Channel::Client);
    let lookups: Vec<_> =
        phones.cloned().map(|address| held_by(work, group.cloned(), address)).collect();
    futures_util::stream::iter(lookups).buffer_unordered(AT_ONCE).try_collect().await
}

/// The senders behind which an address is in another open conversation, and that one's name.
async fn held_by(
    work: &Work<'_>,
    group: Option<Place>,
    address: Address,
) -> Result<(Address, HashMap<Address, Held>), Stop> {
    let manage = work.manage()?;
    let found = work.attempt(|| manage.memberships(&address)).await?;
    let mut held = HashMap::new();
    for one in found {
        let over = matches!(one.state, ConversationState::Closed | ConversationState::Removed);
        let Some(sender) =
            one.sender.filter(|_| !over && Some(&one.conversation) != group.as_ref())
        else {
            continue;
        };
        let name = match one.name {
            Some(name) => format!("\"{name}\""),
            None if work.desk().ledger.correspondent(&one.conversation).await?.is_some() => {
                "a conversation of their own in the inbox".to_owned()
            }
            None => one.conversation.id().to_owned(),
        };
        held.insert(sender, Held { group: one.conversation, name });
    }
    Ok((address, held))
}

/// Adds everybody of a plan, one after the other. What a platform refuses, or does not take for
/// long, is an entry of the account; those behind it are tried all the same, but for an outage.
pub(super) async fn add(work: &mut Work<'_>, group: &Place, plan: &Plan) -> Result<Added, Stop> {
    let manage = work.manage()?;
    let total = plan.adding.len() + plan.refused.len();
    let (refused, others) = (plan.refused.clone(), plan.elsewhere.clone());
    let mut done = Added { added: Vec::new(), refused, elsewhere: others };
    let mut outage: Option<String> = None;
    for (address, sender) in &plan.adding {
        if let Some(sentence) = &outage {
            let who = name(work, address, Some(group)).await;
            done.refused.push(format!("{who}: not tried. {sentence}"));
            continue;
        }
        let tried = work.attempt(|| manage.add_member(group, address, sender.as_ref())).await;
        match tried {
            Ok(()) => done.added.push(address.clone()),
            Err(Stop::Platform(failure)) => {
                let who = name(work, address, Some(group)).await;
                let why = match failure.reason {
                    Reason::Conflict => elsewhere(work, group, address, sender.as_ref()).await,
                    _ => None,
                };
                if why.is_some() {
                    done.elsewhere.push(address.clone());
                }
                if failure.verdict != Verdict::Never {
                    outage = Some(failure.sentence.clone());
                }
                done.refused.push(match why {
                    Some(why) => format!("{who} {why}"),
                    None => format!("{who}: {}", failure.sentence),
                });
            }
            Err(stop) => return Err(stop),
        }
        point(Point::GroupMember);
        work.progress(&progress(&done, total)).await?;
    }
    Ok(done)
}

/// Which group stands in the way, behind this sender.
async fn elsewhere(
    work: &Work<'_>,
    group: &Place,
    address: &Address,
    sender: Option<&Address>,
) -> Option<String> {
    let held = memberships(work, Some(group), std::slice::from_ref(address)).await.ok()?;
    let one = held.get(address)?.get(sender?)?;
    let moving = moving(work, Some(group), one, address);
    Some(format!("is in {} behind this sender. {moving}", one.name))
}

/// `12 of 30 members added, 1 refused: …`
pub(super) fn progress(done: &Added, total: usize) -> String {
    let added = format!("{} of {total} members added", done.added.len());
    match done.refused.as_slice() {
        [] => format!("{added}."),
        refused => format!("{added}, {} refused: {}.", refused.len(), refused.join("; ")),
    }
}

/// What somebody is called.
pub(super) async fn name(work: &Work<'_>, address: &Address, group: Option<&Place>) -> String {
    let nowhere = Place::conversation("");
    let speaker = Speaker::new(Network::Twilio, address.as_str());
    let names = work.desk().contacts.names();
    names.resolve(&speaker, group.unwrap_or(&nowhere)).await.name
}

/// The same for several, in a list of at most `most`.
pub(super) async fn names(
    work: &Work<'_>,
    addresses: &[Address],
    group: Option<&Place>,
    most: usize,
) -> String {
    let mut shown = Vec::new();
    for address in addresses.iter().take(most) {
        shown.push(name(work, address, group).await);
    }
    if addresses.len() > most {
        shown.push(format!("{} more", addresses.len() - most));
    }
    shown.join(", ")
}
