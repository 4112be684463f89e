//! Twilio's webhooks.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use partyline_core::Seldom;
use partyline_twilio::{MessageAdd, Received, Webhook, may_ask, signature};

use super::body::{Unread, Whole};
use super::{Rooms, refuse, store};

/// `POST /webhooks/twilio`: Conversations, before and after the fact.
pub(super) async fn conversations(
    State(rooms): State<Arc<Rooms>>,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Whole, Unread>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(unread) => return unread_answer(unread, &headers, &rooms).await,
    };
    let webhook =
        Webhook { path_and_query: path_and_query(&uri), headers: &headers, body: &body.bytes };
    match rooms.twilio.receive(&webhook) {
        Ok(Received::MessageAdd(message)) => before(&rooms, message).await,
        Ok(Received::Before) => StatusCode::OK.into_response(),
        Ok(Received::Event(incoming)) => store(&rooms, incoming).await,
        Ok(Received::Unread(incoming)) => {
            store(&rooms, incoming).await;
            StatusCode::OK.into_response()
        }
        Ok(Received::Shapeless(incoming)) => {
            let stored = store(&rooms, incoming).await;
            if stored.status() != StatusCode::OK {
                return stored;
            }
            refuse(StatusCode::BAD_REQUEST, "it names no event of Twilio's (EventType)")
        }
        Err(reject) => refuse(StatusCode::FORBIDDEN, reject),
    }
}

/// A body that is not read, for whatever reason, may be the hook before a message: any answer but 200
/// would stop that message. Whoever does not sign, and whoever shows that it is something else, is told
/// what is wrong.
async fn unread_answer(mut unread: Unread, headers: &HeaderMap, rooms: &Rooms) -> Response {
    if !signature::is_claimed(headers) || !may_ask(&unread.begun(&rooms.bodies).await) {
        return unread.answer;
    }
    let_through(&unread.answer, rooms)
}

/// Where the body is not waited for, the connection is closed all the same.
fn let_through(refused: &Response, rooms: &Rooms) -> Response {
    static UNREAD: Seldom = Seldom::new();
    if let Some(more) = UNREAD.due(rooms.ledger.now()) {
        tracing::warn!(
            status = refused.status().as_u16(),
            more,
            "a webhook's body was not read; it is answered 200, so that no member's message is stopped"
        );
    }
    metrics::counter!("partyline_hook_in_doubt_total").increment(1);
    let mut through = StatusCode::OK.into_response();
    if let Some(close) = refused.headers().get(header::CONNECTION) {
        through.headers_mut().insert(header::CONNECTION, close.clone());
    }
    through
}

/// `POST /webhooks/twilio/messaging`: inbound messages and status callbacks of Messaging.
pub(super) async fn messaging(
    State(rooms): State<Arc<Rooms>>,
    uri: Uri,
    headers: HeaderMap,
    body: Whole,
) -> Response {
    let webhook =
        Webhook { path_and_query: path_and_query(&uri), headers: &headers, body: &body.bytes };
    match rooms.twilio.receive_messaging(&webhook) {
        Ok(incoming) => store(&rooms, incoming).await,
        Err(reject) => refuse(StatusCode::FORBIDDEN, reject),
    }
}

/// A member's message, before anybody gets it: stopped (any answer but 200 does that), or let through
/// with the speaker's name.
async fn before(rooms: &Rooms, message: MessageAdd) -> Response {
    let MessageAdd { conversation, speaker, body, media_types, .. } = &message;
    if rooms.links.knows(conversation) {
        let files: Vec<&str> = media_types.iter().map(String::as_str).collect();
        if rooms.moderator.stops(conversation, speaker, &body.plain, &files).await {
            return StatusCode::FORBIDDEN.into_response();
        }
    }
    name_in_front(rooms, message)
}

/// The speaker's name for the other members, from memory alone. In doubt the message goes through
/// as it is.
fn name_in_front(rooms: &Rooms, message: MessageAdd) -> Response {
    let through = StatusCode::OK.into_response();
    if !rooms.links.knows(&message.conversation) {
        return through;
    }
    let Some(named) = rooms.names.resolve_now(&message.speaker, &message.conversation) else {
        metrics::counter!("partyline_hook_in_doubt_total").increment(1);
        // So that it is known the next time. Readers of one name share one read.
        let names = rooms.names.clone();
        tokio::spawn(async move {
            names.resolve(&message.speaker, &message.conversation).await;
        });
        return through;
    };
    match rooms.twilio.answer(&named.name, &message) {
        Some(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        None => through,
    }
}

fn path_and_query(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |whole| whole.as_str())
}
