//! The HTTP server: the Web API, sockets, uploads and downloads, response addresses.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Query, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::arguments::Arguments;
use super::methods::{self, Answer, Method, Refusal, Token};
use super::outbox::count;
use super::shared::Shared;
use super::wire::{Door, Scissors};
use super::{Fault, control, respond, sockets};

/// The most bytes of a call's body.
const CALL_BYTES: usize = 1 << 20;
/// The most bytes of an upload.
const UPLOAD_BYTES: usize = 32 << 20;

/// Serves until the simulator stops.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let stop = shared.outbox.stop().clone();
    let mut router = Router::new()
        .route("/api/{method}", any(call))
        .route("/link/", get(link))
        .route("/commands/{team}/{id}/{key}", post(respond::answer))
        .route("/files-pri/{file}/{name}", get(download))
        .layer(DefaultBodyLimit::max(CALL_BYTES))
        .route("/upload/v1/{id}/{token}", post(upload).layer(DefaultBodyLimit::max(UPLOAD_BYTES)));
    if shared.options.control {
        router = router.nest("/_simulator", control::router());
    }
    let service = router.with_state(shared).into_make_service_with_connect_info::<Scissors>();
    let served =
        axum::serve(Door(listener), service).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::warn!(%error, "the Slack simulator stopped serving");
    }
}

/// A call of the Web API.
async fn call(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    count(&shared.outbox.tally().requests);
    let answer = with_faults(&shared, &scissors, &name, || {
        let content_type = text(&headers, header::CONTENT_TYPE).unwrap_or_default();
        let arguments = Arguments::read(query.as_deref().unwrap_or(""), content_type, &body);
        let answer = match (methods::method(&name), arguments) {
            (None, _) => {
                let mut refusal = Refusal::from("unknown_method");
                refusal.beside.insert("req_method".into(), name.clone().into());
                Err(refusal)
            }
            (_, Err(unreadable)) => Err(unreadable.into()),
            (Some(method), Ok(arguments)) => run(&shared, method, &headers, &arguments),
        };
        rendered(&shared, methods::method(&name), answer)
    });
    answer.await
}

/// Checks the token and its scopes, and does it.
fn run(shared: &Shared, method: &Method, headers: &HeaderMap, arguments: &Arguments) -> Answer {
    let bearer = text(headers, header::AUTHORIZATION)
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(|token| token.trim().to_owned());
    let token = bearer.or_else(|| arguments.text("token"));
    let options = &shared.options;
    let mut workspace = shared.workspace();
    match (method.token, token.as_deref()) {
        (Token::None, _) => {}
        (_, None) => return Err("not_authed".into()),
        (Token::Bot, Some(token)) if token == options.bot_token.expose_secret() => {
            if workspace.revoked {
                return Err("token_revoked".into());
            }
        }
        (Token::App, Some(token)) if token == options.app_token.expose_secret() => {}
        (Token::Bot, Some(token)) if token == options.app_token.expose_secret() => {
            return Err("not_allowed_token_type".into());
        }
        (Token::App, Some(token)) if token == options.bot_token.expose_secret() => {
            return Err("not_allowed_token_type".into());
        }
        _ => return Err("invalid_auth".into()),
    }
    let granted = |scope: &str| options.scopes.iter().any(|s| s == scope);
    if let Some(needed) = method.scopes.first()
        && !method.scopes.iter().any(|scope| granted(scope))
    {
        return Err(Refusal::missing_scope(needed, &options.scopes));
    }
    (method.run)(&mut workspace, arguments)
}

