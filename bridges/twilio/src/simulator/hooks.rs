//! Calls hooks: before hooks are asked, after hooks are told, in order within a conversation.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{broadcast, mpsc};
use url::Url;

use super::events::{Hook, Params};
use super::faults::{FaultKind, Faults};
use super::happening::Happening;
use super::lanes::{Key, Lanes, Pending};
use super::model::Sid;
use super::signing::sign;

/// How long a hook that is out of order waits for one to overtake it.
const HOLD: Duration = Duration::from_secs(2);
/// The largest answer that is read, in bytes.
const ANSWER: usize = 64 * 1024;

/// Told the status of each answer; `None` where none came.
pub(super) type Answered = mpsc::UnboundedSender<Option<u16>>;

/// What the before hooks say.
pub(super) enum Say {
    /// Let it through, changed where an answer says so.
    Pass(Option<Value>),
    /// Reject it; the status of the answer.
    Reject(u16),
}

pub(super) struct Hooks {
    pub(super) client: reqwest::Client,
    pub(super) auth_token: String,
    pub(super) timeout: Duration,
    pub(super) retries: u32,
    pub(super) idempotency_token: bool,
    pub(super) faults: Arc<Faults>,
    pub(super) lanes: Arc<Lanes>,
    pub(super) told: broadcast::Sender<Happening>,
    /// Hooks that wait for another to overtake them.
    pub(super) held: Mutex<HashMap<Key, Call>>,
    /// Hooks sent, and those of them that failed.
    pub(super) sent: AtomicU64,
    pub(super) failed: AtomicU64,
}

/// One hook to one address.
#[derive(Clone)]
pub(super) struct Call {
    url: Arc<str>,
    get: bool,
    event: &'static str,
    conversation: Option<Sid>,
    params: Arc<Params>,
    token: String,
    answered: Option<Answered>,
    _pending: Arc<Pending>,
}

impl Call {
    fn new(
        (url, get): (Arc<str>, bool),
        (event, conversation): (&'static str, Option<Sid>),
        params: &Arc<Params>,
        pending: Arc<Pending>,
    ) -> Self {
        let token = format!("{:032x}", rand::random::<u128>());
        let params = Arc::clone(params);
        Self { url, get, event, conversation, params, token, answered: None, _pending: pending }
    }
}

impl Hooks {
    /// Queues an after hook for each of its addresses.
    pub(super) fn tell(
        self: &Arc<Self>,
        hook: Hook,
        targets: Vec<(Arc<str>, bool)>,
        answered: Option<&Answered>,
    ) {
        let params = Arc::new(hook.params);
        for (url, get) in targets {
            let key: Key = (Arc::clone(&hook.lane), Arc::clone(&url));
            let pending = Arc::new(self.lanes.pending());
            let call =
                Call::new((url, get), (hook.event, hook.conversation.clone()), &params, pending);
            let call = Call { answered: answered.cloned(), ..call };
            let hooks = Arc::clone(self);
            let lane = key.clone();
            self.lanes.push(lane, Box::pin(async move { hooks.deliver(key, call).await }));
        }
    }

    async fn deliver(self: Arc<Self>, key: Key, call: Call) {
        match self.faults.of_hook(call.event) {
            Some(FaultKind::Lost) => return,
            Some(FaultKind::Delayed(wait)) => {
                let hooks = Arc::clone(&self);
                self.lanes.spawn(async move {
                    tokio::time::sleep(wait).await;
                    hooks.send(&call).await;
                });
                return;
            }
            Some(FaultKind::OutOfOrder) => return self.hold(key, call).await,
            Some(FaultKind::Doubled) => {
                self.send(&call).await;
                self.send(&call).await;
            }
            _ => self.send(&call).await,
        }
        if let Some(late) = self.release(&key) {
            self.send(&late).await;
        }
    }

    async fn hold(self: &Arc<Self>, key: Key, call: Call) {
        let before =
            self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), call);
        if let Some(before) = before {
            self.send(&before).await;
        }
        let hooks = Arc::clone(self);
        self.lanes.spawn(async move {
            tokio::time::sleep(HOLD).await;
            if let Some(late) = hooks.release(&key) {
                hooks.send(&late).await;
            }
        });
    }

    fn release(&self, key: &Key) -> Option<Call> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(key)
    }

    /// Sends an after hook, again as often as the setting says while it fails.
    async fn send(&self, call: &Call) {
        let mut status = None;
        for retry in 0..=self.retries {
            status = self.post(call, retry).await.map(|answer| answer.status().as_u16());
            if status.is_some_and(|status| status < 400) {
                break;
            }
        }
        self.report(call, status);
        if let Some(answered) = &call.answered {
            // Nobody has to wait for it.
            let _ = answered.send(status);
        }
    }

    fn report(&self, call: &Call, status: Option<u16>) {
        if self.told.receiver_count() > 0 {
            // A broadcast without receivers is no fault.
            let _ = self.told.send(Happening::Hook {
                event: call.event.to_owned(),
                conversation: call.conversation.clone(),
                status,
            });
        }
    }

    /// Asks the before hooks, one after another; the first rejection stands.
    pub(super) async fn ask(&self, hook: Hook, targets: Vec<(Arc<str>, bool)>) -> Say {
        let pending = Arc::new(self.lanes.pending());
        let params = Arc::new(hook.params);
        let mut change = None;
        for (url, get) in targets {
            let about = (hook.event, hook.conversation.clone());
            let call = Call::new((url, get), about, &params, Arc::clone(&pending));
            match self.faults.of_hook(call.event) {
                Some(FaultKind::Lost) => continue,
                Some(FaultKind::Delayed(wait)) => tokio::time::sleep(wait).await,
                Some(FaultKind::Doubled) => {
                    let _ = self.post(&call, 0).await;
                }
                _ => {}
            }
            let answer = self.post(&call, 0).await;
            let status = answer.as_ref().map(|answer| answer.status().as_u16());
            self.report(&call, status);
            match (status, answer) {
                (Some(status), _) if status >= 400 => return Say::Reject(status),
                (Some(200), Some(answer)) => change = read_change(answer).await.or(change),
                _ => {}
            }
        }
        Say::Pass(change)
    }

    /// One request; nothing where no answer came in time.
    async fn post(&self, call: &Call, retry: u32) -> Option<reqwest::Response> {
        let mut url = Url::parse(&call.url).ok()?;
        url.set_fragment(None);
        let count = retry.to_string();
        let params: Vec<(&str, &str)> = call
            .params
            .iter()
            .map(|(name, value)| {
                (&**name, if name == "RetryCount" { count.as_str() } else { value.as_str() })
            })
            .collect();
        let request = if call.get {
            url.query_pairs_mut().extend_pairs(&params);
            let none: [(&str, &str); 0] = [];
            let signature = sign(&self.auth_token, url.as_str(), &none);
            self.client.get(url).header("X-Twilio-Signature", signature)
        } else {
            let signature = sign(&self.auth_token, url.as_str(), &params);
            self.client.post(url).header("X-Twilio-Signature", signature).form(&params)
        };
        let request = if self.idempotency_token {
            request.header("I-Twilio-Idempotency-Token", &call.token)
        } else {
            request
        };
        let answer = request.timeout(self.timeout).send().await.ok();
        self.sent.fetch_add(1, Ordering::Relaxed);
        if answer.as_ref().is_none_or(|answer| answer.status().as_u16() >= 400) {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }
}

/// What a before hook's answer asks for; an empty or strange one asks for nothing.
async fn read_change(mut answer: reqwest::Response) -> Option<Value> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        if body.len() + chunk.len() > ANSWER {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).ok().filter(Value::is_object)
}
