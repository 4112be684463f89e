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

use jiff::Timestamp;
use partyline_core::{Again, Lost, Network, Place, Verdict};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::intake::{Door, Wakers};
use crate::ledger::{Ledger, LedgerError};
use crate::links::Links;
use crate::networks::Networks;
use crate::poison::{Guard, Poison};
use compare::is_compared;
use lost::deadly;
pub use polls::{Pace, Polls};
use trouble::Trouble;

/// Places of a network that are read at once. The bridges keep the platforms' rates; this bounds
/// the memory.
const AT_ONCE: usize = 8;
/// After so many failures in a row, what is held is let go: late and perhaps with a hole is better
/// than never. The rooms are told, and it is read again later.
const TRIES: u32 = 10;
/// Between two tries.
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

    /// Reads again, now and then, what could not be read; and, where Twilio does not call, asks
    /// conversations for news, and compares Slack's rooms, when it is their turn. Runs until the
    /// stop.
    pub async fn tend(self: Arc<Self>) {
        let asking = async |polls: &Option<Arc<Polls>>| match polls {
            Some(polls) => polls.run(&self.links, &self.wakers.reads).await,
            None => std::future::pending().await,
        };
        let again = async {
            let mut ticks = tokio::time::interval(AGAIN);
            loop {
                ticks.tick().await;
                match self.ledger.places_with_holes().await {
                    Ok(places) => {
                        places.into_iter().for_each(|place| self.wakers.reads.wake(place));
                    }
                    Err(error) => tracing::error!(%error, "what is to be read again is not known"),
                }
            }
        };
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = asking(&self.wakers.polls) => {}
            () = asking(&self.wakers.comparisons) => {}
            () = again => {}
        }
    }

    async fn run(&self, place: &Place) {
        if self.deadly().contains(place) {
            return self.let_go(place, Some(deadly())).await;
        }
        if is_compared(place) && self.ledger.is_settled(place).await.unwrap_or_default() {
            return self.compare_once(place).await;
        }
        if self.ledger.holds(place).await.unwrap_or_default() {
            // A hook that overtook another: most often the other comes by itself.
            self.pause(self.gap_wait).await;
        }
        let mut pause = Duration::from_millis(500);
        let mut why = None;
        for tries in 1..=TRIES {
            if self.stop.is_cancelled() {
                return;
            }
            let asked = match self.attempt(place, || self.read(place)).await {
                Ok(()) => return,
                Err(Trouble::Ledger(error)) => {
                    tracing::error!(%place, error, "what was read back could not be stored; trying again");
                    Duration::ZERO
                }
                Err(Trouble::Poison(poison)) => {
                    tracing::error!(%place, tries, "could not be read back: {poison}");
                    if poison == Poison::Deadly {
                        why = Some(self.read_no_more(place).await);
                        break;
                    }
                    why = Some(Lost {
                        why: format!("Reading was given up: {poison}."),
                        again: Again::Yes,
                    });
                    Duration::ZERO
                }
                Err(Trouble::Platform(failure)) => {
                    tracing::warn!(%place, tries, "could not be read back: {failure}");
                    why = Some(Lost { why: failure.sentence, again: Again::Yes });
                    match failure.verdict {
                        Verdict::Never => break,
                        Verdict::Later(wait) => wait.unwrap_or_default(),
                        Verdict::Unknown => Duration::ZERO,
                    }
                }
            };
            self.pause(pause.max(asked)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.give_up(place, why).await;
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
        if let Some(turns) = &self.wakers.comparisons {
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
