//! When places are asked for news: conversations where Twilio does not call, and Slack's rooms, of
//! whose events some may never have come (see `compare`).
//!
//! Neither platform has a list that tells where something was last said, so each place is asked by
//! itself. One in which something was just said is asked often, one that has been quiet for long
//! rarely: after a part of the time for which it has been quiet. What is asked in a second is
//! bounded for all of them together, and the quiet take at most half of it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use partyline_core::{Network, Place};
use tokio::time::Instant;

use crate::keyed::Keyed;
use crate::links::Links;

/// When one is asked again whose reading was not heard of.
const UNREAD: Duration = Duration::from_secs(900);
/// How often it is looked which places are linked.
const LOOK: Duration = Duration::from_secs(10);

/// How often places are asked.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Whose places they are.
    pub network: Network,
    /// The shortest time between two askings of one place: so soon after something was said there
    /// it is asked.
    pub every: Duration,
    /// The time between two askings of any.
    pub between: Duration,
    /// A quiet place is asked again after so many times less than it has been quiet.
    pub part: u32,
    /// The longest that a quiet place is left alone where the rate allows for more.
    pub quiet: Duration,
}

/// Which place is asked when.
#[derive(Debug)]
pub struct Polls {
    pace: Pace,
    turns: Mutex<Turns>,
    /// Places that are asked although they are tied to nothing.
    untied: Mutex<Vec<Place>>,
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
    /// Asks at this pace.
    #[must_use]
    pub fn new(pace: Pace) -> Arc<Self> {
        let (turns, untied) = (Mutex::default(), Mutex::default());
        Arc::new(Self { pace, turns, untied, changed: tokio::sync::Notify::new() })
    }

    /// These are asked too from now on, although they are tied to nothing, and no others that are not.
    pub fn ask_untied(&self, places: Vec<Place>) {
        *self.untied.lock().unwrap_or_else(PoisonError::into_inner) = places;
    }

    /// Something is said in this place: soon it is asked. However much is said meanwhile, it is not
    /// asked later for it.
    pub fn stir(&self, place: &Place) {
        let now = Instant::now();
        let mut turns = self.turns();
        let Some(turn) = turns.known.get_mut(place) else { return };
        turn.said = Some(now);
        let due = now + self.pace.every;
        if due < turn.due {
            turns.set(place, Turn { due, said: Some(now) });
            drop(turns);
            self.changed.notify_one();
        }
    }

    /// A place was read, and there was something new or there was not.
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
                let mut places = links.places(self.pace.network);
                places.extend(
                    self.untied.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned(),
                );
                self.know(places, now);
                look = now + LOOK;
            }
            let next = self.turns().due.first().cloned();
            match next {
                Some((due, place)) if due <= now => {
                    // Until it was read; should that fail, it is not forgotten.
                    self.turns().put_off(&place, now + UNREAD);
                    reads.wake(place);
                    tokio::time::sleep(self.pace.between).await;
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

    /// Takes in what is linked now. Where all are to be asked, what is new is asked as soon as the
    /// rate allows. What is only compared was read when it was tied or at the start.
    fn know(&self, places: Vec<Place>, now: Instant) {
        let read = !self.pace.quiet.is_zero();
        let first = if read { self.pause(None, places.len()) } else { Duration::ZERO };
        self.turns().know(places, now + first, self.pace.between);
    }

    /// How long one is left alone that has been quiet for so long, among so many: no longer than
    /// half of the rate needs for all of them.
    fn pause(&self, quiet: Option<Duration>, all: usize) -> Duration {
        let Pace { every, between, part, quiet: alone, .. } = self.pace;
        let all = u32::try_from(all).unwrap_or(u32::MAX);
        let longest = every.max(alone).max(between.saturating_mul(all.saturating_mul(2)));
        quiet.map_or(longest, |quiet| (quiet / part.max(1)).clamp(every, longest))
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    /// Takes in what is linked now: what is new is asked from `due` on, one after another.
    fn know(&mut self, places: Vec<Place>, mut due: Instant, between: Duration) {
        let linked: std::collections::HashSet<Place> = places.into_iter().collect();
        let gone: Vec<Place> =
            self.known.keys().filter(|place| !linked.contains(*place)).cloned().collect();
        for place in gone {
            if let Some(turn) = self.known.remove(&place) {
                self.due.remove(&(turn.due, place));
            }
        }
        for place in linked {
            if !self.known.contains_key(&place) {
                self.set(&place, Turn { due, said: None });
                due += between;
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

    /// At least five seconds apart, and so many a second.
    fn pace(a_second: u32) -> Pace {
        Pace {
            network: Network::Twilio,
            every: Duration::from_secs(5),
            between: Duration::from_secs(1) / a_second,
            part: 10,
            quiet: Duration::ZERO,
        }
    }

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
        let polls = Polls::new(pace(a_second));
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
        let polls = Polls::new(pace(10));
        let now = Instant::now();
        polls.turns().know((0..6000).map(conversation).collect(), now, polls.pace.between);
        polls.was_read(&conversation(1), true);
        tokio::time::advance(Duration::from_secs(7200)).await;
        polls.was_read(&conversation(1), false);
        let due = |polls: &Polls| polls.turns().known[&conversation(1)].due - Instant::now();
        assert_eq!(due(&polls), Duration::from_secs(720));
        polls.stir(&conversation(1));
        assert_eq!(due(&polls), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn where_much_is_said_it_is_asked_all_the_same() {
        let polls = Polls::new(pace(10));
        polls.turns().know(vec![conversation(1)], Instant::now(), polls.pace.between);
        polls.was_read(&conversation(1), false);
        let read = Instant::now();
        for _ in 0..4 {
            tokio::time::advance(Duration::from_secs(1)).await;
            polls.stir(&conversation(1));
        }
        assert!(polls.turns().known[&conversation(1)].due <= read + Duration::from_secs(6));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_only_compared_is_not_read_again_just_after_the_start() {
        let quiet = Duration::from_secs(600);
        let polls = Polls::new(Pace { part: 1, quiet, ..pace(10) });
        polls.know((0..3).map(conversation).collect(), Instant::now());
        let due = |number| polls.turns().known[&conversation(number)].due - Instant::now();
        assert!((0..3).all(|number| due(number) >= quiet));
        polls.stir(&conversation(1));
        assert_eq!(due(1), Duration::from_secs(5), "unless something is said there");
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_is_said_any_more_the_pauses_double_up_to_the_longest() {
        let quiet = Duration::from_secs(600);
        let polls = Polls::new(Pace { part: 1, quiet, ..pace(10) });
        polls.turns().know(vec![conversation(1)], Instant::now(), polls.pace.between);
        polls.was_read(&conversation(1), true);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let due = polls.turns().known[&conversation(1)].due;
            pauses.push((due - Instant::now()).as_secs());
            tokio::time::sleep_until(due).await;
            polls.was_read(&conversation(1), false);
        }
        assert_eq!(pauses, [5, 5, 10, 20, 40, 80, 160, 320, 600]);
    }
}
