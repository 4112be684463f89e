//! Contacts from a file and as a file.

use std::io::Read;
use std::pin::Pin;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use partyline_core::{Network, Place};
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::{Caller, Query};
use super::problem::Problem;
use crate::contacts::exchange::{self, Format};
use crate::contacts::import::{ImportError, Rules, Tally, import as take_over};
use crate::contacts::{PAGE_LIMIT, StoreError};
use crate::ledger::{AuditEntry, Ended};

/// The largest file that is taken over, in bytes.
const LARGEST: u64 = 1 << 30;

/// How the file is written.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Written {
    /// Comma-separated values.
    Csv,
    /// vCard.
    Vcard,
}

impl From<Written> for Format {
    fn from(written: Written) -> Self {
        match written {
            Written::Csv => Self::Csv,
            Written::Vcard => Self::VCard,
        }
    }
}

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

/// Take contacts over from a CSV or vCard file
#[utoipa::path(post, path = "/api/v1/contacts/import", params(How),
    request_body(content = String, content_type = "application/octet-stream",
        description = "The file, at most 1 GiB."),
    responses((status = 200, body = Tally),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn import(
    State(api): State<Shared>,
    Query(how): Query<How>,
    caller: Caller,
    request: Request,
) -> Result<Json<Tally>, Problem> {
    let desk = api.operator.desk();
    let rules = Rules {
        format: how.format.map(Format::from),
        dry_run: how.dry_run,
        region: desk.region,
        now: desk.clock.now(),
    };
    let (file, reading) = pipe(request.into_body());
    let pouring = tokio::spawn(reading);
    let taken = take_over(desk.contacts.store().as_ref(), file, rules, |_| {}).await;
    pouring.abort();
    if !how.dry_run {
        let (ended, said) = match &taken {
            Ok(tally) => (
                Ended::Done,
                format!(
                    "{} new, {} changed, {} the same, {} wrong",
                    tally.new, tally.changed, tally.same, tally.wrong
                ),
            ),
            Err(error) => (Ended::Failed, error.to_string()),
        };
        let entry = AuditEntry {
            by: caller.by.to_string(),
            name: None,
            from: Place::new(Network::Operator, "contact"),
            what: "contact import".to_owned(),
            conversation: None,
            subject: String::new(),
            ended,
            said,
        };
        desk.ledger.audit(entry).await?;
    }
    match taken {
        Ok(tally) => Ok(Json(tally)),
        Err(ImportError::File(wrong)) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("The file cannot be taken over: {wrong}."),
        )),
        Err(ImportError::Store(error)) => Err(error.into()),
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

/// How the file is to be written.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct As {
    /// How the file is to be written; CSV otherwise.
    #[param(inline)]
    format: Option<Written>,
}

/// All contacts as a file
#[utoipa::path(get, path = "/api/v1/contacts/export", params(As),
    responses((status = 200, content((String = "text/csv"), (String = "text/vcard"))),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn export(State(api): State<Shared>, Query(how): Query<As>) -> Response {
    let format = how.format.map_or(Format::Csv, Format::from);
    let store = api.operator.desk().contacts.store().clone();
    let head =
        stream::once(async move { Ok(Bytes::from_static(exchange::head(format).as_bytes())) });
    let pages = stream::try_unfold(Some(None::<String>), move |after| {
        let store = store.clone();
        async move {
            let Some(after) = after else { return Ok(None) };
            let page = store.page(after.as_deref(), PAGE_LIMIT).await?;
            let next = page.last().map(|last| Some(last.key.clone()));
            Ok((!page.is_empty()).then(|| (Bytes::from(exchange::write(format, &page)), next)))
        }
    });
    let file: Pin<Box<dyn Stream<Item = Result<Bytes, StoreError>> + Send>> =
        Box::pin(head.chain(pages));
    let name = match format {
        Format::Csv => "attachment; filename=\"contacts.csv\"",
        Format::VCard => "attachment; filename=\"contacts.vcf\"",
    };
    let headers =
        [(header::CONTENT_TYPE, format.media_type()), (header::CONTENT_DISPOSITION, name)];
    (headers, Body::from_stream(file)).into_response()
}
