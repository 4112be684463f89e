//! How much a member says within a minute, as the hook before a message and the relay after it see it: a
//! message that both see counts once.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use partyline_core::EventKey;

use crate::policy::{Minute, Stopped};

/// What the hook let through comes by relay within this.
const SOON: SignedDuration = SignedDuration::from_mins(1);

/// The most messages of one member of which it is known what became of them.
const KNOWN: usize = 100;

/// What one member said lately.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    minute: Minute,
    /// When the hook let something through that did not come by relay yet.
    let_through: VecDeque<Timestamp>,
    /// What came by relay, and whether it was stopped: it can come again.
    judged: VecDeque<(EventKey, bool)>,
}

impl Spoken {
    /// The hook asks: counts one more, unless it is too many.
    pub(super) fn asked(&mut self, at: Timestamp, most: u32) -> Option<Stopped> {
        let stopped = self.minute.take(at, most);
        if stopped.is_none() {
            push(&mut self.let_through, at);
        }
        stopped
    }

    /// It comes by relay: counted, unless the hook has.
    pub(super) fn relayed(&mut self, key: &EventKey, at: Timestamp, most: u32) -> Option<Stopped> {
        if let Some((_, stopped)) = self.judged.iter().find(|(known, _)| known == key) {
            return stopped.then_some(Stopped::TooMany(most));
        }
        let by_hook = self.let_through.iter().position(|one| at.duration_since(*one).abs() < SOON);
        let stopped = match by_hook {
            Some(one) => {
                self.let_through.drain(..=one);
                None
            }
            None => self.minute.take(at, most),
        };
        push(&mut self.judged, (key.clone(), stopped.is_some()));
        stopped
    }
}

fn push<T>(queue: &mut VecDeque<T>, one: T) {
    if queue.len() == KNOWN {
        queue.pop_front();
    }
    queue.push_back(one);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn key(number: usize) -> EventKey {
        EventKey::new(format!("IM{number}"))
    }

    #[test]
    fn what_came_twice_counts_once_and_is_judged_once() {
        let mut spoken = Spoken::default();
        for _ in 0..3 {
            assert_eq!(spoken.relayed(&key(1), second(0), 1), None);
            assert_eq!(spoken.relayed(&key(2), second(1), 1), Some(Stopped::TooMany(1)));
        }
        assert_eq!(spoken.relayed(&key(3), second(60), 1), None);
    }

    proptest! {
        /// Whatever the hook let through is relayed, and what it did not see is counted with it.
        #[test]
        fn what_the_hook_let_through_is_relayed(
            seen in proptest::collection::vec(any::<bool>(), 1..40), most in 1u32..10,
        ) {
            let mut spoken = Spoken::default();
            let mut passed = 0;
            for (number, seen) in seen.into_iter().enumerate() {
                let at = second(1);
                if seen && spoken.asked(at, most).is_some() {
                    prop_assert_eq!(passed, most);
                    continue;
                }
                let stopped = spoken.relayed(&key(number), at, most);
                prop_assert!(!(seen && stopped.is_some()));
                prop_assert_eq!(stopped.is_some(), !seen && passed == most);
                passed += u32::from(stopped.is_none());
            }
            prop_assert!(passed <= most);
        }
    }
}
