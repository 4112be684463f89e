//! The Events API, commands and interactions by HTTP: signed requests to the app.
//!
//! Source: Slack's documentation, "The Events API": 3 seconds for a 2xx, three more attempts (at
//! once, after 1 and 5 minutes) with `X-Slack-Retry-Num` and `X-Slack-Retry-Reason`, none where
//! the app answers `X-Slack-No-Retry: 1`. Within a channel the first attempts go one after
//! another; a repeat holds nobody up.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::ExposeSecret;
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use super::outbox::{Kind, Outbox};
use super::signature::sign;
use super::{Failed, Mode};

/// How many events may wait for one channel.
const WAITING: usize = 64 * 1024;
/// The most that is read of an answer.
const ANSWER_BYTES: usize = 1 << 20;

/// What pushes to the app.
pub(super) struct Push {
    client: reqwest::Client,
    lanes: Mutex<HashMap<String, VecDeque<Arc<RawValue>>>>,
}

/// Why an attempt failed, in Slack's words, and whether another may follow.
struct Missed {
    reason: &'static str,
    again: bool,
}

impl Push {
    pub(super) fn new() -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("Slackbot 1.0 (+https://api.slack.com/robots)")
            .build()?;
        Ok(Self { client, lanes: Mutex::default() })
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Arc<RawValue>>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends an event, after those of its lane that went before.
    pub(super) fn event(&self, outbox: &Outbox, lane: &str, payload: Arc<RawValue>) {
        match self.lanes().entry(lane.to_owned()) {
            Entry::Occupied(mut queue) if queue.get().len() < WAITING => {
                return queue.get_mut().push_back(payload);
            }
            Entry::Occupied(_) => return outbox.missed(),
            Entry::Vacant(lane) => lane.insert(VecDeque::new()),
        };
        let (way, lane) = (outbox.clone(), lane.to_owned());
        outbox.spawn(async move {
            let mut next = Some(payload);
            while let Some(payload) = next.take() {
                way.push().first(&way, payload).await;
                let mut lanes = way.push().lanes();
                next = lanes.get_mut(&lane).and_then(VecDeque::pop_front);
                if next.is_none() {
                    lanes.remove(&lane);
                }
            }
        });
    }

    /// The first attempt; those that follow go on by themselves.
    async fn first(&self, outbox: &Outbox, payload: Arc<RawValue>) {
        match self.attempt(outbox, payload.get(), None).await {
            Ok(()) => outbox.acknowledged(),
            Err(missed) if missed.again => {
                // The app is there and did not take it: what follows may overtake it.
                if missed.reason != "connection_failed" {
                    outbox.belate(&payload);
                }
                let way = outbox.clone();
                outbox.spawn(async move { way.push().repeat(&way, &payload, missed).await });
            }
            Err(_) => outbox.missed(),
        }
    }

    async fn repeat(&self, outbox: &Outbox, payload: &RawValue, first: Missed) {
        let mut reason = first.reason;
        for (before, wait) in outbox.options().event_retries.iter().enumerate() {
            tokio::time::sleep(*wait).await;
            outbox.retried();
            match self.attempt(outbox, payload.get(), Some((before + 1, reason))).await {
                Ok(()) => return outbox.acknowledged(),
                Err(missed) if missed.again => reason = missed.reason,
                Err(_) => break,
            }
        }
        outbox.missed();
    }

    async fn attempt(
        &self,
        outbox: &Outbox,
        body: &str,
        retry: Option<(usize, &str)>,
    ) -> Result<(), Missed> {
        let Mode::Http { events_url, .. } = outbox.mode() else {
            return Err(Missed { reason: "connection_failed", again: false });
        };
        let mut request = self.signed(outbox, events_url, "application/json", body.to_owned());
        if let Some((count, reason)) = retry {
            request = request
                .header("X-Slack-Retry-Num", count.to_string())
                .header("X-Slack-Retry-Reason", reason);
        }
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => {
                let again = answer.headers().get("x-slack-no-retry").is_none_or(|v| v != "1");
                Err(Missed { reason: "http_error", again })
            }
            Err(error) if error.is_timeout() => Err(Missed { reason: "http_timeout", again: true }),
            Err(_) => Err(Missed { reason: "connection_failed", again: true }),
        }
    }

    fn signed(
        &self,
        outbox: &Outbox,
        url: Url,
        content_type: &str,
        body: String,
    ) -> reqwest::RequestBuilder {
        let options = outbox.options();
        let timestamp = options.clock.now().as_second();
        let signature = sign(options.signing_secret.expose_secret(), timestamp, &body);
        self.client
            .post(url)
            .timeout(options.answer_within)
            .header("Content-Type", content_type)
            .header("X-Slack-Request-Timestamp", timestamp.to_string())
            .header("X-Slack-Signature", signature)
            .body(body)
    }

    /// Sends a command or an interaction and reads the answer: nothing, JSON, or plain text.
    pub(super) async fn ask(
        &self,
        outbox: &Outbox,
        url: Url,
        kind: Kind,
        payload: &Value,
    ) -> Result<Option<Value>, Failed> {
        let body = form(kind, payload);
        let request = self.signed(outbox, url, "application/x-www-form-urlencoded", body);
        let failed = |error: reqwest::Error| {
            if error.is_timeout() { Failed::NoAnswer } else { Failed::NotConnected }
        };
        let mut answer = request.send().await.map_err(failed)?;
        if !answer.status().is_success() {
            return Err(Failed::Status(answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(failed)? {
            if body.len() + piece.len() > ANSWER_BYTES {
                return Err(Failed::TooLong);
            }
            body.extend_from_slice(&piece);
        }
        let text = String::from_utf8_lossy(&body);
        Ok(match text.trim() {
            "" | "{}" => None,
            text => Some(
                serde_json::from_str(text)
                    .ok()
                    .filter(Value::is_object)
                    .unwrap_or_else(|| serde_json::json!({"text": text})),
            ),
        })
    }

    /// Proves that the events address is the app's: it must answer a challenge with itself.
    pub(super) async fn verify(&self, outbox: &Outbox, challenge: &str) -> Result<(), Failed> {
        let Mode::Http { events_url, .. } = outbox.mode() else { return Err(Failed::NotConnected) };
        let body = serde_json::json!({
            "token": outbox.options().identity.verification_token,
            "challenge": challenge,
            "type": "url_verification",
        });
        let request = self.signed(outbox, events_url, "application/json", body.to_string());
        let answer = request.send().await.map_err(|_| Failed::NotConnected)?;
        let status = answer.status();
        let text = answer.text().await.map_err(|_| Failed::NoAnswer)?;
        let given: Option<Value> = serde_json::from_str(&text).ok();
        let given = given.as_ref().and_then(|v| v["challenge"].as_str()).unwrap_or(text.trim());
        if status.is_success() && given == challenge {
            return Ok(());
        }
        Err(Failed::Status(status.as_u16()))
    }
}

/// The body of a command (a field each) or an interaction (one field `payload`).
fn form(kind: Kind, payload: &Value) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    match payload.as_object().filter(|_| kind == Kind::Command) {
        Some(fields) => {
            for (name, value) in fields {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                form.append_pair(name, &text);
            }
        }
        None => {
            form.append_pair("payload", &payload.to_string());
        }
    }
    form.finish()
}
