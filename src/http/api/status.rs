//! How the bridge is doing.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use partyline_core::Proof;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::problem::Problem;

/// How one direction of a network is doing.
#[derive(Serialize, ToSchema)]
pub(super) struct Direction {
    /// `proved`, `unproved` or `failed`.
    state: &'static str,
    /// Why it is not proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl From<Proof> for Direction {
    fn from(proof: Proof) -> Self {
        let (state, why) = match proof {
            Proof::Proved => ("proved", None),
            Proof::Unproved(why) => ("unproved", Some(why)),
            Proof::Failed(why) => ("failed", Some(why)),
        };
        Self { state, why }
    }
}

/// How a network is doing.
#[derive(Serialize, ToSchema)]
pub(super) struct Network {
    inbound: Direction,
    outbound: Direction,
}

/// How the bridge is doing.
#[derive(Serialize, ToSchema)]
pub(super) struct Status {
    version: &'static str,
    networks: BTreeMap<&'static str, Network>,
    /// Rooms that are tied to a group.
    links: u64,
    /// Deliveries that wait for their turn.
    waiting: u64,
    /// Deliveries that were given up.
    parked: u64,
    /// Commands that are not done.
    commands: u64,
    contacts: u64,
}

/// How the bridge is doing
#[utoipa::path(get, path = "/api/v1/status",
    responses((status = 200, body = Status),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn status(State(api): State<Shared>) -> Result<Json<Status>, Problem> {
    let desk = api.operator.desk();
    let counts = desk.ledger.counts().await?;
    let networks = desk.networks.iter().map(|(network, powers)| {
        let state = powers.watch.state();
        let (inbound, outbound) = (state.inbound.into(), state.outbound.into());
        (network.as_str(), Network { inbound, outbound })
    });
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        networks: networks.collect(),
        links: desk.links.count() as u64,
        waiting: counts.waiting,
        parked: counts.parked,
        commands: counts.commands,
        contacts: desk.contacts.store().count().await?,
    }))
}
