//! Who is blocked.

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
use crate::ledger::Block;

/// Somebody who is blocked.
#[derive(Serialize, ToSchema)]
pub(super) struct Blocked {
    /// How they are reached; missing where their data was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// What they are known by in the ledger: a hash.
    id: String,
    /// Since when.
    since: Timestamp,
    /// Who blocked them.
    by: String,
}

impl From<Block> for Blocked {
    fn from(Block { id, address, since, by }: Block) -> Self {
        Self { address: address.map(String::from), id, since, by }
    }
}

/// A page of them, the newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct Blocks {
    blocks: Vec<Blocked>,
    /// The cursor of the next page; without it, there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// List who is blocked
#[utoipa::path(get, path = "/api/v1/blocks", params(Page),
    responses((status = 200, body = Blocks),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Shared>,
    Query(page): Query<Page>,
) -> Result<Json<Blocks>, Problem> {
    let from = page.number::<u32>().unwrap_or_default();
    let found = api.operator.desk().ledger.blocks(from, page.rows()).await?;
    let next =
        (found.len() == page.rows() as usize).then(|| from.saturating_add(page.rows()).to_string());
    Ok(Json(Blocks { blocks: found.into_iter().map(Blocked::from).collect(), next }))
}

/// Who is to be blocked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToBlock {
    /// A number, an address, or a contact's name.
    #[schema(min_length = 1, max_length = 256)]
    who: String,
}

/// Block somebody, and take them out of all groups
#[utoipa::path(post, path = "/api/v1/blocks", request_body = ToBlock,
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn add(
    State(api): State<Shared>,
    Body { json, caller }: Body<ToBlock>,
) -> Result<Response, Problem> {
    let arguments = Arguments::default().with("who", json.who);
    order(&api, caller, "inbox block", "blocks", arguments).await
}

/// Whose block is taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToUnblock {
    /// A number, an address, or a contact's name.
    #[schema(min_length = 1, max_length = 256)]
    who: String,
    /// Whether they are put back into the groups that they were taken out of.
    #[serde(default)]
    groups: bool,
}

/// Take a block back
#[utoipa::path(post, path = "/api/v1/blocks/clear", request_body = ToUnblock,
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn clear(
    State(api): State<Shared>,
    Body { json, caller }: Body<ToUnblock>,
) -> Result<Response, Problem> {
    let mut arguments = Arguments::default().with("who", json.who);
    if json.groups {
        arguments = arguments.with("groups", "yes");
    }
    order(&api, caller, "inbox unblock", "blocks", arguments).await
}
