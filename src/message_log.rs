//! Reads each sender's log of messages: what phones wrote while nobody answered the Messaging webhook,
//! which is never called twice.
//!
//! A log is read at the start, when the way in or out works again after it did not, and now and then;
//! where Twilio does not call, as often as conversations are. What it tells goes through intake under
//! the webhook's keys, so that what was told already is known. How far it was read stands in the
//! ledger, and is moved once all of it is stored; the last of it is read again each time, since a list
//! can lag. A log that the platform does not give is asked for again, ever and anon; the administrators are
//! told of it meanwhile (`src/alerts/look.rs`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use partyline_core::{
    Address, Failure, Incoming, MessageLog, NotStored, Verdict, Watch, Written, mask,
};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::crash::{Point, point};
use crate::intake::{Door, Logged};
use crate::ledger::{Ledger, LedgerError, LogPosition};
use crate::networks::{until, works};

/// How much of a log is read again: what a list may show late, or in another order.
const OVERLAP: SignedDuration = SignedDuration::from_mins(1);

/// What was written so long before a log was read to its end was listed then. So a message is not read
/// again for ever because it is the newest: its key is forgotten at last (`relay.remember`).
const LISTED: SignedDuration = SignedDuration::from_hours(1);

/// The pauses after a log that could not be read.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How often logs are read.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The pause between two readings of all.
    pub every: Duration,
    /// The pause between two senders.
    pub between: Duration,
    /// The pause before a log is asked for again that the platform does not give.
    pub refused: Duration,
}

/// The bridge whose logs are read.
pub struct Source {
    /// Tells what was written to a sender.
    pub log: Arc<dyn MessageLog>,
    /// Tells when it works again.
    pub watch: Arc<dyn Watch>,
}

/// Reads the senders' logs.
pub struct LogReader {
    door: Door,
    ledger: Ledger,
    log: Arc<dyn MessageLog>,
    watch: Arc<dyn Watch>,
    pool: Vec<Address>,
    pace: Pace,
    /// Senders whose log the platform does not give, each with when it is asked again.
    refused: Mutex<HashMap<Address, Instant>>,
    caught_up: watch::Sender<bool>,
}

/// Why a log was not read to its end.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Platform(#[from] Failure),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("{0}")]
    NotStored(NotStored),
}

impl LogReader {
    /// A reader of the logs of these senders, and of those that somebody wrote to. Nothing is read
    /// before [`LogReader::keep`].
    #[must_use]
    pub fn new(door: Door, ledger: Ledger, source: Source, pool: Vec<Address>, pace: Pace) -> Self {
        let Source { log, watch } = source;
        let (refused, caught_up) = (Mutex::default(), watch::Sender::new(false));
        Self { door, ledger, log, watch, pool, pace, refused, caught_up }
    }

    /// True once all logs were read, or tried, since the start and since the network was last lost.
    #[must_use]
    pub fn caught_up(&self) -> watch::Receiver<bool> {
        self.caught_up.subscribe()
    }

    /// Reads all of them now, and whenever there is a reason. Never returns.
    pub async fn keep(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let failed = self.round().await;
            self.caught_up.send_replace(true);
            let wait = match failed {
                None => {
                    pause = FIRST_PAUSE;
                    self.pace.every
                }
                Some(asked) => {
                    let wait = pause.max(asked);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    wait
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = works_again(self.watch.as_ref(), || {
                    self.caught_up.send_replace(false);
                }) => {}
            }
        }
    }

    /// Reads all logs once. Where one could not be read, how long the platform asked to wait.
    async fn round(&self) -> Option<Duration> {
        let senders = match self.ledger.senders_with_logs(self.pool.clone()).await {
            Ok(senders) => senders,
            Err(error) => {
                tracing::error!(%error, "it is not known which logs of messages are to be read");
                return Some(Duration::ZERO);
            }
        };
        let mut failed = None;
        for sender in senders.iter().filter(|sender| !self.is_refused(sender)) {
            if let Err(trouble) = self.read(sender).await {
                let wait = self.give_up(sender, &trouble).await;
                failed = failed.max(wait);
            }
            tokio::time::sleep(self.pace.between).await;
        }
        failed
    }

    /// Notes that a log could not be read; how long to wait before it is read again, if it is to be.
    async fn give_up(&self, sender: &Address, trouble: &Trouble) -> Option<Duration> {
        count("failed", 1);
        let sent_to = mask(sender.as_str());
        let Trouble::Platform(Failure { verdict, .. }) = trouble else {
            tracing::error!(sender = %sent_to, "what was written to this sender could not be stored; it is read again: {trouble}");
            return Some(Duration::ZERO);
        };
        if *verdict == Verdict::Never {
            tracing::warn!(sender = %sent_to,
                "Twilio does not list what is written to this sender; it is asked again now and then: {trouble}");
            self.refused().insert(sender.clone(), Instant::now() + self.pace.refused);
            if let Err(error) = self.ledger.log_refused(sender, trouble.to_string()).await {
                tracing::error!(%error, "that a sender has no log could not be noted");
            }
            return None;
        }
        tracing::warn!(sender = %sent_to, "what was written to this sender is read later: {trouble}");
        match verdict {
            Verdict::Later(wait) => Some(wait.unwrap_or_default()),
            _ => Some(Duration::ZERO),
        }
    }

