//! One WebSocket to Slack: opened, read, watched, closed.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use partyline_core::{Failure, Proof, Reason};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::{Slack, wire};

/// The longest frame that is read. Slack's envelopes are below 1 MiB.
const FRAME_LIMIT: usize = 4 * 1024 * 1024;

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a socket is no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Lost {
    #[error("Slack closed it")]
    Closed,
    #[error("nothing came on it any more, not even the answer to a ping")]
    Silent,
    #[error("it broke: {0}")]
    Broken(String),
    #[error(
        "Socket Mode is switched off for this app: switch it on under Settings, Socket Mode, or \
         set slack.transport = \"http\"."
    )]
    Disabled,
}

impl Lost {
    /// What it says of the way in.
    pub(super) fn proof(&self) -> Proof {
        match self {
            Self::Disabled => Proof::Failed(self.to_string()),
            _ => Proof::Unproved(format!(
                "the socket to Slack was lost ({self}); the next one is being opened"
            )),
        }
    }
}

/// A WebSocket on which Slack has said hello.
pub(super) struct Connection {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    ping: Interval,
    silence: Duration,
    patience: Duration,
    heard: Instant,
    /// How many sockets the app had when this one was opened, itself among them, by Slack's count.
    pub(super) connections: Option<u32>,
}

impl Connection {
    /// Asks Slack for an address, connects to it and waits for the `hello` that proves it.
    pub(super) async fn open(slack: &Slack) -> Result<Self, Failure> {
        let timeouts = slack.config.timeouts;
        let deadline = Instant::now() + timeouts.connect;
        let limits = WebSocketConfig::default()
            .max_message_size(Some(FRAME_LIMIT))
            .max_frame_size(Some(FRAME_LIMIT))
            .read_buffer_size(16 * 1024)
            .write_buffer_size(4 * 1024)
            .max_write_buffer_size(64 * 1024);
        let unopened = |why: String| {
            Failure::later(
                Reason::Unavailable,
                None,
                format!("The socket to Slack could not be opened ({why}); it is tried again."),
            )
        };
        // To ask for an address costs nothing, so that it need not be waited for as long as for a
        // post: after an outage, the first try that hangs decides when the socket is back.
        let url = tokio::time::timeout_at(deadline, slack.client.open_socket())
            .await
            .map_err(|_| unopened("Slack gave no address in time".into()))??;
        // The address holds a ticket, so neither it nor an error that names it is shown.
        let connected = connect_async_with_config(url.as_str(), Some(limits), true);
        let (stream, _) = tokio::time::timeout_at(deadline, connected)
            .await
            .map_err(|_| unopened("time ran out".into()))?
            .map_err(|error| unopened(in_words(&error)))?;
        let mut ping = tokio::time::interval(timeouts.ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        let mut connection = Self {
            stream,
            ping,
            silence: timeouts.silence,
            patience: timeouts.connect,
            heard: Instant::now(),
            connections: None,
        };
        let hello = tokio::time::timeout_at(deadline, connection.next())
            .await
            .map_err(|_| unopened("Slack did not say hello".into()))?
            .map_err(|lost| unopened(lost.to_string()))?;
        let hello: wire::Envelope = serde_json::from_str(&hello).unwrap_or_default();
        match (hello.kind.as_deref(), hello.reason.as_deref()) {
            (Some("hello"), _) => {
                connection.connections = hello.num_connections;
                Ok(connection)
            }
            (Some("disconnect"), Some("link_disabled")) => {
                Err(Failure::later(Reason::Credentials, None, Lost::Disabled.to_string()))
            }
            (Some("disconnect"), Some(reason)) if known_reason(reason) => {
                Err(unopened(format!("Slack says {reason}")))
            }
            _ => Err(unopened("Slack began with something else than hello".into())),
        }
    }

    /// The next frame of text. Can be dropped and called again without losing one.
    pub(super) async fn next(&mut self) -> Result<String, Lost> {
        loop {
            // What has come goes first: a daemon that was busy must not take that for silence.
            tokio::select! {
                biased;
                message = self.stream.next() => {
                    let message = message.ok_or(Lost::Closed)?.map_err(|e| Lost::Broken(in_words(&e)))?;
                    self.heard = Instant::now();
                    match message {
                        Message::Text(text) => return Ok(text.to_string()),
                        Message::Close(_) => return Err(Lost::Closed),
                        Message::Binary(_) => {
                            metrics::counter!("partyline_slack_odd_frames_total").increment(1);
                        }
                        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                    }
                }
                _ = self.ping.tick() => {
                    if self.heard.elapsed() >= self.silence {
                        return Err(Lost::Silent);
                    }
                    self.send(Message::Ping(b"partyline".as_slice().into())).await?;
                }
            }
        }
    }

    /// Tells Slack that the envelope is stored, and what is answered to it.
    pub(super) async fn acknowledge(
        &mut self,
        envelope_id: &str,
        payload: Option<&Value>,
    ) -> Result<(), Lost> {
        let frame = serde_json::to_string(&wire::Acknowledgement { envelope_id, payload })
            .map_err(|error| Lost::Broken(error.to_string()))?;
        self.send(Message::text(frame)).await
    }

    /// Says farewell, briefly.
    pub(super) async fn close(&mut self) {
        let farewell = self.stream.close(None);
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::debug!("Slack's end of the socket did not take the farewell");
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), Lost> {
        match tokio::time::timeout(self.patience, self.stream.send(message)).await {
            Ok(sent) => sent.map_err(|error| Lost::Broken(in_words(&error))),
            Err(_) => Err(Lost::Silent),
        }
    }
}

/// Reasons that Slack is known to give; another text is not repeated.
fn known_reason(reason: &str) -> bool {
    matches!(reason, "warning" | "refresh_requested" | "too_many_websockets" | "link_disabled")
}

/// The error in words that hold no address.
fn in_words(error: &tokio_tungstenite::tungstenite::Error) -> String {
    use tokio_tungstenite::tungstenite::Error;
    match error {
        Error::Io(error) => error.kind().to_string(),
        Error::Tls(_) => "TLS failed".into(),
        Error::Http(response) => format!("HTTP status {}", response.status().as_u16()),
        Error::ConnectionClosed | Error::AlreadyClosed => "the connection is closed".into(),
        Error::Capacity(_) => "a frame was too long".into(),
        Error::Protocol(error) => error.to_string(),
        Error::Url(_) => "Slack gave an address that is none".into(),
        _ => "the connection failed".into(),
    }
}
