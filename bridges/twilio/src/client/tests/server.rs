//! A server that answers with the steps it was given, one a request, on loopback.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Answers with this status and body.
    Text(u16, &'static str),
    /// Answers with this status and body, too.
    Body(u16, String),
    /// Answers with this status and `Retry-After`.
    Wait(u16, &'static str),
    /// Promises this many bytes of the body more than it gives.
    Cut(String),
    /// Reads the request and never answers.
    Hang,
    /// Reads the request and breaks the connection off.
    Reset,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Its first line.
    pub(super) line: String,
    /// Its headers, in lower case but for their values.
    pub(super) head: String,
    /// Its body.
    pub(super) body: String,
}

/// What came so far.
type Seen = Arc<Mutex<Vec<Request>>>;

/// The server.
pub(super) struct Server {
    /// Where it is.
    pub(super) url: Url,
    seen: Seen,
    task: JoinHandle<()>,
}

impl Step {
    /// Answers with this status and JSON.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::Body(status, body.to_string())
    }

    /// The same answer, broken off in the middle.
    pub(super) fn cut(self) -> Self {
        match self {
            Self::Body(_, body) => Self::Cut(body),
            other => other,
        }
    }
}

impl Server {
    /// Starts a server that takes one step a request; then it resets.
    pub(super) async fn start(steps: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Seen::default();
        let task = tokio::spawn(serve(listener, steps, Arc::clone(&seen)));
        let url = format!("http://{address}").parse().expect("a URL");
        Self { url, seen, task }
    }

    /// Stops it: nobody listens there from now on.
    pub(super) async fn stop(self) {
        self.task.abort();
        assert!(self.task.await.expect_err("it was stopped").is_cancelled());
    }

    /// What was asked so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.seen.lock().expect("requests").clone()
    }
}

async fn serve(listener: TcpListener, steps: Vec<Step>, seen: Seen) {
    let mut steps = steps.into_iter();
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let step = steps.next().unwrap_or(Step::Reset);
        tokio::spawn(answer(stream, step, Arc::clone(&seen)));
    }
}

async fn answer(mut stream: TcpStream, step: Step, seen: Seen) {
    let request = read(&mut stream).await;
    seen.lock().expect("requests").push(request);
    let (status, more, body) = match step {
        Step::Text(status, body) => (status, String::new(), body.to_owned()),
        Step::Body(status, body) => (status, String::new(), body),
        Step::Wait(status, wait) => (status, format!("Retry-After: {wait}\r\n"), String::new()),
        Step::Cut(body) => {
            let head = format!("HTTP/1.1 201 X\r\nContent-Length: {}\r\n\r\n", body.len());
            let half = body.get(..body.len() / 2).unwrap_or_default();
            let _ = stream.write_all(format!("{head}{half}").as_bytes()).await;
            return;
        }
        Step::Hang => return std::future::pending().await,
        Step::Reset => return,
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n"
    );
    // A client that has given up does not read its answer.
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
}

async fn read(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head_lower = head.to_lowercase();
            let length = head_lower
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                let (line, head) = head.split_once("\r\n").unwrap_or((head, ""));
                return Request { line: line.into(), head: head.into(), body: body.into() };
            }
        }
        assert_ne!(stream.read_buf(&mut bytes).await.expect("a request"), 0, "half a request");
    }
}
