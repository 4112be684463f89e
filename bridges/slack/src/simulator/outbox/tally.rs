//! What is counted.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// What was sent, and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counters {
    /// Requests to the Web API.
    pub requests: u64,
    /// Messages that the app posted.
    pub posts: u64,
    /// Requests that were refused for their rate.
    pub rate_limited: u64,
    /// Events that went out, each counted once.
    pub events: u64,
    /// Events that the app acknowledged.
    pub acknowledged: u64,
    /// Events that went out again because they were not acknowledged.
    pub retried: u64,
    /// Events that never reached the app: nobody connected, no acknowledgement after the last
    /// attempt, or a fault.
    pub lost: u64,
    /// Faults that struck.
    pub faults: u64,
}

#[derive(Default)]
pub(in crate::simulator) struct Tally {
    pub(in crate::simulator) requests: AtomicU64,
    pub(in crate::simulator) posts: AtomicU64,
    pub(in crate::simulator) rate_limited: AtomicU64,
    pub(super) events: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) retried: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) faults: AtomicU64,
}

pub(in crate::simulator) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Tally {
    pub(super) fn read(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            requests: read(&self.requests),
            posts: read(&self.posts),
            rate_limited: read(&self.rate_limited),
            events: read(&self.events),
            acknowledged: read(&self.acknowledged),
            retried: read(&self.retried),
            lost: read(&self.lost),
            faults: read(&self.faults),
        }
    }
}
