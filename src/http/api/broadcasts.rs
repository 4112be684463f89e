//! Templates on their way to many people.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::commands::{Arguments, Outcome, order};
use super::extract::{Body, Caller, Path, Query};
use super::page::Page;
use super::problem::Problem;
use crate::ledger::Broadcast;

/// A broadcast, and what became of those who were to get it.
#[derive(Serialize, ToSchema)]
pub(super) struct Cast {
    /// Its number.
    id: i64,
    /// The template's name.
    template: String,
    /// Who gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// When it began.
    at: Timestamp,
    /// When it was over; missing while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Timestamp>,
    /// Who stopped it.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_by: Option<String>,
    /// How many were to get it.
    total: u64,
    /// Whose turn has not come.
    pending: u64,
    /// On their way: Twilio has not taken them yet.
    waiting: u64,
    /// Sent, and not known to have failed.
    sent: u64,
    /// Of those sent, how many have no last word yet: delivered, read or failed.
    unsure: u64,
    /// Not sent, because they want no messages.
    suppressed: u64,
    /// Not sent, because it was stopped.
    stopped: u64,
    /// Refused or failed, by why.
    refused: BTreeMap<String, u64>,
}

impl From<Broadcast> for Cast {
    fn from(one: Broadcast) -> Self {
        let account = one.account;
        Self {
            id: one.event,
            template: one.name,
            by: one.by,
            at: one.at,
            ended: one.ended,
            stopped_by: one.stopped,
            total: one.total,
            pending: account.pending,
            waiting: account.waiting,
            sent: account.sent,
            unsure: account.unsure,
            suppressed: account.suppressed,
            stopped: account.stopped,
            refused: account.refused,
        }
    }
}

/// A page of them, the newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct Casts {
    broadcasts: Vec<Cast>,
    /// The cursor of the next page; without it, there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// List broadcasts
#[utoipa::path(get, path = "/api/v1/broadcasts", params(Page),
    responses((status = 200, body = Casts),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Shared>,
    Query(page): Query<Page>,
) -> Result<Json<Casts>, Problem> {
    let found = api.operator.desk().ledger.broadcasts(page.number(), page.rows()).await?;
    let next = found.last().filter(|_| found.len() == page.rows() as usize);
    let next = next.map(|last| last.event.to_string());
    Ok(Json(Casts { broadcasts: found.into_iter().map(Cast::from).collect(), next }))
}

/// Show a broadcast
#[utoipa::path(get, path = "/api/v1/broadcasts/{id}",
    params(("id" = i64, Path, description = "Its number.")),
    responses((status = 200, body = Cast),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(api): State<Shared>,
    Path(id): Path<i64>,
) -> Result<Json<Cast>, Problem> {
    let found = api.operator.desk().ledger.broadcast(id).await?;
    found.map(|one| Json(one.into())).ok_or_else(|| Problem::not_found("broadcast"))
}

/// What is to be sent to whom.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCast {
    /// Teams and groups by name; `team:NAME` or `group:NAME` where a name can be both.
    #[schema(min_items = 1, max_items = 50)]
    to: Vec<String>,
    /// The template: SID or name.
    #[schema(min_length = 1, max_length = 256)]
    template: String,
    /// Its variables.
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

/// Send a template to everybody in teams and groups
#[utoipa::path(post, path = "/api/v1/broadcasts", request_body = NewCast,
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn begin(
    State(api): State<Shared>,
    Body { json, caller }: Body<NewCast>,
) -> Result<Response, Problem> {
    let pairs = json.variables.iter().map(|(key, value)| format!("{key}={value}"));
    let arguments = Arguments::default()
        .with("to", json.to.join(","))
        .with("template", json.template)
        .each("variables", pairs);
    order(&api, caller, "broadcast", "broadcasts", arguments).await
}

/// Stop a broadcast
#[utoipa::path(post, path = "/api/v1/broadcasts/{id}/stop",
    params(("id" = i64, Path, description = "Its number.")),
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn stop(
    State(api): State<Shared>,
    Path(id): Path<i64>,
    caller: Caller,
) -> Result<Response, Problem> {
    let arguments = Arguments::default().with("id", id.to_string());
    order(&api, caller, "broadcast stop", "broadcasts", arguments).await
}
