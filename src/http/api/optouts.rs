//! Who wants no more messages.

use std::pin::Pin;

use axum::Json;
use axum::body::Body as Bytewise;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::commands::{Arguments, Outcome, order};
use super::extract::{Body, Query};
use super::page::Page;
use super::problem::Problem;
use crate::ledger::{Ledger, LedgerError, Suppression};

/// Rows that the file is read in.
const ROWS: u32 = 1000;

/// Somebody who wants no more messages.
#[derive(Serialize, ToSchema)]
pub(super) struct OptedOut {
    /// How they are reached; missing where their data was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// What they are known by in the ledger: a hash.
    id: String,
    /// Since when.
    since: Timestamp,
    /// How that is known: `said`, `carrier`, `blocked` or `noted`.
    how: &'static str,
    /// The conversation in which they said it, or who noted it.
    source: String,
}

impl From<Suppression> for OptedOut {
    fn from(one: Suppression) -> Self {
        let Suppression { id, address, since, how, source } = one;
        Self { address: address.map(String::from), id, since, how: how.word(), source }
    }
}

/// A page of them, the newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct OptOuts {
    optouts: Vec<OptedOut>,
    /// The cursor of the next page; without it, there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// List who wants no more messages
#[utoipa::path(get, path = "/api/v1/optouts", params(Page),
    responses((status = 200, body = OptOuts),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Shared>,
    Query(page): Query<Page>,
) -> Result<Json<OptOuts>, Problem> {
    let from = page.number::<u32>().unwrap_or_default();
    let found = api.operator.desk().ledger.suppressions(from, page.rows()).await?;
    let next =
        (found.len() == page.rows() as usize).then(|| from.saturating_add(page.rows()).to_string());
    Ok(Json(OptOuts { optouts: found.into_iter().map(OptedOut::from).collect(), next }))
}

/// Who is meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Who {
    /// A number, an address, or a contact's name.
    #[schema(min_length = 1, max_length = 256)]
    who: String,
}

/// Note that somebody wants no more messages
#[utoipa::path(post, path = "/api/v1/optouts", request_body = Who,
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn add(
    State(api): State<Shared>,
    Body { json, caller }: Body<Who>,
) -> Result<Response, Problem> {
    let arguments = Arguments::default().with("who", json.who);
    order(&api, caller, "optout add", "optouts", arguments).await
}

/// Note that somebody wants messages again
#[utoipa::path(post, path = "/api/v1/optouts/clear", request_body = Who,
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn clear(
    State(api): State<Shared>,
    Body { json, caller }: Body<Who>,
) -> Result<Response, Problem> {
    let arguments = Arguments::default().with("who", json.who);
    order(&api, caller, "optout clear", "optouts", arguments).await
}

/// How the file is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Written {
    /// Comma-separated values.
    #[default]
    Csv,
    /// A line of JSON a row.
    Json,
}

/// How the file is to be written.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct As {
    /// How the file is to be written; CSV otherwise.
    #[param(inline)]
    format: Option<Written>,
}

/// All who want no more messages, as a file
#[utoipa::path(get, path = "/api/v1/optouts/export", params(As),
    responses((status = 200, content((String = "text/csv"), (String = "application/x-ndjson"))),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn export(State(api): State<Shared>, Query(how): Query<As>) -> Response {
    let written = how.format.unwrap_or_default();
    let ledger = api.operator.desk().ledger.clone();
    let head = match written {
        Written::Csv => "address,id,since,how,source\n",
        Written::Json => "",
    };
    let head = stream::once(async move { Ok(Bytes::from_static(head.as_bytes())) });
    let pages = stream::try_unfold(Some(0), move |from| page(ledger.clone(), written, from));
    let file: Pin<Box<dyn Stream<Item = Result<Bytes, LedgerError>> + Send>> =
        Box::pin(head.chain(pages));
    let (kind, name) = match written {
        Written::Csv => ("text/csv", "attachment; filename=\"optouts.csv\""),
        Written::Json => ("application/x-ndjson", "attachment; filename=\"optouts.jsonl\""),
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)];
    (headers, Bytewise::from_stream(file)).into_response()
}

/// A page of the file, and where the next one begins.
async fn page(
    ledger: Ledger,
    written: Written,
    from: Option<u32>,
) -> Result<Option<(Bytes, Option<u32>)>, LedgerError> {
    let Some(from) = from else { return Ok(None) };
    let found = ledger.suppressions(from, ROWS).await?;
    if found.is_empty() {
        return Ok(None);
    }
    let next = from.saturating_add(ROWS);
    let rows = found.into_iter().map(OptedOut::from);
    let failed = |error: &dyn std::fmt::Display| LedgerError::Unusable(error.to_string());
    let page = match written {
        Written::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in rows {
                let (address, since) = (row.address.unwrap_or_default(), row.since.to_string());
                let row = [&address, &row.id, &since, row.how, &row.source];
                writer.write_record(row).map_err(|error| failed(&error))?;
            }
            writer.into_inner().map_err(|error| failed(&error))?
        }
        Written::Json => {
            let mut lines = Vec::new();
            for row in rows {
                serde_json::to_writer(&mut lines, &row).map_err(|error| failed(&error))?;
                lines.push(b'\n');
            }
            lines
        }
    };
    Ok(Some((Bytes::from(page), Some(next))))
}
