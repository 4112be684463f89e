//! When an alert begins, and when it is over. Pure: the time is passed in.
//!
//! An episode begins when something has been wrong without a break for the *grace*, and is over
//! when it has been fine without a break for the *calm*. One that comes back within an hour of its
//! end needs twice the calm of the one before, up to an hour: what flaps is told a few times, and
//! then at most once an hour.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::ledger::Episode;

/// The longest calm that is asked for, and how soon an alert has to come back to count as flapping.
const HOUR: Duration = Duration::from_secs(3600);

/// A moment, by the wall's clock and by one that only runs forward.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// What people are told.
    pub(super) at: Timestamp,
    /// What spans are measured with: the time since the program's start.
    pub(super) up: Duration,
}

/// What a look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Observed {
    /// Nothing is wrong.
    Fine,
    /// Nothing is wrong, and nothing needs to be waited for.
    Cured,
    /// Something is wrong: what, and what to do.
    Wrong(String),
    /// It could not be seen.
    Unknown,
}

/// How long to wait before something is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Before an episode begins.
    pub(super) grace: Duration,
    /// Before it is over.
    pub(super) calm: Duration,
}

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tell {
    /// An episode began.
    Began,
    /// It is over; it lasted this long.
    Over(SignedDuration),
}

/// One alert.
#[derive(Clone, Debug, Default)]
pub(super) struct Machine {
    /// What outlives the program.
    pub(super) kept: Episode,
    wrong_since: Option<Duration>,
    fine_since: Option<Duration>,
}

impl Machine {
    /// Goes on with what was kept.
    pub(super) fn new(kept: Episode) -> Self {
        Self { kept, wrong_since: None, fine_since: None }
    }

    /// Takes in what was seen now, and says what is to be told.
    pub(super) fn step(
        &mut self,
        observed: Observed,
        now: Moment,
        patience: Patience,
    ) -> Option<Tell> {
        match observed {
            Observed::Unknown => None,
            Observed::Wrong(what) => self.wrong(what, now, patience.grace),
            Observed::Fine => self.fine(now, self.calm(patience)),
            Observed::Cured => self.fine(now, Duration::ZERO),
        }
    }

    fn wrong(&mut self, what: String, now: Moment, grace: Duration) -> Option<Tell> {
        self.fine_since = None;
        let since = *self.wrong_since.get_or_insert(now.up);
        // The newest words, for whoever looks.
        self.kept.what = what;
        if self.kept.began.is_some() || now.up.saturating_sub(since) < grace {
            return None;
        }
        let soon = |ended: Timestamp| now.at.duration_since(ended) < hour();
        let is_back = self.kept.ended.is_some_and(soon);
        self.kept.again = if is_back { self.kept.again.saturating_add(1) } else { 0 };
        self.kept.began = Some(now.at);
        Some(Tell::Began)
    }

    fn fine(&mut self, now: Moment, calm: Duration) -> Option<Tell> {
        self.wrong_since = None;
        let began = self.kept.began?;
        let since = *self.fine_since.get_or_insert(now.up);
        if now.up.saturating_sub(since) < calm {
            return None;
        }
        self.fine_since = None;
        self.kept.began = None;
        self.kept.ended = Some(now.at);
        Some(Tell::Over(now.at.duration_since(began).max(SignedDuration::ZERO)))
    }

    /// The calm that this episode needs.
    fn calm(&self, patience: Patience) -> Duration {
        let longer = patience.calm.saturating_mul(1 << self.kept.again.min(16));
        longer.min(HOUR.max(patience.calm))
    }
}

