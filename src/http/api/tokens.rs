//! Access tokens for Conversations SDK clients.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use partyline_core::{Network, Place, Verdict};
use partyline_twilio::access::Access;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::extract::Body;
use super::problem::Problem;
use crate::ledger::{AuditEntry, Ended};

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Rank {
    Admin,
    Manager,
}

/// Who is to get a token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenWanted {
    /// The identity, as Twilio will know it.
    #[schema(min_length = 1, max_length = 121, pattern = r"^[A-Za-z0-9_.@:-]+$")]
    identity: String,
    /// `admin`: the service role whatsapp_groups_manager. `manager`: the role
    /// CH…_group_manager, as a participant of `group`.
    #[schema(value_type = String, pattern = "^(admin|manager)$")]
    role: Rank,
    /// The group that is to be managed: its SID.
    #[schema(pattern = "^CH[0-9a-fA-F]{32}$")]
    group: Option<String>,
    /// How long it is valid.
    #[serde(default = "hour")]
    #[schema(minimum = 60, maximum = 86400, default = 3600)]
    ttl_seconds: u32,
}

const fn hour() -> u32 {
    3600
}

/// A token for a Conversations SDK client.
#[derive(Serialize, ToSchema)]
pub(super) struct Token {
    /// The token: a JWT. It is not kept here.
    token: String,
    /// Until when it is valid.
    expires: Timestamp,
    /// The name of the role at Twilio.
    role: String,
}

/// Make an access token, and the role behind it
///
/// The token is kept nowhere, so a repeat under the same Idempotency-Key makes another one.
#[utoipa::path(post, path = "/api/v1/tokens", request_body = TokenWanted,
    responses((status = 200, body = Token),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn make(
    State(api): State<Shared>,
    Body { json, caller }: Body<TokenWanted>,
) -> Result<Json<Token>, Problem> {
    let unfit = |why: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.@:-".contains(c);
    if json.identity.is_empty() || json.identity.len() > 121 || !json.identity.chars().all(plain) {
        return Err(unfit("identity has 1 to 121 letters, digits and any of _ . @ : -"));
    }
    if !(60..=86_400).contains(&json.ttl_seconds) {
        return Err(unfit("ttl_seconds is a number from 60 to 86400."));
    }
    let group = json.group.map(|group| format!("{}:{group}", Network::Twilio).parse::<Place>());
    let access = match (json.role, group.transpose()) {
        (Rank::Admin, Ok(None)) => Access::Admin,
        (Rank::Admin, _) => return Err(unfit("An admin runs every group: leave group out.")),
        (Rank::Manager, Ok(Some(group))) => Access::Manager(group),
        (Rank::Manager, _) => return Err(unfit("group is a SID: CH and 32 hexadecimal digits.")),
    };
    let valid = Duration::from_secs(json.ttl_seconds.into());
    let conversation = match &access {
        Access::Admin => None,
        Access::Manager(group) => Some(group.clone()),
    };
    let entry = AuditEntry {
        by: caller.by.to_string(),
        name: None,
        from: Place::new(Network::Operator, "tokens"),
        what: "token make".to_owned(),
        conversation,
        subject: json.identity.clone(),
        ended: Ended::Failed,
        said: String::new(),
    };
    let ledger = &api.operator.desk().ledger;
    let undertaking = ledger.undertake(entry).await?;
    let granted = api.twilio.grant_access(&json.identity, &access, valid).await;
    let (ended, said) = match &granted {
        Ok(token) => (Ended::Done, format!("{}, until {:.0}", token.role, token.expires)),
        Err(failure) => (Ended::Failed, failure.sentence.clone()),
    };
    ledger.accomplish(undertaking, ended, said).await?;
    match granted {
        Ok(token) => Ok(Json(Token {
            token: token.token.expose_secret().to_owned(),
            expires: token.expires,
            role: token.role,
        })),
        Err(failure) if failure.verdict == Verdict::Never => Err(unfit(&failure.sentence)),
        Err(failure) => Err(Problem::new(StatusCode::BAD_GATEWAY, failure.sentence)),
    }
}
