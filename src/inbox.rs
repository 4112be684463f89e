//! The inbox: whoever writes without being in a group has a thread of their own in one room.
//!
//! What is to be done stands in the ledger ([`crate::ledger::Step`]). A conversation that is tied to
//! nothing, with one person in it, gets a card in the room, and the card's thread is tied to it. Where
//! only the Messaging webhook tells of what somebody wrote, because there is no conversation of theirs
//! with that sender, one is made for it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use partyline_core::{
    Address, Channel, ConversationState, Groups, Link, Manage, MemberInfo, Network,
    NewConversation, Place, Speaker,
};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::contacts::Names;
use crate::crash::{Point, point};
use crate::intake::{Wakers, newest};
use crate::keyed::work_off;
use crate::ledger::{GroupChange, Ledger, LedgerError, Step, Stranger};
use crate::links::Links;
use crate::members;
use crate::networks::Networks;

/// How long a conversation may take to tell of what the Messaging webhook told already.
const SETTLING: SignedDuration = SignedDuration::from_secs(3);

/// How long it may take from a conversation's being made to its hearing somebody.
const MAKING: SignedDuration = SignedDuration::from_secs(2);

/// Strangers that are looked at together.
const AT_ONCE: u32 = 50;

/// Groups that are named on a card.
const NAMED: usize = 5;

/// Opens threads for whoever writes alone.
pub struct Inbox {
    ledger: Ledger,
    links: Arc<Links>,
    names: Arc<Names>,
    networks: Networks,
    wakers: Wakers,
    room: Place,
    stop: CancellationToken,
}

