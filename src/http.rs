//! The HTTP server: the platforms' webhooks, and what the operator watches.
//!
//! A webhook is answered 200 when what it brought is durable: 403 where its signature is missing
//! or wrong, 413 where its body is too large, 400 where it cannot be parsed, 503 where it could
//! not be stored. The onMessageAdd hook alone is answered 200 whatever trouble the bridge has: any
//! other answer makes Twilio drop the member's message. So is everything at its address of which
//! the body is not read and that may be that hook: it says that it is signed, and nothing shows that
//! it is something else.
//!
//! The operator's routes can have a listener of their own (`http.admin_listen`); the one that the
//! internet reaches then has the webhooks and `/live` alone.

pub mod api;
mod body;
mod operator;
pub mod server;
mod slack;
#[cfg(test)]
mod tests;
mod twilio;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use metrics_exporter_prometheus::PrometheusHandle;
use partyline_core::{Forms, Incoming, Intake, NotStored, Seldom};
use partyline_slack::Slack;
use partyline_twilio::Twilio;
use tokio::sync::Semaphore;

use crate::alerts::Board;
use crate::contacts::Names;
use crate::crash::{Point, point};
use crate::ledger::Ledger;
use crate::links::Links;
use crate::moderation::Moderator;
use crate::networks::Networks;

pub use body::Bodies;

/// How long a webhook may wait for its turn and its work: Slack gives up after 3 s, Twilio
/// after 5 s.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the routes work with, shared by all requests.
pub struct Rooms {
    /// Checks and understands Twilio's requests.
    pub twilio: Arc<Twilio>,
    /// Slack's side, where Slack calls us.
    pub slack: Option<SlackSide>,
    /// Takes in what the webhooks bring.
    pub intake: Arc<dyn Intake>,
    /// Names in memory, for the hook that puts them in front of messages.
    pub names: Arc<Names>,
    /// What is tied to what: a message of a conversation without a room gets no name.
    pub links: Arc<Links>,
    /// Who may not say what, for the same.
    pub moderator: Moderator,
    /// How each network is doing.
    pub networks: Networks,
    /// For `/ready`, `/metrics` and the hook: what is owed, and whether it can be written.
    pub ledger: Ledger,
    /// The alerts that are open, for `/ready`.
    pub alerts: Arc<Board>,
    /// What was counted, for `/metrics`.
    pub metrics: PrometheusHandle,
    /// Turns, so that a flood of requests waits outside.
    pub turns: Semaphore,
    /// What bodies may take.
    pub bodies: Bodies,
}

/// What answers Slack's calls.
#[derive(Clone)]
pub struct SlackSide {
    /// Checks the signatures of Slack's calls, and understands them.
    pub bridge: Arc<Slack>,
    /// Draws forms, and checks what is filled in; Slack waits three seconds for either.
    pub forms: Arc<dyn Forms>,
}

/// What the platforms call, and `/live`.
pub fn webhooks(rooms: Arc<Rooms>) -> Router {
    let mut webhooks = Router::new()
        .route("/live", get(operator::live))
        .route("/webhooks/twilio", post(twilio::conversations))
        .route("/webhooks/twilio/messaging", post(twilio::messaging));
    if rooms.slack.is_some() {
        webhooks = webhooks
            .route("/webhooks/slack/events", post(slack::events))
            .route("/webhooks/slack/commands", post(slack::commands))
            .route("/webhooks/slack/interactivity", post(slack::interactivity));
    }
    webhooks.with_state(rooms)
}

/// What the operator watches: `/live`, `/ready`, `/metrics`.
pub fn operator(rooms: Arc<Rooms>) -> Router {
    operators().route("/live", get(operator::live)).with_state(rooms)
}

/// All of it, for one listener.
pub fn all(rooms: Arc<Rooms>) -> Router {
    webhooks(rooms.clone()).merge(operators().with_state(rooms))
}

fn operators() -> Router<Arc<Rooms>> {
    Router::new().route("/ready", get(operator::ready)).route("/metrics", get(operator::metrics))
}

/// An answer that says in a sentence what is wrong.
fn refuse(status: StatusCode, why: impl std::fmt::Display) -> Response {
    (status, format!("{why}\n")).into_response()
}

/// 200 once it is stored, 503 where it could not be, or not in time. So many are in work at once,
/// the others wait: the hook that asks before a message is not among them, it is never refused.
async fn store(rooms: &Rooms, incoming: Incoming) -> Response {
    let work = async {
        let _turn = rooms.turns.acquire().await;
        rooms.intake.accept(incoming).await
    };
    match answered_in_time(rooms, work).await {
        Ok(_) => StatusCode::OK.into_response(),
        Err(refused) => refused,
    }
}

/// What a platform's call came to; 503 where what it brought could not be stored, or not in time.
async fn answered_in_time<T>(
    rooms: &Rooms,
    work: impl Future<Output = Result<T, NotStored>>,
) -> Result<T, Response> {
    let stored = tokio::time::timeout(PATIENCE, work).await;
    let stored = stored.unwrap_or_else(|_| Err(NotStored("it took too long".to_owned())));
    point(Point::WebhookAnswer);
    stored.map_err(|error| {
        static UNSTORED: Seldom = Seldom::new();
        if let Some(more) = UNSTORED.due(rooms.ledger.now()) {
            tracing::error!(%error, more, "a webhook was not acknowledged: the platform has to repeat it");
        }
        metrics::counter!("partyline_webhooks_not_stored_total").increment(1);
        refuse(StatusCode::SERVICE_UNAVAILABLE, "it could not be stored; try again")
    })
}
