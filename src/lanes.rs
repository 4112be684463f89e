//! Lanes: what is owed to a place leaves in order, one after another, until it is settled.
//!
//! Only the head of a lane is ever under way. So after a start it is the heads alone of which
//! nobody knows whether they were sent before the program was killed; each is looked up before it
//! is sent. No mark has to be written down before a send. In a ledger that was restored from a
//! backup, everything of before the restore is looked up, not the heads alone. And should the ledger
//! have lost its newest pages (a log that was cut short), the first of what is read back tells: as long
//! as what is looked up is found, the next one is looked up too.

mod attempt;
mod end;
mod failed;
mod notice;
mod speaker;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use partyline_core::{Backoff, Clock, Lateness, Network};
use tokio_util::sync::CancellationToken;

use crate::blocks::Blocks;
use crate::contacts::Names;
use crate::intake::Wakers;
use crate::ledger::{Lane, Ledger, LedgerError};
use crate::networks::Networks;
use crate::poison::Guard;
use end::End;

/// How many deliveries of a lane are read at once: memory for each lane that is active.
const READ_AHEAD: u32 = 32;

/// Sends what is owed.
pub struct Lanes {
    ledger: Ledger,
    networks: Networks,
    names: Arc<Names>,
    wakers: Wakers,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    care: Care,
    suspects: Mutex<HashSet<Lane>>,
    /// When this run began.
    started: Timestamp,
    /// Lanes that have come to what was said before this run. One entry a lane.
    reached: Mutex<HashSet<Lane>>,
}

/// How a delivery is treated that is late, will not go, or does harm.
pub struct Care {
    /// Watches over sends that panic or end the program.
    pub guard: Arc<Guard>,
    /// A delivery that could not be sent for this long is parked.
    pub give_up_after: Duration,
    /// From when on a message shows when it was said.
    pub lateness: Lateness,
    /// To whom nothing is sent.
    pub blocks: Arc<Blocks>,
}

impl Lanes {
    /// Lanes over this ledger. Nothing is sent before [`Lanes::start`].
    #[must_use]
    pub fn new(
        ledger: Ledger,
        networks: Networks,
        names: Arc<Names>,
        wakers: Wakers,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
        care: Care,
    ) -> Arc<Self> {
        let (suspects, reached, started) = (Mutex::default(), Mutex::default(), clock.now());
        Arc::new(Self {
            ledger,
            networks,
            names,
            wakers,
            clock,
            stop,
            care,
            suspects,
            started,
            reached,
        })
    }

    /// Goes on with everything that waits in the ledger.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn start(self: &Arc<Self>) -> Result<(), LedgerError> {
        let waiting = self.ledger.lanes_waiting().await?;
        self.suspects().extend(waiting.iter().cloned());
        let lanes = Arc::clone(self);
        self.wakers.lanes.runs(move |lane| {
            let lanes = Arc::clone(&lanes);
            async move { lanes.run(&lane).await }
        });
        for lane in waiting {
            self.wakers.lanes.wake(lane);
        }
        self.tell_of_failures().await
    }

    fn reached(&self) -> std::sync::MutexGuard<'_, HashSet<Lane>> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn suspects(&self) -> std::sync::MutexGuard<'_, HashSet<Lane>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, lane: &Lane) {
        let mut trouble = Backoff::default();
        let mut suspect = self.suspects().remove(lane);
        let mut failing = None;
        loop {
            if self.stop.is_cancelled() {
                return;
            }
            let batch = match self.ledger.heads(lane, READ_AHEAD).await {
                Ok(batch) if batch.is_empty() => {
                    if suspect {
                        self.suspects().insert(lane.clone());
                    }
                    return;
                }
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(?lane, %error, "a lane could not read what it owes");
                    self.pause(trouble.wait()).await;
                    continue;
                }
            };
            let mut waiting = &batch[..];
            while let Some(first) = waiting.first() {
                // What was read back may have been sent by a run of which the ledger has lost the
                // newest pages: the first of it in a lane tells.
                suspect |= first.owed.at < self.started && self.reached().insert(lane.clone());
                let uncertain = suspect || first.former || first.again;
                let (end, _way) = self.work(waiting, uncertain, &mut failing).await;
                if matches!(end, End::Sent(..) | End::Found(..)) {
                    failing = None;
                }
                // Where the ledger's newest pages were lost, several were sent of which it does not
                // know: as long as one is found, the next one may have been sent too.
                suspect &= matches!(end, End::Found(..));
                let (ended, rest) = waiting.split_at(end.count());
                if matches!(end, End::Stopped) || !self.note(ended, end).await {
                    return;
                }
                waiting = rest;
            }
        }
    }

    async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.stop.cancelled() => {}
        }
    }
}

/// Counts how a delivery, or a try of one, came out.
fn outcome(network: Network, outcome: &'static str) {
    metrics::counter!("partyline_deliveries_total",
        "network" => network.as_str(), "outcome" => outcome)
    .increment(1);
}
