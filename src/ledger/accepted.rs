//! What a write gives others to do: lanes that have something to send, and all who are waiting for news.

use partyline_core::Place;

use super::Lane;

/// What became of the events of one [`Ledger::accept`](super::Ledger::accept).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Events that were new.
    pub fresh: usize,
    /// Events that had come before.
    pub repeats: usize,
    /// Lanes that have something to send now.
    pub wake: Vec<Lane>,
    /// Places in which something before what came is missing.
    pub gaps: Vec<Place>,
    /// Places with a command to carry out.
    pub commands: Vec<Place>,
    /// Conversations after which their rooms are to be named.
    pub renamed: Vec<Place>,
    /// There is news of how far messages came.
    pub ticks: bool,
    /// People who opted out, or in again, each with the groups that they are to be taken out of.
    pub optouts: Vec<(String, Vec<Place>)>,
    /// Conversations of the inbox for which something is to be done.
    pub inbox: Vec<Place>,
    /// Somebody wrote who may be in no conversation.
    pub strangers: bool,
    /// Phones for which something is held, and of which there is news.
    pub phones: Vec<Place>,
    /// Conversations with receipts of people whom nobody knows.
    pub strays: Vec<Place>,
    /// Lanes in which something was given up of which its room is still to be told.
    pub failed: Vec<Lane>,
    /// It is to be asked what became of something.
    pub inquiries: bool,
}

impl Accepted {
    pub(super) fn wake(&mut self, lane: Lane) {
        if !self.wake.contains(&lane) {
            self.wake.push(lane);
        }
    }

    pub(super) fn opted(&mut self, id: String, leaving: Vec<Place>) {
        self.optouts.push((id, leaving));
    }

    pub(super) fn gap(&mut self, place: &Place) {
        if !self.gaps.contains(place) {
            self.gaps.push(place.clone());
        }
    }

    pub(super) fn command(&mut self, place: &Place) {
        if !self.commands.contains(place) {
            self.commands.push(place.clone());
        }
    }
}
