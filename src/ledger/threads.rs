//! The threads that own SQLite's connections: one that writes, two that read.
//!
//! The writer takes whatever has queued up and commits it in one transaction, so that concurrent
//! requests share one fsync; a job's answer is sent only after the commit. Each job runs in a
//! savepoint: one that fails takes nothing else with it.

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::LedgerError;
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

type Done = Box<dyn FnOnce(Result<(), LedgerError>) + Send>;
type WriteJob = Box<dyn FnOnce(&Writing<'_>) -> Done + Send>;
type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

/// What a write works with, inside the transaction.
pub(super) struct Writing<'a> {
    pub(super) connection: &'a Connection,
    next_position: &'a Cell<i64>,
}

impl Writing<'_> {
    /// The next place in the order of all lanes: behind everything that waits.
    pub(super) fn next_position(&self) -> i64 {
        let position = self.next_position.get();
        self.next_position.set(position + 1);
        position
    }
}

/// Handles to the threads. They end when the last handle is gone and their queues are empty.
#[derive(Clone)]
pub(super) struct Threads {
    writes: mpsc::Sender<WriteJob>,
    reads: [mpsc::Sender<ReadJob>; READERS],
    turn: std::sync::Arc<std::sync::atomic::AtomicUsize>,
    /// Writes that failed.
    failed: std::sync::Arc<std::sync::atomic::AtomicU64>,
    /// The last write came to nothing.
    failing: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Threads {
    /// The lock is held until the writer has written its last.
    pub(super) fn start(path: &Path, writer: Connection, lock: Lock) -> Result<Self, LedgerError> {
        // Behind everything that waits; a number of something settled may come again.
        let next: i64 = writer.query_row(
            "SELECT coalesce(max(position), 0) + 1 FROM deliveries WHERE state = 0",
            [],
            |row| row.get(0),
        )?;
        let (writes, jobs) = mpsc::channel(QUEUE);
        spawn("ledger-writer", move || {
            write_all(&writer, &Cell::new(next), jobs);
            drop(lock);
        })?;
        let mut reads = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let connection = super::connect(path)?;
            connection.pragma_update(None, "query_only", true)?;
            let (sender, mut jobs) = mpsc::channel::<ReadJob>(QUEUE);
            spawn("ledger-reader", move || {
                while let Some(job) = jobs.blocking_recv() {
                    job(&connection);
                }
            })?;
            reads.push(sender);
        }
        let reads = reads.try_into().map_err(|_| LedgerError::Closed)?;
        Ok(Self {
            writes,
            reads,
            turn: std::sync::Arc::default(),
            failed: std::sync::Arc::default(),
            failing: std::sync::Arc::default(),
        })
    }

    /// How many writes have failed since the start.
    pub(super) fn failed_writes(&self) -> u64 {
        self.failed.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Runs a write and answers once it is durable. It runs even when the caller goes away.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(&Writing<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
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
        F: FnOnce(&Writing<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: WriteJob = Box::new(move |writing| {
            let result = in_savepoint(writing, work);
            Box::new(move |committed| {
                let result = committed.and_then(|()| result.map_err(LedgerError::from));
                // The caller may have gone away; the write stands all the same.
                let _ = answer.send(result);
            })
        });
        tokio::time::timeout(PATIENCE, self.writes.send(job))
            .await
            .map_err(|_| LedgerError::Busy)?
            .map_err(|_| LedgerError::Closed)?;
        answered.await.map_err(|_| LedgerError::Closed)?
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
        answered.await.map_err(|_| LedgerError::Closed)?
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), LedgerError> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(work)
        .map(drop)
        .map_err(|error| LedgerError::Unusable(format!("no thread could be started: {error}")))
}

fn write_all(connection: &Connection, next: &Cell<i64>, mut jobs: mpsc::Receiver<WriteJob>) {
    let mut batch = Vec::new();
    while jobs.blocking_recv_many(&mut batch, BATCH) > 0 {
        let started = Instant::now();
        let size = batch.len();
        let mut dones = Vec::with_capacity(size);
        let result = commit(connection, next, &mut batch, &mut dones);
        metrics::counter!("partyline_ledger_commits_total",
            "outcome" => if result.is_ok() { "ok" } else { "failed" })
        .increment(1);
        metrics::histogram!("partyline_ledger_commit_seconds").record(started.elapsed());
        metrics::histogram!("partyline_ledger_batch_jobs").record(size as f64);
        if let Err(error) = &result {
            tracing::error!(%error, jobs = size, "the ledger could not commit; nothing of this batch is stored");
        }
        batch.clear();
        for done in dones {
            done(result.clone());
        }
    }
    // Leave a clean file behind: the log is folded into the database.
    let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
}

fn commit(
    connection: &Connection,
    next: &Cell<i64>,
    batch: &mut Vec<WriteJob>,
    dones: &mut Vec<Done>,
) -> Result<(), LedgerError> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let writing = Writing { connection, next_position: next };
    for job in batch.drain(..) {
        dones.push(job(&writing));
        if connection.is_autocommit() {
            // SQLite itself rolled everything back (a full disk, say). What is left of the batch
            // must not run outside of a transaction: its callers hear `Closed` and come again.
            return Err(LedgerError::Unusable(
                "the transaction was rolled back; is the disk full?".into(),
            ));
        }
    }
    point(Point::LedgerCommit);
    connection.execute_batch("COMMIT").map_err(|error| {
        let _ = connection.execute_batch("ROLLBACK");
        LedgerError::from(error)
    })?;
    point(Point::LedgerCommitted);
    Ok(())
}

fn in_savepoint<T>(
    writing: &Writing<'_>,
    work: impl FnOnce(&Writing<'_>) -> Result<T, rusqlite::Error>,
) -> Result<T, rusqlite::Error> {
    let run = |sql| writing.connection.prepare_cached(sql)?.execute([]).map(drop);
    run("SAVEPOINT job")?;
    match work(writing) {
        Ok(value) => run("RELEASE job").map(|()| value),
        Err(error) => {
            // A full disk may have rolled the whole transaction back already: then COMMIT tells.
            let _ = run("ROLLBACK TO job");
            let _ = run("RELEASE job");
            Err(error)
        }
    }
}