/// The answer as it goes out.
fn rendered(shared: &Shared, method: Option<&Method>, answer: Answer) -> Response {
    let retry_after = answer.as_ref().err().and_then(|refusal| refusal.retry_after);
    let body = match answer {
        Ok(mut body) => {
            body["ok"] = true.into();
            body
        }
        Err(refusal) => {
            let mut body = json!({"ok": false, "error": refusal.error});
            for (key, value) in refusal.beside {
                body[key] = value;
            }
            body
        }
    };
    let mut response = json_response(StatusCode::OK, &body);
    if let Some(seconds) = retry_after {
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    if let Some(method) = method.filter(|method| method.token == Token::Bot) {
        let headers = response.headers_mut();
        for (name, scopes) in [
            ("x-oauth-scopes", shared.options.scopes.join(",")),
            ("x-accepted-oauth-scopes", method.scopes.join(",")),
        ] {
            if let Ok(value) = HeaderValue::from_str(&scopes) {
                headers.insert(name, value);
            }
        }
    }
    response
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (status, kind, body.to_string()).into_response()
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Does a piece of work and answers, with the fault that befalls it, if one does.
pub(super) async fn with_faults(
    shared: &Shared,
    scissors: &Scissors,
    target: &str,
    work: impl FnOnce() -> Response,
) -> Response {
    let fault = shared.outbox.faults().of_request(target);
    let Some(fault) = fault else { return work() };
    shared.outbox.struck();
    match fault {
        Fault::RateLimited(seconds) => rate_limited(shared, Some(seconds)),
        Fault::RateLimitedBare => rate_limited(shared, None),
        Fault::Refused(error) => {
            json_response(StatusCode::OK, &json!({"ok": false, "error": error}))
        }
        Fault::Error500 => error_500(),
        Fault::Hang => {
            shared.outbox.stop().cancelled().await;
            scissors.cut();
            error_500()
        }
        Fault::ResetBefore => {
            scissors.cut();
            error_500() // never leaves: the connection is cut
        }
        done => {
            let response = work();
            match done {
                Fault::Error500After => error_500(),
                Fault::ResetAfter => {
                    scissors.cut();
                    response
                }
                Fault::Truncated => truncated(response).await,
                Fault::NotJson => {
                    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
                    (kind, "<!DOCTYPE html><html><body>Server Error</body></html>").into_response()
                }
                _ => response,
            }
        }
    }
}

fn rate_limited(shared: &Shared, retry_after: Option<u32>) -> Response {
    count(&shared.outbox.tally().rate_limited);
    let body = json!({"ok": false, "error": "ratelimited"});
    let mut response = json_response(StatusCode::TOO_MANY_REQUESTS, &body);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn error_500() -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response()
}

/// Half of the answer, under the length of the whole, and then the connection ends.
async fn truncated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, bytes.len().into());
    let half = bytes.slice(..bytes.len() / 2);
    let stream = futures_util::stream::unfold(Some(half), |state| async move {
        match state {
            Some(half) => Some((Ok(half), None)),
            None => {
                // Lets the server write the first half out before it sees the end.
                tokio::task::yield_now().await;
                Some((Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted)), None))
            }
        }
    });
    Response::from_parts(parts, Body::from_stream(stream))
}

/// What is in the address of a socket.
#[derive(Deserialize)]
struct Ticket {
    ticket: String,
}

/// Opens a socket.
async fn link(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    Query(Ticket { ticket }): Query<Ticket>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !shared.outbox.sockets().redeem(&ticket, shared.options.clock.now()) {
        return (StatusCode::FORBIDDEN, "the ticket is used or expired").into_response();
    }
    let outbox = shared.outbox.clone();
    upgrade.on_upgrade(move |socket| sockets::serve(socket, outbox, scissors))
}

/// Takes the bytes of a file.
async fn upload(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    Path((id, token)): Path<(String, String)>,
    bytes: Bytes,
) -> Response {
    let work = || {
        let mut workspace = shared.workspace();
        let Some(upload) = workspace.files.upload(&id, &token) else {
            return (StatusCode::NOT_FOUND, "file_not_found").into_response();
        };
        if upload.length != bytes.len() {
            return (StatusCode::BAD_REQUEST, "length mismatch").into_response();
        }
        let length = bytes.len();
        upload.bytes = Some(bytes);
        format!("OK - {length}").into_response()
    };
    with_faults(&shared, &scissors, "upload", work).await
}

/// Gives the bytes of a file to the bearer of the bot's token; to anybody else Slack shows a
/// page to sign in.
async fn download(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    Path((file, _)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let work = || {
        let bearer = text(&headers, header::AUTHORIZATION).and_then(|v| v.strip_prefix("Bearer "));
        let workspace = shared.workspace();
        if bearer != Some(shared.options.bot_token.expose_secret()) || workspace.revoked {
            let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
            return (kind, "<!DOCTYPE html><html><body>Sign in</body></html>").into_response();
        }
        let id = file.split_once('-').map_or("", |(_, id)| id);
        match workspace.files.get(id) {
            Some(file) => ([(header::CONTENT_TYPE, file.mimetype.clone())], file.bytes.clone())
                .into_response(),
            None => (StatusCode::NOT_FOUND, "file_not_found").into_response(),
        }
    };
    with_faults(&shared, &scissors, "download", work).await
}