    async fn read(&self, sender: &Address) -> Result<(), Trouble> {
        let position = self.ledger.log_position(sender).await?;
        let mut since = since(&position, self.ledger.now());
        loop {
            let looked = self.ledger.now();
            let Written { pieces, more } = self.log.written(sender, since).await?;
            point(Point::LogRead);
            let newest = pieces.iter().rev().flat_map(|piece| &piece.events).next();
            // A time to come would hide what is written until then.
            let newest = newest.map(|event| event.at.min(looked));
            let unread = pieces.iter().filter(|piece| piece.events.is_empty()).count();
            count("unread", unread);
            let found = self.take_in(pieces).await.map_err(Trouble::NotStored)?;
            count("found", found.found - found.late);
            count("late", found.late);
            point(Point::LogStored);
            self.ledger.log_read(sender, newest, (!more).then_some(looked)).await?;
            let Some(newest) = newest.filter(|_| more) else { return Ok(()) };
            // In any case on: so much in one second that it is not read to its end is too much.
            let next = since.saturating_add(SignedDuration::from_secs(1)).unwrap_or(since);
            since = newest.max(next);
        }
    }

    async fn take_in(&self, pieces: Vec<Incoming>) -> Result<Logged, NotStored> {
        let mut whole = Vec::new();
        for piece in self.door.untold(pieces).await? {
            // Without it, what its files are is not known; that they came, is.
            let complete = self.log.complete(piece.clone()).await;
            whole.push(complete.unwrap_or_else(|failure| {
                tracing::warn!("of what files somebody sent only the number is known: {failure}");
                piece
            }));
        }
        self.door.accept_logged(whole).await
    }

    fn is_refused(&self, sender: &Address) -> bool {
        self.refused().get(sender).is_some_and(|again| Instant::now() < *again)
    }

    fn refused(&self) -> std::sync::MutexGuard<'_, HashMap<Address, Instant>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From when on a log is read.
fn since(position: &LogPosition, now: Timestamp) -> Timestamp {
    let before = |at: Timestamp, span| at.saturating_sub(span).unwrap_or_default();
    let listed = before(position.looked.min(now), LISTED);
    before(position.read_to.min(now), OVERLAP).max(listed).max(position.began)
}

/// Waits until the network was seen not to work, and then to work again: what was told meanwhile may have
/// met nobody. `on_loss` is called in between, where it worked before.
async fn works_again(watch: &dyn Watch, on_loss: impl Fn()) {
    if works(watch) {
        until(watch, false).await;
        on_loss();
        tracing::warn!(
            "Twilio and the bridge do not reach each other; what strangers write meanwhile is read from Twilio's log of messages once they do"
        );
    }
    until(watch, true).await;
}

fn count(outcome: &'static str, messages: usize) {
    if messages > 0 {
        metrics::counter!("partyline_message_log_total", "outcome" => outcome)
            .increment(messages as u64);
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use partyline_core::{Proof, WatchState};

    use super::*;
    use crate::networks::LOOK;

    struct Seen(Mutex<WatchState>);

    impl Seen {
        fn says(&self, inbound: Proof, outbound: Proof) {
            *self.0.lock().unwrap() = WatchState { inbound, outbound };
        }
    }

    #[async_trait]
    impl Watch for Seen {
        fn state(&self) -> WatchState {
            self.0.lock().unwrap().clone()
        }

        async fn probe(&self) -> Result<(), Failure> {
            Ok(())
        }
    }

    /// The newest that was read, less a minute; but nothing from before the beginning, nor what was seen
    /// long ago because nobody has written since.
    #[test]
    fn a_log_is_read_from_a_little_before_where_it_was_read_to() {
        let at = |minutes: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let position =
            |began, read_to, looked| LogPosition { began: at(began), read_to: at(read_to), looked };
        assert_eq!(since(&position(0, 50, at(55)), at(60)), at(49));
        assert_eq!(since(&position(50, 50, at(50)), at(60)), at(50), "history");
        // It was down from minute 55 on.
        assert_eq!(since(&position(0, 50, at(55)), at(9000)), at(49));
        assert_eq!(since(&position(0, 50, at(8999)), at(9000)), at(8939), "read again and again");
        // A clock that was ahead.
        assert_eq!(since(&position(0, 8000, at(8000)), at(60)), at(59));
    }

    /// As long as a way was not seen to fail, or still does, nothing is to be made up for.
    #[tokio::test(start_paused = true)]
    async fn a_way_that_works_again_is_a_reason_to_read() {
        let works = WatchState { inbound: Proof::Proved, outbound: Proof::Proved };
        let lost = || Proof::Unproved("the public address leads nowhere".into());
        let down = || Proof::Failed("out of reach".into());
        for (inbound, outbound) in [(lost(), Proof::Proved), (Proof::Proved, down())] {
            let seen = Arc::new(Seen(Mutex::new(works.clone())));
            let watched = Arc::clone(&seen);
            let (caught_up, is_caught_up) = watch::channel(true);
            let waits = tokio::spawn(async move {
                works_again(watched.as_ref(), || {
                    caught_up.send_replace(false);
                })
                .await;
                caught_up
            });
            tokio::time::sleep(10 * LOOK).await;
            assert!(!waits.is_finished() && *is_caught_up.borrow());
            seen.says(inbound, outbound);
            tokio::time::sleep(10 * LOOK).await;
            assert!(!waits.is_finished() && !*is_caught_up.borrow(), "strangers wait");
            seen.says(Proof::Proved, Proof::Proved);
            tokio::time::timeout(2 * LOOK, waits).await.expect("at once").expect("it ends");
        }
    }
}
