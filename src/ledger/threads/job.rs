//! What is to be written, and who waits for the answer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::Writing;
use crate::ledger::LedgerError;

/// What is to be written. It is asked to write once, or once more where the first transaction was
/// rolled back, and then told how that ended.
pub(super) trait WriteJob: Send {
    /// Whether it did what it was to do.
    fn write(&mut self, writing: &Writing<'_>) -> Result<(), ()>;
    /// What can only be done between two transactions: after this one is committed.
    fn afterwards(&mut self, _connection: &Connection) {}
    fn answer(self: Box<Self>, committed: Result<(), LedgerError>);
}

/// A piece of work, and who is told what came of it.
pub(super) struct Work<T, F> {
    pub(super) work: F,
    pub(super) result: Option<Result<T, rusqlite::Error>>,
    pub(super) answer: oneshot::Sender<Result<T, LedgerError>>,
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
