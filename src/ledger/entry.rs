//! An event on its way into the ledger, with all that is written down because of it.

use bytes::Bytes;
use partyline_core::{Event, PersonId, Place};

use super::{Owed, Plea, Told};

/// An event on its way into the ledger.
#[derive(Debug)]
pub struct Entry {
    /// What happened.
    pub event: Event,
    /// The bytes that said so.
    pub raw: Bytes,
    /// The way by which it came.
    pub via: &'static str,
    /// What is owed because of it.
    pub owed: Vec<Owed>,
    /// What is owed with it, unless the same was told before.
    pub once: Option<Told>,
    /// How its turn is found.
    pub order: Order,
    /// Whether it came from a conversation that no room is tied to.
    pub unlinked: bool,
    /// The group that it concerns, where it happened in a room that is tied to one.
    pub group: Option<Place>,
    /// Who is told, if it changes something that people want to know.
    pub tell: Vec<Place>,
    /// What somebody on a phone asks for by it.
    pub plea: Option<Plea>,
    /// It may concern the inbox: what it is owed can have to wait for a thread.
    pub inbox: bool,
    /// Who is mentioned from now on when somebody writes in the inbox, where nobody is yet.
    pub owner: Option<PersonId>,
}

impl Entry {
    /// Whether it was read from a list of the platform's, and its time is the platform's own.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.via == "list"
    }

    /// An event by itself: nothing is owed because of it, nobody is told, and no bytes are kept.
    #[must_use]
    pub fn alone(event: Event, via: &'static str, order: Order) -> Self {
        Self {
            event,
            raw: Bytes::new(),
            via,
            owed: Vec::new(),
            once: None,
            order,
            unlinked: false,
            group: None,
            tell: Vec::new(),
            plea: None,
            inbox: false,
            owner: None,
        }
    }
}

/// How an event's turn among those of its place is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It is its turn.
    Arrival,
    /// Its ordinal counts without holes (a Twilio index): held while a smaller one is missing.
    Counted,
    /// Held until [`Ledger::release_missed`](super::Ledger::release_missed): its place is being read back.
    Held,
    /// It has none: it only says how far its place has been read.
    CursorOnly,
}
