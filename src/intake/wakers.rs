//! What is woken by what came.

use std::sync::Arc;

use partyline_core::Place;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::catchup::Polls;
use crate::fates::Inquiries;
use crate::keyed::Keyed;
use crate::ledger::{Accepted, Lane};
use crate::optouts::Leaving;
use crate::sends::Sends;

/// What is woken by what came.
#[derive(Clone)]
pub struct Wakers {
    /// Lanes with something to send.
    pub lanes: Arc<Keyed<Lane>>,
    /// Lanes in which something was given up of which its room is still to be told.
    pub failed: Arc<Keyed<Lane>>,
    /// Places with a command to carry out.
    pub commands: Arc<Keyed<Place>>,
    /// Places to read back.
    pub reads: Arc<Keyed<Place>>,
    /// Conversations after which their rooms are to be named.
    pub names: Arc<Keyed<Place>>,
    /// People who opted out, or in again, by what the ledger knows them by.
    pub optouts: Arc<Keyed<String>>,
    /// The groups that some of them are about to be taken out of.
    pub leaving: Arc<Leaving>,
    /// What goes to phones alone, and never to somebody who is being erased.
    pub sends: Arc<Sends>,
    /// Conversations of the inbox for which something is to be done.
    pub inbox: Arc<Keyed<Place>>,
    /// Told when somebody wrote who may be in no conversation.
    pub strangers: Arc<Notify>,
    /// Phones for which something is held.
    pub phones: Arc<Keyed<Place>>,
    /// Conversations with receipts of people whom nobody knows.
    pub strays: Arc<Keyed<Place>>,
    /// Told when there is news of how far messages came.
    pub ticks: Arc<Notify>,
    /// Told of what is said to conversations, where they have to be asked for answers.
    pub polls: Option<Arc<Polls>>,
    /// Told when there is more to ask what became of it, where that has to be asked.
    pub inquiries: Option<Arc<Inquiries>>,
    /// Told of what is said in places that are compared with their histories: Slack's rooms, and
    /// conversations where Twilio calls.
    pub comparisons: Vec<Arc<Polls>>,
}

impl Wakers {
    /// Those of a program whose work is among these tasks. Nobody is told of what is said.
    #[must_use]
    pub fn new(tasks: &TaskTracker) -> Self {
        Self {
            lanes: Keyed::new(tasks.clone()),
            failed: Keyed::new(tasks.clone()),
            commands: Keyed::new(tasks.clone()),
            reads: Keyed::new(tasks.clone()),
            names: Keyed::new(tasks.clone()),
            optouts: Keyed::new(tasks.clone()),
            leaving: Arc::default(),
            sends: Arc::default(),
            inbox: Keyed::new(tasks.clone()),
            strangers: Arc::default(),
            phones: Keyed::new(tasks.clone()),
            strays: Keyed::new(tasks.clone()),
            ticks: Arc::default(),
            polls: None,
            inquiries: None,
            comparisons: Vec::new(),
        }
    }

    /// Whoever decides when places are read again.
    pub(crate) fn turns(&self) -> impl Iterator<Item = &Arc<Polls>> {
        self.polls.iter().chain(&self.comparisons)
    }

    /// Wakes whatever this outcome gives work to.
    pub fn wake(&self, accepted: Accepted) {
        for (id, leaving) in accepted.optouts {
            self.leaving.mark(&id, leaving);
            self.optouts.wake(id);
        }
        for lane in accepted.wake {
            if let Some(polls) = &self.polls {
                polls.stir(&lane.place);
            }
            self.lanes.wake(lane);
        }
        for lane in accepted.failed {
            self.failed.wake(lane);
        }
        for place in accepted.commands {
            self.commands.wake(place);
        }
        for place in accepted.inbox {
            self.inbox.wake(place);
        }
        if accepted.strangers {
            self.strangers.notify_one();
        }
        if let Some(inquiries) = self.inquiries.as_ref().filter(|_| accepted.inquiries) {
            inquiries.stir();
        }
        if accepted.ticks {
            self.ticks.notify_one();
        }
        for place in accepted.gaps {
            self.reads.wake(place);
        }
        for phone in accepted.phones {
            self.phones.wake(phone);
        }
        for place in accepted.strays {
            self.strays.wake(place);
        }
        for place in accepted.renamed {
            self.names.wake(place);
        }
    }
}
