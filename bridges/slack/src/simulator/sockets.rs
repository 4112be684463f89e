//! Socket Mode: the app's WebSockets, the envelopes on them and their acknowledgements.
//!
//! Source: Slack's documentation, "Using Socket Mode": `apps.connections.open` gives an address
//! to be used once; `hello`, then envelopes, each to one of the app's sockets, to be acknowledged
//! by its `envelope_id`; `disconnect` before the server closes; at most ten sockets.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::outbox::{Kind, Outbox};
use super::wire::Scissors;
use super::{Fault, Happening};

/// How many sockets an app may hold.
const SOCKETS: usize = 10;
/// How many frames may wait for a socket; with more it is as good as dead.
const FRAMES: usize = 64 * 1024;
/// How many addresses may be given out and not used.
const TICKETS: usize = 1000;
/// How long an address may be used, in seconds.
const TICKET_LIFE: i64 = 30;
/// How long a socket stays open after `disconnect`.
const GRACE: Duration = Duration::from_secs(10);

/// Which sockets are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strike {
    /// The one that carries the next envelope.
    Next,
    /// All.
    All,
}

enum Frame {
    Text(String),
    Disconnect(&'static str),
    Drop,
    HalfOpen,
}

struct Socket {
    id: u64,
    frames: mpsc::Sender<Frame>,
    /// It is half open: nobody reads what is sent on it.
    deaf: bool,
}

struct Inner {
    open: Vec<Socket>,
    next: usize,
    opened: u64,
    tickets: Vec<(String, Timestamp)>,
    waiting: HashMap<String, oneshot::Sender<Option<Value>>>,
    rng: StdRng,
}

/// The app's sockets.
pub(super) struct Sockets(Mutex<Inner>);

/// The acknowledgement of an envelope, to come.
pub(super) struct Answer {
    /// Nobody reads the socket that the envelope went out on.
    pub(super) deaf: bool,
    envelope: String,
    answer: oneshot::Receiver<Option<Value>>,
}

impl Answer {
    /// Waits for it; `None` where none came in time. What the app sent with it is inside.
    pub(super) async fn within(self, sockets: &Sockets, time: Duration) -> Option<Option<Value>> {
        match tokio::time::timeout(time, self.answer).await {
            Ok(Ok(payload)) => Some(payload),
            _ => {
                sockets.lock().waiting.remove(&self.envelope);
                None
            }
        }
    }
}

/// What an app sends.
#[derive(Deserialize)]
struct Acknowledgement {
    envelope_id: String,
    payload: Option<Value>,
}

impl Sockets {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(Inner {
            open: Vec::new(),
            next: 0,
            opened: 0,
            tickets: Vec::new(),
            waiting: HashMap::new(),
            rng: StdRng::seed_from_u64(seed.wrapping_add(1)),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are open.
    pub(super) fn open(&self) -> usize {
        self.lock().open.len()
    }

    /// A ticket to open a socket with, once.
    pub(super) fn ticket(&self, now: Timestamp) -> String {
        let mut inner = self.lock();
        let ticket = format!("{:032x}", inner.rng.random::<u128>());
        if inner.tickets.len() >= TICKETS {
            inner.tickets.remove(0);
        }
        inner.tickets.push((ticket.clone(), now));
        ticket
    }

    /// Takes a ticket back; false where there is none such, or no longer.
    pub(super) fn redeem(&self, ticket: &str, now: Timestamp) -> bool {
        let mut inner = self.lock();
        let Some(at) = inner.tickets.iter().position(|(t, _)| t == ticket) else { return false };
        let (_, given) = inner.tickets.remove(at);
        now.duration_since(given).as_secs() <= TICKET_LIFE
    }

    /// Sends an envelope to one of the sockets, each in its turn. `None`: there is none.
    pub(super) fn send(&self, kind: Kind, payload: &RawValue, attempt: usize) -> Option<Answer> {
        let mut inner = self.lock();
        let envelope = uuid(inner.rng.random());
        let text = text_of(kind, &envelope, payload, attempt)?;
        let count = inner.open.len();
        let turn = inner.next;
        let mut frame = Frame::Text(text);
        for step in 0..count {
            let socket = &inner.open[(turn + step) % count];
            let deaf = socket.deaf;
            match socket.frames.try_send(frame) {
                Ok(()) => {
                    inner.next = (turn + step + 1) % count;
                    let (sender, answer) = oneshot::channel();
                    inner.waiting.insert(envelope.clone(), sender);
                    return Some(Answer { deaf, envelope, answer });
                }
                Err(mpsc::error::TrySendError::Full(f) | mpsc::error::TrySendError::Closed(f)) => {
                    frame = f;
                }
            }
        }
        None
    }

    /// Does this to the sockets meant: reset them, or make them deaf and dumb.
    pub(super) fn strike(&self, which: Strike, fault: Fault) {
        let mut inner = self.lock();
        let turn = inner.next;
        let frame = || if fault == Fault::SocketDrop { Frame::Drop } else { Frame::HalfOpen };
        for (at, socket) in inner.open.iter_mut().enumerate() {
            if which == Strike::All || at == turn {
                socket.deaf |= fault == Fault::SocketHalfOpen;
                let _ = socket.frames.try_send(frame());
            }
        }
    }

    /// Tells all sockets to go elsewhere: `warning` ten seconds before, `refresh_requested` now.
    pub(super) fn disconnect(&self, reason: &'static str) {
        for socket in &self.lock().open {
            let _ = socket.frames.try_send(Frame::Disconnect(reason));
        }
    }

    fn register(&self, frames: mpsc::Sender<Frame>) -> Option<(u64, usize)> {
        let mut inner = self.lock();
        if inner.open.len() >= SOCKETS {
            return None;
        }
        inner.opened += 1;
        let id = inner.opened;
        inner.open.push(Socket { id, frames, deaf: false });
        Some((id, inner.open.len()))
    }

    fn unregister(&self, id: u64) -> usize {
        let mut inner = self.lock();
        inner.open.retain(|socket| socket.id != id);
        inner.next = 0;
        inner.open.len()
    }

    fn acknowledge(&self, text: &str) {
        let Ok(answer) = serde_json::from_str::<Acknowledgement>(text) else { return };
        let waiting = self.lock().waiting.remove(&answer.envelope_id);
        if let Some(waiting) = waiting {
            let payload = answer.payload.filter(|p| p.as_object().is_none_or(|o| !o.is_empty()));
            let _ = waiting.send(payload); // too late: nobody waits any more
        }
    }
}

/// The envelope as it goes over the socket.
fn text_of(kind: Kind, envelope: &str, payload: &RawValue, attempt: usize) -> Option<String> {
    #[derive(serde::Serialize)]
    struct Envelope<'a> {
        envelope_id: &'a str,
        payload: &'a RawValue,
        r#type: &'a str,
        accepts_response_payload: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_attempt: Option<usize>,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_reason: Option<&'a str>,
    }
    let event = kind == Kind::Event;
    serde_json::to_string(&Envelope {
        envelope_id: envelope,
        payload,
        r#type: match kind {
            Kind::Event => "events_api",
            Kind::Command => "slash_commands",
            Kind::Interactive => "interactive",
        },
        accepts_response_payload: !event,
        retry_attempt: event.then_some(attempt),
        retry_reason: event.then_some(if attempt == 0 { "" } else { "timeout" }),
    })
    .ok()
}

/// A number in the form of a UUID.
pub(super) fn uuid(n: u128) -> String {
    let hex = format!("{n:032x}");
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// Serves one socket until either side closes it.
pub(super) async fn serve(mut socket: WebSocket, outbox: Outbox, scissors: Scissors) {
    let (frames, mut queue) = mpsc::channel(FRAMES);
    let app = &outbox.options().identity.app;
    let Some((id, count)) = outbox.sockets().register(frames) else {
        let bye = disconnect("too_many_websockets");
        let _ = socket.send(bye).await;
        return;
    };
    let hello = json!({
        "type": "hello", "num_connections": count, "connection_info": {"app_id": app},
        "debug_info": {"host": "applink-simulated", "build_number": 1,
                       "approximate_connection_time": 18060},
    });
    if socket.send(Message::text(hello.to_string())).await.is_ok() {
        outbox.tell(Happening::Sockets(count));
        tokio::select! {
            () = attend(&mut socket, &mut queue, &outbox, &scissors) => {}
            () = outbox.stop().cancelled() => {}
        }
    }
    let left = outbox.sockets().unregister(id);
    outbox.tell(Happening::Sockets(left));
}

/// Carries frames both ways.
async fn attend(
    socket: &mut WebSocket,
    queue: &mut mpsc::Receiver<Frame>,
    outbox: &Outbox,
    scissors: &Scissors,
) {
    let ping_every = outbox.options().ping_every;
    let mut close_at = None;
    loop {
        let closing = async {
            match close_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let sent = tokio::select! {
            frame = queue.recv() => match frame {
                Some(Frame::Text(text)) => socket.send(Message::text(text)).await,
                Some(Frame::Disconnect(reason)) => {
                    let wait = if reason == "warning" { GRACE } else { Duration::ZERO };
                    close_at = Some(tokio::time::Instant::now() + wait);
                    socket.send(disconnect(reason)).await
                }
                Some(Frame::Drop) => return scissors.cut(),
                // Neither reads nor writes any more; the app must notice by itself.
                Some(Frame::HalfOpen) => {
                    tokio::time::sleep(outbox.options().half_open_for).await;
                    return scissors.cut();
                }
                None => return,
            },
            frame = socket.recv() => match frame {
                Some(Ok(Message::Text(text))) => {
                    outbox.sockets().acknowledge(&text);
                    Ok(())
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => Ok(()), // pongs; pings are answered by the library
            },
            () = tokio::time::sleep(ping_every) => socket.send(Message::Ping(ping())).await,
            () = closing => return,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// A socket of the app that another program has (see
/// [`other_program`](super::Simulator::other_program)).
pub struct OtherProgram {
    id: u64,
    outbox: Outbox,
}

impl std::fmt::Debug for OtherProgram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OtherProgram").field("id", &self.id).finish_non_exhaustive()
    }
}

impl OtherProgram {
    pub(super) fn open(outbox: Outbox) -> Self {
        let (frames, mut queue) = mpsc::channel(FRAMES);
        let (id, count) = outbox.sockets().register(frames).expect("less than ten sockets");
        outbox.tell(Happening::Sockets(count));
        let reader = outbox.clone();
        // It ends once the socket is unregistered.
        tokio::spawn(async move {
            while let Some(frame) = queue.recv().await {
                if let Frame::Text(text) = frame {
                    reader.sockets().acknowledge(&text);
                }
            }
        });
        Self { id, outbox }
    }
}

impl Drop for OtherProgram {
    fn drop(&mut self) {
        let left = self.outbox.sockets().unregister(self.id);
        self.outbox.tell(Happening::Sockets(left));
    }
}

fn ping() -> bytes::Bytes {
    bytes::Bytes::from_static(b"Ping from applink-simulated")
}

fn disconnect(reason: &str) -> Message {
    let frame = json!({
        "type": "disconnect", "reason": reason, "debug_info": {"host": "applink-simulated"},
    });
    Message::text(frame.to_string())
}
