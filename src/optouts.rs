//! Takes people who want no more messages out of their groups, and puts them back when they want
//! messages again.
//!
//! A conversation gives all that is said in it to all who are in it, so that a member cannot be left
//! out of it and stay in: only removal keeps a promise to send nothing more. What is to be done
//! stands in the ledger ([`crate::ledger::OptoutWork`]), and neither an outage nor a kill loses it;
//! until it is done, nothing is sent to the group. What an opted-out person writes is shown in their
//! rooms like anything else: they asked to be sent nothing, not to be ignored.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use partyline_core::{
    Address, ConversationState, Failure, Groups, Manage, Network, Place, Reason, Speaker, Verdict,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::contacts::Names;
use crate::crash::{Point, point};
use crate::intake::Wakers;
use crate::keyed::work_off;
use crate::ledger::{How, Ledger, LedgerError, OptoutWork, Removal, Suppression};
use crate::links::Links;
use crate::members;
use crate::networks::Networks;

/// Groups that somebody is about to be taken out of: nothing is sent to them meanwhile.
#[derive(Debug, Default)]
pub struct Leaving {
    /// By group, who: what each is known by in the ledger.
    groups: Mutex<HashMap<Place, HashSet<String>>>,
    changed: Notify,
}

impl Leaving {
    /// Somebody is to be taken out of these.
    pub fn mark(&self, id: &str, groups: impl IntoIterator<Item = Place>) {
        let mut marked = self.groups();
        for group in groups {
            marked.entry(group).or_default().insert(id.to_owned());
        }
    }

    /// Nothing more is to be done for somebody.
    fn clear(&self, id: &str) {
        self.groups().retain(|_, people| {
            people.remove(id);
            !people.is_empty()
        });
        self.changed.notify_waiters();
    }

    /// Waits until nobody is about to be taken out of a group.
    pub async fn nobody(&self, group: &Place) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !self.groups().contains_key(group) {
                return;
            }
            changed.await;
        }
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<Place, HashSet<String>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes people out of groups, and puts them back.
pub struct Optouts {
    ledger: Ledger,
    links: Arc<Links>,
    names: Arc<Names>,
    networks: Networks,
    wakers: Wakers,
    stop: CancellationToken,
}

/// The platform's side of it.
struct Twilio {
    groups: Arc<dyn Groups>,
    manage: Arc<dyn Manage>,
}

impl Optouts {
    /// Goes on with what is still to be done, and with what comes. To be called before the lanes
    /// start.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn start(
        ledger: Ledger,
        links: Arc<Links>,
        names: Arc<Names>,
        networks: Networks,
        wakers: Wakers,
        stop: CancellationToken,
    ) -> Result<(), LedgerError> {
        let open = ledger.optouts_open().await?;
        let people = wakers.optouts.clone();
        for (id, groups) in &open {
            wakers.leaving.mark(id, groups.iter().cloned());
        }
        let optouts = Arc::new(Self { ledger, links, names, networks, wakers, stop });
        people.runs(move |id| {
            let optouts = Arc::clone(&optouts);
            async move {
                let what =
                    "somebody who opted out, or in again, is not out of all groups yet, or back";
                work_off(&optouts.stop, what, || optouts.step(&id)).await;
            }
        });
        for (id, _) in open {
            people.wake(id);
        }
        Ok(())
    }

    /// Does what is to be done for somebody; whether there may be more.
    async fn step(&self, id: &str) -> Result<bool, String> {
        let work = self.ledger.optout_work(id).await.map_err(|error| error.to_string())?;
        if work.is_empty() {
            self.wakers.leaving.clear(id);
            return Ok(false);
        }
        // It may have been cleared by the end of what was to be done before.
        let groups = work.leaving.iter().map(|removal| removal.conversation.clone());
        self.wakers.leaving.mark(id, groups);
        self.work(id, work).await.map(|()| true)
    }

    async fn work(&self, id: &str, work: OptoutWork) -> Result<(), String> {
        let powers = self.networks.get(Network::Twilio);
        let (groups, manage) = powers
            .and_then(|powers| Some((powers.groups.clone()?, powers.manage.clone()?)))
            .ok_or("Twilio is not configured")?;
        let twilio = Twilio { groups, manage };
        for removal in &work.leaving {
            self.take_out(&twilio, id, removal, work.how).await?;
        }
        if let Some(address) = &work.sweep {
            let found = whereabouts(&twilio, address).await.map_err(|failure| failure.sentence)?;
            self.wakers.leaving.mark(id, found.iter().map(|one| one.conversation.clone()));
            let swept = self.ledger.swept(id, found).await;
            self.wakers.wake(swept.map_err(|error| error.to_string())?);
        }
        for removal in &work.returning {
            self.put_back(&twilio, id, removal).await?;
        }
        Ok(())
    }

    async fn take_out(
        &self,
        twilio: &Twilio,
        id: &str,
        removal: &Removal,
        how: Option<How>,
    ) -> Result<(), String> {
        let group = &removal.conversation;
        let done = take_out(twilio, removal).await;
        point(Point::OptoutLeft);
        let text = match settled(done)? {
            Settled::Gone => None,
            Settled::Done => Some(left(&self.name(removal).await, how)),
            Settled::Refused(why) => {
                tracing::error!(%group, "somebody who opted out cannot be taken out: {why}");
                Some(stuck(&self.name(removal).await, &why))
            }
        };
        let told = self.told(group, text);
        let accepted = self.ledger.removed(id, removal, told).await;
        self.names.forget_member(group, &removal.address);
        self.wakers.wake(accepted.map_err(|error| error.to_string())?);
        Ok(())
    }

    async fn put_back(&self, twilio: &Twilio, id: &str, removal: &Removal) -> Result<(), String> {
        let group = &removal.conversation;
        let sender = removal.sender.as_ref();
        let done = twilio.manage.add_member(group, &removal.address, sender).await;
        point(Point::OptoutBack);
        let text = match settled(done)? {
            Settled::Gone => None,
            Settled::Done => {
                let groups = twilio.groups.as_ref();
                let learned = members::learn(groups, &self.ledger, &self.names, group).await;
                learned.map_err(|failure| failure.sentence)?;
                let name = self.name(removal).await;
                Some(format!("{name} wants messages again, and is back in this group."))
            }
            Settled::Refused(why) => {
                let (name, key) = (self.name(removal).await, removal.address.contact_key());
                Some(format!(
                    "{name} wants messages again, but could not be put back into this group: {why} `member add {key}` tries it once more."
                ))
            }
        };
        let told = self.told(group, text);
        let accepted = self.ledger.returned(id, removal, told).await;
        self.wakers.wake(accepted.map_err(|error| error.to_string())?);
        Ok(())
    }

    fn told(&self, group: &Place, text: Option<String>) -> Vec<(Place, String)> {
        let Some(text) = text else { return Vec::new() };
        self.links.others(group).into_iter().map(|room| (room, text.clone())).collect()
    }

    async fn name(&self, removal: &Removal) -> String {
        let speaker = Speaker::new(Network::Twilio, removal.address.as_str());
        self.names.resolve(&speaker, &removal.conversation).await.name
    }
}

