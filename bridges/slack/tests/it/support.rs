//! A workspace to test in, and an app that speaks plain HTTP and WebSocket to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use partyline_core::ManualClock;
use partyline_slack::simulator::{Options, Simulator};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Longer than anything here takes; nothing waits it out but a test that fails.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A simulator with a channel and a user in it.
pub(crate) struct Scene {
    pub(crate) slack: Simulator,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) maya: String,
    pub(crate) crew: String,
    pub(crate) http: reqwest::Client,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let noon = Timestamp::from_second(1_790_000_000).expect("in range");
        let clock = Arc::new(ManualClock::new(noon));
        let mut options = Options { clock: clock.clone(), ..Options::default() };
        change(&mut options);
        let slack = Simulator::start(options).await.expect("a free port");
        let maya = slack.add_user("Maya Ellis", Some("https://pictures.example/maya.png"));
        let crew = slack.add_channel("crew", &[&maya]);
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { slack, clock, maya, crew, http }
    }

    pub(crate) fn bot_token(&self) -> String {
        self.slack.options().bot_token.expose_secret().to_owned()
    }

    pub(crate) fn app_token(&self) -> String {
        self.slack.options().app_token.expose_secret().to_owned()
    }

    /// A call with the bot's token, arguments in JSON.
    pub(crate) fn request(&self, method: &str, arguments: &Value) -> reqwest::RequestBuilder {
        let url = self.slack.api_url().join(method).expect("a method's name");
        self.http
            .post(url)
            .bearer_auth(self.bot_token())
            .header("content-type", "application/json; charset=utf-8")
            .body(arguments.to_string())
    }

    /// What a call answers.
    pub(crate) async fn call(&self, method: &str, arguments: Value) -> Value {
        let answer = self.request(method, &arguments).send().await.expect(method);
        answer.json().await.expect(method)
    }

    /// Posts as the app; gives the `ts`.
    pub(crate) async fn post(&self, text: &str) -> String {
        let answer =
            self.call("chat.postMessage", json!({"channel": self.crew, "text": text})).await;
        assert_eq!(answer["ok"], true, "{answer}");
        answer["ts"].as_str().expect("a ts").to_owned()
    }

    /// Opens a socket; the `hello` has been read.
    pub(crate) async fn socket(&self) -> Socket {
        let url = self.slack.api_url().join("apps.connections.open").expect("a method's name");
        let answer = self.http.post(url).bearer_auth(self.app_token()).send().await.expect("sent");
        let answer: Value = answer.json().await.expect("JSON");
        let url = answer["url"].as_str().expect("an address").to_owned();
        let (stream, _) = tokio_tungstenite::connect_async(url).await.expect("a socket");
        let mut socket = Socket(stream);
        assert_eq!(socket.next().await["type"], "hello");
        socket
    }
}

/// A socket of the app.
pub(crate) struct Socket(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// The next frame that is text.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            let frame = tokio::time::timeout(SOON, self.0.next()).await.expect("a frame in time");
            match frame.expect("still open").expect("a frame") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("unexpected frame: {other:?}"),
            }
        }
    }

    /// Acknowledges an envelope.
    pub(crate) async fn acknowledge(&mut self, envelope: &Value, payload: Option<Value>) {
        let mut answer = json!({"envelope_id": envelope["envelope_id"]});
        if let Some(payload) = payload {
            answer["payload"] = payload;
        }
        self.0.send(Message::text(answer.to_string())).await.expect("still open");
    }

    /// The next event, acknowledged.
    pub(crate) async fn event(&mut self) -> Value {
        let envelope = self.next().await;
        assert_eq!(envelope["type"], "events_api", "{envelope}");
        self.acknowledge(&envelope, None).await;
        envelope["payload"].clone()
    }
}

/// The workspace's root folder.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("bridges/slack lies two deep").to_owned()
}

/// The Python that has Slack's libraries.
pub(crate) fn python() -> PathBuf {
    let python = std::env::var_os("PARTYLINE_PYTHON")
        .map_or_else(|| root().join("tests/.cache/venv/bin/python"), PathBuf::from);
    assert!(python.exists(), "{} is not there: run tests/run first", python.display());
    python
}
