//! The rate at which an app may post: a bucket that fills up with time.

use jiff::Timestamp;

/// How fast an app may post to one channel. Slack documents about one post a second, short
/// bursts allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Posts a second, in the long run.
    pub per_second: f64,
    /// Posts at once, after a rest.
    pub burst: u32,
}

/// What is left of a [`Rate`].
#[derive(Default)]
pub(super) struct Bucket {
    used: f64,
    at: Option<Timestamp>,
}

impl Bucket {
    /// Takes one; or says after how many seconds (at least 1) there is one again.
    pub(super) fn take(&mut self, rate: Rate, now: Timestamp) -> Result<(), u32> {
        let per_second = rate.per_second.max(0.001);
        let rested = self.at.map_or(0.0, |at| now.duration_since(at).as_secs_f64().max(0.0));
        self.used = (self.used - rested * per_second).max(0.0);
        self.at = Some(now);
        let over = self.used + 1.0 - f64::from(rate.burst.max(1));
        if over > 1e-6 {
            // The wait is small and positive, and whole seconds are all that the header can say.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            return Err((over / per_second).ceil().clamp(1.0, 3600.0) as u32);
        }
        self.used += 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_burst_goes_and_then_one_a_second() {
        let rate = Rate { per_second: 1.0, burst: 3 };
        let mut now = Timestamp::from_second(1_700_000_000).unwrap();
        let mut bucket = Bucket::default();
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, now), Ok(()));
        }
        assert_eq!(bucket.take(rate, now), Err(1));
        now += SignedDuration::from_millis(1000);
        assert_eq!(bucket.take(rate, now), Ok(()));
        assert_eq!(bucket.take(rate, now), Err(1));
    }
}
