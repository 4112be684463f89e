//! The socket against a small Slack of our own: what is stored before what is acknowledged, and
//! which socket follows on which.

mod pressure;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{SinkExt, StreamExt};
use partyline_core::{Cursor, Incoming, Place, Proof, Stored, SystemClock, Watch};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::*;
use crate::Config;
use crate::no_forms::NoForms;

/// No test waits longer than this for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// An intake that writes down what it is asked, and can be told to fail.
#[derive(Default)]
struct Notebook {
    calls: Mutex<Vec<String>>,
    failures: Mutex<usize>,
    /// Whether everybody waits.
    shut: watch::Sender<bool>,
}

impl Notebook {
    fn note(&self, call: String) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fail(&self, times: usize) {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner) = times;
    }
}

#[async_trait]
impl Intake for Notebook {
    async fn accept(&self, incoming: Incoming) -> Result<Stored, NotStored> {
        let _ = self.shut.subscribe().wait_for(|shut| !*shut).await;
        let key = incoming.events.first().map_or("unclear".into(), |event| event.key.to_string());
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if *failures > 0 {
            *failures -= 1;
            self.note(format!("failed {key}"));
            return Err(NotStored("the disk is full".into()));
        }
        self.note(format!("stored {key}"));
        Ok(Stored { fresh: incoming.events.len(), repeats: 0 })
    }

    async fn cursor(&self, _place: &Place) -> Result<Option<Cursor>, NotStored> {
        Ok(None)
    }

    async fn reconnected(
        &self,
        _network: Network,
        _: Option<jiff::Timestamp>,
    ) -> Result<(), NotStored> {
        self.note("reconnected".into());
        Ok(())
    }

    async fn withheld(&self, _network: Network) -> Result<(), NotStored> {
        self.note("withheld".into());
        Ok(())
    }
}

/// Slack, as far as a socket needs it.
struct Fake {
    sockets: mpsc::Receiver<Socket>,
    intake: Arc<Notebook>,
    slack: Arc<Slack>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

/// Slack's end of a socket.
struct Socket(WebSocketStream<TcpStream>);

impl Fake {
    /// A bridge that runs against a new fake, with these times between pings and until silence.
    async fn start(ping: Duration, silence: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (opened, sockets) = mpsc::channel(8);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connected(stream, opened.clone()));
            }
        });
        let mut config = Config::new("xoxb-1".into());
        config.app_token = Some("xapp-1".into());
        config.api_url = format!("http://{address}/api/").parse().expect("an address");
        config.timeouts.ping = ping;
        config.timeouts.silence = silence;
        config.timeouts.withheld = Duration::from_millis(300);
        let slack = Arc::new(Slack::new(config, Arc::new(SystemClock)).expect("a bridge"));
        let intake = Arc::new(Notebook::default());
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let (slack, intake, stop) = (slack.clone(), intake.clone(), stop.clone());
            async move { slack.run(intake, Arc::new(NoForms), stop).await }
        });
        Self { sockets, intake, slack, stop, running }
    }

    async fn quiet() -> Self {
        Self::start(Duration::from_secs(60), Duration::from_secs(120)).await
    }

    /// The next socket that the bridge opens, before hello.
    async fn opened(&mut self) -> Socket {
        let next = tokio::time::timeout(PATIENCE, self.sockets.recv());
        next.await.expect("in time").expect("a socket")
    }

    /// The same, after hello.
    async fn greeted(&mut self) -> Socket {
        let mut socket = self.opened().await;
        socket.say(&json!({"type": "hello", "num_connections": 1})).await;
        socket
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.running).await.expect("in time").expect("no panic");
    }
}

impl Socket {
    async fn say(&mut self, frame: &serde_json::Value) {
        self.0.send(Message::text(frame.to_string())).await.expect("sent");
    }

    /// Sends a message with this number, in an envelope of the same number.
    async fn bring(&mut self, number: usize) {
        self.say(&envelope(number, "hello")).await;
    }

    /// The id in the next acknowledgement.
    async fn acknowledged(&mut self) -> String {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.0.next());
            let message = next.await.expect("in time").expect("open").expect("a frame");
            if let Message::Text(text) = message {
                let frame: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                return frame["envelope_id"].as_str().expect("an id").to_owned();
            }
        }
    }
}

