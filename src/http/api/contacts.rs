//! Contacts.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use partyline_core::Contact;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::commands::{Arguments, Outcome, order};
use super::extract::{Body, Caller, Path, Query};
use super::page::Page;
use super::problem::Problem;
use crate::policy::parse_address;

/// Somebody behind a number.
#[derive(Serialize, ToSchema)]
pub(super) struct Known {
    /// `+14155550100`, `client:…` or `messenger:…`.
    number: String,
    /// The name that everybody is shown.
    name: String,
    /// The team.
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<String>,
    /// The address of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<String>,
    /// Anything else.
    meta: BTreeMap<String, String>,
    /// When it was last changed.
    updated: Timestamp,
}

impl From<Contact> for Known {
    fn from(contact: Contact) -> Self {
        let Contact { key, name, team, picture, meta, updated } = contact;
        Self { number: key, name, team, picture: picture.map(String::from), meta, updated }
    }
}

/// A page of contacts.
#[derive(Serialize, ToSchema)]
pub(super) struct Contacts {
    contacts: Vec<Known>,
    /// The cursor of the next page; without it, there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which contacts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Those whose name, team or number begins like this; then there is one page.
    #[param(max_length = 256)]
    search: Option<String>,
    /// Those of this team.
    #[param(max_length = 256)]
    team: Option<String>,
}

/// List contacts, by number
#[utoipa::path(get, path = "/api/v1/contacts", params(Which, Page),
    responses((status = 200, body = Contacts),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Shared>,
    Query(which): Query<Which>,
    Query(page): Query<Page>,
) -> Result<Json<Contacts>, Problem> {
    let contacts = &api.operator.desk().contacts;
    let (rows, after) = (page.rows() as usize, page.cursor.as_deref());
    let (found, pages) = match (&which.search, &which.team) {
        (Some(text), _) => (contacts.search(text, rows).await?, false),
        (None, Some(team)) => (contacts.store().in_team(team, after, rows).await?, true),
        (None, None) => (contacts.store().page(after, rows).await?, true),
    };
    let next = found.last().filter(|_| pages && found.len() == rows).map(|last| last.key.clone());
    Ok(Json(Contacts { contacts: found.into_iter().map(Known::from).collect(), next }))
}

/// Show a contact
#[utoipa::path(get, path = "/api/v1/contacts/{number}",
    params(("number" = String, Path, description = "The number, as +14155550100.")),
    responses((status = 200, body = Known),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(api): State<Shared>,
    Path(number): Path<String>,
) -> Result<Json<Known>, Problem> {
    let desk = api.operator.desk();
    let Ok(address) = parse_address(&number, *desk.region) else {
        return Err(Problem::not_found("contact"));
    };
    let contact = desk.contacts.store().get(address.contact_key()).await?;
    contact.map(|contact| Json(contact.into())).ok_or_else(|| Problem::not_found("contact"))
}

/// What is to be known of somebody; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewContact {
    /// `+14155550100`, or in the national format of `twilio.default_region`.
    #[schema(min_length = 1, max_length = 256)]
    number: String,
    /// The name that everybody is shown.
    #[schema(min_length = 1, max_length = 256)]
    name: String,
    /// The team; empty: none.
    #[schema(max_length = 256)]
    team: Option<String>,
    /// The address of a picture.
    #[schema(max_length = 2048)]
    picture: Option<String>,
    /// Anything else; a key with an empty value is taken away.
    #[serde(default)]
    meta: BTreeMap<String, String>,
}

/// Add or change a contact
#[utoipa::path(post, path = "/api/v1/contacts", request_body = NewContact,
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn put(
    State(api): State<Shared>,
    Body { json, caller }: Body<NewContact>,
) -> Result<Response, Problem> {
    let pairs = json.meta.into_iter().map(|(key, value)| format!("{key}={value}"));
    let arguments = Arguments::default()
        .with("number", json.number)
        .with("name", json.name)
        .each("team", json.team)
        .each("picture", json.picture)
        .each("meta", pairs);
    order(&api, caller, "contact add", "contact", arguments).await
}

/// Forget a contact
#[utoipa::path(delete, path = "/api/v1/contacts/{number}",
    params(("number" = String, Path, description = "The number, as +14155550100.")),
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove(
    State(api): State<Shared>,
    Path(number): Path<String>,
    caller: Caller,
) -> Result<Response, Problem> {
    let arguments = Arguments::default().with("who", number);
    order(&api, caller, "contact remove", "contact", arguments).await
}
