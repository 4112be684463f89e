//! Slack withholds events where more than 30,000 come within an hour, and says so once a minute
//! while it does (docs.slack.dev, "Rate limits", Events API). They never come: what was said is
//! only in the history.
//!
//! From the first notice on, what comes is held, so that it does not go before what was withheld.
//! Once no notice has come for a while, the rooms are read back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use partyline_core::{Intake, Network, NotStored, Proof};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::watch::Board;

/// The wait before intake is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// Until when events count as withheld.
#[derive(Debug, Default)]
pub(crate) struct Withheld {
    until: Mutex<Option<Instant>>,
    noticed: Notify,
}

impl Withheld {
    /// Slack said that it withholds events; they count as withheld for so long after it.
    pub(crate) fn notice(&self, quiet: Duration) {
        *self.until() = Some(Instant::now() + quiet);
        self.noticed.notify_one();
    }

    /// Whether events are withheld now.
    pub(crate) fn is_on(&self) -> bool {
        self.until().is_some()
    }

    /// Has what comes held while events are withheld, and the rooms read back when it is over.
    /// Runs until it is dropped.
    pub(crate) async fn watch(&self, board: &Board, intake: &dyn Intake) {
        let why = Proof::Unproved(
            "Slack withholds events, because more than 30,000 came from the workspace within an \
             hour. What comes waits; what was withheld is read when it is over."
                .into(),
        );
        loop {
            self.noticed.notified().await;
            if !self.is_on() {
                continue;
            }
            board.inbound(why.clone());
            until_stored(|| intake.withheld(Network::Slack)).await;
            self.over().await;
            until_stored(|| intake.reconnected(Network::Slack, None)).await;
            if board.state().inbound == why {
                board.inbound(Proof::Proved);
            }
            tracing::info!("Slack withholds events no more; the channels are read back");
        }
    }

    /// Waits until no notice has come for long enough.
    async fn over(&self) {
        loop {
            let Some(until) = *self.until() else { return };
            if until <= Instant::now() {
                *self.until() = None;
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn until_stored<F: Future<Output = Result<(), NotStored>>>(mut ask: impl FnMut() -> F) {
    while let Err(error) = ask().await {
        tracing::error!(%error, "what Slack withheld could not be noted; trying again");
        tokio::time::sleep(AGAIN).await;
    }
}
