//! One task for each key that has work, and none for the others.
//!
//! Lanes, commands and read-backs all need the same thing: work for one key runs one at a time,
//! keys do not wait for one another, a wake-up is never lost, and a key without work costs
//! nothing.

use std::collections::HashMap;
use std::fmt::Debug;
use std::future::Future;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The pauses after a panic: each twice as long as the one before, until there was none.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The pauses after a step that failed: each twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Does step after step until one says that there is nothing more to do. One that fails is tried again
/// after a pause, and it is logged why; `what` says what is not as it should be meanwhile.
pub async fn work_off<F>(stop: &CancellationToken, what: &str, step: impl Fn() -> F)
where
    F: Future<Output = Result<bool, String>>,
{
    let mut wait = FIRST_WAIT;
    while !stop.is_cancelled() {
        match step().await {
            Ok(false) => return,
            Ok(true) => wait = FIRST_WAIT,
            Err(why) => {
                tracing::warn!("{what}; trying again: {why}");
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = stop.cancelled() => {}
                }
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

type Work<K> = Arc<dyn Fn(K) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Runs work by key.
pub struct Keyed<K> {
    running: Mutex<HashMap<K, Again>>,
    work: Mutex<Option<Work<K>>>,
    tasks: TaskTracker,
}

/// Whether the key was woken while its work ran.
type Again = bool;

impl<K: Clone + Eq + Hash + Debug + Send + 'static> Keyed<K> {
    /// Nothing to run yet; a wake-up before [`Keyed::runs`] is forgotten, so whoever sets the
    /// work wakes what is already there.
    #[must_use]
    pub fn new(tasks: TaskTracker) -> Arc<Self> {
        Arc::new(Self { running: Mutex::default(), work: Mutex::default(), tasks })
    }

    /// Says what the work is: called with the key, it does all that is there for the key and
    /// ends. It is let go when the last of the program's tasks has ended, because it holds
    /// whoever gave it (and with them the ledger), and they hold us.
    pub fn runs<F>(self: &Arc<Self>, work: impl Fn(K) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        *self.lock_work() = Some(Arc::new(move |key| Box::pin(work(key))));
        let (keyed, tasks) = (Arc::downgrade(self), self.tasks.clone());
        tokio::spawn(async move {
            tasks.wait().await;
            let work = keyed.upgrade().and_then(|keyed| keyed.lock_work().take());
            drop(work);
        });
    }

    fn lock_work(&self) -> MutexGuard<'_, Option<Work<K>>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is work for this key. If its work runs already, it runs once more afterwards.
    pub fn wake(self: &Arc<Self>, key: K) {
        let Some(work) = self.lock_work().clone() else { return };
        {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(again) = running.get_mut(&key) {
                *again = true;
                return;
            }
            running.insert(key.clone(), false);
        }
        let keyed = Arc::clone(self);
        self.tasks.spawn(async move { keyed.run(key, work).await });
    }

    /// How many keys have work now.
    #[must_use]
    pub fn active(&self) -> usize {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    async fn run(&self, key: K, work: Work<K>) {
        let mut pause = FIRST_PAUSE;
        loop {
            if AssertUnwindSafe(work(key.clone())).catch_unwind().await.is_err() {
                // A mistake of ours, and not in one of the pieces (those are given up, see
                // `poison`). It must not leave the key stuck for ever.
                tracing::error!(
                    ?key,
                    pause_s = pause.as_secs(),
                    "the work for this key panicked; trying again"
                );
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                continue;
            }
            pause = FIRST_PAUSE;
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            match running.get_mut(&key) {
                Some(again) if *again => *again = false,
                _ => {
                    running.remove(&key);
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_wake_up_during_the_work_runs_it_once_more() {
        let tasks = TaskTracker::new();
        let keyed = Keyed::new(tasks.clone());
        let runs = Arc::new(AtomicUsize::new(0));
        let (counted, inner) = (Arc::clone(&runs), Arc::clone(&keyed));
        keyed.runs(move |key: u8| {
            let (counted, inner) = (Arc::clone(&counted), Arc::clone(&inner));
            async move {
                if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                    inner.wake(key);
                    inner.wake(key);
                }
            }
        });
        keyed.wake(1);
        tasks.close();
        tasks.wait().await;
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        assert_eq!(keyed.active(), 0);
    }

    #[tokio::test]
    async fn when_the_last_task_has_ended_the_work_is_let_go() {
        let tasks = TaskTracker::new();
        let keyed = Keyed::new(tasks.clone());
        let held = Arc::new(());
        let (weak, inner) = (Arc::downgrade(&held), Arc::clone(&keyed));
        keyed.runs(move |_: u8| {
            let _ = (&held, &inner);
            async {}
        });
        keyed.wake(1);
        tasks.close();
        tasks.wait().await;
        drop(keyed);
        while weak.upgrade().is_some() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_does_not_leave_the_key_stuck() {
        let tasks = TaskTracker::new();
        let keyed = Keyed::new(tasks.clone());
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        keyed.runs(move |_: u8| {
            let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
            async move { assert!(!first, "on purpose") }
        });
        keyed.wake(1);
        tasks.close();
        tasks.wait().await;
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }
}
