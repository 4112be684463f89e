//! Reads back what was missed: after a start, a reconnect, or a hole in a conversation's count.
//!
//! It is the same road as everything else: what is read goes through intake, whose keys make
//! repeats harmless, and is released in the order of its place.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use partyline_core::{Cursor, Failure, Incoming, Network, Place, Verdict};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::crash::{Point, point};
use crate::intake::{Door, Wakers};
use crate::ledger::{Hold, Ledger, LedgerError};
use crate::links::Links;
use crate::networks::Networks;
use crate::poison::{Guard, Poison};

/// Places that are read at once. The bridges keep the platforms' rates; this bounds the memory.
const AT_ONCE: usize = 8;
/// Events that go into the ledger in one commit.
const CHUNK: usize = 200;
/// So many pieces from one read-back may not be all that there is.
const MANY: usize = 1000;
/// How many messages before the newest of a conversation that was never read are looked through
/// for those that were said since the start.
const LOOK_BACK: u64 = 100;
/// After so many failures in a row, what is held is let go: late and perhaps with a hole is better
/// than never. It is logged, counted, and read again at the next reconnect.
const TRIES: u32 = 10;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Reads places back, a bounded number at once.
pub struct CatchUp {
    door: Door,
    ledger: Ledger,
    links: Arc<Links>,
    networks: Networks,
    wakers: Wakers,
    stop: CancellationToken,
    rules: Rules,
    places: Semaphore,
    /// When the daemon started, less what a platform's times may lack.
    started: Timestamp,
}

/// How what was missed is read.
pub struct Rules {
    /// Watches over reads that panic or end the program.
    pub guard: Arc<Guard>,
    /// How long a missing message may still come by itself before it is read.
    pub gap_wait: Duration,
}

