//! Who may do what.

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
use crate::ledger::Role;

/// A role that somebody has.
#[derive(Serialize, ToSchema)]
pub(super) struct Granted {
    /// `slack:U0123ABC`, `matrix:@maya:example.org`.
    person: String,
    /// `admin` or `manager`.
    role: &'static str,
    /// The group that is managed: its SID.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// Who granted it; without it, the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
}

/// A page of roles.
#[derive(Serialize, ToSchema)]
pub(super) struct Roles {
    /// On the first page, those of the configuration stand in front.
    roles: Vec<Granted>,
    /// The cursor of the next page; without it, there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// List who has which role
#[utoipa::path(get, path = "/api/v1/roles", params(Page),
    responses((status = 200, body = Roles),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Shared>,
    Query(page): Query<Page>,
) -> Result<Json<Roles>, Problem> {
    let desk = api.operator.desk();
    let from = page.number::<u32>().unwrap_or_default();
    let configured = desk.admins.iter().filter(|_| from == 0).map(|person| Granted {
        person: person.to_string(),
        role: "admin",
        group: None,
        by: None,
        at: None,
    });
    let found = desk.ledger.roles(None, from, page.rows()).await?;
    let next =
        (found.len() == page.rows() as usize).then(|| from.saturating_add(page.rows()).to_string());
    let granted = found.into_iter().map(|stored| {
        let (role, group) = match stored.role {
            Role::Admin => ("admin", None),
            Role::Manager(group) => ("manager", Some(group.id().to_owned())),
        };
        let person = stored.person.to_string();
        Granted { person, role, group, by: Some(stored.by), at: Some(stored.at) }
    });
    Ok(Json(Roles { roles: configured.chain(granted).collect(), next }))
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Named {
    Admin,
    Manager,
}

/// Who is to have which role, or no longer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleWanted {
    /// `slack:U0123ABC`, `matrix:@maya:example.org`.
    #[schema(min_length = 1, max_length = 256)]
    person: String,
    /// The role.
    #[schema(value_type = String, pattern = "^(admin|manager)$")]
    role: Named,
    /// The group that is to be managed: SID, unique name or name.
    #[schema(max_length = 256)]
    group: Option<String>,
}

impl RoleWanted {
    fn arguments(self) -> Arguments {
        let role = match self.role {
            Named::Admin => "admin",
            Named::Manager => "manager",
        };
        Arguments::default()
            .with("person", self.person)
            .with("role", role)
            .each("group", self.group)
    }
}

/// Grant a role
#[utoipa::path(post, path = "/api/v1/roles", request_body = RoleWanted,
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn grant(
    State(api): State<Shared>,
    Body { json, caller }: Body<RoleWanted>,
) -> Result<Response, Problem> {
    order(&api, caller, "role grant", "roles", json.arguments()).await
}

/// Take a role back
#[utoipa::path(post, path = "/api/v1/roles/revoke", request_body = RoleWanted,
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn revoke(
    State(api): State<Shared>,
    Body { json, caller }: Body<RoleWanted>,
) -> Result<Response, Problem> {
    order(&api, caller, "role revoke", "roles", json.arguments()).await
}
