//! What the parts of a running simulator share.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde::Serialize;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::events::{Effects, Hook};
use super::faults::Faults;
use super::happening::Happening;
use super::hooks::{Answered, Hooks, Say};
use super::lanes::Lanes;
use super::options::Options;
use super::world::{MESSAGING, World};

/// Happenings that a slow subscriber can be behind.
const HAPPENINGS: usize = 8192;

/// How much went on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// REST requests, refused ones included.
    pub requests: u64,
    /// REST requests that were refused (4xx) or went wrong on request (faults).
    pub refused: u64,
    /// Messages made by REST.
    pub messages_created: u64,
    /// Messages that phones and SDK clients tried to say.
    pub messages_said: u64,
    /// Hooks sent, each try counted.
    pub hooks: u64,
    /// Hooks that were answered with 400 or more, or not at all.
    pub hooks_failed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Count {
    pub(super) requests: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) messages_created: AtomicU64,
    pub(super) messages_said: AtomicU64,
}

/// What was waited for did not happen in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what was waited for did not happen within {0:?}")]
pub struct TimedOut(pub Duration);

pub(super) struct Inner {
    pub(super) base: String,
    pub(super) options: Options,
    world: Mutex<World>,
    pub(super) hooks: Arc<Hooks>,
    pub(super) lanes: Arc<Lanes>,
    pub(super) faults: Arc<Faults>,
    pub(super) happenings: broadcast::Sender<Happening>,
    changed: watch::Sender<u64>,
    pub(super) rate: Option<DefaultDirectRateLimiter>,
    pub(super) count: Count,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Inner {
    pub(super) fn new(
        options: Options,
        base: String,
        stop: CancellationToken,
    ) -> std::io::Result<Arc<Self>> {
        let client = reqwest::Client::builder()
            .user_agent("TwilioProxy/1.1")
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(std::io::Error::other)?;
        let faults = Arc::new(Faults::default());
        let lanes = Arc::new(Lanes::new(stop));
        let happenings = broadcast::Sender::new(HAPPENINGS);
        let hooks = Arc::new(Hooks {
            client,
            auth_token: options.auth_token.clone(),
            timeout: options.hook_timeout,
            retries: options.hook_retries,
            idempotency_token: options.idempotency_token,
            faults: Arc::clone(&faults),
            lanes: Arc::clone(&lanes),
            told: happenings.clone(),
            held: Mutex::default(),
            sent: AtomicU64::default(),
            failed: AtomicU64::default(),
        });
        let rate = options
            .rate
            .and_then(NonZeroU32::new)
            .map(|rate| RateLimiter::direct(Quota::per_second(rate)));
        let world = World::new(&options, &base);
        Ok(Arc::new(Self {
            base,
            world: Mutex::new(world),
            options,
            hooks,
            lanes,
            faults,
            happenings,
            changed: watch::Sender::new(0),
            rate,
            count: Count::default(),
        }))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the state.
    pub(super) fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.world())
    }

    /// Changes the state, then queues what follows from it, in the order of the changes.
    pub(super) fn change<T>(&self, act: impl FnOnce(&mut World, &mut Effects) -> T) -> T {
        self.change_answered(None, act)
    }

    /// The same; the answers of the hooks that it calls are told.
    pub(super) fn change_answered<T>(
        &self,
        answered: Option<&Answered>,
        act: impl FnOnce(&mut World, &mut Effects) -> T,
    ) -> T {
        let mut effects = Effects::default();
        let mut world = self.world();
        if world.timer_due() {
            world.run_timers(&mut effects);
        }
        let result = act(&mut world, &mut effects);
        for hook in effects.hooks {
            let targets = world.targets(hook.event, hook.conversation.as_deref());
            if !targets.is_empty() {
                self.hooks.tell(hook, targets, answered);
            }
        }
        for (url, params) in effects.callbacks {
            let hook = Hook::new(MESSAGING, None, params);
            self.hooks.tell(hook, vec![(url, false)], None);
        }
        let subscribed = self.happenings.receiver_count() > 0;
        for happening in effects.happenings.into_iter().filter(|_| subscribed) {
            // The last receiver may be gone by now.
            let _ = self.happenings.send(happening);
        }
        drop(world);
        self.changed.send_modify(|count| *count += 1);
        result
    }

    /// Asks the before hooks.
    pub(super) async fn ask(&self, hook: Hook) -> Say {
        let targets = self.look(|world| world.targets(hook.event, hook.conversation.as_deref()));
        if targets.is_empty() {
            return Say::Pass(None);
        }
        self.hooks.ask(hook, targets).await
    }

    pub(super) async fn wait_until<S>(
        &self,
        within: Duration,
        subject: &S,
        mut holds: impl FnMut(&S) -> bool,
    ) -> Result<(), TimedOut> {
        let mut changed = self.changed.subscribe();
        let wait = async {
            loop {
                changed.borrow_and_update();
                if holds(subject) || changed.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(within, wait).await.map_err(|_| TimedOut(within))
    }

    pub(super) fn counters(&self) -> Counters {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counters {
            requests: read(&self.count.requests),
            refused: read(&self.count.refused),
            messages_created: read(&self.count.messages_created),
            messages_said: read(&self.count.messages_said),
            hooks: read(&self.hooks.sent),
            hooks_failed: read(&self.hooks.failed),
        }
    }
}

/// The statuses of the hooks that a change called, in the order of their answers, once all of
/// them are done.
pub(super) async fn all_answers(
    mut answers: mpsc::UnboundedReceiver<Option<u16>>,
) -> Vec<Option<u16>> {
    let mut all = Vec::new();
    while let Some(answer) = answers.recv().await {
        all.push(answer);
    }
    all
}
