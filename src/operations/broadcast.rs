//! `broadcast`: who is to get a template, each once and alone, in their own language. What follows is
//! `crate::broadcast`.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use partyline_core::{Address, Channel, Contact, Network, Place};
use serde::{Deserialize, Serialize};

use super::create::notice;
use super::template;
use super::work::{Done, Stop, Work};
use crate::contacts::PAGE_LIMIT;
use crate::ledger::{BroadcastChange, Change, LedgerError, NewBroadcast};
use crate::members;
use crate::policy::{self, Named};
use crate::templates::Filled;

/// The most people of one broadcast.
const MOST: usize = 100_000;

/// To whom a broadcast goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// The contacts of this team.
    Team(String),
    /// The members of this group.
    Group(Place),
}

/// Everybody who was named, with what their contact says of each.
#[derive(Default)]
struct Gathered {
    named: Vec<Named>,
    said: Vec<Said>,
}

/// What a contact says of somebody.
#[derive(Clone, Default)]
struct Said {
    language: Option<String>,
    /// Whether they agree to get messages, where that is noted.
    agrees: Option<bool>,
}

impl Gathered {
    fn add(&mut self, work: &Work<'_>, named: Named, contact: Option<&Contact>) {
        let consent = contact.and_then(|contact| contact.meta.get("consent"));
        let language = work.desk().invitations.language_of(contact);
        self.said.push(Said { language, agrees: consent.map(|word| word == "yes") });
        self.named.push(named);
    }
}

/// Who gets it, and what is told of the others before it goes.
struct Plan {
    /// Each phone once, with the template for it.
    phones: Vec<(Place, String)>,
    /// The template in each language that somebody reads, with how many do.
    texts: Vec<(Filled, u64)>,
    /// Who want no messages.
    suppressed: u64,
    /// Of whom no consent is noted.
    unasked: u64,
    /// Whom no sender of the pool serves.
    unserved: u64,
}

pub(super) async fn run(
    work: &Work<'_>,
    to: &[Audience],
    reference: &str,
    given: &BTreeMap<String, String>,
) -> Result<Done, Stop> {
    let filled = match template::find(work, reference, given).await? {
        Ok(found) => found,
        Err(sentence) => return Ok(Done::said(sentence)),
    };
    let gathered = gather(work, to).await?;
    if gathered.named.len() > MOST {
        return Ok(Done::said(format!(
            "That would be more than {MOST} people. Send it to fewer teams at a time."
        )));
    }
    let plan = match plan(work, gathered, &filled).await? {
        Ok(plan) => plan,
        Err(sentence) => return Ok(Done::said(sentence)),
    };
    if plan.phones.is_empty() {
        return Ok(Done::said(format!(
            "Nobody there can be written to, so nothing was sent.{}",
            plan.others()
        )));
    }
    let whom = format!("{} people, to each alone.{}", plan.phones.len(), plan.others());
    if let Some(question) = template::asked(work, &plan.says(), &whom) {
        return Ok(question);
    }
    let planned =
        work.desk().ledger.plan_broadcast(work.command.number, &plan.phones, filled.0.sid.as_str());
    planned.await?;
    Ok(begin(work, to, filled, &plan, &whom))
}

/// The groups first: who is in one is written to by the sender that they know.
async fn gather(work: &Work<'_>, to: &[Audience]) -> Result<Gathered, Stop> {
    let mut gathered = Gathered::default();
    for audience in to {
        if let Audience::Group(group) = audience {
            of_group(work, group, &mut gathered).await?;
        }
    }
    for audience in to {
        if let Audience::Team(team) = audience {
            of_team(work, team, &mut gathered).await?;
        }
    }
    Ok(gathered)
}

async fn of_group(work: &Work<'_>, group: &Place, gathered: &mut Gathered) -> Result<(), Stop> {
    let desk = work.desk();
    let (groups, names) = (work.groups()?, desk.contacts.names());
    work.attempt(|| members::learn(groups, &desk.ledger, names, group)).await?;
    for member in desk.ledger.members_of(group).await? {
        let one = member.participant;
        if let Some(address) = one.address.filter(|one| one.channel() != Channel::Client) {
            let contact = desk.contacts.store().get(address.contact_key()).await.ok().flatten();
            gathered.add(work, Named::Member(address, one.sender), contact.as_ref());
        }
    }
    Ok(())
}

async fn of_team(work: &Work<'_>, team: &str, gathered: &mut Gathered) -> Result<(), Stop> {
    let store = work.desk().contacts.store();
    let mut after: Option<String> = None;
    loop {
        let page = store.in_team(team, after.as_deref(), PAGE_LIMIT).await;
        let page = page.map_err(|error| LedgerError::Unusable(error.to_string()))?;
        for contact in &page {
            gathered.add(work, Named::Contact(contact.key.clone()), Some(contact));
        }
        match page.last() {
            Some(last) if page.len() == PAGE_LIMIT && gathered.named.len() <= MOST => {
                after = Some(last.key.clone());
            }
            _ => return Ok(()),
        }
    }
}

