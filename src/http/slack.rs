//! Slack's calls, where the transport is HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use partyline_slack::{Asked, Heard, Reject, Served};

use super::body::Whole;
use super::{Rooms, SlackSide, answered_in_time, refuse, store};

/// `POST /webhooks/slack/events`: the Events API.
pub(super) async fn events(
    State(rooms): State<Arc<Rooms>>,
    headers: HeaderMap,
    body: Whole,
) -> Response {
    hear(&rooms, |slack| slack.bridge.receive_events(&headers, body.bytes.clone())).await
}

/// `POST /webhooks/slack/commands`: slash commands. The answer follows at the `response_url`, or
/// a form opens.
pub(super) async fn commands(
    State(rooms): State<Arc<Rooms>>,
    headers: HeaderMap,
    body: Whole,
) -> Response {
    hear(&rooms, |slack| {
        slack.bridge.receive_command(&headers, body.bytes.clone(), slack.forms.as_ref())
    })
    .await
}

/// `POST /webhooks/slack/interactivity`: buttons, shortcuts and forms, and the choices of their
/// menus.
pub(super) async fn interactivity(
    State(rooms): State<Arc<Rooms>>,
    headers: HeaderMap,
    body: Whole,
) -> Response {
    hear(&rooms, |slack| slack.bridge.receive_interactivity(&headers, body.bytes.clone())).await
}

async fn hear(
    rooms: &Arc<Rooms>,
    receive: impl FnOnce(&SlackSide) -> Result<Heard, Reject>,
) -> Response {
    let Some(slack) = &rooms.slack else { return StatusCode::NOT_FOUND.into_response() };
    match receive(slack) {
        Ok(Heard::Challenge(challenge)) => challenge.into_response(),
        Ok(Heard::Keep(incoming)) => store(rooms, incoming).await,
        Ok(Heard::Ask(asked)) => serve(rooms, slack, asked).await,
        Ok(Heard::Nothing) => StatusCode::OK.into_response(),
        Err(reject) => rejected(reject),
    }
}

/// Serves somebody who waits before a form; what takes longer goes on after the answer.
async fn serve(rooms: &Arc<Rooms>, slack: &SlackSide, asked: Box<Asked>) -> Response {
    let work = async {
        let _turn = rooms.turns.acquire().await;
        slack.bridge.serve(asked, slack.forms.as_ref(), rooms.intake.as_ref()).await
    };
    let Served { body, rest } = match answered_in_time(rooms, work).await {
        Ok(served) => served,
        Err(refused) => return refused,
    };
    if let Some(asked) = rest {
        let (rooms, slack) = (rooms.clone(), slack.clone());
        tokio::spawn(async move {
            slack.bridge.attend(asked, slack.forms.as_ref(), rooms.intake.as_ref()).await;
        });
    }
    match body {
        Some(body) => Json(body).into_response(),
        None => StatusCode::OK.into_response(),
    }
}

fn rejected(reject: Reject) -> Response {
    let status = match reject {
        Reject::Signature => StatusCode::FORBIDDEN,
        Reject::Unparsable => StatusCode::BAD_REQUEST,
    };
    refuse(status, reject)
}
