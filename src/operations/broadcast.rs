//! `broadcast`: who is to get a template, each once and alone. What follows is `crate::broadcast`.

use std::collections::{BTreeMap, HashSet};

use partyline_core::{Address, Channel, Place};
use serde::{Deserialize, Serialize};

use super::create::notice;
use super::template;
use super::work::{Done, Stop, Work};
use crate::contacts::PAGE_LIMIT;
use crate::ledger::{Change, LedgerError, NewBroadcast};
use crate::members;

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

/// The phones, each once, in the order in which they were found.
pub(super) struct Recipients<'a> {
    pool: &'a [Address],
    seen: HashSet<String>,
    phones: Vec<Place>,
    /// People whom no sender of the pool serves.
    unserved: u64,
}

impl<'a> Recipients<'a> {
    pub(super) fn new(pool: &'a [Address]) -> Self {
        Self { pool, seen: HashSet::new(), phones: Vec::new(), unserved: 0 }
    }

    /// A member of a group, behind the sender that they know it by: it lands in the same chat.
    pub(super) fn member(&mut self, address: &Address, sender: Option<&Address>) {
        let sender =
            sender.or_else(|| self.pool.iter().find(|one| one.channel() == address.channel()));
        match sender {
            Some(sender) if self.seen.insert(address.contact_key().to_owned()) => {
                self.phones.push(Place::phone(sender, address));
            }
            Some(_) => {}
            None => self.unserved += 1,
        }
    }

    /// A contact: by WhatsApp where the pool has a sender for that, else by SMS.
    pub(super) fn contact(&mut self, key: &str) {
        let on = |channel| self.pool.iter().find(|one: &&Address| one.channel() == channel);
        let whatsapp = on(Channel::WhatsApp).zip(format!("whatsapp:{key}").parse().ok());
        let found: Option<(&Address, Address)> =
            whatsapp.or_else(|| on(Channel::Sms).zip(key.parse().ok()));
        match found.filter(|(_, address)| address.channel() != Channel::Client) {
            Some((sender, address)) => {
                let sender = sender.clone();
                self.member(&address, Some(&sender));
            }
            None => self.unserved += 1,
        }
    }
}

pub(super) async fn run(
    work: &Work<'_>,
    to: &[Audience],
    reference: &str,
    given: &BTreeMap<String, String>,
) -> Result<Done, Stop> {
    let (template, variables) = match template::find(work, reference, given).await? {
        Ok(found) => found,
        Err(sentence) => return Ok(Done::said(sentence)),
    };
    let desk = work.desk();
    let mut recipients = Recipients::new(&desk.senders);
    // Groups first: who is in one is written to by the sender that they know.
    for audience in to {
        if let Audience::Group(group) = audience {
            of_group(work, group, &mut recipients).await?;
        }
    }
    for audience in to {
        if let Audience::Team(team) = audience {
            of_team(work, team, &mut recipients).await?;
        }
    }
    let Recipients { phones, unserved, .. } = recipients;
    if phones.is_empty() {
        return Ok(Done::said(
            "Nobody there is on a phone that can be written to, so nothing was sent.",
        ));
    }
    if phones.len() > MOST {
        return Ok(Done::said(format!(
            "That would be more than {MOST} people. Send it to fewer teams at a time."
        )));
    }
    let text = template.filled(&variables);
    let owed = to
        .iter()
        .filter_map(|audience| match audience {
            Audience::Group(group) => Some((group, desk.links.others(group))),
            Audience::Team(_) => None,
        })
        .flat_map(|(group, rooms)| {
            let said =
                format!("Sent to each member alone as the template \"{}\":\n{text}", template.name);
            rooms.into_iter().map(move |room| (group, room, said.clone()))
        })
        .map(|(group, room, said)| notice(work, &room, group, said))
        .collect();
    let left_out = match unserved {
        0 => String::new(),
        count => format!(" {count} are left out: no sender of the pool can write to them."),
    };
    let answer = format!(
        "\"{}\" goes to {} people, to each alone.{left_out} I tell you how far it is, and when it has left. It says:\n{text}",
        template.name,
        phones.len(),
    );
    let powers = desk.networks.get(work.line.answer.place.network());
    let revise = powers.and_then(|powers| powers.revise.as_deref());
    let count = phones.len();
    let new = NewBroadcast {
        answer: revise.map_or_else(|| work.line.answer.clone(), |one| one.later(&work.line.answer)),
        room: work.command.event.place.clone(),
        template: template.sid.clone(),
        name: template.name.clone(),
        variables,
        phones,
    };
    let changes = vec![Change::Broadcast(Box::new(new))];
    let done = Done { answer, changes, owed, ..Done::default() };
    Ok(done.with("template", &template.sid).with("recipients", count))
}

async fn of_group(
    work: &Work<'_>,
    group: &Place,
    recipients: &mut Recipients<'_>,
) -> Result<(), Stop> {
    let desk = work.desk();
    let (groups, names) = (work.groups()?, desk.contacts.names());
    work.attempt(|| members::learn(groups, &desk.ledger, names, group)).await?;
    for member in desk.ledger.members_of(group).await? {
        let one = member.participant;
        if let Some(address) = one.address.filter(|one| one.channel() != Channel::Client) {
            recipients.member(&address, one.sender.as_ref());
        }
    }
    Ok(())
}

async fn of_team(work: &Work<'_>, team: &str, recipients: &mut Recipients<'_>) -> Result<(), Stop> {
    let store = work.desk().contacts.store();
    let mut after: Option<String> = None;
    loop {
        let page = store.in_team(team, after.as_deref(), PAGE_LIMIT).await;
        let page = page.map_err(|error| LedgerError::Unusable(error.to_string()))?;
        page.iter().for_each(|contact| recipients.contact(&contact.key));
        match page.last() {
            Some(last) if page.len() == PAGE_LIMIT && recipients.phones.len() <= MOST => {
                after = Some(last.key.clone());
            }
            _ => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().expect(text)
    }

    #[test]
    fn everybody_is_written_to_once_by_the_sender_that_they_know() {
        let pool = ["whatsapp:+14155550000", "whatsapp:+14155550001"].map(address);
        let mut recipients = Recipients::new(&pool);
        recipients.member(&address("whatsapp:+14155550101"), Some(&pool[1]));
        recipients.member(&address("whatsapp:+14155550101"), Some(&pool[0]));
        recipients.contact("+14155550101");
        recipients.contact("+14155550102");
        recipients.contact("client:somebody");
        recipients.member(&address("+14155550103"), None);
        let phones: Vec<String> = recipients.phones.iter().map(ToString::to_string).collect();
        assert_eq!(
            phones,
            [
                "twilio:whatsapp:+14155550001/whatsapp:+14155550101",
                "twilio:whatsapp:+14155550000/whatsapp:+14155550102",
            ]
        );
        assert_eq!(recipients.unserved, 2);
    }
}
