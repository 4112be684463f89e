//! Work that fails in a way of its own: by a panic, or by taking the whole program with it.
//!
//! A panic is caught, and whoever called decides how often it tries again. A program that dies
//! (out of memory, out of stack, an abort in a library) cannot count; the ledger does. How many
//! runs ended badly in a row is written down at each start. After a few, this run is a *careful*
//! one: what it works on is marked in the ledger before and unmarked after. What was marked when
//! the program died is a suspect: it is worked on alone, so that it is found out whether it was
//! the one. An ordinary `kill -9` or two costs nothing of this.
//!
//! A program that always dies shortly after its start, over something else, dies over whatever is
//! first in line. So what was marked at many deaths waits until the run has been alive for a while,
//! and is given up only if the program dies over it then too.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::ledger::{Ledger, LedgerError};

/// After so many runs in a row that ended badly, a run is a careful one.
const CAREFUL_AFTER: u32 = 3;
/// Marked at so many deaths in a row, it waits until the run is calm.
const DEATHS: u32 = 8;
/// A run that has been alive for so long is calm: what it dies over from now on did it.
pub const CALM: Duration = Duration::from_secs(10);
/// A run that lasted so long ended well, however it ends.
pub const GOOD_RUN: Duration = Duration::from_secs(600);
/// How often work that panics is tried in one run before it is given up.
pub const PANICS: u32 = 3;

/// Watches over work that may be poisoned.
pub struct Guard {
    ledger: Ledger,
    careful: bool,
    /// What was marked when the program died, and at how many deaths.
    suspects: Mutex<HashMap<String, u32>>,
    /// Suspects are worked on one at a time.
    alone: Semaphore,
    /// When this run is calm.
    calm: Instant,
}

/// Why work came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Poison {
    /// It panicked. The message is in the log.
    #[error("the bridge failed on it by a mistake of its own")]
    Panicked,
    /// The program died over it again and again; it was not tried this time.
    #[error("the bridge was ended {} times in a row while it worked on it", DEATHS + 1)]
    Deadly,
}

impl Guard {
    /// Begins a run, which is calm after [`CALM`] or what else is given: counts it as one that
    /// ended badly, until [`Guard::ended_well`].
    ///
    /// # Errors
    /// The ledger could not be read or written.
    pub async fn begin(ledger: Ledger, calm: Duration) -> Result<Arc<Self>, LedgerError> {
        let past = ledger.begin_run().await?;
        let careful = past.bad_runs >= CAREFUL_AFTER;
        if careful {
            tracing::warn!(
                runs = past.bad_runs,
                "the last runs all ended badly; from now on what is worked on is marked first, to find out over what"
            );
        }
        let (suspects, alone) = (Mutex::new(past.suspects), Semaphore::new(1));
        let calm = Instant::now() + calm;
        Ok(Arc::new(Self { ledger, careful, suspects, alone, calm }))
    }

    /// Watches over a run beside the daemon's, as the command line's is: it is not counted, and
    /// changes nothing of what is known of the daemon's runs.
    #[must_use]
    pub fn uncounted(ledger: Ledger) -> Arc<Self> {
        let (suspects, alone) = (Mutex::default(), Semaphore::new(1));
        Arc::new(Self { ledger, careful: false, suspects, alone, calm: Instant::now() })
    }

    /// This run is a good one: it was stopped in order, or lasted [`GOOD_RUN`].
    pub async fn ended_well(&self) {
        if let Err(error) = self.ledger.end_run_well().await {
            tracing::warn!(%error, "it could not be written down that this run ended well");
        }
    }

    /// One attempt at the work that goes by this name (`delivery 12`).
    ///
    /// # Errors
    /// It panicked, or it is not to be tried again.
    pub async fn attempt<T>(
        &self,
        name: impl FnOnce() -> String,
        work: impl Future<Output = T>,
    ) -> Result<T, Poison> {
        let work = AssertUnwindSafe(work).catch_unwind();
        if !self.careful {
            return work.await.map_err(|_| Poison::Panicked);
        }
        let name = name();
        let deaths = self.suspects().get(&name).copied().unwrap_or_default();
        if deaths > DEATHS {
            self.unmark(name).await;
            return Err(Poison::Deadly);
        }
        if deaths == DEATHS {
            tracing::warn!(
                work = name,
                deaths,
                "the bridge died over it again and again; it waits until the bridge has been alive for a while"
            );
            tokio::time::sleep_until(self.calm).await;
        }
        let _alone = if deaths > 0 { self.alone.acquire().await.ok() } else { None };
        if let Err(error) = self.ledger.mark(name.clone()).await {
            // Better unmarked than not at all: a full disk must not stop what goes without it.
            tracing::warn!(%error, "what is worked on could not be marked");
        }
        let done = work.await;
        self.unmark(name).await;
        done.map_err(|_| Poison::Panicked)
    }