/// Every open conversation that somebody is in, by whichever channel.
async fn whereabouts(twilio: &Twilio, address: &Address) -> Result<Vec<Removal>, Failure> {
    let mut found = Vec::new();
    for address in address.forms() {
        for one in twilio.manage.memberships(&address).await? {
            if !matches!(one.state, ConversationState::Closed | ConversationState::Removed) {
                let address = address.clone();
                found.push(Removal { conversation: one.conversation, address, sender: one.sender });
            }
        }
    }
    Ok(found)
}

/// Takes somebody out of a group, if they are in it.
async fn take_out(twilio: &Twilio, removal: &Removal) -> Result<(), Failure> {
    let group = &removal.conversation;
    let members = twilio.groups.members(group).await?;
    for member in members.iter().filter(|one| one.address.as_ref() == Some(&removal.address)) {
        twilio.manage.remove_member(group, &member.participant).await?;
    }
    Ok(())
}

/// How a step ended that need not be tried again.
enum Settled {
    Done,
    /// The group is not there any more.
    Gone,
    /// The platform will not have it: why.
    Refused(String),
}

fn settled(done: Result<(), Failure>) -> Result<Settled, String> {
    match done {
        Ok(()) => Ok(Settled::Done),
        Err(failure) if failure.verdict != Verdict::Never => Err(failure.sentence),
        Err(failure) if matches!(failure.reason, Reason::NoSuchPlace | Reason::PlaceClosed) => {
            Ok(Settled::Gone)
        }
        Err(failure) => Ok(Settled::Refused(failure.sentence)),
    }
}

/// What a room hears of somebody who was taken out of its group.
fn left(name: &str, how: Option<How>) -> String {
    let mut text = match how {
        Some(How::Carrier) => format!("{name} has opted out by STOP at Twilio"),
        Some(How::Blocked) => format!("{name} has blocked this sender on WhatsApp"),
        Some(How::Noted) => format!("It was noted that {name} wants no more messages"),
        Some(How::Said | How::Barred) | None => format!("{name} wants no more messages"),
    };
    let _ = write!(
        text,
        " and is no longer in this group. Nothing is sent to them, by whatever command, until they write START to the number."
    );
    text
}

fn stuck(name: &str, why: &str) -> String {
    format!(
        "{name} wants no more messages, but could not be taken out of this group: {why} What is said here still reaches them: say nothing, and take them out in Twilio's console."
    )
}

/// Why nothing is sent to somebody, for whoever wanted to: behind their name.
#[must_use]
pub fn refusal(suppression: &Suppression) -> String {
    let since = suppression.since.strftime("%Y-%m-%d");
    let why = match suppression.how {
        How::Said => "has asked for no more messages",
        How::Carrier => "has opted out by STOP at Twilio",
        How::Blocked => "has blocked a sender on WhatsApp",
        How::Noted => "wants no messages, as was noted",
        How::Barred => {
            return format!("is blocked ({since}): nothing is sent until `inbox unblock`");
        }
    };
    format!("{why} ({since}): nothing is sent until they write START to the number")
}
