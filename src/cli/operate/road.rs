//! The way to the admin API: over the socket in the folder of the store to a running daemon, or
//! straight to its routes over the store that nobody has open.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use anyhow::{Context as _, anyhow, bail};
use axum::body::{Body, HttpBody};
use axum::http::{Request, header};
use hyper::body::Frame;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use reqwest::Method;
use serde_json::Value;

use crate::app::{self, Offline};
use crate::config::Config;
use crate::control::Caller;
use crate::store::Folder;

/// What answers are taken: where one can tell how far it is, that too.
const ACCEPTED: &str = "application/json, application/x-ndjson";

/// The way to the admin API.
pub(super) enum Road {
    /// To a running daemon.
    Daemon(reqwest::Client),
    /// To the store itself.
    Store(Box<Offline>),
}

impl Road {
    /// The way there is.
    pub(super) async fn of(config: &Config) -> anyhow::Result<Self> {
        match Caller::of(&Folder::new(&config.store.folder))? {
            Some(caller) => Ok(Self::Daemon(caller.client())),
            None => Ok(Self::Store(Box::new(app::offline(config).await?))),
        }
    }

    /// Asks, and gives the answer's JSON.
    pub(super) async fn json(
        &self,
        method: &str,
        path: &str,
        json: Option<Value>,
    ) -> anyhow::Result<Value> {
        let body = json.map(|json| Body::from(json.to_string()));
        let kind = body.is_some().then_some("application/json");
        let answer = self.send(method, path, body, kind).await?;
        let bytes = super::whole(answer).await?;
        serde_json::from_slice(&bytes).context("the daemon answered with something else than JSON")
    }

    /// Asks; what is not a success is an error with the sentence that came.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<Body>,
        kind: Option<&str>,
    ) -> anyhow::Result<Body> {
        let method: Method = method.parse().context("a method")?;
        let path = format!("/api/v1/{path}");
        let (status, answer) = match self {
            Self::Daemon(client) => {
                let mut request = client
                    .request(method, format!("http://partyline{path}"))
                    .header("partyline-by", by())
                    .header(header::ACCEPT, ACCEPTED);
                if let Some(kind) = kind {
                    request = request.header(header::CONTENT_TYPE, kind);
                }
                if let Some(body) = body {
                    request = request.body(reqwest::Body::wrap(Shared(Mutex::new(body))));
                }
                let answer = request.send().await.map_err(|error| {
                    anyhow!("the daemon does not answer: {}", error.without_url())
                })?;
                (answer.status(), Body::new(reqwest::Body::from(answer)))
            }
            Self::Store(offline) => {
                let mut request = Request::builder()
                    .method(method)
                    .uri(path)
                    .header("partyline-by", by())
                    .header(header::ACCEPT, ACCEPTED);
                if let Some(kind) = kind {
                    request = request.header(header::CONTENT_TYPE, kind);
                }
                let request = request.body(body.unwrap_or_default()).context("a request")?;
                let service = TowerToHyperService::new(offline.router.clone());
                // A router never fails: what goes wrong is an answer.
                let answer = match service.call(request).await {
                    Ok(answer) => answer,
                    Err(never) => match never {},
                };
                (answer.status(), answer.into_body())
            }
        };
        if status.is_success() {
            return Ok(answer);
        }
        let bytes = super::whole(answer).await?;
        let said = serde_json::from_slice::<Value>(&bytes).ok();
        let said = said.and_then(|problem| problem["detail"].as_str().map(ToOwned::to_owned));
        match said {
            Some(said) => bail!("{said}"),
            None => bail!("the daemon answered {status}"),
        }
    }

    /// Lets go of the store, once what is under way has ended.
    pub(super) async fn leave(self) {
        if let Self::Store(offline) = self {
            offline.close().await;
        }
    }
}

/// Who gives the command: the account that it runs under, as the system names it.
fn by() -> String {
    let account = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let plain = |c: &char| c.is_ascii_alphanumeric() || "-_.@".contains(*c);
    let account: String = account.unwrap_or_default().chars().filter(plain).take(40).collect();
    if account.is_empty() { "cli".to_owned() } else { format!("cli/{account}") }
}

/// A body that threads may share, as the client wants it; only one ever has it.
struct Shared(Mutex<Body>);

impl HttpBody for Shared {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, axum::Error>>> {
        let body = self.get_mut().0.get_mut().unwrap_or_else(PoisonError::into_inner);
        Pin::new(body).poll_frame(context)
    }
}
