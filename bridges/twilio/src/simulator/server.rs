//! The socket side: accepts connections, checks credentials and rates, and lets faults strike
//! where they really would, at the connection.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::faults::FaultKind;
use super::inner::Inner;
use super::refusal::Refusal;
use super::rest::{self, Scope};
use super::{control, world::World};

type Router = TowerToHyperService<axum::Router>;

/// Accepts connections until it is stopped.
pub(super) async fn serve(listener: TcpListener, inner: Arc<Inner>, stop: CancellationToken) {
    let router = rest::router().merge(control::router()).with_state(Arc::clone(&inner));
    let router = TowerToHyperService::new(router);
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(stream, Arc::clone(&inner), router.clone());
                let stop = stop.clone();
                tokio::spawn(async move {
                    let _ = stop.run_until_cancelled(connection).await;
                });
            }
            // Out of file handles, say: it may pass.
            Err(error) => {
                tracing::warn!(%error, "the simulated Twilio could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Lets the conversations' timers run.
pub(super) async fn keep_time(inner: Arc<Inner>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if inner.look(World::timer_due) {
            inner.change(|_, _| ());
        }
    }
}

/// The connection ends here, without an answer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection is reset on request")]
struct Reset;

async fn connection(stream: TcpStream, inner: Arc<Inner>, router: Router) {
    // Fails only on a connection that is gone already.
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let service = service_fn(|request| {
        let (inner, router, reset) = (Arc::clone(&inner), router.clone(), Arc::clone(&reset));
        async move {
            let answer = answer(&inner, &router, request).await;
            reset.store(answer.is_err(), Ordering::Release);
            answer
        }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    // How it ended is the client's affair.
    let _ = std::pin::Pin::new(&mut connection).await;
    if reset.load(Ordering::Acquire) {
        // Closing without lingering sends RST, not FIN.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}

async fn answer(
    inner: &Arc<Inner>,
    router: &Router,
    mut request: Request<Incoming>,
) -> Result<Response, Reset> {
    let path = request.uri().path();
    if path.starts_with("/_") {
        return Ok(route(router, request).await);
    }
    inner.count.requests.fetch_add(1, Ordering::Relaxed);
    if let Err(refusal) = admit(inner, &request) {
        return Ok(refused(inner, &refusal));
    }
    let fault = inner.faults.of_request(
        request.method().as_str(),
        request.uri().path_and_query().map_or(path, |all| all.as_str()),
    );
    if fault.is_some() {
        inner.count.refused.fetch_add(1, Ordering::Relaxed);
    }
    match fault {
        Some(FaultKind::RateLimited(seconds)) => {
            let mut answer = too_fast().into_response();
            answer.headers_mut().insert(RETRY_AFTER, seconds.into());
            return Ok(answer);
        }
        Some(FaultKind::RateLimitedBare) => return Ok(too_fast().into_response()),
        Some(FaultKind::Refused(status)) => return Ok(refused(inner, &general(status))),
        Some(FaultKind::Error500) => return Ok(broken()),
        Some(FaultKind::Hang) => return std::future::pending().await,
        Some(FaultKind::ResetBefore) => return Err(Reset),
        Some(FaultKind::Slow(time)) => tokio::time::sleep(time).await,
        _ => {}
    }
    match Scope::enter(inner, &mut request) {
        Ok(scope) => request.extensions_mut().insert(scope),
        Err(refusal) => return Ok(refused(inner, &refusal)),
    };
    let answer = route(router, request).await;
    if answer.status().is_client_error() {
        inner.count.refused.fetch_add(1, Ordering::Relaxed);
    }
    match fault {
        None | Some(FaultKind::Slow(_)) => Ok(answer),
        Some(FaultKind::Error500After) => Ok(broken()),
        Some(FaultKind::HangAfter) => std::future::pending().await,
        Some(FaultKind::Truncated) => Ok(truncate(answer).await),
        Some(FaultKind::NotJson) => {
            let page = "<!DOCTYPE html><html><body>We will be back soon.</body></html>";
            Ok(([(CONTENT_TYPE, "text/html")], page).into_response())
        }
        Some(_) => Err(Reset),
    }
}

async fn route(router: &Router, request: Request<Incoming>) -> Response {
    let request = request.map(Body::new);
    let answer: Result<_, Infallible> = hyper::service::Service::call(router, request).await;
    match answer {
        Ok(answer) => answer,
    }
}

/// Credentials, then rate.
fn admit(inner: &Inner, request: &Request<Incoming>) -> Result<(), Refusal> {
    let options = &inner.options;
    let pair = request.headers().get(AUTHORIZATION).and_then(credentials);
    let known = pair.is_some_and(|(user, password)| {
        (user == options.api_key_sid && password == options.api_key_secret)
            || (user == options.account_sid && password == options.auth_token)
    });
    if !known {
        return Err(Refusal::new(401, 20003, "Authenticate"));
    }
    match &inner.rate {
        Some(rate) if rate.check().is_err() => Err(too_fast()),
        _ => Ok(()),
    }
}

fn credentials(header: &HeaderValue) -> Option<(String, String)> {
    let encoded = header.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    pair.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

fn too_fast() -> Refusal {
    Refusal::new(429, 20429, "Too Many Requests")
}

/// A refusal with the code that Twilio has for a status in general.
fn general(status: u16) -> Refusal {
    match status {
        401 => Refusal::new(401, 20003, "Authenticate"),
        404 => Refusal::new(404, 20404, "The requested resource was not found"),
        429 => too_fast(),
        _ => Refusal::new(status, 20001, "Unknown parameters"),
    }
}

fn refused(inner: &Inner, refusal: &Refusal) -> Response {
    inner.count.refused.fetch_add(1, Ordering::Relaxed);
    let mut answer = refusal.clone().into_response();
    if refusal.status == 401 {
        let realm = HeaderValue::from_static("Basic realm=\"Twilio API\"");
        answer.headers_mut().insert(WWW_AUTHENTICATE, realm);
    }
    answer
}

fn broken() -> Response {
    Refusal::new(500, 20500, "Internal Server Error").into_response()
}

/// Half of the answer, under the length of the whole; then the connection closes.
async fn truncate(answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    parts.headers.insert(CONTENT_LENGTH, body.len().max(2).into());
    let half = body.slice(..body.len() / 2);
    let first = futures_util::stream::once(async move { Ok::<Bytes, Reset>(half) });
    // The pause lets the first half go out before the connection closes.
    let end = futures_util::stream::once(async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(Reset)
    });
    Response::from_parts(parts, Body::from_stream(first.chain(end)))
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, axum::Json(self.body())).into_response()
    }
}

/// Whether a method has a form in its body.
pub(super) fn has_form(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT)
}
