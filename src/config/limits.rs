//! `[limits]`: what one caller may take of the daemon.

use super::section::{Noted, Section};

/// `[limits]`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest body of a request, in bytes; a longer one is answered with 413.
    pub body_bytes: usize,
    /// Requests in work at a time; a further one waits.
    pub requests: usize,
}

impl Limits {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let body_bytes = section.number("body_bytes", 1024 * 1024, 64 * 1024..=64 * 1024 * 1024);
        let requests = section.number("requests", 512, 1..=100_000);
        Ok(Self { body_bytes: body_bytes?, requests: requests? })
    }
}
