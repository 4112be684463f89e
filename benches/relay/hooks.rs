//! onMessageAdded, posted by hand: what Twilio would send for messages that nobody typed.
//!
//! Each connection has a conversation of its own, so that within it the order of the index is the
//! order of arrival, as Twilio keeps it, and no connection waits for another.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use partyline_core::{Clock, SystemClock};
use partyline_twilio::simulator as twilio;
use tokio::net::TcpStream;

use crate::world::Group;

/// Connections that post at the same time.
pub(crate) const CONNECTIONS: usize = 64;

const PATH: &str = "/webhooks/twilio";

/// A webhook, signed and ready to go.
pub(crate) struct Hook {
    /// What is said in it.
    pub(crate) text: String,
    request: Request<Full<Bytes>>,
}

impl Hook {
    /// The next message of the group's first phone.
    pub(crate) fn next(group: &mut Group, text: String, daemon: SocketAddr) -> Self {
        let index = group.posts.len().to_string();
        let account = twilio::Options::default();
        // Unique without a list: the texts are.
        let sid = format!("IM{:032x}", rand::random::<u128>());
        let now = SystemClock.now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        let fields = [
            ("AccountSid", account.account_sid.as_str()),
            ("Attributes", "{}"),
            ("Author", group.phones[0].address()),
            ("Body", &text),
            ("ChatServiceSid", &account.service_sid),
            ("ConversationSid", &group.conversation),
            ("DateCreated", &now),
            ("EventType", "onMessageAdded"),
            ("Index", &index),
            ("MessageSid", &sid),
            ("MessagingServiceSid", &account.messaging_service_sid),
            ("ParticipantSid", "MB00000000000000000000000000000001"),
            ("RetryCount", "0"),
            ("Source", "WHATSAPP"),
        ];
        let url = format!("http://{daemon}{PATH}");
        let signature = twilio::sign(&account.auth_token, &url, &fields);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(PATH)
            .header("Host", daemon.to_string())
            .header("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
            .header("X-Twilio-Signature", signature)
            .body(Full::new(Bytes::from(body)))
            .expect("the parts of a request are fixed");
        group.posts.push(text.clone());
        Self { text, request }
    }
}

/// A webhook that was acknowledged.
pub(crate) struct Posted {
    pub(crate) text: String,
    /// When its turn was, where there is a pace; otherwise the same as `at`.
    pub(crate) due: Instant,
    /// When it was sent.
    pub(crate) at: Instant,
    /// When it was acknowledged.
    pub(crate) answered: Instant,
}

/// Posts these webhooks, those of each connection one after another and all connections at once:
/// as fast as they are answered, or one every `pace`, the connections in turn.
pub(crate) async fn post(
    daemon: SocketAddr,
    hooks: Vec<Vec<Hook>>,
    pace: Option<Duration>,
) -> anyhow::Result<Vec<Posted>> {
    let mut connections = Vec::new();
    for hooks in hooks {
        connections.push((connect(daemon).await?, hooks));
    }
    let start = Instant::now();
    let every = pace.map(|pace| pace * u32::try_from(connections.len()).unwrap_or(u32::MAX));
    let tasks: Vec<_> = connections
        .into_iter()
        .zip(0..)
        .map(|((connection, hooks), turn)| {
            let first = start + pace.unwrap_or_default() * turn;
            tokio::spawn(post_all(connection, hooks, first, every))
        })
        .collect();
    let mut posted = Vec::new();
    for task in tasks {
        posted.extend(task.await??);
    }
    Ok(posted)
}

async fn connect(daemon: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(daemon).await.context("the daemon takes no connection")?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // It ends with the sender; what goes wrong shows there.
    tokio::spawn(connection);
    Ok(sender)
}

async fn post_all(
    mut connection: SendRequest<Full<Bytes>>,
    hooks: Vec<Hook>,
    first: Instant,
    every: Option<Duration>,
) -> anyhow::Result<Vec<Posted>> {
    let mut posted = Vec::with_capacity(hooks.len());
    for (Hook { text, request }, number) in hooks.into_iter().zip(0..) {
        let mut due = None;
        if let Some(every) = every {
            due = Some(first + every * number);
            tokio::time::sleep_until((first + every * number).into()).await;
        }
        connection.ready().await?;
        let at = Instant::now();
        let answer = connection.send_request(request).await?;
        ensure!(answer.status() == 200, "a webhook was answered with {}", answer.status());
        posted.push(Posted { text, due: due.unwrap_or(at), at, answered: Instant::now() });
    }
    Ok(posted)
}
