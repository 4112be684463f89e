//! How long to wait before the next try.

use std::time::Duration;

use rand::Rng;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);

/// Waits that double from 250 ms to 5 s, each drawn at random from its upper half so that many
/// lanes that failed together do not come back together.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The next wait; never shorter than what the platform asked for.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let wait = ceiling(self.tries).mul_f64(rand::rng().random_range(0.5..=1.0));
        self.tries = self.tries.saturating_add(1);
        asked.unwrap_or_default().max(wait)
    }
}

fn ceiling(tries: u32) -> Duration {
    FIRST.saturating_mul(1 << tries.min(10)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_five_seconds_and_honour_what_was_asked() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..12).map(|_| backoff.next(None)).collect();
        assert!(waits[0] >= FIRST / 2 && waits[0] <= FIRST);
        assert!(waits[11] >= LONGEST / 2 && waits[11] <= LONGEST);
        assert_eq!(backoff.next(Some(Duration::from_secs(60))), Duration::from_secs(60));
    }
}
