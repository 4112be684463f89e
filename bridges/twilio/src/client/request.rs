//! A call, ready to be made, and the address that it goes to.

use bytes::Bytes;
use partyline_core::{Failure, Reason};
use reqwest::Method;
use url::Url;

/// A call, ready to be made as often as it takes.
pub(crate) struct Request {
    /// What it is about, for the metrics.
    pub(super) resource: &'static str,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Body,
    /// Whether the credentials go along.
    pub(super) signed: bool,
}

/// What a call carries.
pub(super) enum Body {
    Empty,
    Form(String),
    File { bytes: Bytes, media_type: String },
}

impl Request {
    pub(super) fn get(resource: &'static str, url: Url) -> Self {
        Self { resource, method: Method::GET, url, body: Body::Empty, signed: true }
    }

    /// Whether it can be repeated without harm.
    pub(super) fn is_repeatable(&self) -> bool {
        !self.creates()
    }

    /// Whether it may make something new each time that it is processed.
    pub(super) fn creates(&self) -> bool {
        self.method == Method::POST
    }
}

/// An address under this base. A part of the path is taken literally, whatever it holds.
pub(super) fn address(base: &Url, path: &[&str]) -> Result<Url, Failure> {
    let wrong = |what: String| Failure::never(Reason::NoSuchPlace, what);
    if let Some(part) = path.iter().find(|part| matches!(**part, "" | "." | "..")) {
        return Err(wrong(format!(
            "\"{part}\" is not the name of anything at Twilio. Check the SID."
        )));
    }
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| {
            wrong(format!(
                "{base} is not a base address. Write one like https://conversations.twilio.com."
            ))
        })?
        .pop_if_empty()
        .extend(path);
    Ok(url)
}
