//! Threads in which something was said of late.
//!
//! A channel's history shows which threads have new replies only where it shows the message that
//! began them, however long ago that was. What is known of older ones is known from their replies; the
//! daemon keeps that over a start (`Slack::recall_threads`).

use jiff::SignedDuration;
use quick_cache::sync::Cache;

/// How many channels are remembered, those spoken in last.
const CHANNELS: usize = 4096;
/// How many threads of a channel, likewise.
const THREADS: usize = 16;

/// A thread, and the ordinal of the newest reply in it that came.
type Thread = (String, u64);

/// The threads, by channel, the one spoken in last at the end.
pub(crate) struct Threads(Cache<String, Vec<Thread>>);

impl Threads {
    pub(crate) fn new() -> Self {
        Self(Cache::new(CHANNELS))
    }

    /// A reply came.
    pub(crate) fn replied(&self, channel: &str, thread: &str, ordinal: u64) {
        let mut threads = self.0.get(channel).unwrap_or_default();
        threads.retain(|(known, _)| known != thread);
        threads.push((thread.to_owned(), ordinal));
        if threads.len() > THREADS {
            threads.remove(0);
        }
        self.0.insert(channel.to_owned(), threads);
    }

    /// The threads of a channel that may have replies after this ordinal: those in which something was
    /// said no longer than `lively` before.
    pub(crate) fn lively(&self, channel: &str, after: u64, lively: SignedDuration) -> Vec<String> {
        let since = after.saturating_sub(u64::try_from(lively.as_micros()).unwrap_or_default());
        let threads = self.0.get(channel).unwrap_or_default().into_iter();
        threads.filter(|(_, newest)| *newest > since).map(|(thread, _)| thread).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000_000;
    const ONE: SignedDuration = SignedDuration::from_hours(1);

    #[test]
    fn the_threads_spoken_in_of_late_are_remembered_and_no_others() {
        let threads = Threads::new();
        threads.replied("C1", "old", HOUR);
        threads.replied("C1", "new", 3 * HOUR);
        threads.replied("C2", "elsewhere", 3 * HOUR);
        assert_eq!(threads.lively("C1", 3 * HOUR, ONE), ["new"]);
        assert_eq!(threads.lively("C1", HOUR, ONE), ["old", "new"]);
        assert!(threads.lively("C3", 0, ONE).is_empty());
    }

    #[test]
    fn their_number_is_bounded_and_the_oldest_goes() {
        let threads = Threads::new();
        for number in 0..=THREADS {
            threads.replied("C1", &number.to_string(), HOUR);
        }
        threads.replied("C1", "1", HOUR);
        let known = threads.lively("C1", HOUR, ONE);
        assert_eq!(known.len(), THREADS);
        assert_eq!((known.first(), known.last()), (Some(&"2".into()), Some(&"1".into())));
    }
}
