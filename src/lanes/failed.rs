//! Tells rooms what was given up of what they said.
//!
//! A place that takes nothing any more refuses all that waits for it, one after another. So a room is
//! told once the lane has nothing more to send, of all together; at the latest after a while.

use std::sync::Arc;
use std::time::Duration;

use partyline_core::Backoff;

use super::{Lanes, notice};
use crate::crash::{Point, point};
use crate::ledger::{Lane, LedgerError};

/// A room hears at the latest after so long what was given up, though the lane still has something to send.
const GATHERED: Duration = Duration::from_secs(20);
/// The pause between two looks at whether it has.
const LOOK: Duration = Duration::from_millis(200);

impl Lanes {
    /// Goes on telling what no room was told of yet, and tells it from now on.
    pub(super) async fn tell_of_failures(self: &Arc<Self>) -> Result<(), LedgerError> {
        let lanes = Arc::clone(self);
        self.wakers.failed.runs(move |lane| {
            let lanes = Arc::clone(&lanes);
            async move { lanes.tell_failed(&lane).await }
        });
        for lane in self.ledger.lanes_failed().await? {
            self.wakers.failed.wake(lane);
        }
        Ok(())
    }

    async fn tell_failed(&self, lane: &Lane) {
        let began = tokio::time::Instant::now();
        while began.elapsed() < GATHERED && self.ledger.has_more(lane) && !self.stop.is_cancelled()
        {
            self.pause(LOOK).await;
        }
        let mut backoff = Backoff::default();
        while !self.stop.is_cancelled() {
            match self.ledger.tell_given_up(lane, notice::of).await {
                Ok(accepted) => {
                    point(Point::FailedTold);
                    return self.wakers.wake(accepted);
                }
                Err(error) => {
                    tracing::error!(?lane, %error, "a room is told later what was given up");
                    self.pause(backoff.wait()).await;
                }
            }
        }
    }
}
