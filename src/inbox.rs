//! The inbox: whoever writes without being in a group has a thread of their own in one room.
//!
//! What is to be done stands in the ledger ([`crate::ledger::InboxStep`]). A conversation that is tied
//! to nothing, with one person in it, gets a card in the room, and the card's thread is tied to it
//! (`card`). Where only the Messaging webhook tells of what somebody wrote, because there is no
//! conversation of theirs with that sender, one is made for it (`strangers`).

mod card;
mod strangers;

use std::sync::Arc;
use std::time::Duration;

use partyline_core::{Channel, Groups, Lateness, Link, Manage, MemberInfo, Network, Place};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::Mention;
use crate::contacts::Names;
use crate::crash::{Point, point};
use crate::intake::{Wakers, newest};
use crate::keyed::work_off;
use crate::ledger::{InboxStep, Ledger, LedgerError};
use crate::links::Links;
use crate::members;
use crate::networks::Networks;

/// How long strangers wait at the most for that what others wrote before them is read back.
const CATCHING_UP: Duration = Duration::from_secs(30);

/// Opens threads for whoever writes alone.
pub struct Inbox {
    ledger: Ledger,
    links: Arc<Links>,
    names: Arc<Names>,
    networks: Networks,
    wakers: Wakers,
    room: Place,
    mention: Mention,
    lateness: Lateness,
    stop: CancellationToken,
}

/// Where people are answered, and how it looks there.
pub struct Manners {
    /// The room with their threads.
    pub room: Place,
    /// Who a conversation is for.
    pub mention: Mention,
    /// How times are told.
    pub lateness: Lateness,
}

impl Inbox {
    /// An inbox over this ledger. Nothing is done before [`Inbox::start`].
    #[must_use]
    pub fn new(
        ledger: Ledger,
        links: Arc<Links>,
        names: Arc<Names>,
        networks: Networks,
        wakers: Wakers,
        manners: Manners,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let Manners { room, mention, lateness } = manners;
        Arc::new(Self { ledger, links, names, networks, wakers, room, mention, lateness, stop })
    }

    /// Goes on with what is still to be done, and with what comes.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn start(self: &Arc<Self>) -> Result<(), LedgerError> {
        self.ledger.inbox_begins().await?;
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

    /// Lets strangers in, until the stop: once it was read what they wrote while nobody heard of it, so
    /// that the order holds.
    pub async fn admit(self: Arc<Self>, mut caught_up: watch::Receiver<bool>) {
        while !self.stop.is_cancelled() {
            let caught_up = caught_up.wait_for(|caught_up| *caught_up);
            tokio::select! {
                _ = tokio::time::timeout(CATCHING_UP, caught_up) => {}
                () = self.stop.cancelled() => return,
            }
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
            Some(InboxStep::Begin { heard }) => {
                self.begin(conversation, heard).await.map(|()| true)
            }
            Some(InboxStep::Tie(thread)) => {
                let powers = self.networks.get(thread.network()).ok_or("its network is gone")?;
                let read = powers.read_back.read_back(&thread, None).await.map_err(told)?;
                self.ledger.begin_anew(&thread, newest(&read)).await.map_err(told)?;
                self.release(conversation, thread).await.map(|()| true)
            }
            Some(InboxStep::Release(thread)) => {
                self.release(conversation, thread).await.map(|()| true)
            }
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
    async fn begin(&self, conversation: &Place, heard: bool) -> Result<(), String> {
        let groups = self.groups()?;
        let all = groups.members(conversation).await.map_err(told)?;
        let phones: Vec<&MemberInfo> = all.iter().filter(|member| is_phone(member)).collect();
        let [MemberInfo { address: Some(address), .. }] = phones.as_slice() else {
            return self.ledger.inbox_is_group(conversation).await.map_err(told);
        };
        let learned = members::learn(groups.as_ref(), &self.ledger, &self.names, conversation);
        learned.await.map_err(told)?;
        let card = self.card(conversation, address, heard).await?;
        let begun = self.ledger.inbox_begin(conversation, address, &self.room, card).await;
        self.wakers.wake(begun.map_err(told)?);
        Ok(())
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

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
