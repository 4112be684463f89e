//! A request's whole body, read within bounds.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Rooms, refuse};

/// A body of up to so many bytes is read without asking for room: every webhook but the longest.
/// So many times the connections is what small bodies can take.
const SMALL: u64 = 16 * 1024;

/// The unit in which room is counted, in bytes: a semaphore has fewer permits than memory has.
const UNIT: u64 = 1024;

/// What bodies may take.
#[derive(Clone, Debug)]
pub struct Bodies {
    longest: usize,
    wait: Duration,
    room: Arc<Semaphore>,
}

impl Bodies {
    /// A body may have `longest` bytes and take `wait` to come; those above 16 KiB may take
    /// `room` bytes together, further ones wait.
    #[must_use]
    pub fn new(longest: usize, wait: Duration, room: usize) -> Self {
        // One body of the longest kind always has room, or it would wait for ever.
        let units = (room.max(longest) as u64).div_ceil(UNIT);
        let units = usize::try_from(units).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { longest, wait, room: Arc::new(Semaphore::new(units)) }
    }

    async fn read(&self, body: axum::body::Body) -> Result<Whole, Unread> {
        // What it says of its own length; the longest where it does not say. All of its room at
        // once: two bodies that each had half would wait for each other.
        let told = body.size_hint();
        let longest = self.longest as u64;
        if told.lower() > longest {
            return Err(Unread { answer: too_large(self.longest), body });
        }
        let most = told.upper().unwrap_or(longest).min(longest);
        let room = if most <= SMALL {
            None
        } else {
            let units = u32::try_from(most.div_ceil(UNIT)).unwrap_or(u32::MAX);
            self.room.clone().acquire_many_owned(units).await.ok()
        };
        match Limited::new(body, self.longest).collect().await {
            Ok(body) => Ok(Whole { bytes: body.to_bytes(), _room: room }),
            Err(error) if error.is::<LengthLimitError>() => Err(too_large(self.longest).into()),
            Err(_) => {
                Err(refuse(StatusCode::BAD_REQUEST, "the body is broken off or malformed").into())
            }
        }
    }
}

/// The body of a request, as it was sent. Its room is given back when it is dropped.
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// A body that was not read to its end.
pub(super) struct Unread {
    /// What whoever sent it is told.
    pub(super) answer: Response,
    /// Itself, where it announced itself as too long; else nothing.
    body: axum::body::Body,
}

impl Unread {
    /// How it begins, as far as it can still be read and comes in time.
    pub(super) async fn begun(&mut self, bodies: &Bodies) -> Bytes {
        let first = tokio::time::timeout(bodies.wait, self.body.frame()).await;
        let first = first.ok().flatten().and_then(Result::ok);
        first.and_then(|frame| frame.into_data().ok()).unwrap_or_default()
    }
}

impl From<Response> for Unread {
    fn from(answer: Response) -> Self {
        Self { answer, body: axum::body::Body::empty() }
    }
}

impl IntoResponse for Unread {
    fn into_response(self) -> Response {
        self.answer
    }
}

impl FromRequest<Arc<Rooms>> for Whole {
    type Rejection = Unread;

    /// 415 where it is compressed, 413 where it is too large, 408 where it is not there in time,
    /// 400 where it is malformed.
    async fn from_request(request: Request, rooms: &Arc<Rooms>) -> Result<Self, Unread> {
        if is_compressed(request.headers()) {
            // No platform compresses; what is small here could be huge when it is unpacked.
            return Err(refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "a compressed body is not taken: send it as it is",
            )
            .into());
        }
        let bodies = &rooms.bodies;
        match tokio::time::timeout(bodies.wait, bodies.read(request.into_body())).await {
            Ok(read) => read,
            Err(_) => {
                metrics::counter!("partyline_http_cut_off_total", "waiting_for" => "body")
                    .increment(1);
                let mut late = refuse(
                    StatusCode::REQUEST_TIMEOUT,
                    format_args!("the body did not come within {:?}", bodies.wait),
                );
                late.headers_mut().insert(header::CONNECTION, CLOSE);
                Err(late.into())
            }
        }
    }
}

/// The rest of a body that is not waited for cannot be told from the next request.
const CLOSE: HeaderValue = HeaderValue::from_static("close");

fn too_large(longest: usize) -> Response {
    refuse(StatusCode::PAYLOAD_TOO_LARGE, format_args!("the body has more than {longest} bytes"))
}

fn is_compressed(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}
