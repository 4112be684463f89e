//! How long to wait before the next try.

use std::time::Duration;

use partyline_core::{Failure, Reason, Verdict};
use rand::Rng;

/// The wait after the first failure.
const FIRST: Duration = Duration::from_millis(250);

/// The longest wait, where the platform asks for none.
const LONGEST: Duration = Duration::from_secs(5);

/// The wait where only a person can help: a token that was refused stays refused for a while.
const CREDENTIALS: Duration = Duration::from_secs(30);

/// Counts failures in a row, and says how long to wait after each.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It worked: the next failure is a first one.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after one more failure: twice as long as before, with jitter between one
    /// half and the whole, so that many bridges do not come back at the same moment.
    pub(crate) fn next(&mut self) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        jittered(longest)
    }

    /// How long to wait after this failure: no less than the platform asked for.
    pub(crate) fn after(&mut self, failure: &Failure) -> Duration {
        let own = self.next();
        match (failure.reason, failure.verdict) {
            (_, Verdict::Later(Some(asked))) => asked.max(own),
            (Reason::Credentials, _) => jittered(CREDENTIALS),
            _ => own,
        }
    }
}

fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(rand::rng().random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_five_seconds_and_begin_anew() {
        let mut backoff = Backoff::default();
        assert!(backoff.next() <= FIRST);
        for _ in 0..100 {
            assert!(backoff.next() <= LONGEST);
        }
        assert!(backoff.next() >= LONGEST / 2);
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }

    #[test]
    fn the_wait_that_was_asked_for_is_kept() {
        let mut backoff = Backoff::default();
        let asked = Duration::from_secs(40);
        let limited = Failure::later(Reason::RateLimited, Some(asked), "slow");
        assert_eq!(backoff.after(&limited), asked);
        let revoked = Failure::later(Reason::Credentials, None, "revoked");
        assert!(backoff.after(&revoked) >= CREDENTIALS / 2);
    }
}
