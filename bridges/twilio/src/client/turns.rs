//! Turns: so many calls at once, so many a second, and none while Twilio has asked to wait.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use partyline_core::{Failure, Reason};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep, timeout};

use super::Client;

/// What a second takes.
pub(super) type Rate = RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Duration>>;

/// The governor's clock is tokio's, so that tests can move it.
#[derive(Clone)]
pub(super) struct Ticks(Instant);

impl governor::clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// So many calls a second, a third of them at once, so that no second sees much more than its share.
pub(super) fn rate(a_second: u32) -> Rate {
    let a_second = NonZeroU32::new(a_second).unwrap_or(NonZeroU32::MIN);
    let burst = NonZeroU32::new(a_second.get() / 3).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::per_second(a_second).allow_burst(burst);
    RateLimiter::direct_with_clock(quota, Ticks(Instant::now()))
}

impl Client {
    /// Waits for a turn: so many calls at once, so many a second, and none while Twilio has asked
    /// the account to wait. Where that is too long, whoever calls hears how long.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, Failure> {
        let left = self.pause.left();
        if left > self.timeouts.turn {
            return Err(Failure::later(
                Reason::RateLimited,
                Some(left),
                "Twilio has too many requests from this account, and asked to wait. It is tried again by itself.",
            ));
        }
        let turn = async {
            self.pause.pass().await;
            let permit = self.turns.acquire().await.expect("the semaphore is never closed");
            while let Err(not_yet) = self.rate.check() {
                let now = governor::clock::Clock::now(self.rate.clock());
                sleep(not_yet.wait_time_from(now)).await;
            }
            permit
        };
        timeout(self.timeouts.turn, turn).await.map_err(|_| {
            Failure::later(
                Reason::RateLimited,
                None,
                "The bridge has more to tell Twilio than Twilio takes in a second, so that this had to wait too long. It is tried again by itself; twilio.actions_per_second is the limit.",
            )
        })
    }
}
