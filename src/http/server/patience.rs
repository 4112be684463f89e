//! A connection whose caller is waited for, but not for ever.
//!
//! A connection is *quiet* before a request and after an answer, reads a *head*, is at *work*
//! (the routes wait for the body themselves, see `super::super::body`), or is *stuck* because the
//! caller does not read the answer. Each but work has its time; when it is over, reading or
//! writing fails, and so the connection ends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// How long a caller is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// For the rest of a request's head, from its first byte on; and for an answer to be read on.
    pub head: Duration,
    /// For a request, on a connection that is open.
    pub idle: Duration,
}

/// What a connection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Quiet,
    Head,
    Work,
    Stuck,
}

impl Phase {
    /// Why a connection was cut off in it, as the metric says it.
    const fn label(self) -> &'static str {
        match self {
            Self::Quiet => "idle",
            Self::Head => "head",
            Self::Work => "work",
            Self::Stuck => "answer",
        }
    }
}

/// Whose turn it is on a connection, told by whoever answers to the stream below. Both are in the
/// connection's one task, so the order is that of the code.
#[derive(Debug, Default)]
pub(super) struct Turn(AtomicU8);

impl Turn {
    const OURS: u8 = 1;
    const ANSWERED: u8 = 2;

    /// A request's head is there.
    pub(super) fn ours(&self) {
        self.0.store(Self::OURS, Ordering::Relaxed);
    }

    /// Its answer has been made, to its end.
    fn answered(&self) {
        self.0.store(Self::ANSWERED, Ordering::Relaxed);
    }

    fn is_ours(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::OURS
    }

    /// Whether an answer was given since this was asked last.
    fn was_answered(&self) -> bool {
        self.0.compare_exchange(Self::ANSWERED, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// An answer's body, until whose end it is our turn: one that is made bit by bit may take its time,
/// and so may the request that it answers.
pub(super) struct Answering {
    body: axum::body::Body,
    turn: Arc<Turn>,
}

impl Answering {
    pub(super) fn new(body: axum::body::Body, turn: Arc<Turn>) -> Self {
        Self { body, turn }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.turn.answered();
    }
}

impl Body for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that fails when its caller takes too long.
pub(super) struct Patient {
    stream: TcpStream,
    waits: Waits,
    turn: Arc<Turn>,
    phase: Phase,
    until: Instant,
    /// Wakes the connection when its time is over. Set to `until` only when there is something
    /// to wait for: a request that comes whole never touches it.
    alarm: Pin<Box<Sleep>>,
}

impl Patient {
    pub(super) fn new(stream: TcpStream, waits: Waits, turn: Arc<Turn>) -> Self {
        let until = Instant::now() + waits.idle;
        let alarm = Box::pin(tokio::time::sleep_until(until));
        Self { stream, waits, turn, phase: Phase::Quiet, until, alarm }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        let wait = if phase == Phase::Quiet { self.waits.idle } else { self.waits.head };
        self.until = Instant::now() + wait;
    }

    /// Fails once the time of the phase is over.
    fn overdue(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.alarm.deadline() != self.until {
            self.alarm.as_mut().reset(self.until);
        }
        ready!(self.alarm.as_mut().poll(cx));
        metrics::counter!("partyline_http_cut_off_total", "waiting_for" => self.phase.label())
            .increment(1);
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    /// Passes on how a write went, unless it waits for too long.
    fn written<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.phase == Phase::Stuck {
                self.phase = Phase::Work;
            }
            return written;
        }
        if self.phase != Phase::Stuck {
            self.enter(Phase::Stuck);
        }
        self.overdue(cx).map(Err)
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if self.phase == Phase::Stuck {
            // The time runs on: whoever sends while not reading is no better.
            return if read.is_ready() { read } else { self.overdue(cx).map(Err) };
        }
        if self.turn.is_ours() {
            self.phase = Phase::Work;
            return read;
        }
        if self.turn.was_answered() {
            self.enter(Phase::Quiet);
        }
        match read {
            Poll::Pending => self.overdue(cx).map(Err),
            Poll::Ready(_) => {
                if self.phase != Phase::Head {
                    self.enter(Phase::Head);
                }
                read
            }
        }
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.written(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
