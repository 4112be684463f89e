//! A socket to the daemon, and what a bad client does with it.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Daemon, PATIENCE};

/// How many connections this process can have open, with some descriptors left for the rest.
pub(super) fn descriptors_for_tests() -> usize {
    use rlimit::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::NOFILE).expect("a limit");
    setrlimit(Resource::NOFILE, hard, hard).expect("the limit");
    usize::try_from(hard).expect("a limit") - 500
}

/// A connection to the daemon.
pub(super) struct Raw {
    stream: TcpStream,
    got: String,
}

impl Raw {
    pub(super) async fn open(daemon: &Daemon) -> Self {
        let url = daemon.url("/");
        let address = (url.host_str().expect("a host"), url.port().expect("a port"));
        let stream = TcpStream::connect(address).await.expect("a connection");
        Self { stream, got: String::new() }
    }

    /// Writes; where the daemon has closed already, what it said is still to be read.
    pub(super) async fn send(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes()).await;
    }

    /// The same with bytes.
    pub(super) async fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Sends no more, and goes on reading.
    pub(super) async fn finish(&mut self) {
        self.stream.shutdown().await.expect("half closed");
    }

    /// Reads a piece. Whether there was one: not where the daemon has closed.
    async fn read(&mut self) -> bool {
        let mut piece = [0; 4096];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut piece)).await;
        match read.expect("the daemon answers or closes") {
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.got.push_str(&String::from_utf8_lossy(&piece[..length]));
                true
            }
        }
    }

    /// All that is said until the daemon closes.
    pub(super) async fn until_closed(&mut self) -> String {
        while self.read().await {}
        std::mem::take(&mut self.got)
    }

    /// Reads until this has been said.
    pub(super) async fn wait_for(&mut self, text: &str) {
        while !self.got.contains(text) {
            assert!(self.read().await, "{text} in {}", self.got);
        }
    }

    /// One answer: its head, and as much of a body as the head says.
    pub(super) async fn answer(&mut self) -> String {
        loop {
            if let Some((head, body)) = self.got.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .filter_map(|line| line.split_once(": "))
                    .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                    .map_or(0, |(_, length)| length.parse().expect("a length"));
                if body.len() >= length {
                    return std::mem::take(&mut self.got);
                }
            }
            assert!(self.read().await, "an answer, not {:?}", self.got);
        }
    }

    /// Sends a letter now and then, for as long as the daemon takes it; then all that it said.
    pub(super) async fn trickle(mut self, pause: Duration) -> String {
        loop {
            match tokio::time::timeout(pause, self.read()).await {
                Ok(true) => {}
                Ok(false) => return self.got,
                // The pause is over, and nothing was said.
                Err(_) => self.send("x").await,
            }
        }
    }

    /// Asks the same again and again without reading an answer, until no more is taken.
    pub(super) async fn ask_without_reading(&mut self, requests: &str) {
        let pause = Duration::from_millis(500);
        while let Ok(Ok(())) =
            tokio::time::timeout(pause, self.stream.write_all(requests.as_bytes())).await
        {}
    }
}
