//! The threads that own SQLite's connections: one that writes, two that read, one that folds the
//! log into the database.
//!
//! The writer takes whatever has queued up and commits it in one transaction, so that concurrent
//! requests share one fsync; a job's answer is sent only after the commit. One job that fails takes
//! nothing else with it: the batch is then done again, each job in a savepoint of its own. (A
//! savepoint for each job from the beginning would cost a copy of every page that it changes.)

mod commit;
mod compact;
mod job;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::LedgerError;
use super::checkpoint::Checkpoints;
use super::heads::{Heads, News};
use super::noted::Note;
use crate::store::Lock;
use commit::write_all;
use compact::Compact;
pub(super) use compact::compact;
use job::{Work, WriteJob};

/// Jobs that may wait for the writer or a reader; beyond it the caller waits, and with it the
/// platform: this is where backpressure begins.
const QUEUE: usize = 4096;
/// How long a caller waits for a place in the queue before it is told that the ledger is busy.
const PATIENCE: Duration = Duration::from_secs(4);
const READERS: usize = 2;

type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

/// What a write works with, inside the transaction.
pub(super) struct Writing<'a> {
    pub(super) connection: &'a Connection,
    next_position: Cell<i64>,
    /// What the lanes are told once it is committed.
    news: RefCell<Vec<News>>,
}

impl Writing<'_> {
    /// The next place in the order of all lanes: behind everything that waits.
    pub(super) fn next_position(&self) -> i64 {
        let position = self.next_position.get();
        self.next_position.set(position + 1);
        position
    }

    /// Has the lanes told of it once this is committed.
    pub(super) fn tell(&self, news: News) {
        self.news.borrow_mut().push(news);
    }
}

/// Handles to the threads. They end when the last handle is gone and their queues are empty.
#[derive(Clone)]
pub(super) struct Threads {
    writes: mpsc::Sender<Box<dyn WriteJob>>,
    reads: [mpsc::Sender<ReadJob>; READERS],
    turn: Arc<std::sync::atomic::AtomicUsize>,
    /// Writes that failed.
    failed: Arc<std::sync::atomic::AtomicU64>,
    /// The last write came to nothing.
    failing: Arc<std::sync::atomic::AtomicBool>,
    /// The first damage that was found in the file: from then on nothing is written to it, so that
    /// what can be saved is not overwritten.
    damage: Damage,
}

/// What was found wrong with the file, once something was.
type Damage = Arc<OnceLock<LedgerError>>;

impl Threads {
    /// The lock is held until the writer has written its last.
    pub(super) fn start(
        path: &Path,
        writer: Connection,
        heads: Arc<Heads>,
        note: Note,
        lock: Lock,
    ) -> Result<Self, LedgerError> {
        // Behind everything that waits; a number of something settled may come again.
        let next: i64 = writer.query_row(
            "SELECT coalesce(max(position), 0) + 1 FROM deliveries WHERE state = 0",
            [],
            |row| row.get(0),
        )?;
        let (writes, jobs) = mpsc::channel::<Box<dyn WriteJob>>(QUEUE);
        let checkpoints = Checkpoints::start(path, &writer)?;
        let damage = Damage::default();
        let found = damage.clone();
        spawn("ledger-writer", move || {
            let (next_position, news) = (Cell::new(next), RefCell::default());
            let writing = Writing { connection: &writer, next_position, news };
            write_all(&writing, jobs, (checkpoints, note), &heads);
            if found.get().is_none() {
                // Leave a clean file behind: the log is folded into the database.
                let _ = writer.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
            }
            drop(lock);
        })?;
        let mut reads = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let connection = super::connect(path)?;
            connection.pragma_update(None, "query_only", true)?;
            let (sender, mut jobs) = mpsc::channel::<ReadJob>(QUEUE);
            spawn("ledger-reader", move || {
                while let Some(job) = jobs.blocking_recv() {
                    // One job that panics must not take the reader with it: its caller hears
                    // `Closed`.
                    let read = catch_unwind(AssertUnwindSafe(|| job(&connection)));
                    if read.is_err() {
                        tracing::error!("a read of the ledger panicked");
                    }
                }
            })?;
            reads.push(sender);
        }
        let reads = reads.try_into().map_err(|_| LedgerError::Closed)?;
        let (failed, failing) = (Arc::default(), Arc::default());
        Ok(Self { writes, reads, turn: Arc::default(), failed, failing, damage })
    }

    /// Whether damage was found in the file.
    pub(super) fn is_damaged(&self) -> bool {
        self.damage.get().is_some()
    }

    /// Keeps in mind that the file is damaged, if this error says so.
    fn heed<T>(&self, result: Result<T, LedgerError>) -> Result<T, LedgerError> {
        if let Err(error @ LedgerError::Damaged(_)) = &result
            && self.damage.set(error.clone()).is_ok()
        {
            tracing::error!(%error, "from now on nothing is written to the ledger");
        }
        result
    }

    /// How many writes have failed since the start.
    pub(super) fn failed_writes(&self) -> u64 {
        self.failed.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Runs a write and answers once it is durable. It runs even when the caller goes away, and
    /// twice where something else of its batch fails.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: Fn(&Writing<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        let result = self.write_uncounted(work).await;
        self.failing.store(result.is_err(), std::sync::atomic::Ordering::Relaxed);
        if result.is_err() {
            self.failed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        result
    }

    async fn write_uncounted<T, F>(&self, work: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: Fn(&Writing<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        if let Some(damage) = self.damage.get() {
            return Err(damage.clone());
        }
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Work { work, result: None, answer });
        tokio::time::timeout(PATIENCE, self.writes.send(job))
            .await
            .map_err(|_| LedgerError::Busy)?
            .map_err(|_| LedgerError::Closed)?;
        self.heed(answered.await.map_err(|_| LedgerError::Closed)?)
    }

    /// Writes the file anew, between two commits: so long, nothing else is written.
    pub(super) async fn compact(&self) -> Result<(), LedgerError> {
        if let Some(damage) = self.damage.get() {
            return Err(damage.clone());
        }
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Compact { done: Err(LedgerError::Closed), answer });
        self.writes.send(job).await.map_err(|_| LedgerError::Closed)?;
        self.heed(answered.await.map_err(|_| LedgerError::Closed)?)
    }

    /// Whether the last write came to nothing.
    pub(super) fn failing(&self) -> bool {
        self.failing.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Runs a read of what is committed.
    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let turn = self.turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % READERS;
        let job: ReadJob = Box::new(move |connection| {
            let _ = answer.send(work(connection).map_err(LedgerError::from));
        });
        tokio::time::timeout(PATIENCE, self.reads[turn].send(job))
            .await
            .map_err(|_| LedgerError::Busy)?
            .map_err(|_| LedgerError::Closed)?;
        self.heed(answered.await.map_err(|_| LedgerError::Closed)?)
    }
}

pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), LedgerError> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(work)
        .map(drop)
        .map_err(|error| LedgerError::Unusable(format!("no thread could be started: {error}")))
}
