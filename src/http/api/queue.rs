//! Deliveries that were given up.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::commands::{Arguments, Outcome, order};
use super::extract::{Body, Query};
use super::page::Page;
use super::problem::Problem;
use crate::ledger::Selection;

/// A delivery that was given up.
#[derive(Serialize, ToSchema)]
pub(super) struct Parked {
    /// Its number.
    id: i64,
    /// Where it was to go.
    to: String,
    /// Since when it was owed.
    since: Timestamp,
    /// Why, in a word.
    reason: String,
    /// Why, and what to do, in a sentence.
    sentence: String,
}

/// A page of them.
#[derive(Serialize, ToSchema)]
pub(super) struct Queue {
    parked: Vec<Parked>,
    /// How many deliveries wait for their turn.
    waiting: u64,
    /// The cursor of the next page; without it, there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// List what was given up, oldest first
#[utoipa::path(get, path = "/api/v1/queue", params(Page),
    responses((status = 200, body = Queue),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Shared>,
    Query(page): Query<Page>,
) -> Result<Json<Queue>, Problem> {
    let ledger = &api.operator.desk().ledger;
    let (after, rows) = (page.number().unwrap_or_default(), page.rows());
    let found = ledger.parked_after(&Selection::All, after, rows).await?;
    let next = found.last().filter(|_| found.len() == rows as usize);
    let next = next.map(|last| last.number.to_string());
    let parked = found
        .into_iter()
        .map(|one| Parked {
            id: one.number,
            to: one.to.to_string(),
            since: one.since,
            reason: one.reason,
            sentence: one.sentence,
        })
        .collect();
    Ok(Json(Queue { parked, waiting: ledger.counts().await?.waiting, next }))
}

/// Which of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// A delivery's number, a group, or `all`.
    #[schema(min_length = 1, max_length = 256)]
    which: String,
}

/// Send again what was given up
#[utoipa::path(post, path = "/api/v1/queue/retry", request_body = Which,
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn retry(
    State(api): State<Shared>,
    Body { json, caller }: Body<Which>,
) -> Result<Response, Problem> {
    let arguments = Arguments::default().with("which", json.which);
    order(&api, caller, "queue retry", "queue", arguments).await
}

/// Forget what was given up
#[utoipa::path(post, path = "/api/v1/queue/drop", request_body = Which,
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn drop_parked(
    State(api): State<Shared>,
    Body { json, caller }: Body<Which>,
) -> Result<Response, Problem> {
    let arguments = Arguments::default().with("which", json.which);
    order(&api, caller, "queue drop", "queue", arguments).await
}
