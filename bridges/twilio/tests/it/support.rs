//! What the tests share: a client with credentials, and a receiver of hooks.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::{HeaderMap, StatusCode, Uri};
use partyline_twilio::simulator::{NewMember, Options, Phone, Sid, Simulator};
use serde_json::{Value, json};
use tokio::sync::watch;
use url::Url;

/// The senders of the tests.
pub(crate) const WHATSAPP: &str = "whatsapp:+14155550000";
pub(crate) const SMS: &str = "+14155550001";

/// How long a test waits for what must come.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A simulator and a client with its credentials.
pub(crate) struct Twilio {
    pub(crate) simulator: Simulator,
    pub(crate) options: Options,
    client: reqwest::Client,
    log: Mutex<Vec<Value>>,
}

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("bridges/twilio lies two deep").to_owned()
}

/// The Python that has Twilio's library.
pub(crate) fn python() -> PathBuf {
    let python = std::env::var_os("PARTYLINE_PYTHON")
        .map_or_else(|| root().join("tests/.cache/venv/bin/python"), PathBuf::from);
    assert!(python.exists(), "{} is not there: run tests/run first", python.display());
    python
}

impl Twilio {
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let simulator = Simulator::start(options.clone()).await.expect("a free port");
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { simulator, options, client, log: Mutex::default() }
    }

    /// The address of a path; paths under the service begin with `~`.
    pub(crate) fn url(&self, path: &str) -> String {
        let service = format!("/v1/Services/{}/", self.options.service_sid);
        let path = path.replacen("~/", &service, 1);
        if path.starts_with("http") { path } else { format!("{}{path}", self.simulator.base_url()) }
    }

    pub(crate) fn request(&self, method: http::Method, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, self.url(path))
            .basic_auth(&self.options.api_key_sid, Some(&self.options.api_key_secret))
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.record("get", path, self.request(http::Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        self.record("post", path, self.request(http::Method::POST, path).form(form)).await
    }

    /// The same, with hooks asked for.
    pub(crate) async fn post_hooked(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let request = self.request(http::Method::POST, path).form(form);
        self.record("post", path, request.header("X-Twilio-Webhook-Enabled", "true")).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        self.record("delete", path, self.request(http::Method::DELETE, path)).await
    }

    /// Sends a request and notes the answer: status and JSON, null where there is none.
    pub(crate) async fn record(
        &self,
        method: &str,
        path: &str,
        request: reqwest::RequestBuilder,
    ) -> (u16, Value) {
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let body = answer.bytes().await.expect("a body");
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let path = self.url(path);
        let path = path.trim_start_matches(self.simulator.base_url());
        let row = json!({ "method": method, "path": path, "status": status, "body": body });
        self.log.lock().expect("lock").push(row);
        (status, body)
    }

    /// Every answer so far.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.log.lock().expect("lock").clone()
    }

    /// A conversation with WhatsApp members 1, 2 ….
    pub(crate) async fn group(&self, members: usize) -> (Sid, Vec<Phone>) {
        let group = self.simulator.create_conversation("Team").await.expect("conversation");
        let mut phones = Vec::new();
        for number in 1..=members {
            let member = NewMember::new(&format!("whatsapp:+1415555010{number}"), WHATSAPP);
            phones.push(self.simulator.add_phone(&group, member).await.expect("member"));
        }
        (group, phones)
    }
}

/// The form of a hook.
pub(crate) type Form = BTreeMap<String, String>;

/// A hook as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) form: Form,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

type Answer = Arc<dyn Fn(&Form) -> (u16, String) + Send + Sync>;

struct Inside {
    received: Mutex<Vec<Received>>,
    answer: Mutex<Answer>,
    count: watch::Sender<usize>,
}

/// A server that takes hooks.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: Url,
    inside: Arc<Inside>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let inside = Arc::new(Inside {
            received: Mutex::default(),
            answer: Mutex::new(Arc::new(|_| (200, String::new()))),
            count: watch::Sender::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(take).with_state(Arc::clone(&inside));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let url = format!("http://{address}/webhooks/twilio?key=a%20b").parse().expect("a URL");
        Self { url, inside }
    }

    /// What hooks are answered with.
    pub(crate) fn answer(&self, answer: impl Fn(&Form) -> (u16, String) + Send + Sync + 'static) {
        *self.inside.answer.lock().expect("lock") = Arc::new(answer);
    }

    pub(crate) fn all(&self) -> Vec<Received> {
        self.inside.received.lock().expect("lock").clone()
    }

    /// The events that came, in order.
    pub(crate) fn events(&self) -> Vec<String> {
        self.all().into_iter().map(|one| one.form["EventType"].clone()).collect()
    }

    /// The hooks of an event.
    pub(crate) fn of(&self, event: &str) -> Vec<Form> {
        let all = self.all().into_iter().map(|one| one.form);
        all.filter(|form| form.get("EventType").is_some_and(|one| one == event)).collect()
    }

    /// Waits until so many have come.
    pub(crate) async fn wait_for(&self, count: usize) {
        let mut counts = self.inside.count.subscribe();
        tokio::time::timeout(SOON, counts.wait_for(|now| *now >= count))
            .await
            .expect("the hooks come")
            .expect("the receiver lives");
    }
}

async fn take(
    State(inside): State<Arc<Inside>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let fields = if body.is_empty() { uri.query().unwrap_or("").as_bytes() } else { &body[..] };
    let form: Form = form_urlencoded::parse(fields).into_owned().collect();
    let answer = inside.answer.lock().expect("lock").clone();
    let (status, text) = answer(&form);
    let body = String::from_utf8_lossy(&body).into_owned();
    inside.received.lock().expect("lock").push(Received { form, headers, body });
    inside.count.send_modify(|count| *count += 1);
    (StatusCode::from_u16(status).expect("a status"), text)
}
