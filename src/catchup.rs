//! Reads back what was missed: after a start, a reconnect, or a hole in a conversation's count.
//!
//! It is the same road as everything else: what is read goes through intake, whose keys make
//! repeats harmless, and is released in the order of its place. All of a place is read before
//! anything of it is released, so that it is known what comes too late to be relayed.

mod compare;
mod polls;
pub(crate) mod words;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use partyline_core::{Again, Cursor, Failure, Incoming, Lost, Network, Place, Verdict};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::crash::{Point, point};
use crate::intake::{Door, Wakers, newest};
use crate::ledger::{Hold, Ledger, LedgerError, Through};
use crate::links::Links;
use crate::networks::Networks;
use crate::poison::{Guard, Poison};
use compare::is_compared;
pub use polls::{Pace, Polls};

/// Places of a network that are read at once. The bridges keep the platforms' rates; this bounds
/// the memory.
const AT_ONCE: usize = 8;
/// So many pieces from one read-back may not be all that there is.
const MANY: usize = 1000;
/// How many messages before the newest of a conversation that was never read are looked through
/// first for those that were said since it was tied.
const LOOK_BACK: u64 = 100;
/// After so many failures in a row, what is held is let go: late and perhaps with a hole is better
/// than never. The rooms are told, and it is read again later.
const TRIES: u32 = 10;
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

enum Trouble {
    Platform(Failure),
    Ledger(String),
    Poison(Poison),
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

    async fn read(&self, place: &Place) -> Result<(), Trouble> {
        point(Point::ReadBegin);
        // Taken before anything is read: a hold that comes later means that something may have
        // been missed again, and what is held by then is not let go here.
        let hold = self.ledger.hold_on(place).await?;
        let Some(from) = self.ledger.read_from(place).await? else {
            return self.first(place, hold).await;
        };
        let mut read_to = from.clone();
        let mut found = 0;
        loop {
            let pieces = self.ask(place, Some(&read_to)).await?;
            let newest = newest(&pieces);
            // A bridge gives a bounded number at once: there may be more.
            let more = pieces.len() >= MANY && newest != Cursor::default();
            found += pieces.len();
            count(place, pieces.len());
            self.door.accept_read_back(pieces).await.map_err(|error| Trouble::Ledger(error.0))?;
            read_to.ordinal = newest.ordinal.or(read_to.ordinal);
            read_to.last = newest.last.or(read_to.last);
            if !more {
                break;
            }
        }
        for turns in self.wakers.turns() {
            turns.was_read(place, found > 0);
        }
        self.confirm(place, &read_to).await?;
        let through = match (read_to.ordinal, read_to.last) {
            // What came live above the newest one that was read waits for its own turn.
            (Some(newest), _) if place.is_conversation() && read_to_is_new(&from, newest) => {
                Through::Ordinal(newest)
            }
            _ if place.is_conversation() => {
                self.nothing_new(place).await?;
                if self.ledger.cursor(place).await?.as_ref() == Some(&from) {
                    return Ok(());
                }
                // Nothing was missing in its hole.
                Through::Hold(hold)
            }
            (None, Some(last)) if found > 0 => Through::Message(last),
            _ => Through::Hold(hold),
        };
        point(Point::ReadRelease);
        Ok(self.door.release(place, through, None).await?)
    }

    async fn ask(&self, place: &Place, after: Option<&Cursor>) -> Result<Vec<Incoming>, Trouble> {
        let Some(powers) = self.networks.get(place.network()) else { return Ok(Vec::new()) };
        let pieces = powers.read_back.read_back(place, after).await.map_err(Trouble::Platform)?;
        point(Point::ReadRead);
        Ok(pieces)
    }

