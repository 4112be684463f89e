//! Reads back what was missed: after a start, a reconnect, or a hole in a conversation's count.
//!
//! It is the same road as everything else: what is read goes through intake, whose keys make
//! repeats harmless, and is released in the order of its place. All of a place is read before
//! anything of it is released, so that it is known what comes too late to be relayed.

mod compare;
mod lost;
mod polls;
mod read;
mod trouble;
pub(crate) mod words;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use partyline_core::{Network, Place, Watch};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::intake::{Door, Wakers};
use crate::ledger::{Ledger, LedgerError};
use crate::links::Links;
use crate::networks::{Networks, until};
use crate::poison::Guard;
use compare::is_compared;
use lost::deadly;
pub use polls::{Pace, Polls};
use trouble::Trouble;

/// Places of a network that are read at once. The bridges keep the platforms' rates; this bounds
/// the memory.
const AT_ONCE: usize = 8;
/// After so many failures in a row, what is held is let go: late and perhaps with a hole is better
/// than never. The rooms are told, and it is read again later. Where nothing is held, it is tried on.
const TRIES: u32 = 10;
/// The pauses between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often what could not be read is read again.
const AGAIN: Duration = Duration::from_secs(600);

/// Reads places back, a bounded number at once.
pub struct CatchUp {
    door: Door,
    ledger: Ledger,
    links: Arc<Links>,
    networks: Networks,
    wakers: Wakers,
    stop: CancellationToken,
    gap_wait: Duration,
    inbox: Option<Place>,
    guard: Arc<Guard>,
    /// For each network, so that one that is slow holds up no other.
    turns: HashMap<Network, Semaphore>,
    /// When the daemon started.
    started: Timestamp,
    /// Places over which this version of the program died again and again: they are not read.
    deadly: Mutex<HashSet<Place>>,
}

/// How what was missed is read.
pub struct Rules {
    /// Watches over reads that panic or end the program.
    pub guard: Arc<Guard>,
    /// How long a missing message may still come by itself before it is read.
    pub gap_wait: Duration,
    /// The inbox's room. Where there is one it counts, too, what is said in conversations that are tied
    /// to nothing; and a Matrix room is read itself, for its threads.
    pub inbox: Option<Place>,
}

impl CatchUp {
    /// A reader of these networks. Nothing is read before [`CatchUp::start`].
    #[must_use]
    pub fn new(
        door: Door,
        ledger: Ledger,
        links: Arc<Links>,
        networks: Networks,
        wakers: Wakers,
        stop: CancellationToken,
        rules: Rules,
    ) -> Arc<Self> {
        let turns = Network::ALL.map(|network| (network, Semaphore::new(AT_ONCE)));
        let Rules { guard, gap_wait, inbox } = rules;
        Arc::new(Self {
            started: ledger.now(),
            door,
            ledger,
            links,
            networks,
            wakers,
            stop,
            gap_wait,
            inbox,
            guard,
            turns: turns.into(),
            deadly: Mutex::default(),
        })
    }

