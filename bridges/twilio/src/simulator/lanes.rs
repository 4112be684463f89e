//! Work that is done one after another within a lane, and at the same time across lanes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Work waiting in one lane at most. What comes on top is dropped: a receiver so far behind has
/// lost it in reality too.
const LIMIT: usize = 10_000;

type Work = BoxFuture<'static, ()>;

/// Which lane: what must stay in order with what.
pub(super) type Key = (Arc<str>, Arc<str>);

pub(super) struct Lanes {
    lanes: Mutex<HashMap<Key, VecDeque<Entry>>>,
    pending: watch::Sender<usize>,
    stop: CancellationToken,
}

struct Entry {
    work: Work,
    pending: Pending,
}

/// Counts one piece of work as under way until it is dropped.
pub(super) struct Pending(watch::Sender<usize>);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Lanes {
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self { lanes: Mutex::default(), pending: watch::Sender::new(0), stop }
    }

    /// Notes that something is under way.
    pub(super) fn pending(&self) -> Pending {
        self.pending.send_modify(|count| *count += 1);
        Pending(self.pending.clone())
    }

    /// Resolves when nothing is under way.
    pub(super) async fn idle(&self) {
        // The sender lives as long as `self`.
        let _ = self.pending.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Puts work at the end of a lane. Says whether there was room.
    pub(super) fn push(self: &Arc<Self>, key: Key, work: Work) -> bool {
        let entry = Entry { work, pending: self.pending() };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get_mut(&key) {
            let room = lane.len() < LIMIT;
            if room {
                lane.push_back(entry);
            }
            return room;
        }
        lanes.insert(key.clone(), VecDeque::from([entry]));
        drop(lanes);
        self.spawn(Arc::clone(self).drain(key));
        true
    }

    /// Starts work apart from any lane; it ends with the simulator.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        tokio::spawn(async move {
            let _ = stop.run_until_cancelled(work).await;
        });
    }

    async fn drain(self: Arc<Self>, key: Key) {
        while let Some(Entry { work, pending }) = self.next(&key) {
            work.await;
            drop(pending);
        }
    }

    /// The next piece of work; a lane without any is taken down.
    fn next(&self, key: &Key) -> Option<Entry> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let next = lanes.get_mut(key).and_then(VecDeque::pop_front);
        if next.is_none() {
            lanes.remove(key);
        }
        next
    }
}
