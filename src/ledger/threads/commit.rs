//! The writer's round: what has queued up is one transaction.

use std::time::Instant;

use tokio::sync::mpsc;

use super::Writing;
use super::job::WriteJob;
use crate::crash::{Point, point};
use crate::ledger::LedgerError;
use crate::ledger::checkpoint::Checkpoints;
use crate::ledger::heads::Heads;
use crate::ledger::noted::Note;

/// The most jobs in one commit, so that the first does not wait for ever.
const BATCH: usize = 1024;

/// Writes what is asked for until nobody can ask any more.
pub(super) fn write_all(
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
