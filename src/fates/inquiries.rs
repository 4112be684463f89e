//! Asks what became of messages that went to phones, where Twilio does not call (`ingest = "poll"`): of each a
//! few times, with growing pauses, within a part of the rate. What is still to be asked stands in the
//! ledger (`ledger/inquiries.rs`), so that a start goes on with it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::learn;
use crate::intake::Wakers;
use crate::ledger::{Inquiry, Ledger, LedgerError};
use crate::networks::Networks;

/// The pauses before each time that a message is asked for, in times of the shortest pause: at 5 s these
/// are 5 s, 30 s, 5 min, 1 h and 12 h.
const PAUSES: [u32; 5] = [1, 6, 60, 720, 8640];

/// What cannot be asked for so long is not asked for any more: nobody waits for it by then.
const LONGEST: SignedDuration = SignedDuration::from_hours(36);

/// What is read of the ledger at a time.
const AT_ONCE: u32 = 100;

/// The longest pause before it is looked again, so that a clock that is set does no harm.
const LOOK: Duration = Duration::from_secs(60);

/// Asks what became of messages.
#[derive(Debug)]
pub struct Inquiries {
    /// The shortest pause before a message is asked for.
    first: Duration,
    /// The pause between two questions.
    between: Duration,
    changed: Notify,
}

impl Inquiries {
    /// Asks of a message after `first`, for the first time, and pauses `between` two questions.
    #[must_use]
    pub fn new(first: Duration, between: Duration) -> Arc<Self> {
        Arc::new(Self { first, between, changed: Notify::new() })
    }

    /// The pause before a message is asked for the first time.
    #[must_use]
    pub const fn first(&self) -> Duration {
        self.first
    }

    /// Something else is to be asked for.
    pub fn stir(&self) {
        self.changed.notify_one();
    }

    /// Asks whenever it is something's turn. Never returns.
    pub async fn run(&self, networks: &Networks, ledger: &Ledger, wakers: &Wakers) {
        loop {
            let changed = self.changed.notified();
            let wait = match self.round(networks, ledger, wakers).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(%error, "what is to be asked of messages is not known; tried again");
                    Some(self.first)
                }
            };
            let pause = tokio::time::sleep(wait.map_or(LOOK, |wait| wait.min(LOOK)));
            // What comes is asked for after the first pause, at the earliest.
            if wait.is_some() {
                pause.await;
            } else {
                tokio::select! {
                    () = pause => {}
                    () = changed => {}
                }
            }
        }
    }

    /// Asks for everything that is due; how long it is until something else is.
    async fn round(
        &self,
        networks: &Networks,
        ledger: &Ledger,
        wakers: &Wakers,
    ) -> Result<Option<Duration>, LedgerError> {
        let next = ledger.inquiries(AT_ONCE).await?;
        for inquiry in &next {
            if let Ok(left) = Duration::try_from(inquiry.due.duration_since(ledger.now()))
                && !left.is_zero()
            {
                return Ok(Some(left.min(self.first)));
            }
            self.ask(networks, ledger, wakers, inquiry).await?;
            tokio::time::sleep(self.between).await;
        }
        Ok((!next.is_empty()).then_some(Duration::ZERO))
    }

    async fn ask(
        &self,
        networks: &Networks,
        ledger: &Ledger,
        wakers: &Wakers,
        one: &Inquiry,
    ) -> Result<(), LedgerError> {
        let asked = match learn(networks, ledger, &one.place, &one.message).await {
            Ok(learned) => {
                wakers.wake(learned.accepted);
                if learned.ended {
                    return ledger.inquired(one, one.asked, None).await;
                }
                one.asked + 1
            }
            Err(why) => {
                tracing::warn!(place = ?one.place, "what became of a message is asked for later: {why}");
                one.asked
            }
        };
        let again = self.again(one.since, asked, ledger.now());
        ledger.inquired(one, asked, again).await
    }

    /// When a message is asked for again that was asked for so often, if it is.
    fn again(&self, since: Timestamp, asked: u32, now: Timestamp) -> Option<Timestamp> {
        let times = PAUSES.get(usize::try_from(asked).ok()?)?;
        let again = now.checked_add(self.first * *times).ok()?;
        (now.duration_since(since) <= LONGEST).then_some(again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_asked_for_a_few_times_and_not_for_ever() {
        let inquiries = Inquiries::new(Duration::from_secs(5), Duration::ZERO);
        let since = Timestamp::UNIX_EPOCH;
        let (mut at, mut pauses) = (since, Vec::new());
        for asked in 0.. {
            let Some(again) = inquiries.again(since, asked, at) else { break };
            pauses.push(again.duration_since(at).as_secs());
            at = again;
        }
        assert_eq!(pauses, [5, 30, 300, 3600, 43_200]);
        // What cannot be asked is given up at last.
        let days = since + SignedDuration::from_hours(48);
        assert_eq!(inquiries.again(since, 0, days), None);
    }
}