    /// Reads back every linked conversation, every place in which something is held, and Matrix
    /// rooms that have no cursor yet. Slack's rooms follow when it is connected; other Matrix rooms
    /// are read in the bridge's own sync.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn start(self: &Arc<Self>) -> Result<(), LedgerError> {
        let deadly = self.ledger.deadly_places().await?;
        self.deadly().extend(deadly);
        let catch_up = Arc::clone(self);
        self.wakers.reads.runs(move |place| {
            let catch_up = Arc::clone(&catch_up);
            async move { catch_up.run(&place).await }
        });
        let (links, inbox) = (Arc::clone(&self.links), self.inbox.clone());
        let followed = move |place: &Place| {
            let of_the_inbox = |room| room == place || place.is_conversation();
            links.knows(place) || inbox.as_ref().is_some_and(of_the_inbox)
        };
        self.ledger.forget_cursors(followed).await?;
        self.ledger.note_tied(self.links.places(Network::Twilio)).await?;
        let held = self.ledger.places_held().await?;
        for place in self.links.places(Network::Twilio).into_iter().chain(held) {
            self.wakers.reads.wake(place);
        }
        let inbox = self.inbox.iter().filter(|room| room.network() == Network::Matrix);
        for room in self.links.places(Network::Matrix).into_iter().chain(inbox.cloned()) {
            if self.ledger.cursor(&room).await?.is_none() {
                self.wakers.reads.wake(room);
            }
        }
        Ok(())
    }

    /// Reads again, now and then and when a network works again, what could not be read; asks
    /// conversations for news and compares Slack's rooms, when it is their turn. Runs until the stop.
    pub async fn tend(self: Arc<Self>) {
        let asking = self.wakers.turns().map(|turns| turns.run(&self.links, &self.wakers.reads));
        let networks = self.networks.iter();
        let recovering =
            networks.map(|(network, powers)| self.follow(network, powers.watch.as_ref()));
        let again = async {
            let mut ticks = tokio::time::interval(AGAIN);
            loop {
                ticks.tick().await;
                self.read_holes(|_| true).await;
            }
        };
        // None of these ends.
        let tending = futures_util::future::join3(join_all(asking), join_all(recovering), again);
        self.stop.run_until_cancelled(tending).await;
    }

    /// Whenever a network works again, reads what could not be read of it; and each conversation, for
    /// Twilio does not repeat a call that met nobody, and the last message leaves no hole behind.
    async fn follow(&self, network: Network, watch: &dyn Watch) {
        until(watch, true).await;
        loop {
            until(watch, false).await;
            tracing::warn!(%network,
                "the network does not work; what could not be read is read once it does");
            until(watch, true).await;
            self.read_holes(|place| place.network() == network).await;
            if network == Network::Twilio {
                let conversations = self.links.places(network).into_iter();
                conversations.for_each(|place| self.wakers.reads.wake(place));
            }
        }
    }

    async fn read_holes(&self, wanted: impl Fn(&Place) -> bool) {
        match self.ledger.places_with_holes().await {
            Ok(places) => {
                let places = places.into_iter().filter(|place| wanted(place));
                places.for_each(|place| self.wakers.reads.wake(place));
            }
            Err(error) => tracing::error!(%error, "what is to be read again is not known"),
        }
    }

    async fn run(&self, place: &Place) {
        if self.deadly().contains(place) {
            self.let_go(place, deadly()).await;
            return;
        }
        if is_compared(place) && self.ledger.is_settled(place).await.unwrap_or_default() {
            return self.compare_once(place).await;
        }
        if self.ledger.holds(place).await.unwrap_or_default() {
            // A hook that overtook another: most often the other comes by itself.
            self.pause(self.gap_wait).await;
        }
        let (mut pause, mut tries) = (FIRST_PAUSE, 0_u32);
        while !self.stop.is_cancelled() {
            let Err(trouble) = self.attempt(place, || self.read(place)).await else { return };
            tries = tries.saturating_add(1);
            tracing::warn!(%place, tries, "could not be read back: {trouble}");
            let end =
                trouble.is_final() || tries >= TRIES && self.is_hopeless(place, &trouble).await;
            if end && self.give_up(place, &trouble).await {
                return;
            }
            self.pause(pause.max(trouble.wait())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Whether it is better to give up, after many tries. Where a network is down and nothing waits
    /// behind what is missing, nothing is won by it.
    async fn is_hopeless(&self, place: &Place, trouble: &Trouble) -> bool {
        matches!(trouble, Trouble::Poison(_)) || self.ledger.holds(place).await.unwrap_or_default()
    }

    /// Compares a room. Where that fails nothing is known to be missing: it has its next turn.
    async fn compare_once(&self, place: &Place) {
        let news = match self.attempt(place, || self.compare(place)).await {
            Ok(missed) => missed,
            Err(trouble) => {
                tracing::info!(%place, "could not be compared with its history: {trouble}");
                false
            }
        };
        for turns in &self.wakers.comparisons {
            turns.was_read(place, news);
        }
    }

    /// Reads a place once, when it is its turn. It has no turn while it waits for the next try.
    async fn attempt<T, F: Future<Output = Result<T, Trouble>>>(
        &self,
        place: &Place,
        read: impl FnOnce() -> F,
    ) -> Result<T, Trouble> {
        let _turn = match self.turns.get(&place.network()) {
            Some(turns) => turns.acquire().await.ok(),
            None => None,
        };
        let name = || format!("read {place}");
        // In a box, so that the thousands that wait for their turn after a start are small.
        match self.guard.attempt(name, Box::pin(read())).await {
            Ok(read) => read,
            Err(poison) => Err(Trouble::Poison(poison)),
        }
    }

    fn deadly(&self) -> std::sync::MutexGuard<'_, HashSet<Place>> {
        self.deadly.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.stop.cancelled() => {}
        }
    }
}

#[cfg(test)]
mod tests;
