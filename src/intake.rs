//! The one door in: everything from every platform, live or read back, comes through
//! [`Door::accept`].

mod entries;
mod logged;
mod notes;
mod read_back;
mod refused;
mod wakers;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use partyline_core::{Cursor, Incoming, Intake, Lateness, Lost, Network, NotStored, Place, Stored};

use crate::alerts::Signs;
use crate::blocks::Blocks;
use crate::config::{Inbox, Optout};
use crate::contacts::Names;
use crate::crash::{Point, point};
use crate::ledger::{Entry, Ledger, LedgerError, Limit, Through};
use crate::links::Links;
use crate::moderation::Moderation;
use crate::route::Limits;
pub use logged::Logged;
use notes::{Note, note};
pub(crate) use read_back::newest;
use refused::Refused;
pub use wakers::Wakers;

/// The door. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    ledger: Ledger,
    links: Arc<Links>,
    names: Arc<Names>,
    limits: Arc<Limits>,
    wakers: Wakers,
    signs: Arc<Signs>,
    refused: Arc<Refused>,
    late: Late,
    optout: Arc<Optout>,
    inbox: Arc<Inbox>,
    moderation: Arc<Moderation>,
    blocks: Arc<Blocks>,
}

/// What is done with what comes.
#[derive(Clone)]
pub struct Rules {
    /// With what comes late.
    pub late: Late,
    /// With words by which people on phones ask for no more messages.
    pub optout: Optout,
    /// Where each person who writes without being in a group has a thread.
    pub inbox: Inbox,
    /// With what members may not say.
    pub moderation: Arc<Moderation>,
    /// Of whom nothing is relayed.
    pub blocks: Arc<Blocks>,
}

/// What is done with what comes late.
#[derive(Clone, Debug)]
pub struct Late {
    /// How much of what was missed is still relayed.
    pub limit: Limit,
    /// How its times are told.
    pub lateness: Lateness,
}

impl Door {
    /// A door to this ledger.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        links: Arc<Links>,
        names: Arc<Names>,
        limits: Limits,
        wakers: Wakers,
        signs: Arc<Signs>,
        rules: Rules,
    ) -> Self {
        let (refused, limits) = (Arc::default(), Arc::new(limits));
        let Rules { late, optout, inbox, moderation, blocks } = rules;
        let (optout, inbox) = (Arc::new(optout), Arc::new(inbox));
        Self {
            ledger,
            links,
            names,
            limits,
            wakers,
            signs,
            refused,
            late,
            optout,
            inbox,
            moderation,
            blocks,
        }
    }

    /// Has what could not be stored read back, once it can be. Runs until it is dropped.
    pub fn make_up(&self) -> impl Future<Output = ()> + Send + use<> {
        let door = self.clone();
        async move { door.refused.read_back(&door.ledger, &door.wakers).await }
    }

    async fn keep_unread(&self, incoming: Incoming) -> Result<(), NotStored> {
        self.keep_unread_once(incoming, Duration::ZERO).await
    }

    /// Keeps what was not understood, unless the same was kept within `lately` before.
    async fn keep_unread_once(
        &self,
        incoming: Incoming,
        lately: Duration,
    ) -> Result<(), NotStored> {
        let Incoming { network, via, raw, .. } = incoming;
        let bytes = raw.len();
        let kept = self.ledger.keep_unparsed(network, via, raw, lately).await;
        if !kept.map_err(|error| NotStored(error.to_string()))? {
            return Ok(());
        }
        metrics::counter!("partyline_unparsed_total",
            "network" => network.as_str(), "via" => via)
        .increment(1);
        tracing::warn!(%network, via, bytes,
            "something came that was not understood; its bytes are kept in the ledger (table unparsed)");
        Ok(())
    }

    async fn store(&self, entries: Vec<Entry>) -> Result<Stored, NotStored> {
        if entries.is_empty() {
            return Ok(Stored::default());
        }
        let door = self.clone();
        // In a task of its own: a caller that goes away between the commit and the wake-up must
        // not leave what is stored lying until the next start.
        tokio::spawn(async move {
            let notes: Vec<Note> = entries.iter().filter_map(|entry| note(&entry.event)).collect();
            point(Point::IntakeBegin);
            let said = entries.iter().filter(|entry| can_be_read_back(entry));
            let places: Vec<Place> = said.map(|entry| entry.event.place.clone()).collect();
            let accepted = match door.ledger.accept(entries).await {
                Ok(accepted) => accepted,
                Err(error) => {
                    door.refused.note(places);
                    return Err(error);
                }
            };
            point(Point::IntakeStored);
            for turns in &door.wakers.comparisons {
                places.iter().for_each(|place| turns.stir(place));
            }
            let stored = Stored { fresh: accepted.fresh, repeats: accepted.repeats };
            if stored.repeats > 0 {
                metrics::counter!("partyline_events_repeated_total")
                    .increment(stored.repeats as u64);
            }
            let noted = door.take_notes(notes).await;
            point(Point::IntakeNoted);
            // What is stored is sent, even where the names could not be noted: a repeat wakes nobody.
            door.wakers.wake(accepted);
            point(Point::IntakeWoken);
            noted.map(|()| stored)
        })
        .await
        .unwrap_or_else(|error| Err(LedgerError::Unusable(error.to_string())))
        .map_err(|error: LedgerError| NotStored(error.to_string()))
    }
}

