//! Groups, and what is sent to all in one.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use partyline_core::{ConversationState, Network, Place};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::commands::{Arguments, Outcome, order};
use super::extract::{Body, Caller, Path, Query};
use super::page::Page;
use super::problem::Problem;
use super::{Api, Shared};
use crate::ledger::{Group, GroupFilter, GroupSort};

/// A group: a conversation that the bridge knows.
#[derive(Serialize, ToSchema)]
pub(super) struct Shown {
    /// Its SID.
    id: String,
    /// What people call it.
    name: String,
    /// What programs call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_name: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    /// `active`, `inactive`, `closed` or `initializing`.
    state: &'static str,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
    /// When it was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<Timestamp>,
    /// How many members are known.
    members: u32,
    /// The rooms that it is tied to.
    rooms: Vec<String>,
}

fn shown(api: &Api, group: Group) -> Shown {
    let rooms = api.operator.desk().links.others(&group.info.place);
    Shown {
        id: group.info.place.id().to_owned(),
        name: group.name().to_owned(),
        state: match group.info.state {
            ConversationState::Initializing => "initializing",
            ConversationState::Active => "active",
            ConversationState::Inactive => "inactive",
            ConversationState::Closed => "closed",
            ConversationState::Removed => "removed",
        },
        unique_name: group.info.unique_name,
        description: group.info.description,
        created_by: group.info.created_by,
        created: group.info.created,
        updated: group.info.updated,
        members: group.members,
        rooms: rooms.iter().map(ToString::to_string).collect(),
    }
}

/// A page of groups.
#[derive(Serialize, ToSchema)]
pub(super) struct Groups {
    groups: Vec<Shown>,
    /// How many there are in all.
    total: u64,
    /// The cursor of the next page; without it, there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Phase {
    Active,
    Inactive,
    Closed,
}

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Sort {
    #[default]
    Name,
    Created,
    Updated,
}

/// Which groups, and in what order.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// In this state only.
    #[param(inline)]
    state: Option<Phase>,
    /// With this in the name, the unique name or the description.
    #[param(max_length = 256)]
    search: Option<String>,
    /// In this order.
    #[serde(default)]
    #[param(inline)]
    sort: Sort,
    /// The other way round.
    #[serde(default)]
    desc: bool,
}

/// List groups
#[utoipa::path(get, path = "/api/v1/groups", params(Which, Page),
    responses((status = 200, body = Groups),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Shared>,
    Query(which): Query<Which>,
    Query(page): Query<Page>,
) -> Result<Json<Groups>, Problem> {
    let filter = GroupFilter {
        state: which.state.map(|state| match state {
            Phase::Active => ConversationState::Active,
            Phase::Inactive => ConversationState::Inactive,
            Phase::Closed => ConversationState::Closed,
        }),
        search: which.search,
        sort: match which.sort {
            Sort::Name => GroupSort::Name,
            Sort::Created => GroupSort::Created,
            Sort::Updated => GroupSort::Updated,
        },
        descending: which.desc,
        only: None,
    };
    let from = page.number::<u32>().unwrap_or_default();
    let (found, total) = api.operator.desk().ledger.groups(&filter, from, page.rows()).await?;
    let to = u64::from(from) + found.len() as u64;
    let next = (!found.is_empty() && to < total).then(|| to.to_string());
    let groups = found.into_iter().map(|group| shown(&api, group)).collect();
    Ok(Json(Groups { groups, total, next }))
}

/// Show a group
#[utoipa::path(get, path = "/api/v1/groups/{id}",
    params(("id" = String, Path, description = "SID, unique name or name; a beginning that is no other's is enough.")),
    responses((status = 200, body = Shown),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(api): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Shown>, Problem> {
    Ok(Json(shown(&api, one(&api, &id).await?)))
}

/// The one group that a text means.
pub(super) async fn one(api: &Api, id: &str) -> Result<Group, Problem> {
    let mut found = api.operator.desk().ledger.find_groups(id, 2).await?;
    match (found.pop(), found.is_empty()) {
        (Some(group), true) => Ok(group),
        _ => Err(Problem::not_found("group")),
    }
}

/// A group to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewGroup {
    /// What people call it.
    #[schema(min_length = 1, max_length = 256)]
    name: String,
    /// What it is for.
    #[schema(max_length = 1600)]
    description: Option<String>,
    /// The sender that serves its members; one of the pool is chosen otherwise.
    #[schema(max_length = 256)]
    sender: Option<String>,
    /// Its members: numbers, addresses, or names of contacts.
    #[serde(default)]
    #[schema(max_items = 1000)]
    members: Vec<String>,
    /// The template that invites members on WhatsApp: its SID or name.
    #[schema(max_length = 256)]
    template: Option<String>,
    /// `none`, or a room that is there: `slack:C0123ABC`, `matrix:!abc:example.org`.
    #[schema(max_length = 256)]
    room: Option<String>,
}

