//! What Slack sends of its own accord: happenings to whoever listens, and events, commands and
//! interactions to the app, by socket or by HTTP, with the faults in force.

mod tally;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::fault::Faults;
use super::push::Push;
use super::sockets::{Sockets, Strike};
use super::{Failed, Fault, Happening, Mode, Options};

pub use tally::Counters;
pub(super) use tally::{Tally, count};

/// How long an event that a fault holds back waits for the next one.
const HELD_AT_MOST: Duration = Duration::from_millis(500);
/// How many messages are remembered whose events a fault kept back.
const BELATED: usize = 100_000;
/// How many happenings a slow listener may be behind before it misses some.
const HAPPENINGS: usize = 4096;

/// What a message to the app is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Event,
    Command,
    Interactive,
}

/// The way out. Cheap to clone.
#[derive(Clone)]
pub(super) struct Outbox(Arc<Inner>);

struct Inner {
    options: Arc<Options>,
    mode: Mutex<Mode>,
    happenings: broadcast::Sender<Happening>,
    changes: watch::Sender<u64>,
    sockets: Sockets,
    push: Push,
    faults: Mutex<Faults>,
    held: Mutex<HashMap<String, Arc<RawValue>>>,
    belated: Mutex<HashSet<(String, String)>>,
    tally: Tally,
    under_way: AtomicUsize,
    runtime: Handle,
    stop: CancellationToken,
}

