//! Contacts from a file, which is taken over while it comes.

use std::io::Read;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use partyline_core::{Network, Place};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::{Caller, Query};
use super::problem::Problem;
use super::transfer::Written;
use crate::commands::Desk;
use crate::contacts::exchange::Format;
use crate::contacts::import::{ImportError, Rules, Tally, import as take_over};
use crate::ledger::{AuditEntry, Ended, LedgerError};

/// The largest file that is taken over, in bytes.
const LARGEST: u64 = 1 << 30;

/// The media type of lines of JSON.
const LINES: &str = "application/x-ndjson";

/// Between two lines that tell how far it is.
const TELL: Duration = Duration::from_millis(500);

/// How a file is taken over.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct How {
    /// How the file is written; its beginning shows it otherwise.
    #[param(inline)]
    format: Option<Written>,
    /// Only say what would change.
    #[serde(default)]
    dry_run: bool,
}

/// A line of the answer to whoever wants to know how far it is. The last one is `done` or `problem`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    /// How far it is.
    Progress(Progress),
    /// What became of the file.
    Done(Tally),
    /// It was not taken over to its end.
    Problem(Problem),
}

/// How far a file has been taken over.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Progress {
    /// Numbers that were read.
    read: u64,
    /// Contacts that are new.
    new: u64,
    /// Contacts that changed.
    changed: u64,
    /// Records and numbers that are wrong.
    wrong: u64,
}

/// Take contacts over from a CSV or vCard file
///
/// With `Accept: application/x-ndjson`, the answer tells how far it is, in lines of JSON.
#[utoipa::path(post, path = "/api/v1/contacts/import", params(How),
    request_body(content = String, content_type = "application/octet-stream",
        description = "The file, at most 1 GiB."),
    responses((status = 200, content((Tally = "application/json"), (Line = "application/x-ndjson"))),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn import(
    State(api): State<Shared>,
    Query(how): Query<How>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let in_lines = wants_lines(request.headers());
    let (tell, told) = mpsc::channel(4);
    let (end, ended) = oneshot::channel();
    let work = Work { desk: api.operator.desk().clone(), how, by: caller.by.to_string() };
    // In a task of its own: a caller who goes away must not leave the audit without its row.
    tokio::spawn(async move {
        // Nobody may wait for it any more.
        let _ = end.send(work.run(request.into_body(), tell).await);
    });
    if in_lines {
        return Ok(lines(told, ended));
    }
    drop(told);
    Ok(Json(of(ended).await?).into_response())
}

fn wants_lines(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accepted.is_some_and(|accept| accept.contains(LINES))
}

async fn of(ended: oneshot::Receiver<Result<Tally, Problem>>) -> Result<Tally, Problem> {
    ended.await.unwrap_or_else(|_| {
        let why = "The import ended by a mistake of the bridge; the log says more.";
        Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, why))
    })
}

/// The answer in lines: how far it is, and how it ended.
fn lines(
    told: mpsc::Receiver<Progress>,
    ended: oneshot::Receiver<Result<Tally, Problem>>,
) -> Response {
    let progress = stream::unfold(told, |mut told| async move {
        told.recv().await.map(|progress| (Line::Progress(progress), told))
    });
    let end = stream::once(async { of(ended).await.map_or_else(Line::Problem, Line::Done) });
    let lines = progress.chain(end).map(|line| {
        let mut line = serde_json::to_vec(&line)?;
        line.push(b'\n');
        Ok::<_, serde_json::Error>(Bytes::from(line))
    });
    ([(header::CONTENT_TYPE, LINES)], Body::from_stream(Box::pin(lines))).into_response()
}

/// What an import needs.
struct Work {
    desk: std::sync::Arc<Desk>,
    how: How,
    by: String,
}

impl Work {
    /// Takes the file over; what it changes is in the audit, however it ends.
    async fn run(self, body: Body, tell: mpsc::Sender<Progress>) -> Result<Tally, Problem> {
        let ledger = &self.desk.ledger;
        let undertaking = match self.how.dry_run {
            true => None,
            false => Some(ledger.undertake(self.entry()).await?),
        };
        let taken = self.take(body, tell).await;
        if let Some(undertaking) = undertaking {
            let (ended, said) = match &taken {
                Ok(tally) => (Ended::Done, tally.summed_up(false)),
                Err(error) => (Ended::Failed, error.to_string()),
            };
            let noted = ledger.accomplish(undertaking, ended, said).await;
            noted.inspect_err(|error: &LedgerError| {
                tracing::error!(%error, "an import is not in the audit yet");
            })?;
        }
        match taken {
            Ok(tally) => Ok(tally),
            Err(error @ ImportError::File(_)) => {
                Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{error}.")))
            }
            Err(ImportError::Store(error)) => Err(error.into()),
        }
    }

    async fn take(&self, body: Body, tell: mpsc::Sender<Progress>) -> Result<Tally, ImportError> {
        let rules = Rules {
            format: self.how.format.map(Format::from),
            dry_run: self.how.dry_run,
            region: *self.desk.region,
            now: self.desk.clock.now(),
        };
        let (file, reading) = pipe(body);
        let pouring = tokio::spawn(reading);
        let mut next = Instant::now() + TELL;
        let progress = |tally: &Tally| {
            if Instant::now() >= next {
                next = Instant::now() + TELL;
                let Tally { read, new, changed, wrong, .. } = *tally;
                // Whoever reads slowly hears less often.
                let _ = tell.try_send(Progress { read, new, changed, wrong });
            }
        };
        let taken = take_over(self.desk.contacts.store().as_ref(), file, rules, progress).await;
        pouring.abort();
        taken
    }

    fn entry(&self) -> AuditEntry {
        AuditEntry {
            by: self.by.clone(),
            name: None,
            from: Place::new(Network::Operator, "contact"),
            what: "contact import".to_owned(),
            conversation: None,
            subject: String::new(),
            ended: Ended::Failed,
            said: String::new(),
        }
    }
}

/// A body as a reader for another thread, and what pours it there.
fn pipe(body: Body) -> (impl Read + Send, impl Future<Output = ()> + Send) {
    let (sender, receiver) = mpsc::channel(8);
    let pouring = async move {
        let mut pieces = body.into_data_stream();
        let mut total = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| std::io::Error::other(error.to_string()));
            total += piece.as_ref().map_or(0, |piece| piece.len() as u64);
            let piece = if total > LARGEST {
                Err(std::io::Error::other("the file has more than 1 GiB"))
            } else {
                piece
            };
            let ends = piece.is_err();
            // Nobody reads on where the file was refused.
            if sender.send(piece).await.is_err() || ends {
                return;
            }
        }
    };
    (Pipe { pieces: receiver, left: Bytes::new() }, pouring)
}

struct Pipe {
    pieces: mpsc::Receiver<std::io::Result<Bytes>>,
    left: Bytes,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.left.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.left = piece?,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.left.len());
        buffer[..count].copy_from_slice(&self.left.split_to(count));
        Ok(count)
    }
}