/// Make a group
#[utoipa::path(post, path = "/api/v1/groups", request_body = NewGroup,
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create(
    State(api): State<Shared>,
    Body { json, caller }: Body<NewGroup>,
) -> Result<Response, Problem> {
    let arguments = Arguments::default()
        .with("name", json.name)
        .each("description", json.description)
        .each("sender", json.sender)
        .each("member", json.members)
        .each("template", json.template)
        .with("room", json.room.unwrap_or_else(|| "none".to_owned()));
    let about = format!("new:{}", caller.key);
    order(&api, caller, "group create", about, arguments).await
}

/// What of a group is to be changed: one of these.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupChange {
    /// What people call it.
    #[schema(min_length = 1, max_length = 256)]
    name: Option<String>,
    /// What it is for; empty: nothing is said.
    #[schema(max_length = 1600)]
    description: Option<String>,
    /// Whether it is archived.
    archived: Option<bool>,
}

/// Rename, describe, archive or bring back a group
#[utoipa::path(patch, path = "/api/v1/groups/{id}", request_body = GroupChange,
    params(("id" = String, Path, description = "SID, unique name or name.")),
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change(
    State(api): State<Shared>,
    Path(id): Path<String>,
    Body { json, caller }: Body<GroupChange>,
) -> Result<Response, Problem> {
    let group = Arguments::default().with("group", id.clone());
    let (command, arguments) = match (json.name, json.description, json.archived) {
        (Some(name), None, None) => ("group rename", group.with("name", name)),
        (None, Some(text), None) => ("group describe", group.with("text", text)),
        (None, None, Some(true)) => ("group archive", group),
        (None, None, Some(false)) => ("group unarchive", group),
        _ => {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "Say one of name, description and archived at a time.",
            ));
        }
    };
    order(&api, caller, command, about(&id), arguments).await
}

/// Delete a group
#[utoipa::path(delete, path = "/api/v1/groups/{id}",
    params(("id" = String, Path, description = "Its SID: nothing shorter, so that no other one is meant.")),
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn delete(
    State(api): State<Shared>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Response, Problem> {
    let Ok(place) = format!("{}:{id}", Network::Twilio).parse::<Place>() else {
        return Err(Problem::not_found("group"));
    };
    let group = api.operator.desk().ledger.group(&place).await?;
    let group = group.ok_or_else(|| Problem::not_found("group"))?;
    let arguments = Arguments::default().with("group", id.clone()).with("name", group.name());
    order(&api, caller, "group delete", about(&id), arguments).await
}

/// Commands about one group are carried out one after another.
pub(super) fn about(id: &str) -> String {
    match id.len() <= 200 && !id.contains(char::is_whitespace) {
        true => format!("group:{id}"),
        false => "groups".to_owned(),
    }
}

/// A template to be sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Notice {
    /// The template's SID or name.
    #[schema(min_length = 1, max_length = 256)]
    template: String,
    /// Its variables.
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

/// Send an approved template to every member of a group
#[utoipa::path(post, path = "/api/v1/groups/{id}/notify", request_body = Notice,
    params(("id" = String, Path, description = "SID, unique name or name.")),
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn notify(
    State(api): State<Shared>,
    Path(id): Path<String>,
    Body { json, caller }: Body<Notice>,
) -> Result<Response, Problem> {
    let pairs = json.variables.into_iter().map(|(key, value)| format!("{key}={value}"));
    let arguments = Arguments::default()
        .with("group", id.clone())
        .with("template", json.template)
        .each("variables", pairs);
    order(&api, caller, "notify", about(&id), arguments).await
}