enum Trouble {
    Platform(Failure),
    Ledger(String),
    /// It panicked.
    Ours,
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
        let places = Semaphore::new(AT_ONCE);
        // Twilio's lists tell times in whole seconds, cut off.
        let started = ledger.now() - jiff::SignedDuration::from_secs(1);
        Arc::new(Self { started, door, ledger, links, networks, wakers, stop, rules, places })
    }

    /// Reads back every linked conversation, every place in which something is held, and Matrix
    /// rooms that have no cursor yet. Slack's rooms follow when it is connected; other Matrix rooms
    /// are read in the bridge's own sync.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn start(self: &Arc<Self>) -> Result<(), LedgerError> {
        let catch_up = Arc::clone(self);
        self.wakers.reads.runs(move |place| {
            let catch_up = Arc::clone(&catch_up);
            async move { catch_up.run(&place).await }
        });
        let links = Arc::clone(&self.links);
        self.ledger.forget_cursors(move |place| links.knows(place)).await?;
        let held = self.ledger.places_held().await?;
        for place in self.links.places(Network::Twilio).into_iter().chain(held) {
            self.wakers.reads.wake(place);
        }
        for room in self.links.places(Network::Matrix) {
            if self.ledger.cursor(&room).await?.is_none() {
                self.wakers.reads.wake(room);
            }
        }
        Ok(())
    }

    /// Reads every linked place of a network again and again: the way in for a network that cannot
    /// call us.
    pub fn poll(
        self: &Arc<Self>,
        network: Network,
        every: Duration,
    ) -> impl Future<Output = ()> + Send + use<> {
        let catch_up = Arc::clone(self);
        async move {
            let mut ticks = tokio::time::interval(every);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let stop = catch_up.stop.clone();
            stop.run_until_cancelled(async {
                loop {
                    ticks.tick().await;
                    for place in catch_up.links.places(network) {
                        catch_up.wakers.reads.wake(place);
                    }
                }
            })
            .await;
        }
    }

    async fn run(&self, place: &Place) {
        if self.ledger.holds(place).await.unwrap_or_default() {
            // A hook that overtook another: most often the other comes by itself.
            self.pause(self.rules.gap_wait).await;
        }
        let Ok(_turn) = self.places.acquire().await else { return };
        let mut pause = Duration::from_millis(500);
        for tries in 1..=TRIES {
            if self.stop.is_cancelled() {
                return;
            }
            let name = || format!("read {place}");
            let read = match self.rules.guard.attempt(name, self.read(place)).await {
                Ok(read) => read,
                Err(Poison::Panicked) => Err(Trouble::Ours),
                Err(Poison::Deadly) => break,
            };
            let failure = match read {
                Ok(()) => return,
                Err(Trouble::Ours) => {
                    tracing::error!(%place, tries, "reading back panicked; trying again");
                    None
                }
                Err(Trouble::Ledger(error)) => {
                    tracing::error!(%place, error, "what was read back could not be stored; trying again");
                    None
                }
                Err(Trouble::Platform(failure)) => {
                    tracing::warn!(%place, tries, "could not be read back: {failure}");
                    Some(failure)
                }
            };
            let asked = match failure.map(|failure| failure.verdict) {
                Some(Verdict::Never) => break,
                Some(Verdict::Later(Some(wait))) => wait,
                _ => Duration::ZERO,
            };
            self.pause(pause.max(asked)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.give_up(place).await;
    }

    async fn read(&self, place: &Place) -> Result<(), Trouble> {
        let Some(powers) = self.networks.get(place.network()) else { return Ok(()) };
        // Taken before anything is read: a hold that comes later means that something may have
        // been missed again, and what is held by then is not let go here.
        let hold = self.ledger.hold_on(place).await?;
        let cursor = self.ledger.cursor(place).await?;
        point(Point::ReadBegin);
        let pieces =
            powers.read_back.read_back(place, cursor.as_ref()).await.map_err(Trouble::Platform)?;
        metrics::counter!("partyline_read_back_total", "network" => place.network().as_str())
            .increment(pieces.len() as u64);
        point(Point::ReadRead);
        let newest = newest(&pieces);
        // A bridge gives a bounded number at once: there may be more.
        let more = pieces.len() >= MANY;
        if cursor.is_none() {
            // The first time: what was said before the link is not relayed.
            let before = self.just_said(place, &pieces).await?;
            if before.is_some() {
                self.wakers.reads.wake(place.clone());
            }
            self.ledger.begin(place, before.unwrap_or(newest)).await?;
            return self.release_hold(place, hold).await;
        }
        self.store(pieces).await?;
        point(Point::ReadRelease);
        match newest.ordinal {
            None if place.is_conversation() => return self.nothing_new(place).await,
            // What came live above the newest one that was read waits for its own turn.
            Some(newest) if place.is_conversation() || more => {
                self.release(place, Some(newest)).await?;
            }
            _ => self.release_hold(place, hold).await?,
        }
        if more {
            self.wakers.reads.wake(place.clone());
        }
        Ok(())
    }

    /// Where a conversation begins in which something was said since the daemon started: before
    /// that, since its hook may be lost. `None` where the newest message is older.
    async fn just_said(
        &self,
        place: &Place,
        newest: &[Incoming],
    ) -> Result<Option<Cursor>, Trouble> {
        let event = newest.iter().flat_map(|piece| &piece.events).next_back();
        let Some(ordinal) = event.filter(|event| event.at >= self.started).and_then(|e| e.ordinal)
        else {
            return Ok(None);
        };
        let Some(powers) = self.networks.get(place.network()) else { return Ok(None) };
        let back = Cursor { ordinal: ordinal.checked_sub(LOOK_BACK), last: None };
        let pieces =
            powers.read_back.read_back(place, Some(&back)).await.map_err(Trouble::Platform)?;
        let old = pieces
            .iter()
            .flat_map(|piece| &piece.events)
            .filter(|event| event.at < self.started)
            .filter_map(|event| event.ordinal)
            .max();
        Ok(Some(Cursor { ordinal: old.or(back.ordinal), last: None }))
    }

    async fn store(&self, pieces: Vec<Incoming>) -> Result<(), Trouble> {
        let mut pieces = pieces.into_iter();
        loop {
            let chunk: Vec<Incoming> = pieces.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                return Ok(());
            }
            self.door
                .accept_read_back(chunk)
                .await
                .map_err(|error| Trouble::Ledger(error.to_string()))?;
            point(Point::ReadChunk);
        }
    }

    /// The platform says that nothing is there after the cursor, and yet something may be held:
    /// a list can lag behind its hooks. Try again.
    async fn nothing_new(&self, place: &Place) -> Result<(), Trouble> {
        if self.ledger.holds(place).await? {
            return Err(Trouble::Platform(Failure::later(
                partyline_core::Reason::BadAnswer,
                None,
                "A message was announced that the list does not show yet.",
            )));
        }
        Ok(())
    }

    async fn release(&self, place: &Place, through: Option<u64>) -> Result<(), Trouble> {
        let accepted = self.ledger.release(place, through).await?;
        point(Point::ReadReleased);
        self.wakers.wake(accepted);
        Ok(())
    }

    async fn release_hold(&self, place: &Place, hold: Hold) -> Result<(), Trouble> {
        let accepted = self.ledger.release_hold(place, hold).await?;
        point(Point::ReadReleased);
        self.wakers.wake(accepted);
        Ok(())
    }

    async fn give_up(&self, place: &Place) {
        metrics::counter!("partyline_read_back_failed_total",
            "network" => place.network().as_str())
        .increment(1);
        self.door.unread(place);
        tracing::error!(%place,
            "this place could not be read back; what is held is let go, something before it may be missing");
        if let Err(Trouble::Ledger(error)) = self.release(place, None).await {
            tracing::error!(%place, error, "what is held could not be let go");
        }
    }

    async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.stop.cancelled() => {}
        }
    }
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error.to_string())
    }
}

/// The cursor behind the newest event of what was read.
pub(crate) fn newest(pieces: &[Incoming]) -> Cursor {
    let mut cursor = Cursor::default();
    for event in pieces.iter().flat_map(|piece| &piece.events) {
        cursor.ordinal = cursor.ordinal.max(event.ordinal);
        cursor.last = event.happening.message().cloned().or(cursor.last);
    }
    cursor
}
