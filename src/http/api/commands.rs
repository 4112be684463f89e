//! Commands, and what became of them.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use partyline_core::{EventKey, Given};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::extract::{Body, Caller, Path};
use super::problem::Problem;
use super::{Api, Shared};
use crate::ledger::{Answered, Asked, Ended};
use crate::operator::Order;

/// How long a caller waits for the end of what was asked for, before it is told where to ask.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was asked for is done, or on its way.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Outcome {
    /// `done`; `open` while it is on its way.
    pub(super) outcome: &'static str,
    /// What a person would be answered.
    pub(super) said: String,
    /// What it came to, where it made something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) details: Option<Value>,
    /// Under this key it can be asked for, at `/api/v1/commands/{key}`.
    pub(super) key: String,
}

/// A command in words, as they stand behind `/wa`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    /// The words, each apart: `["contact", "add", "+14155550100", "Maya Lopez", "--team", "Sales"]`.
    #[schema(min_items = 1, max_items = 2000)]
    words: Vec<String>,
}

/// Give any command, in words
#[utoipa::path(post, path = "/api/v1/commands", request_body = Words,
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn give(
    State(api): State<Shared>,
    Body { json, caller }: Body<Words>,
) -> Result<Response, Problem> {
    // Two words say what it is about: enough to keep one kind of thing in order.
    let about = json.words.iter().take(1).cloned().collect::<String>();
    let plain = about.chars().all(|c| c.is_ascii_alphanumeric()) && about.len() <= 32;
    let about = if plain && !about.is_empty() { about } else { "commands".to_owned() };
    carry_out(&api, caller, "", about, Given::Words(json.words)).await
}

/// What became of a command
#[utoipa::path(get, path = "/api/v1/commands/{key}",
    params(("key" = String, Path, description = "The key, as the answer gave it.")),
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn look(
    State(api): State<Shared>,
    Path(key): Path<String>,
) -> Result<Response, Problem> {
    let key = EventKey::new(key);
    match api.operator.desk().ledger.asked(&key).await?.0 {
        Asked::Closed(Some(answered)) => answer(&key, Some(answered)),
        Asked::Open => answer(&key, None),
        Asked::Unknown | Asked::Closed(None) => Err(Problem::not_found("command")),
    }
}

/// Gives a command with arguments that a route has put together.
pub(super) async fn order(
    api: &Api,
    caller: Caller,
    command: &'static str,
    about: impl Into<String>,
    arguments: Arguments,
) -> Result<Response, Problem> {
    carry_out(api, caller, command, about.into(), Given::Named(arguments.0)).await
}

async fn carry_out(
    api: &Api,
    caller: Caller,
    command: &'static str,
    about: String,
    given: Given,
) -> Result<Response, Problem> {
    let Caller { key, asked, by } = caller;
    let order = Order { key: key.clone(), asked, by, about, command, given };
    let answered = api.operator.give(order, PATIENCE).await?;
    answer(&key, answered)
}

fn answer(key: &EventKey, answered: Option<Answered>) -> Result<Response, Problem> {
    let key = key.as_str().to_owned();
    let Some(Answered { ended, said, details }) = answered else {
        let location: String = form_urlencoded::byte_serialize(key.as_bytes()).collect();
        let location = [(header::LOCATION, format!("/api/v1/commands/{location}"))];
        let said = "It is on its way; ask again at the Location.".to_owned();
        let open = Outcome { outcome: "open", said, details: None, key };
        return Ok((StatusCode::ACCEPTED, location, Json(open)).into_response());
    };
    match ended {
        Ended::Done => Ok(Json(Outcome { outcome: "done", said, details, key }).into_response()),
        Ended::Refused => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, said)),
        Ended::Denied => Err(Problem::new(StatusCode::FORBIDDEN, said)),
        Ended::Failed => Err(Problem::new(StatusCode::BAD_GATEWAY, said)),
    }
}

/// Arguments of a command, by name.
#[derive(Default)]
pub(super) struct Arguments(BTreeMap<String, Vec<String>>);

impl Arguments {
    /// The same with one more value.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.entry(name.to_owned()).or_default().push(value.into());
        self
    }

    /// The same with these values.
    pub(super) fn each(self, name: &str, values: impl IntoIterator<Item = String>) -> Self {
        values.into_iter().fold(self, |arguments, value| arguments.with(name, value))
    }
}
