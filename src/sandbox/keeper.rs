//! The daemon in the sandbox: started, stopped softly, and started again on the same store, while
//! the platforms around it go on.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use metrics_exporter_prometheus::PrometheusHandle;
use partyline_core::SystemClock;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use super::settings::{self, MatrixRoom};
use super::world::World;
use crate::app;
use crate::lifecycle::Lifecycle;

/// How long a start may take until the daemon has its socket to Slack open.
const START: Duration = Duration::from_secs(30);

/// How long the daemon's ledger may take to close after that.
const CLOSE: Duration = Duration::from_secs(10);

/// How the daemon is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// On its way up.
    Starting,
    /// Up, and reached by both platforms.
    Running,
    /// On its way down.
    Stopping,
    /// Down.
    Stopped,
    /// It did not start, or ended by itself; why.
    Failed(String),
}

/// Switches the daemon on and off.
pub(super) struct Keeper {
    wanted: watch::Sender<bool>,
    state: watch::Receiver<State>,
    task: JoinHandle<()>,
}

/// What a daemon is started with.
pub(super) struct Wiring {
    pub(super) world: Arc<World>,
    pub(super) folder: PathBuf,
    pub(super) matrix: Option<MatrixRoom>,
    pub(super) metrics: PrometheusHandle,
}

/// A daemon that runs.
struct Daemon {
    lifecycle: Lifecycle,
    run: JoinHandle<anyhow::Result<()>>,
}

impl Keeper {
    /// Starts the daemon.
    pub(super) fn new(wiring: Wiring) -> Self {
        let (wanted, wish) = watch::channel(true);
        let (told, state) = watch::channel(State::Starting);
        let task = tokio::spawn(keep(wiring, wish, told));
        Self { wanted, state, task }
    }

    /// Switches it; returns at once.
    pub(super) fn switch(&self, on: bool) {
        self.wanted.send_replace(on);
    }

    /// Follows how it is.
    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Switches it and waits until that is done.
    ///
    /// # Errors
    /// It failed; why.
    pub(super) async fn switched(&self, on: bool) -> anyhow::Result<()> {
        self.switch(on);
        let wanted = if on { State::Running } else { State::Stopped };
        let mut state = self.watch();
        let reached = state
            .wait_for(|state| *state == wanted || matches!(state, State::Failed(_)))
            .await
            .context("the daemon's keeper is gone")?;
        match &*reached {
            State::Failed(why) => Err(anyhow!("{why}")),
            _ => Ok(()),
        }
    }

    /// Stops the daemon for good.
    pub(super) async fn end(self) {
        drop(self.wanted);
        // It ends by itself now; if it panicked, the daemon went with it.
        let _ = self.task.await;
    }
}

/// Does what is wanted, until nobody can want anything any more.
async fn keep(wiring: Wiring, mut wish: watch::Receiver<bool>, told: watch::Sender<State>) {
    let mut daemon: Option<Daemon> = None;
    loop {
        let on = *wish.borrow_and_update();
        daemon = match (daemon.take(), on) {
            (None, true) => {
                told.send_replace(State::Starting);
                let started = start(&wiring).await;
                told.send_replace(match &started {
                    Ok(_) => State::Running,
                    Err(error) => State::Failed(format!("{error:#}")),
                });
                started.ok()
            }
            (Some(running), false) => {
                told.send_replace(State::Stopping);
                let stopped = running.stop(&wiring.folder).await;
                told.send_replace(match stopped {
                    Ok(()) => State::Stopped,
                    Err(error) => State::Failed(format!("{error:#}")),
                });
                None
            }
            (None, false) => {
                told.send_replace(State::Stopped);
                None
            }
            (running, true) => running,
        };
        let ended = async {
            match &mut daemon {
                Some(daemon) => (&mut daemon.run).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = wish.changed() => if changed.is_err() { break },
            ended = ended => {
                told.send_replace(State::Failed(why_it_ended(ended)));
                daemon = None;
                if wish.changed().await.is_err() { break }
            }
        }
    }
    if let Some(daemon) = daemon {
        // Whatever went wrong in stopping, nobody is left to act on it.
        let _ = daemon.stop(&wiring.folder).await;
    }
}

fn why_it_ended(ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> String {
    match ended {
        Ok(Ok(())) => "the daemon ended by itself".to_owned(),
        Ok(Err(error)) => format!("{error:#}"),
        Err(error) => format!("the daemon panicked: {error}"),
    }
}

/// Starts a daemon on a free port, tells Twilio where its hooks are, and waits for its socket to
/// Slack.
async fn start(wiring: &Wiring) -> anyhow::Result<Daemon> {
    let world = &wiring.world;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .context("there is no free port on the loopback")?;
    let address = listener.local_addr()?;
    let config = settings::config(world, address, &wiring.folder, wiring.matrix.as_ref())?;
    let hooks = Url::parse(&format!("http://{address}/webhooks/twilio"))?;
    let messaging = Url::parse(&format!("http://{address}/webhooks/twilio/messaging"))?;
    world.twilio.set_webhook_url(Some(&hooks));
    world.twilio.set_messaging_webhook_url(Some(&messaging));
    let lifecycle = Lifecycle::default();
    let (metrics, theirs) = (wiring.metrics.clone(), lifecycle.clone());
    let listeners = app::Listeners { public: listener, operator: None };
    let mut run = tokio::spawn(async move {
        app::run(&config, listeners, metrics, Arc::new(SystemClock), theirs).await
    });
    let connected = world
        .slack
        .wait_for("the daemon's socket", START, |slack| (slack.sockets() > 0).then_some(()));
    tokio::select! {
        connected = connected => connected.context("the daemon does not reach Slack")?,
        ended = &mut run => return Err(anyhow!(why_it_ended(ended))),
    }
    Ok(Daemon { lifecycle, run })
}

impl Daemon {
    /// Stops it softly: what is under way may end. Returns when its ledger is free: the thread
    /// that writes it lets go of it a moment after the daemon has ended.
    async fn stop(self, folder: &Path) -> anyhow::Result<()> {
        self.lifecycle.stop.cancel();
        self.run.await.context("the daemon panicked")??;
        let lock = File::open(folder.join("ledger.lock")).context("the daemon kept no ledger")?;
        let free = async {
            while lock.try_lock().is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let free = tokio::time::timeout(CLOSE, free).await;
        free.context("the daemon ended, but its ledger is still in use")
    }
}