    async fn unmark(&self, name: String) {
        self.suspects().remove(&name);
        if let Err(error) = self.ledger.unmark(name).await {
            tracing::warn!(%error, "a mark could not be taken away");
        }
    }

    fn suspects(&self) -> std::sync::MutexGuard<'_, HashMap<String, u32>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use partyline_core::SystemClock;

    use super::*;

    /// Opens it once the writer of the run before has let go of it.
    fn open(folder: &tempfile::TempDir) -> Ledger {
        loop {
            match Ledger::open(&folder.path().join("ledger.db"), Arc::new(SystemClock)) {
                Err(LedgerError::Locked(_)) => std::thread::yield_now(),
                opened => return opened.unwrap(),
            }
        }
    }

    /// A run that is calm from the beginning.
    async fn begin(ledger: Ledger) -> Arc<Guard> {
        Guard::begin(ledger, Duration::ZERO).await.unwrap()
    }

    /// A run that dies while it works on these, all at once.
    async fn die_over(folder: &tempfile::TempDir, names: &[&str]) -> Vec<Poison> {
        let ledger = open(folder);
        let guard = begin(ledger.clone()).await;
        let mut refused = Vec::new();
        for name in names {
            let mut attempt = Box::pin(guard.attempt(|| (*name).to_owned(), async {
                std::future::pending::<()>().await;
            }));
            // As far as it goes; what is marked by then is marked when the program dies.
            let polled = tokio::time::timeout(Duration::from_millis(100), &mut attempt).await;
            refused.extend(polled.ok().and_then(Result::err));
        }
        refused
    }

    async fn fares(guard: &Guard, name: &str) -> Result<u8, Poison> {
        guard.attempt(|| name.to_owned(), async { 7 }).await
    }

    #[tokio::test]
    async fn what_kills_the_program_again_and_again_is_given_up_and_the_rest_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut runs = 0;
        while die_over(&folder, &["delivery 1"]).await.is_empty() {
            runs += 1;
            assert!(runs < 20, "it goes on for ever");
        }
        assert_eq!(runs, CAREFUL_AFTER + DEATHS + 1);
        // Given up once, it can be tried again.
        let guard = begin(open(&folder)).await;
        assert_eq!(fares(&guard, "delivery 1").await, Ok(7));
        assert_eq!(fares(&guard, "delivery 2").await, Ok(7));
    }

    #[tokio::test]
    async fn what_was_in_work_at_the_deaths_of_something_else_is_not_given_up() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..3 * DEATHS {
            let guard = Guard::begin(open(&folder), CALM).await.unwrap();
            let mut first =
                Box::pin(guard.attempt(|| "read 1".into(), std::future::pending::<()>()));
            let polled = tokio::time::timeout(Duration::from_millis(20), &mut first).await;
            assert!(polled.is_err(), "it waits or is worked on: {polled:?}");
        }
        let guard = begin(open(&folder)).await;
        assert_eq!(fares(&guard, "read 1").await, Ok(7));
    }

    #[tokio::test]
    async fn what_came_through_between_two_deaths_is_no_suspect() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..3 * DEATHS {
            let ledger = open(&folder);
            let guard = begin(ledger).await;
            assert_eq!(fares(&guard, "delivery 2").await, Ok(7));
            drop(guard);
            assert_eq!(die_over(&folder, &[]).await, []);
        }
    }

    #[tokio::test]
    async fn a_run_that_ended_well_begins_the_count_anew() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..20 {
            assert_eq!(die_over(&folder, &["delivery 1"]).await, []);
            assert_eq!(die_over(&folder, &["delivery 1"]).await, []);
            begin(open(&folder)).await.ended_well().await;
        }
    }

    #[tokio::test]
    async fn a_panic_is_told_and_nothing_stays_marked() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..3 * DEATHS {
            let guard = begin(open(&folder)).await;
            let panicked = guard.attempt(|| "delivery 1".into(), async {
                if fares(&guard, "delivery 2").await.is_ok() {
                    panic!("on purpose");
                }
            });
            assert_eq!(panicked.await, Err(Poison::Panicked));
        }
    }
}