impl Inbox {
    /// An inbox in this room. Nothing is done before [`Inbox::start`].
    #[must_use]
    pub fn new(
        ledger: Ledger,
        links: Arc<Links>,
        names: Arc<Names>,
        networks: Networks,
        wakers: Wakers,
        room: Place,
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self { ledger, links, names, networks, wakers, room, stop })
    }

    /// Goes on with what is still to be done, and with what comes.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn start(self: &Arc<Self>) -> Result<(), LedgerError> {
        let open = self.ledger.inbox_open().await?;
        let inbox = Arc::clone(self);
        self.wakers.inbox.runs(move |place: Place| {
            let inbox = Arc::clone(&inbox);
            async move {
                let what = "somebody's thread in the inbox is not there yet";
                work_off(&inbox.stop, what, || inbox.step(&place)).await;
            }
        });
        for place in open {
            self.wakers.inbox.wake(place);
        }
        Ok(())
    }

    /// Lets strangers in, until the stop.
    pub async fn admit(self: Arc<Self>) {
        while !self.stop.is_cancelled() {
            let what = "somebody who wrote is not let in yet";
            work_off(&self.stop, what, || self.next_strangers()).await;
            tokio::select! {
                () = self.wakers.strangers.notified() => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// Does the next step for a conversation; whether there may be another.
    async fn step(&self, conversation: &Place) -> Result<bool, String> {
        let step = self.ledger.inbox_step(conversation).await.map_err(told)?;
        match step {
            None => Ok(false),
            Some(Step::Begin) => self.begin(conversation).await.map(|()| true),
            Some(Step::Tie(thread)) => {
                let powers = self.networks.get(thread.network()).ok_or("its network is gone")?;
                let read = powers.read_back.read_back(&thread, None).await.map_err(told)?;
                self.ledger.begin_anew(&thread, newest(&read)).await.map_err(told)?;
                self.release(conversation, thread).await.map(|()| true)
            }
            Some(Step::Release(thread)) => self.release(conversation, thread).await.map(|()| true),
        }
    }

    async fn release(&self, conversation: &Place, thread: Place) -> Result<(), String> {
        let link = Link { conversation: conversation.clone(), room: thread };
        let accepted = self.ledger.inbox_release(&link).await.map_err(told)?;
        point(Point::InboxReleased);
        if let Err(taken) = self.links.tie(link) {
            tracing::error!(%conversation, instead = %taken.0, "a thread of the inbox is tied already");
        }
        self.wakers.wake(accepted);
        Ok(())
    }

    /// Finds out with whom a conversation is, and has its card posted.
    async fn begin(&self, conversation: &Place) -> Result<(), String> {
        let groups = self.groups()?;
        let all = groups.members(conversation).await.map_err(told)?;
        let phones: Vec<&MemberInfo> = all.iter().filter(|member| is_phone(member)).collect();
        let [MemberInfo { address: Some(address), .. }] = phones.as_slice() else {
            return self.ledger.inbox_is_group(conversation).await.map_err(told);
        };
        let learned = members::learn(groups.as_ref(), &self.ledger, &self.names, conversation);
        learned.await.map_err(told)?;
        let card = self.card(conversation, address).await?;
        let begun = self.ledger.inbox_begin(conversation, address, &self.room, card).await;
        self.wakers.wake(begun.map_err(told)?);
        Ok(())
    }

    /// What stands at the head of somebody's thread.
    async fn card(&self, conversation: &Place, address: &Address) -> Result<String, String> {
        let speaker = Speaker::new(Network::Twilio, address.as_str());
        let name = self.names.resolve(&speaker, conversation).await.name;
        let (key, channel) = (address.contact_key(), channel(address));
        let mut card = format!("{name} ({key}, {channel}) has written.");
        if let Some(profile) = self.names.suggestion(address).await {
            let _ = write!(card, " On WhatsApp they call themselves {profile}.");
        }
        let mut groups = Vec::new();
        for form in address.forms() {
            let found = self.manage()?.memberships(&form).await.map_err(told)?;
            let others = found.into_iter().filter(|one| {
                one.conversation != *conversation && one.state == ConversationState::Active
            });
            groups.extend(others.filter_map(|one| one.name));
        }
        if !groups.is_empty() {
            let more = if groups.len() > NAMED { " and others" } else { "" };
            groups.truncate(NAMED);
            let _ = write!(card, " They are in {}{more}.", groups.join(", "));
        }
        let _ = write!(
            card,
            " What is written in this thread goes to them alone. `member add GROUP {key}` adds them to a group, `inbox close {key}` closes this, `optout add {key}` has them sent nothing more."
        );
        Ok(card)
    }

    /// Looks at strangers whose time has come; whether there are more.
    async fn next_strangers(&self) -> Result<bool, String> {
        let strangers = self.ledger.strangers(AT_ONCE).await.map_err(told)?;
        for stranger in &strangers {
            let age = self.ledger.now().duration_since(stranger.at);
            if let Ok(left) = Duration::try_from(SETTLING - age) {
                tokio::select! {
                    () = tokio::time::sleep(left) => {}
                    () = self.stop.cancelled() => return Ok(false),
                }
            }
            self.let_in(stranger).await?;
        }
        Ok(!strangers.is_empty())
    }

    /// Whoever is in a conversation with that sender by now is heard there; for anybody else one is
    /// made.
    async fn let_in(&self, stranger: &Stranger) -> Result<(), String> {
        let Stranger { address, sender, .. } = stranger;
        let manage = self.manage()?;
        let found = manage.memberships(address).await.map_err(told)?;
        let open = |state| !matches!(state, ConversationState::Closed | ConversationState::Removed);
        let unique = unique_name(address, sender);
        let there = found
            .into_iter()
            .find(|one| one.sender.as_ref() == Some(sender) && open(one.state))
            .map(|one| one.conversation);
        let missed = match &there {
            Some(place) => self.missed(stranger, place, &unique).await?,
            None => false,
        };
        let conversation = match there {
            Some(place) => missed.then_some(place),
            None => Some(self.make(stranger, unique).await?),
        };
        let accepted = self.ledger.let_in(stranger, conversation.as_ref()).await.map_err(told)?;
        self.wakers.wake(accepted);
        Ok(())
    }

    /// Whether what somebody wrote came too early for the conversation, because that was made for
    /// something they had written before.
    async fn missed(
        &self,
        stranger: &Stranger,
        place: &Place,
        unique: &str,
    ) -> Result<bool, String> {
        let group = self.ledger.group(place).await.map_err(told)?;
        let made = group.filter(|group| group.info.unique_name.as_deref() == Some(unique));
        let Some(created) = made.and_then(|group| group.info.created) else { return Ok(false) };
        let early = stranger.at.duration_since(created) <= MAKING;
        Ok(early && !self.ledger.is_said_in(stranger, place).await.map_err(told)?)
    }

    /// Makes a conversation of somebody with a sender.
    async fn make(&self, stranger: &Stranger, unique_name: String) -> Result<Place, String> {
        let Stranger { address, sender, .. } = stranger;
        let (manage, groups) = (self.manage()?, self.groups()?);
        let speaker = Speaker::new(Network::Twilio, address.as_str());
        let name = self.names.resolve(&speaker, &Place::conversation("")).await.name;
        let created_by = "inbox".to_owned();
        let new = NewConversation { unique_name, name, description: None, created_by };
        let info = manage.create(&new).await.map_err(told)?;
        let place = info.place.clone();
        let note = GroupChange::Note(Box::new(info));
        self.ledger.change_groups(vec![note]).await.map_err(told)?;
        // From here on what they write comes by the conversation: it begins now.
        let powers = self.networks.get(Network::Twilio).ok_or("Twilio is not configured")?;
        let read = powers.read_back.read_back(&place, None).await.map_err(told)?;
        self.ledger.begin_anew(&place, newest(&read)).await.map_err(told)?;
        manage.add_member(&place, address, Some(sender)).await.map_err(told)?;
        point(Point::InboxMade);
        let learned = members::learn(groups.as_ref(), &self.ledger, &self.names, &place).await;
        learned.map_err(told)?;
        Ok(place)
    }

    fn groups(&self) -> Result<Arc<dyn Groups>, String> {
        let powers = self.networks.get(Network::Twilio);
        powers.and_then(|powers| powers.groups.clone()).ok_or("Twilio is not configured".into())
    }

    fn manage(&self) -> Result<Arc<dyn Manage>, String> {
        let powers = self.networks.get(Network::Twilio);
        powers.and_then(|powers| powers.manage.clone()).ok_or("Twilio is not configured".into())
    }
}

fn is_phone(member: &MemberInfo) -> bool {
    member.address.as_ref().is_some_and(|address| address.channel() != Channel::Client)
}

fn channel(address: &Address) -> &'static str {
    match address.channel() {
        Channel::WhatsApp => "WhatsApp",
        Channel::Sms => "SMS",
        Channel::Messenger => "Messenger",
        Channel::Client => "an SDK client",
    }
}

/// The name by which the conversation of somebody with a sender is found again; no number, since
/// whoever sees the console sees names.
fn unique_name(address: &Address, sender: &Address) -> String {
    let digest = Sha256::digest(format!("{address} {sender}"));
    let digest: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("inbox-{digest}")
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
