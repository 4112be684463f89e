//! When conversations are asked for news, where Twilio does not call.
//!
//! Twilio's list of conversations tells neither when something was last said nor in which order, so
//! each conversation is asked by itself. One in which something was just said is asked often, one
//! that has been quiet for long rarely: after a tenth of the time for which it has been quiet. What
//! is asked in a second is bounded for all of them together, and the quiet take at most half of it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use partyline_core::{Network, Place};
use tokio::time::Instant;

use crate::keyed::Keyed;
use crate::links::Links;

/// After which part of the time that a conversation has been quiet it is asked again.
const PART: u32 = 10;
/// When one is asked again whose reading was not heard of.
const UNREAD: Duration = Duration::from_secs(900);
/// How often it is looked which conversations are linked.
const LOOK: Duration = Duration::from_secs(10);

/// Which conversation is asked when.
#[derive(Debug)]
pub struct Polls {
    /// The shortest time between two askings of one conversation.
    every: Duration,
    /// The time between two askings of any.
    pace: Duration,
    turns: Mutex<Turns>,
    changed: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct Turns {
    due: BTreeSet<(Instant, Place)>,
    known: HashMap<Place, Turn>,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    due: Instant,
    /// When something was last said there; `None` where that is not known, which is long ago.
    said: Option<Instant>,
}

impl Polls {
    /// Asks each conversation no oftener than `every`, and no more than so many a second.
    #[must_use]
    pub fn new(every: Duration, a_second: u32) -> Arc<Self> {
        let pace = Duration::from_secs(1) / a_second.max(1);
        Arc::new(Self { every, pace, turns: Mutex::default(), changed: tokio::sync::Notify::new() })
    }

    /// Something is said to this conversation: soon somebody may answer.
    pub fn stir(&self, place: &Place) {
        let now = Instant::now();
        if self.turns().known.contains_key(place) {
            self.turns().set(place, Turn { due: now + self.every, said: Some(now) });
            self.changed.notify_one();
        }
    }

    /// A conversation was read, and there was something new or there was not.
    pub fn was_read(&self, place: &Place, news: bool) {
        let now = Instant::now();
        let mut turns = self.turns();
        let Some(turn) = turns.known.get(place).copied() else { return };
        let said = if news { Some(now) } else { turn.said };
        let due = now + self.pause(said.map(|said| now - said), turns.known.len());
        turns.set(place, Turn { due, said });
        drop(turns);
        self.changed.notify_one();
    }

    /// Wakes the reading of each conversation when it is its turn. Never returns.
    pub(super) async fn run(&self, links: &Links, reads: &Arc<Keyed<Place>>) {
        let mut look = Instant::now();
        loop {
            let now = Instant::now();
            if now >= look {
                self.turns().know(links.places(Network::Twilio), now, self.pace);
                look = now + LOOK;
            }
            let next = self.turns().due.first().cloned();
            match next {
                Some((due, place)) if due <= now => {
                    // Until it was read; should that fail, it is not forgotten.
                    self.turns().put_off(&place, now + UNREAD);
                    reads.wake(place);
                    tokio::time::sleep(self.pace).await;
                }
                next => {
                    let until = next.map_or(look, |(due, _)| due.min(look));
                    tokio::select! {
                        () = tokio::time::sleep_until(until) => {}
                        () = self.changed.notified() => {}
                    }
                }
            }
        }
    }

    /// How long one is left alone that has been quiet for so long, among so many: no longer than
    /// half of the rate needs for all of them.
    fn pause(&self, quiet: Option<Duration>, all: usize) -> Duration {
        let all = u32::try_from(all).unwrap_or(u32::MAX);
        let longest = self.every.max(self.pace.saturating_mul(all.saturating_mul(2)));
        quiet.map_or(longest, |quiet| (quiet / PART).clamp(self.every, longest))
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    /// Takes in what is linked now: what is new is asked as soon as the rate allows.
    fn know(&mut self, places: Vec<Place>, now: Instant, pace: Duration) {
        let linked: std::collections::HashSet<Place> = places.into_iter().collect();
        let gone: Vec<Place> =
            self.known.keys().filter(|place| !linked.contains(*place)).cloned().collect();
        for place in gone {
            if let Some(turn) = self.known.remove(&place) {
                self.due.remove(&(turn.due, place));
            }
        }
        let mut due = now;
        for place in linked {
            if !self.known.contains_key(&place) {
                self.set(&place, Turn { due, said: None });
                due += pace;
            }
        }
    }

    fn set(&mut self, place: &Place, turn: Turn) {
        if let Some(before) = self.known.insert(place.clone(), turn) {
            self.due.remove(&(before.due, place.clone()));
        }
        self.due.insert((turn.due, place.clone()));
    }

    fn put_off(&mut self, place: &Place, due: Instant) {
        if let Some(turn) = self.known.get(place).copied() {
            self.set(place, Turn { due, ..turn });
        }
    }
}

#[cfg(test)]
mod tests {
    use partyline_core::Link;
    use tokio_util::task::TaskTracker;

    use super::*;

    fn conversation(number: usize) -> Place {
        Place::conversation(&format!("CH{number:032x}"))
    }

    /// Runs so many conversations for so long, and says how often each was asked. Something is new
    /// whenever the first one is asked.
    async fn asked(conversations: usize, a_second: u32, seconds: u64) -> HashMap<Place, u32> {
        let links = Links::new();
        for number in 0..conversations {
            let room = format!("slack:C{number}").parse().unwrap();
            links.tie(Link { conversation: conversation(number), room }).unwrap();
        }
        let polls = Polls::new(Duration::from_secs(5), a_second);
        let counts: Arc<Mutex<HashMap<Place, u32>>> = Arc::default();
        let reads = Keyed::new(TaskTracker::new());
        let (counted, told) = (counts.clone(), polls.clone());
        reads.runs(move |place: Place| {
            *counted.lock().unwrap().entry(place.clone()).or_default() += 1;
            told.was_read(&place, place == conversation(0));
            async {}
        });
        let run = polls.run(&links, &reads);
        assert!(tokio::time::timeout(Duration::from_secs(seconds), run).await.is_err());
        std::mem::take(&mut *counts.lock().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn the_busy_are_asked_often_and_the_quiet_rarely() {
        let counts = asked(600, 10, 3600).await;
        let often = counts[&conversation(0)];
        assert!((600..=721).contains(&often), "{often}");
        for number in 1..600 {
            let rarely = counts[&conversation(number)];
            assert!((25..=32).contains(&rarely), "{rarely}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn thousands_are_all_asked_within_the_rate() {
        let counts = asked(2000, 2, 3600).await;
        assert_eq!(counts.len(), 2000);
        let sum: u32 = counts.values().sum();
        assert!(sum <= 7201, "{sum}");
        let often = counts[&conversation(0)];
        assert!(often >= 300, "{often}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_are_all_asked_often() {
        let counts = asked(3, 10, 600).await;
        assert!(counts.values().all(|asked| (115..=121).contains(asked)), "{counts:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_said_to_one_has_it_asked_soon() {
        let polls = Polls::new(Duration::from_secs(5), 10);
        let now = Instant::now();
        polls.turns().know((0..6000).map(conversation).collect(), now, polls.pace);
        polls.was_read(&conversation(1), true);
        tokio::time::advance(Duration::from_secs(7200)).await;
        polls.was_read(&conversation(1), false);
        let due = |polls: &Polls| polls.turns().known[&conversation(1)].due - Instant::now();
        assert_eq!(due(&polls), Duration::from_secs(720));
        polls.stir(&conversation(1));
        assert_eq!(due(&polls), Duration::from_secs(5));
    }
}
