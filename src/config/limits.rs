//! `[limits]`: what one caller may take of the daemon.

use std::time::Duration;

use super::section::{Noted, Section};

/// `[limits]`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest body of a request, in bytes; a longer one is answered with 413.
    pub body_bytes: usize,
    /// How long a whole body may take to come.
    pub body_wait: Duration,
    /// What bodies of more than 16 KiB may take together, in MiB; further ones wait.
    pub bodies_mib: usize,
    /// Connections at a time, of the listener that the platforms call; further ones wait.
    pub connections: usize,
    /// The longest head of a request, its line and its headers, in bytes; a longer one is
    /// answered with 431.
    pub head_bytes: usize,
    /// How long a head may take to come, from its first byte on, and an answer to be read.
    pub head_wait: Duration,
    /// How long a connection may be without a request.
    pub idle_wait: Duration,
    /// Requests in work at a time; a further one waits.
    pub requests: usize,
}

impl Limits {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let spans = Duration::from_millis(100)..=Duration::from_secs(3600);
        let body_wait = section.span("body_wait", "10s", spans.clone());
        let head_wait = section.span("head_wait", "10s", spans.clone());
        let idle_wait = section.span("idle_wait", "75s", spans);
        let body_bytes = section.number("body_bytes", 1024 * 1024, 64 * 1024..=64 * 1024 * 1024);
        let bodies_mib = section.number("bodies_mib", 64, 1..=64 * 1024);
        let connections = section.number("connections", 10_000, 1..=1_000_000);
        let head_bytes = section.number("head_bytes", 32 * 1024, 8 * 1024..=1024 * 1024);
        let requests = section.number("requests", 512, 1..=100_000);
        Ok(Self {
            body_bytes: body_bytes?,
            body_wait: body_wait?,
            bodies_mib: bodies_mib?,
            connections: connections?,
            head_bytes: head_bytes?,
            head_wait: head_wait?,
            idle_wait: idle_wait?,
            requests: requests?,
        })
    }
}
