//! The heads of the lanes in memory, so that a lane need not read what was just written.
//!
//! The ledger is the truth; this only says what it holds. The writer enters what a commit gave a
//! lane, on its own thread and in the order of the commits, and only where everything before it in
//! that lane is here too: a queue that is *whole* is all that waits in its lane. Otherwise the
//! queue is marked, and its lane reads the ledger when it has sent what is here. A lane that has no
//! queue here has nothing that waits.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Lane, Owed};

/// The most deliveries that wait in one queue.
const LONG: usize = 32;
/// The most that the writer enters, all queues together; lanes that have more to send read it.
const MANY: usize = 8192;

/// A delivery as it stands in the ledger.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) number: i64,
    pub(super) position: i64,
    /// Milliseconds since 1970.
    pub(super) since: i64,
    pub(super) mark: Option<String>,
    /// It was parked once.
    pub(super) again: bool,
    /// Something later of its origin went before it.
    pub(super) overtaken: bool,
    pub(super) owed: Arc<Owed>,
}

/// What a commit did to a lane.
#[derive(Debug)]
pub(super) enum News {
    /// This is at its end now.
    Waits(Lane, Row),
    /// Something came into it that is not here.
    Changed(Lane),
    /// Something was taken out of it that may be here.
    Emptied(Lane),
}

/// What a lane finds here.
#[derive(Debug)]
pub(super) enum Found {
    /// The first that wait; none where nothing does.
    Heads(Vec<Row>),
    /// The ledger must be read, and the result entered with this number.
    Read(u64),
}

/// The queues, by lane.
#[derive(Debug, Default)]
pub(super) struct Heads(Mutex<Queues>);

#[derive(Debug, Default)]
struct Queues {
    /// Whether what waited at the start is known.
    started: bool,
    lanes: HashMap<Lane, Queue>,
    entered: usize,
}

#[derive(Debug, Default)]
struct Queue {
    rows: VecDeque<Row>,
    /// Whether nothing else waits in the lane.
    whole: bool,
    /// How often something came into the lane that is not here.
    changes: u64,
    /// The last that was ever here: the writer may tell of what a reader has found already.
    last: (i64, i64),
}

impl Heads {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the writer's news are taken.
    pub(super) fn start(&self) {
        self.lock().started = true;
    }

    /// Of these lanes it is not known what waits in them.
    pub(super) fn unknown(&self, lanes: &[Lane]) {
        let mut queues = self.lock();
        for lane in lanes {
            queues.changed(lane.clone(), true);
        }
    }

    /// Takes what a commit did, in its order. Called by the writer, before anybody is woken.
    pub(super) fn commit(&self, news: Vec<News>) {
        if news.is_empty() {
            return;
        }
        let mut queues = self.lock();
        for one in news {
            match one {
                News::Waits(lane, row) => queues.waits(lane, row),
                News::Changed(lane) => queues.changed(lane, false),
                News::Emptied(lane) => queues.changed(lane, true),
            }
        }
    }

    /// Whether something waits in a lane, or may.
    pub(super) fn has_more(&self, lane: &Lane) -> bool {
        let queues = self.lock();
        queues.lanes.get(lane).is_some_and(|queue| !queue.rows.is_empty() || !queue.whole)
    }

    /// Whether this one is still the first in a lane.
    pub(super) fn is_first(&self, lane: &Lane, number: i64) -> bool {
        let queues = self.lock();
        let first = queues.lanes.get(lane).and_then(|queue| queue.rows.front());
        first.is_some_and(|row| row.number == number)
    }

    /// What is first in a lane, at most so many. Asked by the lane's one task.
    pub(super) fn find(&self, lane: &Lane, limit: usize) -> Found {
        let mut queues = self.lock();
        let Some(queue) = queues.lanes.get(lane) else { return Found::Heads(Vec::new()) };
        if !queue.rows.is_empty() {
            return Found::Heads(queue.rows.iter().take(limit).cloned().collect());
        }
        if !queue.whole {
            return Found::Read(queue.changes);
        }
        queues.lanes.remove(lane);
        Found::Heads(Vec::new())
    }

    /// Enters what was read after [`Heads::find`] had asked for it: `all` where nothing was behind
    /// it.
    pub(super) fn read(&self, lane: &Lane, changes: u64, rows: Vec<Row>, all: bool) {
        let mut queues = self.lock();
        queues.entered += rows.len();
        let queue = queues.lanes.entry(lane.clone()).or_default();
        // What came while it was read may be in it or not.
        queue.whole = all && queue.changes == changes;
        if let Some(last) = rows.last() {
            queue.last = (last.position, last.number);
        }
        queue.rows = rows.into();
    }

    /// It does not wait any more.
    pub(super) fn gone(&self, lane: &Lane, number: i64) {
        let mut queues = self.lock();
        let Some(queue) = queues.lanes.get_mut(lane) else { return };
        if queue.rows.front().is_some_and(|row| row.number == number) {
            queue.rows.pop_front();
            queues.entered -= 1;
        }
    }
}

impl Queues {
    fn waits(&mut self, lane: Lane, row: Row) {
        if !self.started {
            return;
        }
        let room = self.entered < MANY;
        let queue =
            self.lanes.entry(lane).or_insert_with(|| Queue { whole: true, ..Queue::default() });
        if queue.whole && (row.position, row.number) <= queue.last {
            return;
        }
        if queue.whole && room && queue.rows.len() < LONG {
            queue.last = (row.position, row.number);
            queue.rows.push_back(row);
            self.entered += 1;
        } else {
            queue.whole = false;
            queue.changes += 1;
        }
    }

    fn changed(&mut self, lane: Lane, forget: bool) {
        if !self.started {
            return;
        }
        let queue = self.lanes.entry(lane).or_default();
        queue.whole = false;
        queue.changes += 1;
        if forget {
            self.entered -= queue.rows.len();
            queue.rows.clear();
        }
    }
}

#[cfg(test)]
mod tests;
