//! Commands that are given at a later time.

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
use crate::ledger::Schedule;

/// A command that is given at a later time.
#[derive(Serialize, ToSchema)]
pub(super) struct Scheduled {
    /// Its id.
    id: String,
    /// The command, without what stands before commands in a room.
    command: String,
    /// When, in words.
    when: String,
    /// The next time.
    next: Timestamp,
    /// The room in which it is given; `operator:schedules` for one of a program.
    room: String,
    /// Who gives it.
    by: String,
}

impl From<Schedule> for Scheduled {
    fn from(one: Schedule) -> Self {
        Self {
            when: one.when.in_words(one.due),
            id: one.id,
            command: one.line,
            next: one.due,
            room: one.room.to_string(),
            by: one.by.to_string(),
        }
    }
}

/// A page of them, the next first.
#[derive(Serialize, ToSchema)]
pub(super) struct Schedules {
    schedules: Vec<Scheduled>,
    /// The cursor of the next page; without it, there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// List what is given at a later time
#[utoipa::path(get, path = "/api/v1/schedules", params(Page),
    responses((status = 200, body = Schedules),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Shared>,
    Query(page): Query<Page>,
) -> Result<Json<Schedules>, Problem> {
    let from = page.number::<u32>().unwrap_or_default();
    let found = api.operator.desk().ledger.schedules(None, from, page.rows()).await?;
    let next =
        (found.len() == page.rows() as usize).then(|| from.saturating_add(page.rows()).to_string());
    Ok(Json(Schedules { schedules: found.into_iter().map(Scheduled::from).collect(), next }))
}

/// What is to be given when.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSchedule {
    /// `in 1 hour`, `tomorrow 9:00`, `2027-01-05 14:30 Europe/Berlin`, or five fields of cron.
    #[schema(min_length = 1, max_length = 256)]
    when: String,
    /// The command, as behind `/wa`: `notify "Spring launch" team_notice 1=Maya`.
    #[schema(min_length = 1, max_length = 1600)]
    command: String,
}

/// Give a command at a later time
#[utoipa::path(post, path = "/api/v1/schedules", request_body = NewSchedule,
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn add(
    State(api): State<Shared>,
    Body { json, caller }: Body<NewSchedule>,
) -> Result<Response, Problem> {
    let arguments = Arguments::default().with("when", json.when).with("command", json.command);
    order(&api, caller, "schedule", "schedules", arguments).await
}

/// Take back what was to be given
#[utoipa::path(delete, path = "/api/v1/schedules/{id}",
    params(("id" = String, Path, description = "Its id.")),
    responses((status = 200, body = Outcome), (status = 202, body = Outcome),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn cancel(
    State(api): State<Shared>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Response, Problem> {
    order(&api, caller, "schedule cancel", "schedules", Arguments::default().with("id", id)).await
}
