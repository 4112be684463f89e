//! What callers send, taken apart; what is wrong with it is a [`Problem`].

use std::fmt::Write as _;

use axum::body::HttpBody;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use partyline_core::{EventKey, Network, PersonId};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::Shared;
use super::problem::Problem;

/// The longest `Idempotency-Key`, in characters.
const LONGEST_KEY: usize = 128;

/// The query, as the route knows it.
pub(super) struct Query<T>(pub(super) T);

/// The parts of the path.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Self, Problem> {
        let query = axum::extract::Query::from_request_parts(parts, api).await;
        let wrong =
            |error: QueryRejection| Problem::new(StatusCode::BAD_REQUEST, error.body_text());
        query.map(|query| Self(query.0)).map_err(wrong)
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, api).await;
        let wrong = |error: PathRejection| Problem::new(StatusCode::BAD_REQUEST, error.body_text());
        path.map(|path| Self(path.0)).map_err(wrong)
    }
}

/// Who wants something changed, and under which key.
pub(super) struct Caller {
    /// Makes a repeat a repeat.
    pub(super) key: EventKey,
    /// What was asked for: a repeat under the key asks for the same.
    pub(super) asked: String,
    /// Who asks.
    pub(super) by: PersonId,
}

impl Caller {
    fn new(parts: &Parts, body: &[u8]) -> Result<Self, Problem> {
        let key = match parts.headers.get("idempotency-key") {
            Some(key) => key
                .to_str()
                .ok()
                .filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY)
                .map(ToOwned::to_owned)
                .ok_or_else(|| {
                    let wrong =
                        format!("Idempotency-Key has 1 to {LONGEST_KEY} visible characters.");
                    Problem::new(StatusCode::BAD_REQUEST, wrong)
                })?,
            None => random(),
        };
        let mut asked = format!("{} {} ", parts.method, parts.uri);
        for byte in Sha256::digest(body) {
            let _ = write!(asked, "{byte:02x}");
        }
        Ok(Self { key: EventKey::new(key), asked, by: by(&parts.headers) })
    }
}

fn random() -> String {
    rand::Rng::sample_iter(rand::rng(), rand::distr::Alphanumeric)
        .take(24)
        .map(char::from)
        .collect()
}

/// The operator: by the API, or on the command line, which says under which account.
fn by(headers: &HeaderMap) -> PersonId {
    let said = headers.get("partyline-by").and_then(|by| by.to_str().ok());
    let right = |by: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@/".contains(c);
        !by.is_empty() && by.len() <= 64 && by.chars().all(plain)
    };
    PersonId::new(Network::Operator, said.filter(right).unwrap_or("api"))
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        Self::new(parts, &[])
    }
}

/// A body of JSON, and who sent it.
pub(super) struct Body<T> {
    pub(super) json: T,
    pub(super) caller: Caller,
}

impl<T: DeserializeOwned> FromRequest<Shared> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Shared) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let wrong = "Send JSON: Content-Type: application/json.";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, wrong));
        }
        let too_large = || {
            let wrong = format!("The body has more than {} bytes.", api.body_bytes);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, wrong)
        };
        if body.size_hint().lower() > api.body_bytes as u64 {
            return Err(too_large());
        }
        let bytes = match Limited::new(body, api.body_bytes).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(too_large()),
            Err(_) => {
                let wrong = "The body is broken off or malformed.";
                return Err(Problem::new(StatusCode::BAD_REQUEST, wrong));
            }
        };
        let json = serde_json::from_slice(&bytes).map_err(|error| {
            let status = match error.classify() {
                serde_json::error::Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
                _ => StatusCode::BAD_REQUEST,
            };
            Problem::new(status, format!("The body is not as it should be: {error}."))
        })?;
        let caller = Caller::new(&parts, &bytes)?;
        Ok(Self { json, caller })
    }
}
