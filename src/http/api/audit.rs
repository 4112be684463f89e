//! Who did what.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use partyline_core::Place;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::Query;
use super::page::Page;
use super::problem::Problem;
use crate::ledger::Audited;

/// A page of the audit.
#[derive(Serialize, ToSchema)]
pub(super) struct Audit {
    entries: Vec<Audited>,
    /// The cursor of the next page; without it, there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which part.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// About this group only: its SID.
    #[param(max_length = 256)]
    group: Option<String>,
}

/// List who did what, newest first
#[utoipa::path(get, path = "/api/v1/audit", params(Which, Page),
    responses((status = 200, body = Audit),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Shared>,
    Query(which): Query<Which>,
    Query(page): Query<Page>,
) -> Result<Json<Audit>, Problem> {
    let group = which.group.map(|group| format!("twilio:{group}").parse::<Place>()).transpose();
    let group = group.map_err(|_| {
        Problem::new(StatusCode::BAD_REQUEST, "group is a SID: CH and 32 hexadecimal digits.")
    })?;
    let ledger = &api.operator.desk().ledger;
    let entries = ledger.audited(group.as_ref(), page.number(), page.rows()).await?;
    let next = entries.last().filter(|_| entries.len() == page.rows() as usize);
    let next = next.map(|last| last.number.to_string());
    Ok(Json(Audit { entries, next }))
}