impl Outbox {
    pub(super) fn new(options: Arc<Options>, push: Push, stop: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            mode: Mutex::new(options.mode.clone()),
            happenings: broadcast::channel(HAPPENINGS).0,
            changes: watch::channel(0).0,
            sockets: Sockets::new(options.seed),
            push,
            faults: Mutex::default(),
            held: Mutex::default(),
            belated: Mutex::default(),
            tally: Tally::default(),
            under_way: AtomicUsize::new(0),
            runtime: Handle::current(),
            stop,
            options,
        }))
    }

    pub(super) fn sockets(&self) -> &Sockets {
        &self.0.sockets
    }

    pub(super) fn push(&self) -> &Push {
        &self.0.push
    }

    pub(super) fn options(&self) -> &Arc<Options> {
        &self.0.options
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.0.tally
    }

    pub(super) fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn mode(&self) -> Mode {
        self.0.mode.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_mode(&self, mode: Mode) {
        *self.0.mode.lock().unwrap_or_else(PoisonError::into_inner) = mode;
    }

    pub(super) fn counters(&self) -> Counters {
        self.0.tally.read()
    }

    pub(super) fn struck(&self) {
        count(&self.0.tally.faults);
        self.changed();
    }

    /// Whether events would reach anybody.
    pub(super) fn is_connected(&self) -> bool {
        match &*self.0.mode.lock().unwrap_or_else(PoisonError::into_inner) {
            Mode::Socket => self.0.sockets.open() > 0,
            Mode::Http { .. } => true,
        }
    }

    /// Notes that an event reached nobody.
    pub(super) fn missed(&self) {
        count(&self.0.tally.lost);
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Happening> {
        self.0.happenings.subscribe()
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Tells whoever listens.
    pub(super) fn tell(&self, happening: Happening) {
        let _ = self.0.happenings.send(happening); // nobody listens: nobody is told
        self.changed();
    }

    /// Wakes those who wait for a state of affairs.
    pub(super) fn changed(&self) {
        self.0.changes.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// How many messages to the app have neither arrived nor been given up.
    pub(super) fn under_way(&self) -> usize {
        self.0.under_way.load(Ordering::Acquire)
    }

    /// Runs it in the background, counted as under way, until the simulator stops.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.under_way.fetch_add(1, Ordering::AcqRel);
        let outbox = self.clone();
        self.0.runtime.spawn(async move {
            tokio::select! {
                () = work => {}
                () = outbox.0.stop.cancelled() => {}
            }
            outbox.0.under_way.fetch_sub(1, Ordering::AcqRel);
            outbox.changed();
        });
    }

    /// Sends an event in its wrapper. Called under the workspace's lock, so the order of calls is
    /// the order of things; it never waits.
    pub(super) fn event(&self, lane: &str, name: &str, wrapper: &Value) {
        let Ok(payload) = serde_json::value::to_raw_value(wrapper) else { return };
        let payload: Arc<RawValue> = payload.into();
        count(&self.0.tally.events);
        let fault = self.faults().of_event(name);
        if fault.is_some() {
            self.struck();
        }
        if matches!(fault, Some(Fault::Lost | Fault::Delayed(_) | Fault::OutOfOrder)) {
            self.belate(&payload);
        }
        match fault {
            Some(Fault::Lost) => self.missed(),
            Some(Fault::Delayed(wait)) => {
                let (outbox, lane) = (self.clone(), lane.to_owned());
                self.spawn(async move {
                    tokio::time::sleep(wait).await;
                    outbox.send(&lane, payload);
                });
            }
            Some(Fault::OutOfOrder) => self.hold(lane, payload),
            Some(Fault::Doubled) => {
                self.send(lane, Arc::clone(&payload));
                self.send(lane, payload);
            }
            Some(Fault::SocketDrop) => {
                self.0.sockets.strike(Strike::Next, Fault::SocketDrop);
                self.send(lane, payload);
            }
            Some(Fault::SocketHalfOpen) => {
                self.0.sockets.strike(Strike::Next, Fault::SocketHalfOpen);
                self.send(lane, payload);
            }
            _ => self.send(lane, payload),
        }
        if fault != Some(Fault::OutOfOrder) {
            self.release(lane);
        }
    }

    /// Holds an event back until the next of its lane has gone, or a short while.
    fn hold(&self, lane: &str, payload: Arc<RawValue>) {
        self.release(lane);
        self.held().insert(lane.to_owned(), Arc::clone(&payload));
        let (outbox, lane) = (self.clone(), lane.to_owned());
        self.spawn(async move {
            tokio::time::sleep(HELD_AT_MOST).await;
            let still = outbox.held().get(&lane).is_some_and(|held| Arc::ptr_eq(held, &payload));
            if still {
                outbox.release(&lane);
            }
        });
    }

    /// Notes that the app hears of this message late or not at all.
    pub(super) fn belate(&self, payload: &RawValue) {
        let Ok(wrapper) = serde_json::from_str::<Value>(payload.get()) else { return };
        let event = &wrapper["event"];
        if let (Some(channel), Some(ts)) = (event["channel"].as_str(), event["ts"].as_str()) {
            let mut belated = self.belated();
            if belated.len() < BELATED {
                belated.insert((channel.to_owned(), ts.to_owned()));
            }
        }
    }

    /// The messages, by channel and time stamp, whose events a fault lost or kept back, or which the app
    /// did not take when they were first sent to it over HTTP.
    pub(super) fn belated(&self) -> MutexGuard<'_, HashSet<(String, String)>> {
        self.0.belated.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, lane: &str) {
        let held = self.held().remove(lane);
        if let Some(payload) = held {
            self.send(lane, payload);
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Arc<RawValue>>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends an event by the way that is set, and again if it is not acknowledged.
    fn send(&self, lane: &str, payload: Arc<RawValue>) {
        if self.mode() == Mode::Socket {
            let answer = self.0.sockets.send(Kind::Event, &payload, 0);
            if answer.as_ref().is_some_and(|answer| answer.deaf) {
                self.belate(&payload);
            }
            let outbox = self.clone();
            self.spawn(async move { outbox.see_to(answer, &payload).await });
        } else {
            self.0.push.event(self, lane, payload);
        }
    }

    /// Waits for the acknowledgement of what went out by socket; sends it again without one.
    async fn see_to(&self, first: Option<super::sockets::Answer>, payload: &RawValue) {
        let mut answer = first;
        for attempt in 0.. {
            if let Some(answer) = answer.take()
                && answer.within(&self.0.sockets, self.0.options.answer_within).await.is_some()
            {
                return self.acknowledged();
            }
            let Some(wait) = self.0.options.event_retries.get(attempt) else { break };
            // With nobody there, the event is gone: Slack keeps none for later.
            if !self.is_connected() {
                break;
            }
            tokio::time::sleep(*wait).await;
            count(&self.0.tally.retried);
            answer = self.0.sockets.send(Kind::Event, payload, attempt + 1);
        }
        self.missed();
    }

    pub(super) fn acknowledged(&self) {
        count(&self.0.tally.acknowledged);
    }

    pub(super) fn retried(&self) {
        count(&self.0.tally.retried);
    }

    /// Asks the app something that it answers at once: a command or an interaction. By socket it
    /// has gone out when this returns; the future is the answer, if the app gave one with its
    /// acknowledgement.
    pub(super) fn ask(
        &self,
        kind: Kind,
        payload: Value,
    ) -> impl Future<Output = Result<Option<Value>, Failed>> + Send + 'static {
        let mode = self.mode();
        let within = self.0.options.answer_within;
        let sent = match (&mode, serde_json::value::to_raw_value(&payload)) {
            (Mode::Socket, Ok(raw)) => self.0.sockets.send(kind, &raw, 0),
            _ => None,
        };
        let outbox = self.clone();
        async move {
            match mode {
                Mode::Socket => {
                    let Some(answer) = sent else { return Err(Failed::NotConnected) };
                    answer.within(&outbox.0.sockets, within).await.ok_or(Failed::NoAnswer)
                }
                Mode::Http { commands_url, interactivity_url, .. } => {
                    let url = if kind == Kind::Command { commands_url } else { interactivity_url };
                    outbox.0.push.ask(&outbox, url, kind, &payload).await
                }
            }
        }
    }
}
