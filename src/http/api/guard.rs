//! Who may call, and pages of which origins.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use super::Shared;
use super::problem::Problem;

const METHODS: &str = "GET, POST, PATCH, DELETE";
const HEADERS: &str = "authorization, content-type, idempotency-key";

/// Lets through whoever shows the token; answers what browsers ask before they call.
pub(super) async fn admit(State(api): State<Shared>, request: Request, next: Next) -> Response {
    let origin = allowed(&api.origins, request.headers());
    let asks_before = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if asks_before && origin.is_some() {
        StatusCode::NO_CONTENT.into_response()
    } else if api.token.as_ref().is_none_or(|token| shows(request.headers(), token.expose_secret()))
    {
        next.run(request).await
    } else {
        let mut refused = Problem::new(
            StatusCode::UNAUTHORIZED,
            "Show the admin token: Authorization: Bearer TOKEN (http.admin_token).",
        )
        .into_response();
        let scheme = HeaderValue::from_static("Bearer");
        refused.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        refused
    };
    let headers = response.headers_mut();
    // Nothing here is for caches: it is about people.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if !api.origins.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    if let Some(origin) = origin {
        allow(headers, origin, asks_before);
    }
    response
}

fn shows(headers: &HeaderMap, token: &str) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.split_once(' '));
    given.is_some_and(|(scheme, given)| {
        scheme.eq_ignore_ascii_case("bearer")
            && bool::from(given.trim().as_bytes().ct_eq(token.as_bytes()))
    })
}

/// The caller's origin, where it may call.
fn allowed(origins: &[String], headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    origins.iter().any(|one| one.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue, asks_before: bool) {
    let mut put = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    if asks_before {
        put(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        put(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        put(header::ACCESS_CONTROL_MAX_AGE, "600");
    } else {
        put(header::ACCESS_CONTROL_EXPOSE_HEADERS, "location");
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
}