#[async_trait]
impl Intake for Door {
    async fn accept(&self, incoming: Incoming) -> Result<Stored, NotStored> {
        if incoming.events.is_empty() {
            return self.keep_unread(incoming).await.map(|()| Stored::default());
        }
        let entries = self.entries(incoming, false);
        self.store(entries).await
    }

    async fn cursor(&self, place: &Place) -> Result<Option<Cursor>, NotStored> {
        self.ledger.cursor(place).await.map_err(|error| NotStored(error.to_string()))
    }

    async fn missed(
        &self,
        place: &Place,
        pieces: Vec<Incoming>,
        lost: Option<Lost>,
    ) -> Result<(), NotStored> {
        let through = match newest(&pieces).last {
            Some(last) => Through::Message(last),
            None => Through::Hold(self.ledger.hold_on(place).await.map_err(not_stored)?),
        };
        let threads = self.threads_in(&pieces, place);
        self.accept_read_back(pieces).await?;
        for (thread, last) in threads {
            let released = self.release(&thread, Through::Message(last), None).await;
            released.map_err(not_stored)?;
        }
        self.release(place, through, lost).await.map_err(not_stored)
    }

    async fn reconnected(&self, network: Network, now: Option<Timestamp>) -> Result<(), NotStored> {
        self.hold(network, now).await?;
        if network == Network::Slack {
            for room in self.links.places(network) {
                self.wakers.reads.wake(room);
            }
        }
        Ok(())
    }

    async fn withheld(&self, network: Network) -> Result<(), NotStored> {
        self.hold(network, None).await
    }
}

impl Door {
    async fn hold(&self, network: Network, now: Option<Timestamp>) -> Result<(), NotStored> {
        // A Matrix sync fills its own gaps, in order; a Twilio conversation's index shows them.
        if network != Network::Slack {
            return Ok(());
        }
        // A channel that was never read begins now.
        let rooms = self.links.places(network);
        let now = now.map_or_else(|| now_in_slack(&self.ledger), ordinal_in_slack);
        let held = self.ledger.hold(rooms, now).await;
        held.map_err(|error| NotStored(error.to_string()))?;
        point(Point::HoldPlaced);
        Ok(())
    }
}

/// The ordinal that a Slack message of this time would have: microseconds.
fn ordinal_in_slack(time: Timestamp) -> u64 {
    u64::try_from(time.as_microsecond()).unwrap_or_default()
}

fn now_in_slack(ledger: &Ledger) -> u64 {
    ordinal_in_slack(ledger.now())
}

/// Whether a list shows it: it was said, and has a place in the order of its conversation or room.
fn can_be_read_back(entry: &Entry) -> bool {
    entry.event.ordinal.is_some() && entry.event.happening.message().is_some()
}

fn not_stored(error: impl std::fmt::Display) -> NotStored {
    NotStored(error.to_string())
}
