//! How the daemon stops: softly, then hard.
//!
//! A soft stop takes no more requests and begins no more sends; what is under way may end. What
//! has not ended by then is dropped: it is in the ledger, and the next start looks it up.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long what is under way may take to end after a soft stop.
pub const DRAIN: Duration = Duration::from_secs(20);

/// The token that asks everything to stop, and the tasks that are to end before the process does.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// Cancelled at the soft stop.
    pub stop: CancellationToken,
    /// Everything that runs in the background.
    pub tasks: TaskTracker,
}

impl Lifecycle {
    /// Cancels [`Lifecycle::stop`] at the first SIGINT or SIGTERM; a second one ends the process
    /// at once.
    ///
    /// # Errors
    /// The signals cannot be listened to.
    pub fn listen(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let stop = self.stop.clone();
        tokio::spawn(async move {
            for first in [true, false] {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if first {
                    tracing::info!("stopping: what is under way may end, nothing new begins");
                    stop.cancel();
                } else {
                    std::process::exit(1);
                }
            }
        });
        Ok(())
    }

    /// Runs this in the background until the soft stop, which drops it where it stands.
    pub fn keep(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            stop.run_until_cancelled(work).await;
        });
    }

    /// Stops, and waits until the tasks have ended, at most [`DRAIN`]. Whether they all did.
    pub async fn drain(&self) -> bool {
        self.stop.cancel();
        self.tasks.close();
        tokio::time::timeout(DRAIN, self.tasks.wait()).await.is_ok()
    }
}
