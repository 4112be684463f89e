//! Slack's calls, where the transport is HTTP.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use partyline_core::Incoming;
use partyline_slack::{EventsRequest, Reject, Slack};

use super::body::Whole;
use super::{Rooms, refuse, store};

/// `POST /webhooks/slack/events`: the Events API.
pub(super) async fn events(
    State(rooms): State<Arc<Rooms>>,
    headers: HeaderMap,
    body: Whole,
) -> Response {
    let Some(slack) = &rooms.slack else { return StatusCode::NOT_FOUND.into_response() };
    match slack.receive_events(&headers, body.bytes.clone()) {
        Ok(EventsRequest::Challenge(challenge)) => challenge.into_response(),
        Ok(EventsRequest::Incoming(incoming)) => store(&rooms, incoming).await,
        Ok(EventsRequest::Passed) => StatusCode::OK.into_response(),
        Err(reject) => rejected(reject),
    }
}

/// `POST /webhooks/slack/commands`: slash commands. The answer follows at the `response_url`.
pub(super) async fn commands(
    State(rooms): State<Arc<Rooms>>,
    headers: HeaderMap,
    body: Whole,
) -> Response {
    keep(&rooms, |slack| slack.receive_command(&headers, body.bytes.clone())).await
}

/// `POST /webhooks/slack/interactivity`: buttons and forms.
pub(super) async fn interactivity(
    State(rooms): State<Arc<Rooms>>,
    headers: HeaderMap,
    body: Whole,
) -> Response {
    keep(&rooms, |slack| slack.receive_interactivity(&headers, body.bytes.clone())).await
}

async fn keep(
    rooms: &Rooms,
    receive: impl FnOnce(&Arc<Slack>) -> Result<Incoming, Reject>,
) -> Response {
    let Some(slack) = &rooms.slack else { return StatusCode::NOT_FOUND.into_response() };
    match receive(slack) {
        Ok(incoming) => store(rooms, incoming).await,
        Err(reject) => rejected(reject),
    }
}

fn rejected(reject: Reject) -> Response {
    let status = match reject {
        Reject::Signature => StatusCode::FORBIDDEN,
        Reject::Unparsable => StatusCode::BAD_REQUEST,
    };
    refuse(status, reject)
}
