//! The threads that own SQLite's connections: one that writes, two that read, one that folds the
//! log into the database.
//!
//! The writer takes whatever has queued up and commits it in one transaction, so that concurrent
//! requests share one fsync; a job's answer is sent only after the commit. One job that fails takes
//! nothing else with it: the batch is then done again, each job in a savepoint of its own. (A
//! savepoint for each job from the beginning would cost a copy of every page that it changes.)

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::LedgerError;
use super::checkpoint::Checkpoints;
use super::heads::{Heads, News};
use super::noted::Note;
use crate::crash::{Point, point};
use crate::store::Lock;

/// Jobs that may wait for the writer or a reader; beyond it the caller waits, and with it the
/// platform: this is where backpressure begins.
const QUEUE: usize = 4096;
/// The most jobs in one commit, so that the first does not wait for ever.
const BATCH: usize = 1024;
/// How long a caller waits for a place in the queue before it is told that the ledger is busy.
const PATIENCE: Duration = Duration::from_secs(4);
const READERS: usize = 2;

type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

/// What is to be written. It is asked to write once, or once more where the first transaction was
/// rolled back, and then told how that ended.
trait WriteJob: Send {
    /// Whether it did what it was to do.
    fn write(&mut self, writing: &Writing<'_>) -> Result<(), ()>;
    /// What can only be done between two transactions: after this one is committed.
    fn afterwards(&mut self, _connection: &Connection) {}
    fn answer(self: Box<Self>, committed: Result<(), LedgerError>);
}

struct Work<T, F> {
    work: F,
    result: Option<Result<T, rusqlite::Error>>,
    answer: oneshot::Sender<Result<T, LedgerError>>,
}

impl<T, F> WriteJob for Work<T, F>
where
    T: Send,
    F: Fn(&Writing<'_>) -> Result<T, rusqlite::Error> + Send,
{
    fn write(&mut self, writing: &Writing<'_>) -> Result<(), ()> {
        // A mistake of ours must not take the writer with it: it is a write that failed.
        let worked = catch_unwind(AssertUnwindSafe(|| (self.work)(writing)));
        let result = self.result.insert(worked.unwrap_or_else(|_| {
            tracing::error!("a write of the ledger panicked");
            Err(rusqlite::Error::InvalidQuery)
        }));
        result.as_ref().map(drop).map_err(drop)
    }

    fn answer(self: Box<Self>, committed: Result<(), LedgerError>) {
        let result = self.result.unwrap_or(Err(rusqlite::Error::InvalidQuery));
        // The caller may have gone away; the write stands all the same.
        let _ = self.answer.send(committed.and_then(|()| result.map_err(LedgerError::from)));
    }
}

/// Has the file written anew, so that nothing is left in it of what was deleted.
struct Compact {
    done: Result<(), LedgerError>,
    answer: oneshot::Sender<Result<(), LedgerError>>,
}

impl WriteJob for Compact {
    fn write(&mut self, _: &Writing<'_>) -> Result<(), ()> {
        Ok(())
    }

    fn afterwards(&mut self, connection: &Connection) {
        self.done = match is_small(connection) {
            Ok(true) => compact(connection),
            // The next start does it. Until then the log at least holds nothing of before.
            Ok(false) => connection
                .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
                .map_err(LedgerError::from),
            Err(error) => Err(error.into()),
        };
    }

    fn answer(self: Box<Self>, committed: Result<(), LedgerError>) {
        let _ = self.answer.send(committed.and(self.done));
    }
}

/// The largest file that is written anew while others wait for the writer, in bytes: about a second. (A
/// million events of 763 MiB took ten.)
const SMALL: i64 = 64 << 20;

fn is_small(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let size: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    Ok(pages.saturating_mul(size) <= SMALL)
}

/// Writes the file anew, and ends the log, which has the pages of before.
pub(super) fn compact(connection: &Connection) -> Result<(), LedgerError> {
    // The new file is as large as the old one: memory is no place for it.
    connection.pragma_update(None, "temp_store", "file")?;
    let done = connection.execute_batch(
        "VACUUM; UPDATE meta SET value = '0' WHERE key = 'compact'; PRAGMA wal_checkpoint(TRUNCATE)",
    );
    connection.pragma_update(None, "temp_store", "memory")?;
    Ok(done?)
}

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

fn write_all(
    writing: &Writing<'_>,
    mut jobs: mpsc::Receiver<Box<dyn WriteJob>>,
    (mut checkpoints, mut note): (Checkpoints, Note),
    heads: &Heads,
) {
    let mut batch = Vec::new();
    while jobs.blocking_recv_many(&mut batch, BATCH) > 0 {
        let started = Instant::now();
        let result = commit(writing, &mut batch);
        metrics::counter!("partyline_ledger_commits_total",
            "outcome" => if result.is_ok() { "ok" } else { "failed" })
        .increment(1);
        metrics::histogram!("partyline_ledger_commit_seconds").record(started.elapsed());
        metrics::histogram!("partyline_ledger_batch_jobs").record(batch.len() as f64);
        if let Err(error) = &result {
            tracing::error!(%error, jobs = batch.len(), "the ledger could not commit; nothing of this batch is stored");
        }
        let news = writing.news.take();
        if result.is_ok() {
            note.committed(writing.connection);
            heads.commit(news);
            batch.iter_mut().for_each(|job| job.afterwards(writing.connection));
        }
        for job in batch.drain(..) {
            job.answer(result.clone());
        }
        checkpoints.committed(writing.connection);
    }
}

/// Writes a batch in one transaction.
fn commit(writing: &Writing<'_>, batch: &mut [Box<dyn WriteJob>]) -> Result<(), LedgerError> {
    run(writing, "BEGIN IMMEDIATE")?;
    let written = batch.iter_mut().try_for_each(|job| job.write(writing));
    let written = match written {
        Ok(()) => Ok(()),
        Err(()) => begin_again(writing, batch),
    };
    point(Point::LedgerCommit);
    written.and_then(|()| run(writing, "COMMIT")).inspect_err(|_| {
        let _ = run(writing, "ROLLBACK");
    })?;
    point(Point::LedgerCommitted);
    Ok(())
}

/// Something in the batch failed: everything is done again, so that only that is left out.
fn begin_again(writing: &Writing<'_>, batch: &mut [Box<dyn WriteJob>]) -> Result<(), LedgerError> {
    if !writing.connection.is_autocommit() {
        run(writing, "ROLLBACK")?;
    }
    writing.news.take();
    run(writing, "BEGIN IMMEDIATE")?;
    for job in batch {
        run(writing, "SAVEPOINT job")?;
        let told = writing.news.borrow().len();
        if job.write(writing).is_err() {
            writing.news.borrow_mut().truncate(told);
            if writing.connection.is_autocommit() {
                // SQLite itself rolled everything back (a full disk, say). What is left of the
                // batch must not run outside of a transaction: its callers come again.
                return Err(LedgerError::Unusable(
                    "the transaction was rolled back; is the disk full?".into(),
                ));
            }
            run(writing, "ROLLBACK TO job")?;
        }
        run(writing, "RELEASE job")?;
    }
    Ok(())
}

fn run(writing: &Writing<'_>, sql: &str) -> Result<(), LedgerError> {
    Ok(writing.connection.prepare_cached(sql)?.execute([]).map(drop)?)
}