fn hour() -> SignedDuration {
    SignedDuration::try_from(HOUR).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATIENCE: Patience =
        Patience { grace: Duration::from_secs(30), calm: Duration::from_secs(120) };

    fn moment(seconds: u64) -> Moment {
        let up = Duration::from_secs(seconds);
        Moment { at: Timestamp::UNIX_EPOCH + up, up }
    }

    fn wrong() -> Observed {
        Observed::Wrong("it is wrong".to_owned())
    }

    #[test]
    fn it_begins_after_the_grace_and_is_over_after_the_calm() {
        let mut machine = Machine::default();
        let mut step = |seconds, observed| machine.step(observed, moment(seconds), PATIENCE);
        assert_eq!(step(0, wrong()), None);
        assert_eq!(step(29, wrong()), None);
        assert_eq!(step(30, wrong()), Some(Tell::Began));
        assert_eq!(step(60, wrong()), None, "it is told once");
        assert_eq!(step(70, Observed::Fine), None);
        assert_eq!(step(80, Observed::Unknown), None);
        assert_eq!(step(189, Observed::Fine), None);
        let lasted = SignedDuration::from_secs(160);
        assert_eq!(step(190, Observed::Fine), Some(Tell::Over(lasted)));
        assert_eq!(step(1000, Observed::Fine), None);
    }

    #[test]
    fn what_is_cured_is_over_at_once() {
        let mut machine = Machine::default();
        machine.step(wrong(), moment(0), PATIENCE);
        machine.step(wrong(), moment(30), PATIENCE);
        assert!(machine.step(Observed::Cured, moment(31), PATIENCE).is_some());
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_from_ending() {
        let mut machine = Machine::default();
        machine.step(wrong(), moment(7200), PATIENCE);
        machine.step(wrong(), moment(7230), PATIENCE);
        let later = |up| Moment { at: Timestamp::UNIX_EPOCH, up: Duration::from_secs(up) };
        assert_eq!(machine.step(Observed::Fine, later(7300), PATIENCE), None);
        let over = Some(Tell::Over(SignedDuration::ZERO));
        assert_eq!(machine.step(Observed::Fine, later(7420), PATIENCE), over);
    }

    /// What may be seen, how long after the look before, and whether the program was started anew
    /// in between.
    fn looks() -> impl Strategy<Value = Vec<(u8, u64, bool)>> {
        prop::collection::vec((0u8..4, 1u64..200, prop::bool::weighted(0.1)), 1..400)
    }

    proptest! {
        #[test]
        fn every_beginning_has_its_end_and_nothing_is_a_storm(looks in looks()) {
            let mut machine = Machine::default();
            let (mut now, mut open, mut begun) = (0, false, Vec::new());
            let mut wrong_since: Option<u64> = None;
            let mut step = |machine: &mut Machine, observed: Observed, now: u64| {
                let tell = machine.step(observed, moment(now), PATIENCE);
                match tell {
                    Some(Tell::Began) => prop_assert!(!std::mem::replace(&mut open, true)),
                    Some(Tell::Over(_)) => prop_assert!(std::mem::replace(&mut open, false)),
                    None => {}
                }
                prop_assert_eq!(machine.kept.began.is_some(), open);
                Ok(tell)
            };
            for (kind, wait, restarted) in looks {
                now += wait;
                if restarted {
                    // Only what the ledger keeps is left.
                    machine = Machine::new(machine.kept.clone());
                    wrong_since = None;
                }
                let observed = match kind {
                    0 => Observed::Fine,
                    1 | 2 => wrong(),
                    _ => Observed::Unknown,
                };
                match observed {
                    Observed::Fine => wrong_since = None,
                    Observed::Wrong(_) => wrong_since = wrong_since.or(Some(now)),
                    _ => {}
                }
                if step(&mut machine, observed, now)? == Some(Tell::Began) {
                    let since = wrong_since.expect("it is wrong");
                    prop_assert!(now - since >= 30, "not before the grace");
                    begun.push(now);
                }
            }
            // 2, 4, 8, 16 and 32 minutes of calm fill an hour.
            for at in &begun {
                let in_an_hour = begun.iter().filter(|other| (*at..at + 3600).contains(other));
                prop_assert!(in_an_hour.count() <= 7, "{:?}", begun);
            }
            // Whatever was, quiet ends it and trouble begins it.
            for (observed, is_open) in [(Observed::Fine, false), (wrong(), true), (Observed::Fine, false)] {
                for _ in 0..400 {
                    now += 10;
                    step(&mut machine, observed.clone(), now)?;
                }
                prop_assert_eq!(machine.kept.began.is_some(), is_open);
            }
        }
    }
}