/// Who gets it by which sender in which language; the error is a sentence.
async fn plan(
    work: &Work<'_>,
    gathered: Gathered,
    filled: &Filled,
) -> Result<Result<Plan, String>, Stop> {
    let desk = work.desk();
    let Gathered { named, said } = gathered;
    let keys = named.iter().map(|one| one.key().to_owned()).collect();
    let met = desk.ledger.met(keys).await?;
    let audience = policy::audience(&named, &desk.senders, &met);
    let mut silent: HashSet<Address> = HashSet::new();
    for readers in audience.readers.chunks(PAGE_LIMIT) {
        let addresses = readers.iter().map(|reader| reader.address.clone()).collect();
        let found = desk.ledger.suppressed(addresses).await?;
        silent.extend(found.into_iter().map(|(address, _)| address));
    }
    let mut languages = Languages { work, filled, found: BTreeMap::new() };
    let mut plan = Plan {
        phones: Vec::with_capacity(audience.readers.len()),
        texts: Vec::new(),
        suppressed: 0,
        unasked: 0,
        unserved: audience.unserved,
    };
    for reader in &audience.readers {
        let of = &said[reader.number];
        if of.agrees == Some(false) || silent.contains(&reader.address) {
            plan.suppressed += 1;
            continue;
        }
        let template = match languages.of(of.language.as_deref()).await? {
            Ok(template) => template,
            Err(sentence) => return Ok(Err(sentence)),
        };
        let place = Place::phone(&reader.sender, &reader.address);
        plan.add(place, template, of.agrees.is_none());
    }
    Ok(Ok(plan))
}

impl Plan {
    fn add(&mut self, place: Place, template: &Filled, unasked: bool) {
        let sid = template.0.sid.clone();
        match self.texts.iter_mut().find(|((text, _), _)| text.sid == sid) {
            Some((_, count)) => *count += 1,
            None => self.texts.push((template.clone(), 1)),
        }
        self.unasked += u64::from(unasked);
        self.phones.push((place, sid));
    }

    /// What is told of those who get none, or were not asked.
    fn others(&self) -> String {
        let counts = [
            (self.suppressed, "want no messages and get none."),
            (self.unserved, "are left out: no sender of the pool can write to them."),
        ];
        let mut text = String::new();
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            let _ = write!(text, " {count} {what}");
        }
        if self.unasked > 0 {
            let _ = write!(text, " Of {} no consent is noted (`contact consent`).", self.unasked);
        }
        text
    }

    /// What it says, in each language.
    fn says(&self) -> String {
        let mut text = String::new();
        for ((template, variables), count) in &self.texts {
            if self.texts.len() > 1 {
                let _ = write!(text, "In {} ({count}): ", template.language);
            }
            let _ = writeln!(text, "{}", template.filled(variables));
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// The template in the languages that were asked for.
struct Languages<'a> {
    work: &'a Work<'a>,
    filled: &'a Filled,
    found: BTreeMap<Option<String>, Filled>,
}

impl Languages<'_> {
    async fn of(&mut self, language: Option<&str>) -> Result<Result<&Filled, String>, Stop> {
        let key = language.map(ToOwned::to_owned);
        if !self.found.contains_key(&key) {
            match template::in_language_named(self.work, self.filled, language).await? {
                Ok(found) => self.found.insert(key.clone(), found),
                Err(sentence) => return Ok(Err(sentence)),
            };
        }
        Ok(Ok(self.found.get(&key).unwrap_or(self.filled)))
    }
}

fn begin(work: &Work<'_>, to: &[Audience], filled: Filled, plan: &Plan, whom: &str) -> Done {
    let desk = work.desk();
    let says = plan.says();
    let (template, variables) = filled;
    let owed = to
        .iter()
        .filter_map(|audience| match audience {
            Audience::Group(group) => Some((group, desk.links.others(group))),
            Audience::Team(_) => None,
        })
        .flat_map(|(group, rooms)| {
            let said =
                format!("Sent to each member alone as the template \"{}\":\n{says}", template.name);
            rooms.into_iter().map(move |room| (group, room, said.clone()))
        })
        .map(|(group, room, said)| notice(work, &room, group, said))
        .collect();
    let (number, prefix) = (work.command.number, desk.prefix(work.line.answer.place.network()));
    let then = match work.line.by.network {
        Network::Operator => "",
        _ => " I tell you how far it is, and when it has left.",
    };
    let answer = format!(
        "\"{}\" goes to {whom}{then} It is broadcast {number}: `{prefix} broadcast stop {number}` stops it. It says:\n{says}",
        template.name
    );
    let powers = desk.networks.get(work.line.answer.place.network());
    let revise = powers.and_then(|powers| powers.revise.as_deref());
    let count = plan.phones.len();
    let details = template.sid.clone();
    let new = NewBroadcast {
        answer: revise.map_or_else(|| work.line.answer.clone(), |one| one.later(&work.line.answer)),
        room: work.command.event.place.clone(),
        by: work.line.by.to_string(),
        template: template.sid,
        name: template.name,
        variables,
        suppressed: plan.suppressed,
    };
    let changes = vec![Change::Broadcast(BroadcastChange::Begin(Box::new(new)))];
    let done = Done { answer, changes, owed, ..Done::default() };
    done.with("broadcast", number).with("template", details).with("recipients", count)
}
