//! How long to wait before the next try.

use std::time::Duration;

use rand::Rng;

/// Waits that double from a first one to a longest, each drawn at random from its upper half, so
/// that many who failed together do not come back together.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits between these bounds, as if nothing had failed yet.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// The wait after one more failure.
    pub fn wait(&mut self) -> Duration {
        let wait = self.first.saturating_mul(1 << self.failures.min(10)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        wait.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// The same, but no shorter than the platform asked for.
    pub fn at_least(&mut self, asked: Option<Duration>) -> Duration {
        self.wait().max(asked.unwrap_or_default())
    }

    /// It worked: the next failure is a first one.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

impl Default for Backoff {
    /// From 250 ms to 5 s.
    fn default() -> Self {
        Self::new(Duration::from_millis(250), Duration::from_secs(5))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew() {
        let (first, longest) = (Duration::from_millis(250), Duration::from_secs(5));
        let mut backoff = Backoff::default();
        for wait in [1, 2, 4, 8, 16].map(|times| first * times).into_iter().chain([longest; 100]) {
            let next = backoff.wait();
            assert!(next >= wait / 2 && next <= wait, "{next:?} for {wait:?}");
        }
        assert_eq!(backoff.at_least(Some(Duration::from_secs(60))), Duration::from_secs(60));
        backoff.reset();
        assert!(backoff.at_least(None) <= first);
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_the_longest_or_shorter_than_was_asked(
            first in 1..10_000_u64, longest in 1..100_000_u64, asked in 0..200_000_u64, failures in 0..40,
        ) {
            let [first, longest, asked] = [first, longest, asked].map(Duration::from_millis);
            let mut backoff = Backoff::new(first, longest);
            for _ in 0..failures {
                let wait = backoff.wait();
                prop_assert!(wait <= longest && wait >= first.min(longest) / 2);
            }
            prop_assert!(backoff.at_least(Some(asked)) >= asked);
        }
    }
}
