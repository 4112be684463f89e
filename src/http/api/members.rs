//! Who is in a group.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use partyline_core::{Address, MemberInfo, Network, Speaker};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::commands::{Arguments, Outcome, order};
use super::extract::{Body, Caller, Path};
use super::groups::{about, one};
use super::problem::Problem;

/// A member of a group.
#[derive(Serialize, ToSchema)]
pub(super) struct Member {
    /// Twilio's participant.
    id: String,
    /// How the member is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// The name that everybody is shown.
    name: String,
    /// The sender that serves the member.
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<String>,
    /// Whether what they write is passed on to nobody.
    muted: bool,
}

/// The members of a group.
#[derive(Serialize, ToSchema)]
pub(super) struct Members {
    members: Vec<Member>,
}

/// List the members of a group, as Twilio has them now
#[utoipa::path(get, path = "/api/v1/groups/{id}/members",
    params(("id" = String, Path, description = "SID, unique name or name.")),
    responses((status = 200, body = Members),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn members(
    State(api): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Members>, Problem> {
    let group = one(&api, &id).await?;
    let desk = api.operator.desk();
    let groups = desk.networks.get(Network::Twilio).and_then(|powers| powers.groups.clone());
    let groups = groups.ok_or_else(|| Problem::not_found("group"))?;
    let found = groups
        .members(&group.info.place)
        .await
        .map_err(|failure| Problem::new(StatusCode::BAD_GATEWAY, failure.sentence))?;
    let mut members = Vec::with_capacity(found.len());
    for MemberInfo { participant, address, sender, name } in found {
        let named = match &address {
            Some(address) => {
                let speaker = Speaker { name, ..Speaker::new(Network::Twilio, address.as_str()) };
                desk.contacts.names().resolve(&speaker, &group.info.place).await.name
            }
            None => name.unwrap_or_default(),
        };
        let key = address.as_ref().map(Address::contact_key);
        let mute = key.and_then(|key| desk.moderation.mute_of(&group.info.place, key));
        members.push(Member {
            muted: mute.is_some_and(|mute| mute.covers(desk.clock.now())),
            id: participant,
            address: address.map(String::from),
            name: named,
            sender: sender.map(String::from),
        });
    }
    Ok(Json(Members { members }))
}

/// Who is to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMembers {
    /// Numbers, addresses, or names of contacts.
    #[schema(min_items = 1, max_items = 1000)]
    members: Vec<String>,
    /// Send each of them a code first; they are added once they have told it.
    #[serde(default)]
    verify: bool,
}

/// Add members to a group
#[utoipa::path(post, path = "/api/v1/groups/{id}/members", request_body = NewMembers,
    params(("id" = String, Path, description = "SID, unique name or name.")),
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn add(
    State(api): State<Shared>,
    Path(id): Path<String>,
    Body { json, caller }: Body<NewMembers>,
) -> Result<Response, Problem> {
    let verify = json.verify.then(|| "true".to_owned());
    let arguments = Arguments::default()
        .with("group", id.clone())
        .each("who", json.members)
        .each("verify", verify);
    order(&api, caller, "member add", about(&id), arguments).await
}

/// A code that somebody told.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToldCode {
    /// A number, an address, or the name of a contact.
    #[schema(min_length = 1, max_length = 256)]
    member: String,
    /// The code that they were sent.
    #[schema(pattern = "^[0-9]{4,10}$")]
    code: String,
}

/// Add a member who tells the code that was sent
#[utoipa::path(post, path = "/api/v1/groups/{id}/members/verify", request_body = ToldCode,
    params(("id" = String, Path, description = "SID, unique name or name.")),
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn verify(
    State(api): State<Shared>,
    Path(id): Path<String>,
    Body { json, caller }: Body<ToldCode>,
) -> Result<Response, Problem> {
    let arguments = Arguments::default()
        .with("group", id.clone())
        .with("who", json.member)
        .with("code", json.code);
    order(&api, caller, "member verify", about(&id), arguments).await
}

/// Take somebody out of a group
#[utoipa::path(delete, path = "/api/v1/groups/{id}/members/{who}",
    params(("id" = String, Path, description = "SID, unique name or name."),
        ("who" = String, Path, description = "A number, an address, or the name of a contact.")),
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove(
    State(api): State<Shared>,
    Path((id, who)): Path<(String, String)>,
    caller: Caller,
) -> Result<Response, Problem> {
    let arguments = Arguments::default().with("group", id.clone()).with("who", who);
    order(&api, caller, "member remove", about(&id), arguments).await
}
