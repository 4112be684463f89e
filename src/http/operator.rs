//! What the operator watches: `/live`, `/ready`, `/metrics`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::{Rooms, refuse};
use crate::networks::{Health, Powers};

/// The process answers.
pub(super) async fn live() -> &'static str {
    "live\n"
}

/// Whether every network works, each with its reason where it does not: 200, or 503. Beside them
/// the alerts that are open, which change nothing of the status.
pub(super) async fn ready(State(rooms): State<Arc<Rooms>>) -> Response {
    let mut all = true;
    let mut networks = Map::new();
    for (network, powers) in rooms.networks.iter() {
        let (ready, json) = one(powers);
        all &= ready;
        networks.insert(network.as_str().to_owned(), json);
    }
    let ledger = match rooms.ledger.counts().await {
        Ok(_) => rooms.ledger.writable().await,
        Err(error) => Err(error),
    };
    all &= ledger.is_ok();
    let store = match &ledger {
        Ok(()) => json!({ "ready": true }),
        Err(error) => json!({ "ready": false, "reason": error.to_string() }),
    };
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (
        status,
        Json(json!({
            "ready": all,
            "networks": networks,
            "store": store,
            "alerts": rooms.alerts.open(),
        })),
    )
        .into_response()
}

fn one(powers: &Powers) -> (bool, Value) {
    let Health { ready, reason, state } = powers.health();
    let json = json!({
        "ready": ready,
        "reason": reason,
        "inbound": state.inbound,
        "outbound": state.outbound,
    });
    (ready, json)
}

/// Everything that is counted, in Prometheus' text format; what is open is read from the ledger
/// now.
pub(super) async fn metrics(State(rooms): State<Arc<Rooms>>) -> Response {
    let counts = match rooms.ledger.counts().await {
        Ok(counts) => counts,
        Err(error) => return refuse(StatusCode::SERVICE_UNAVAILABLE, error),
    };
    for (state, count) in
        [("waiting", counts.waiting), ("parked", counts.parked), ("skipped", counts.skipped)]
    {
        gauge("partyline_deliveries", Some(("state", state)), count);
    }
    gauge("partyline_events_held", None, counts.held);
    gauge("partyline_places_with_holes", None, counts.holes);
    gauge("partyline_commands_open", None, counts.commands);
    gauge("partyline_unparsed", None, counts.unparsed);
    gauge("partyline_lanes_waiting", None, counts.lanes);
    gauge("partyline_lane_depth_max", None, counts.deepest);
    let inbox = counts.inbox;
    for (state, count) in
        [("open", inbox.open), ("unread", inbox.unread), ("waiting", inbox.waiting)]
    {
        gauge("partyline_inbox_conversations", Some(("state", state)), count);
    }
    gauge("partyline_links", None, rooms.links.count() as u64);
    let age = counts
        .oldest
        .map_or(0.0, |oldest| rooms.ledger.now().duration_since(oldest).as_secs_f64().max(0.0));
    metrics::gauge!("partyline_lane_oldest_seconds").set(age);
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, rooms.metrics.render()).into_response()
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
fn gauge(name: &'static str, label: Option<(&'static str, &'static str)>, value: u64) {
    match label {
        Some((key, label)) => metrics::gauge!(name, key => label).set(value as f64),
        None => metrics::gauge!(name).set(value as f64),
    }
}
