//! Turns to post: each channel has its own rate, all of them share the workspace's, and a channel
//! that Slack told to wait waits alone.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use partyline_core::Verdict;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::config;

/// The wait after a 429 that names none.
const UNNAMED_WAIT: Duration = Duration::from_secs(1);

/// How many turns may pass before channels that are idle are forgotten.
const SWEEP_EVERY: u32 = 1024;

/// tokio's clock, so that tests can move it.
#[derive(Clone, Debug)]
struct TokioClock;

impl Clock for TokioClock {
    type Instant = std::time::Instant;

    fn now(&self) -> Self::Instant {
        Instant::now().into_std()
    }
}

type Limit<K, S> = RateLimiter<K, S, TokioClock, NoOpMiddleware<std::time::Instant>>;

/// Who may post when.
pub(crate) struct Rates {
    channels: Limit<String, HashMapStateStore<String>>,
    workspace: Limit<NotKeyed, InMemoryState>,
    /// Who waits for the workspace's rate, in order: whoever came first goes first, so that no
    /// channel is passed over however many there are.
    line: Semaphore,
    /// Channels that Slack told to wait, and until when.
    held: Mutex<HashMap<String, Instant>>,
    /// The longest that a caller is kept waiting.
    patience: Duration,
    turns: AtomicU32,
}

impl Rates {
    pub(crate) fn new(rates: config::Rates, patience: Duration) -> Self {
        let channel = quota(rates.channel_per_second, rates.channel_burst);
        let workspace = quota(rates.workspace_per_second, rates.workspace_burst);
        Self {
            channels: RateLimiter::hashmap_with_clock(channel, TokioClock),
            workspace: RateLimiter::direct_with_clock(workspace, TokioClock),
            line: Semaphore::new(1),
            held: Mutex::default(),
            patience,
            turns: AtomicU32::new(0),
        }
    }

    /// Waits for the channel's turn.
    ///
    /// # Errors
    /// With the wait that is still needed, where it is longer than a caller is kept.
    pub(crate) async fn turn(&self, channel: &str) -> Result<(), Duration> {
        self.sweep();
        let deadline = Instant::now() + self.patience;
        let key = channel.to_owned();
        if let Some(until) = self.held_until(channel) {
            sleep_until(until, deadline).await?;
        }
        while let Err(not_yet) = self.channels.check_key(&key) {
            let wait = not_yet.wait_time_from(TokioClock.now());
            sleep_until(Instant::now() + wait, deadline).await?;
        }
        let _first = timeout_at(deadline, self.line.acquire()).await.map_err(|_| UNNAMED_WAIT)?;
        while let Err(not_yet) = self.workspace.check() {
            let wait = not_yet.wait_time_from(TokioClock.now());
            sleep_until(Instant::now() + wait, deadline).await?;
        }
        Ok(())
    }

    /// Slack told this channel to wait.
    pub(crate) fn hold(&self, channel: &str, wait: Duration) {
        let until = Instant::now() + wait;
        self.held().insert(channel.to_owned(), until);
    }

    fn held_until(&self, channel: &str) -> Option<Instant> {
        let mut held = self.held();
        let until = held.get(channel).copied()?;
        if until <= Instant::now() {
            held.remove(channel);
            return None;
        }
        Some(until)
    }

    /// Forgets channels that have been quiet long enough for their state to mean nothing, now and
    /// then: what stays is as many as posted since the last time.
    fn sweep(&self) {
        if self.turns.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.channels.retain_recent();
            let now = Instant::now();
            self.held().retain(|_, until| *until > now);
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<String, Instant>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wait that a rate limit asks for; one second, where it names none.
pub(crate) fn wait(verdict: Verdict) -> Duration {
    match verdict {
        Verdict::Later(Some(wait)) => wait,
        _ => UNNAMED_WAIT,
    }
}

/// A quota of so many a second. The configuration was checked; what is out of range all the same
/// becomes one a second.
fn quota(per_second: f64, burst: u32) -> Quota {
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    Duration::try_from_secs_f64(1.0 / per_second)
        .ok()
        .and_then(Quota::with_period)
        .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
        .allow_burst(burst)
}

async fn sleep_until(until: Instant, deadline: Instant) -> Result<(), Duration> {
    if until > deadline {
        return Err(until.saturating_duration_since(Instant::now()));
    }
    tokio::time::sleep_until(until).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates() -> Rates {
        let rates = config::Rates {
            channel_per_second: 1.0,
            channel_burst: 2,
            workspace_per_second: 100.0,
            workspace_burst: 100,
        };
        Rates::new(rates, Duration::from_secs(5))
    }

    #[tokio::test(start_paused = true)]
    async fn a_channel_keeps_its_rate_and_holds_up_no_other() {
        let rates = rates();
        let begun = Instant::now();
        for _ in 0..4 {
            rates.turn("C1").await.expect("a turn");
        }
        let waited = begun.elapsed();
        assert!((1900..=2100).contains(&waited.as_millis()), "{waited:?}");
        rates.turn("C2").await.expect("a turn");
        assert_eq!(begun.elapsed(), waited);
    }

    #[tokio::test(start_paused = true)]
    async fn channels_with_much_to_say_share_the_workspace_evenly() {
        let rates = config::Rates {
            channel_per_second: 100.0,
            channel_burst: 100,
            workspace_per_second: 10.0,
            workspace_burst: 1,
        };
        let rates = Rates::new(rates, Duration::from_secs(60));
        let talk = async |channel: usize| {
            let mut posts = 0;
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(60) {
                rates.turn(&format!("C{channel}")).await.expect("a turn");
                posts += 1;
            }
            posts
        };
        let posts = futures_util::future::join_all((0..50).map(talk)).await;
        assert!(posts.iter().all(|posts| (12..=14).contains(posts)), "{posts:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_slack_asked_for_is_kept() {
        let rates = rates();
        let begun = Instant::now();
        rates.hold("C1", Duration::from_secs(3));
        rates.turn("C2").await.expect("a turn");
        assert_eq!(begun.elapsed(), Duration::ZERO);
        rates.turn("C1").await.expect("a turn");
        assert!(begun.elapsed() >= Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_kept_longer_than_patience() {
        let rates = rates();
        rates.hold("C1", Duration::from_secs(60));
        let wait = rates.turn("C1").await.expect_err("too long");
        assert!(wait > Duration::from_secs(59));
    }

    #[tokio::test(start_paused = true)]
    async fn idle_channels_are_forgotten() {
        let rates = rates();
        for n in 0..SWEEP_EVERY - 1 {
            rates.turn(&format!("C{n}")).await.expect("a turn");
        }
        tokio::time::advance(Duration::from_secs(10)).await;
        rates.turn("C1").await.expect("a turn");
        assert!(rates.channels.len() <= 1, "{}", rates.channels.len());
    }
}