    /// The first time: what was said before the link is not relayed.
    async fn first(&self, place: &Place, hold: Hold) -> Result<(), Trouble> {
        let pieces = self.ask(place, None).await?;
        count(place, pieces.len());
        if let Some(before) = self.just_said(place, &pieces).await? {
            self.ledger.begin(place, before).await?;
            self.wakers.reads.wake(place.clone());
            return Ok(());
        }
        self.ledger.begin(place, newest(&pieces)).await?;
        point(Point::ReadRelease);
        Ok(self.door.release(place, Through::Hold(hold), None).await?)
    }

    /// Where a conversation begins in which something was said since it was tied: before that, since
    /// its hook may be lost. `None` where the newest message is older.
    async fn just_said(
        &self,
        place: &Place,
        newest: &[Incoming],
    ) -> Result<Option<Cursor>, Trouble> {
        let tied = self.ledger.tied_since(place).await?.unwrap_or(self.started);
        // Twilio's lists tell times in whole seconds, cut off.
        let since = tied.min(self.started) - SignedDuration::from_secs(1);
        let event = newest.iter().flat_map(|piece| &piece.events).next_back();
        let Some(ordinal) = event.filter(|event| event.at >= since).and_then(|e| e.ordinal) else {
            return Ok(None);
        };
        let mut reach = LOOK_BACK;
        loop {
            let back = Cursor { ordinal: ordinal.checked_sub(reach), last: None };
            let pieces = self.ask(place, Some(&back)).await?;
            let events = pieces.iter().flat_map(|piece| &piece.events);
            let old = events.filter(|event| event.at < since).filter_map(|e| e.ordinal).max();
            if old.is_some() || back.ordinal.is_none() {
                return Ok(Some(Cursor { ordinal: old, last: None }));
            }
            reach = reach.saturating_mul(10);
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

    /// The program died over it again and again: this version does not read it any more.
    async fn read_no_more(&self, place: &Place) -> Lost {
        self.deadly().insert(place.clone());
        if let Err(error) = self.ledger.note_deadly(place).await {
            tracing::error!(%place, %error, "it could not be noted that the program dies over it");
        }
        deadly()
    }

    fn deadly(&self) -> std::sync::MutexGuard<'_, HashSet<Place>> {
        self.deadly.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go what is held, tells the places tied to this one, and reads it again later.
    async fn give_up(&self, place: &Place, why: Option<Lost>) {
        metrics::counter!("partyline_read_back_failed_total",
            "network" => place.network().as_str())
        .increment(1);
        self.door.unread(place);
        tracing::error!(%place,
            "this place could not be read back; what is held is let go, something before it may be missing");
        self.let_go(place, why).await;
    }

    /// Lets go what is held, and tells the places tied to this one why something may be missing,
    /// unless they were told already.
    async fn let_go(&self, place: &Place, why: Option<Lost>) {
        let released = match self.ledger.hold_on(place).await {
            Ok(hold) => self.door.release(place, Through::Hold(hold), why).await,
            Err(error) => Err(error),
        };
        if let Err(error) = released {
            tracing::error!(%place, %error, "what is held could not be let go");
        }
    }

    async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.stop.cancelled() => {}
        }
    }
}

/// Why a place over which the program dies is not read back.
fn deadly() -> Lost {
    let why = "The bridge was ended again and again while it read them back, so it does not try any \
               more. Report it with the log; a newer version tries again, and so does this one after \
               `partyline doctor --mend`.";
    Lost { why: why.to_owned(), again: Again::NotByItself }
}

/// Counts what was read back of a place, be it nothing.
fn count(place: &Place, pieces: usize) {
    metrics::counter!("partyline_read_back_total", "network" => place.network().as_str())
        .increment(pieces as u64);
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Platform(failure) => failure.fmt(f),
            Self::Ledger(error) => f.write_str(error),
            Self::Poison(poison) => poison.fmt(f),
        }
    }
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error.to_string())
    }
}

/// Whether something was read behind the cursor.
fn read_to_is_new(from: &Cursor, newest: u64) -> bool {
    from.ordinal.is_none_or(|ordinal| newest > ordinal)
}