fn envelope(number: usize, text: &str) -> serde_json::Value {
    let event = json!({"type": "message", "channel": "C1", "user": "U1", "text": text,
        "ts": format!("1712345678.{number:06}")});
    let payload = json!({"type": "event_callback", "event_id": format!("Ev{number}"),
        "event": event});
    json!({"type": "events_api", "envelope_id": format!("e{number}"),
        "payload": payload, "accepts_response_payload": false})
}

/// Serves one connection: the Web API's two methods, or a socket.
async fn connected(mut stream: TcpStream, opened: mpsc::Sender<Socket>) {
    let mut head = [0; 5];
    while stream.peek(&mut head).await.is_ok_and(|n| n > 0 && n < head.len()) {
        tokio::task::yield_now().await;
    }
    if &head == b"GET /" && is_socket(&stream).await {
        let socket = accept_async(stream).await.expect("a WebSocket");
        let _ = opened.send(Socket(socket)).await;
        return;
    }
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut buffer = [0; 1024];
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    let address = stream.local_addr().expect("an address");
    let body = if request.starts_with(b"GET /api/auth.test") {
        json!({"ok": true, "url": "https://team.slack.com/", "team": "Team", "user": "partyline",
            "team_id": "T1", "user_id": "U0OWN", "bot_id": "B0OWN"})
    } else {
        json!({"ok": true, "url": format!("ws://{address}/link")})
    };
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

async fn is_socket(stream: &TcpStream) -> bool {
    let mut head = [0; 9];
    while stream.peek(&mut head).await.is_ok_and(|n| n < head.len()) {
        tokio::task::yield_now().await;
    }
    &head == b"GET /link"
}

#[tokio::test]
async fn what_is_stored_is_acknowledged_in_order() {
    let mut fake = Fake::quiet().await;
    let mut socket = fake.greeted().await;
    for number in 1..=3 {
        socket.bring(number).await;
    }
    for number in 1..=3 {
        assert_eq!(socket.acknowledged().await, format!("e{number}"));
    }
    let calls = fake.intake.calls();
    assert_eq!(
        calls,
        [
            "reconnected",
            "stored C1:1712345678.000001",
            "stored C1:1712345678.000002",
            "stored C1:1712345678.000003"
        ]
    );
    assert_eq!(fake.slack.state().inbound, Proof::Proved);
    assert_eq!(fake.slack.state().outbound, Proof::Proved);
    fake.stop().await;
}

#[tokio::test]
async fn while_slack_withholds_events_rooms_wait_and_are_read_back_when_it_is_over() {
    let mut fake = Fake::quiet().await;
    let mut socket = fake.greeted().await;
    let notice = json!({"type": "events_api", "envelope_id": "limited", "payload":
        {"type": "app_rate_limited", "minute_rate_limited": 1, "team_id": "T1"}});
    let wait_for = async |count: usize| {
        let began = Instant::now();
        while fake.intake.calls().len() < count {
            assert!(began.elapsed() < PATIENCE, "{:?}", fake.intake.calls());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    socket.say(&notice).await;
    assert_eq!(socket.acknowledged().await, "limited");
    wait_for(2).await;
    let Proof::Unproved(why) = fake.slack.state().inbound else { panic!("it is proved") };
    assert!(why.contains("withholds events"), "{why}");
    // A second notice puts the end off.
    socket.say(&notice).await;
    assert_eq!(socket.acknowledged().await, "limited");
    wait_for(3).await;
    assert_eq!(fake.intake.calls(), ["reconnected", "withheld", "reconnected"]);
    let began = Instant::now();
    while fake.slack.state().inbound != Proof::Proved {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    fake.stop().await;
}

#[tokio::test]
async fn what_is_not_stored_is_not_acknowledged_and_read_back() {
    let mut fake = Fake::quiet().await;
    let mut socket = fake.greeted().await;
    fake.intake.fail(1);
    socket.bring(1).await;
    socket.bring(2).await;
    assert_eq!(socket.acknowledged().await, "e2");
    assert_eq!(
        fake.intake.calls(),
        [
            "reconnected",
            "failed C1:1712345678.000001",
            "reconnected",
            "stored C1:1712345678.000002"
        ]
    );
    fake.stop().await;
}

#[tokio::test]
async fn what_is_not_understood_is_kept_and_acknowledged() {
    let mut fake = Fake::quiet().await;
    let mut socket = fake.greeted().await;
    socket.say(&json!({"type": "from_the_future", "envelope_id": "e1", "payload": {"a": 1}})).await;
    socket.say(&json!({"type": "events_api", "envelope_id": "e2", "payload": "odd"})).await;
    socket.say(&json!({"type": "events_api", "envelope_id": "e3"})).await;
    socket.say(&json!("no object")).await;
    for id in ["e1", "e2", "e3"] {
        assert_eq!(socket.acknowledged().await, id);
    }
    // A user's changed profile happened in no place: acknowledged, nothing to keep.
    let event = json!({"type": "user_change", "user": {"id": "U1"}});
    socket
        .say(&json!({"type": "events_api", "envelope_id": "e4", "payload": {"event": event}}))
        .await;
    assert_eq!(socket.acknowledged().await, "e4");
    let calls = fake.intake.calls();
    assert_eq!(calls[1..], ["stored unclear"; 4]);
    fake.stop().await;
}

#[tokio::test]
async fn a_socket_that_ends_with_notice_hands_over_without_a_gap() {
    let mut fake = Fake::quiet().await;
    let mut old = fake.greeted().await;
    old.say(&json!({"type": "disconnect", "reason": "refresh_requested"})).await;
    // The old one is still read while the new one opens, and after.
    old.bring(1).await;
    assert_eq!(old.acknowledged().await, "e1");
    let mut new = fake.greeted().await;
    new.bring(2).await;
    assert_eq!(new.acknowledged().await, "e2");
    old.bring(3).await;
    assert_eq!(old.acknowledged().await, "e3");
    drop(old);
    new.bring(4).await;
    assert_eq!(new.acknowledged().await, "e4");
    let reconnected = fake.intake.calls().iter().filter(|call| *call == "reconnected").count();
    assert_eq!(reconnected, 1);
    fake.stop().await;
}

#[tokio::test]
async fn after_a_lost_socket_intake_is_told_to_read_back() {
    let mut fake = Fake::quiet().await;
    let mut first = fake.greeted().await;
    first.bring(1).await;
    assert_eq!(first.acknowledged().await, "e1");
    drop(first);
    let mut second = fake.greeted().await;
    second.bring(2).await;
    assert_eq!(second.acknowledged().await, "e2");
    assert_eq!(
        fake.intake.calls(),
        [
            "reconnected",
            "stored C1:1712345678.000001",
            "reconnected",
            "stored C1:1712345678.000002"
        ]
    );
    fake.stop().await;
}

#[tokio::test]
async fn a_socket_on_which_nothing_comes_is_given_up() {
    let mut fake = Fake::start(Duration::from_millis(20), Duration::from_millis(100)).await;
    // Held open, but never read: no ping is answered.
    let half_open = fake.greeted().await;
    let mut next = fake.opened().await;
    drop(half_open);
    next.say(&json!({"type": "hello"})).await;
    next.bring(1).await;
    assert_eq!(next.acknowledged().await, "e1");
    fake.stop().await;
}

#[tokio::test]
async fn socket_mode_switched_off_is_said_with_a_remedy() {
    let mut fake = Fake::quiet().await;
    let mut socket = fake.greeted().await;
    socket.bring(1).await;
    assert_eq!(socket.acknowledged().await, "e1");
    socket.say(&json!({"type": "disconnect", "reason": "link_disabled"})).await;
    // The bridge lets go of the socket, and says why.
    let gone = async {
        while let Some(Ok(message)) = socket.0.next().await {
            if message.is_close() {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("in time");
    while !matches!(fake.slack.state().inbound, Proof::Failed(_)) {
        tokio::task::yield_now().await;
    }
    let Proof::Failed(why) = fake.slack.state().inbound else { panic!("failed") };
    assert!(why.contains("Settings, Socket Mode"), "{why}");
    fake.stop().await;
}
