//! Which room is tied to which group.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::commands::{Arguments, Outcome, order};
use super::extract::{Body, Caller, Path, Query};
use super::page::Page;
use super::problem::Problem;

/// A room that is tied to a group.
#[derive(Serialize, ToSchema)]
pub(super) struct Link {
    /// `slack:C0123ABC`, `matrix:!abc:example.org`.
    room: String,
    /// The group's SID.
    group: String,
    /// Whether it stands in the configuration: then nobody unties it by command.
    fixed: bool,
}

/// A page of links.
#[derive(Serialize, ToSchema)]
pub(super) struct Links {
    links: Vec<Link>,
    /// The cursor of the next page; without it, there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// List links, by room
#[utoipa::path(get, path = "/api/v1/links", params(Page),
    responses((status = 200, body = Links),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Shared>,
    Query(page): Query<Page>,
) -> Result<Json<Links>, Problem> {
    let desk = api.operator.desk();
    let rows = page.rows() as usize;
    let all = desk.links.page(page.cursor.as_deref(), rows);
    let next = all.last().filter(|_| all.len() == rows).map(|link| link.room.to_string());
    let links = all
        .into_iter()
        .map(|link| Link {
            fixed: desk.fixed.contains(&link.room),
            room: link.room.to_string(),
            group: link.conversation.id().to_owned(),
        })
        .collect();
    Ok(Json(Links { links, next }))
}

/// What is to be tied to what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLink {
    /// The group: SID, unique name or name.
    #[schema(min_length = 1, max_length = 256)]
    group: String,
    /// The room: `slack:C0123ABC`, `matrix:!abc:example.org`.
    #[schema(min_length = 1, max_length = 256)]
    room: String,
}

/// Tie a room to a group
#[utoipa::path(post, path = "/api/v1/links", request_body = NewLink,
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn tie(
    State(api): State<Shared>,
    Body { json, caller }: Body<NewLink>,
) -> Result<Response, Problem> {
    let arguments = Arguments::default().with("group", json.group).with("room", json.room);
    order(&api, caller, "group link", "links", arguments).await
}

/// Untie a room
#[utoipa::path(delete, path = "/api/v1/links/{room}",
    params(("room" = String, Path, description = "The room: slack:C0123ABC, matrix:!abc:example.org.")),
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn untie(
    State(api): State<Shared>,
    Path(room): Path<String>,
    caller: Caller,
) -> Result<Response, Problem> {
    let arguments = Arguments::default().with("room", room);
    order(&api, caller, "group unlink", "links", arguments).await
}
