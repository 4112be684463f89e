//! Twilio's webhooks.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use partyline_twilio::{MessageAdd, Received, Reject, Webhook};

use super::body::Whole;
use super::{Rooms, refuse, store};

/// `POST /webhooks/twilio`: Conversations, before and after the fact.
pub(super) async fn conversations(
    State(rooms): State<Arc<Rooms>>,
    uri: Uri,
    headers: HeaderMap,
    body: Whole,
) -> Response {
    let webhook =
        Webhook { path_and_query: path_and_query(&uri), headers: &headers, body: &body.bytes };
    match rooms.twilio.receive(&webhook) {
        Ok(Received::MessageAdd(message)) => name_in_front(&rooms, message),
        Ok(Received::Before) => StatusCode::OK.into_response(),
        Ok(Received::Event(incoming)) => store(&rooms, incoming).await,
        Err(reject) => rejected(reject),
    }
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
        Err(reject) => rejected(reject),
    }
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

fn rejected(reject: Reject) -> Response {
    let status = match reject {
        Reject::Signature => StatusCode::FORBIDDEN,
        Reject::Unparsable => StatusCode::BAD_REQUEST,
    };
    refuse(status, reject)
}
