//! What can happen thousands of times a second and is logged now and then.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use jiff::Timestamp;

/// The pause between two lines about the same, in seconds.
const PAUSE: i64 = 60;

/// Says when a line is due: the first time, and then once a minute at most, however often it
/// happens. A stranger must not be able to fill the disk with log lines.
#[derive(Debug)]
pub struct Seldom {
    /// When a line was last due, in seconds since 1970.
    last: AtomicI64,
    left_out: AtomicU64,
}

impl Seldom {
    /// Nothing has happened yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: AtomicI64::new(i64::MIN), left_out: AtomicU64::new(0) }
    }

    /// It happened. Where a line is due: how many were left out since the last one.
    pub fn due(&self, now: Timestamp) -> Option<u64> {
        let (now, last) = (now.as_second(), self.last.load(Ordering::Relaxed));
        // A clock that was set back is no reason to be silent.
        let is_due = now.abs_diff(last) >= PAUSE.unsigned_abs();
        // Of several at the same time, one tells.
        let exchange =
            || self.last.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed);
        if is_due && exchange().is_ok() {
            Some(self.left_out.swap(0, Ordering::Relaxed))
        } else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

impl Default for Seldom {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_flood_is_a_line_a_minute() {
        let seldom = Seldom::new();
        let start: Timestamp = "2026-11-01T12:00:00Z".parse().expect("time");
        let at = |seconds| start + SignedDuration::from_secs(seconds);
        assert_eq!(seldom.due(at(0)), Some(0));
        for second in 0..60 {
            assert_eq!(seldom.due(at(second)), None);
        }
        assert_eq!(seldom.due(at(60)), Some(60));
        assert_eq!(seldom.due(at(60)), None);
        assert_eq!(seldom.due(at(-60)), Some(1), "a clock that was set back");
    }
}
