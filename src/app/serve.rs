//! What the daemon answers: the platforms' calls, the operator's, and the command line's.

use std::sync::Arc;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use partyline_core::{Forms, Intake};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::bridges::slack_calls;
use super::parts::Parts;
use crate::commands::Desk;
use crate::config::{self, Config};
use crate::control;
use crate::http::api::{self, Api};
use crate::http::server::{self, Bounds, Waits};
use crate::http::{self, Bodies, Rooms, SlackSide};
use crate::lifecycle::Lifecycle;
use crate::moderation::Moderator;
use crate::operator::Operator;
use crate::process;

/// Connections at a time of the operator's listener, where it has one.
const OPERATORS: usize = 256;

/// Where the daemon listens.
#[derive(Debug)]
pub struct Listeners {
    /// What the platforms call; and the operator, where there is no other.
    pub public: TcpListener,
    /// What the operator alone calls.
    pub operator: Option<TcpListener>,
}

/// Begins to answer the command line, over a socket in the store; the routes of the admin API for
/// everybody else.
pub(super) fn admin(
    config: &Config,
    parts: &Parts,
    desk: Arc<Desk>,
    intake: &Arc<dyn Intake>,
) -> Router {
    let operator = Operator::new(desk, intake.clone());
    // Over the socket, whoever may use the store may do everything; elsewhere, whoever shows the
    // token.
    let admin = |token| {
        api::router(Api {
            operator: operator.clone(),
            twilio: parts.bridges.twilio.clone(),
            token,
            origins: config.http.cors_origins.clone(),
            body_bytes: config.limits.body_bytes,
        })
    };
    answer_the_command_line(parts, admin(None));
    config.http.admin_token.clone().map(|token| admin(Some(token))).unwrap_or_default()
}

/// What the routes work with.
pub(super) fn rooms(
    config: &Config,
    parts: &Parts,
    intake: Arc<dyn Intake>,
    forms: Arc<dyn Forms>,
    metrics: PrometheusHandle,
) -> Rooms {
    let slack = parts.bridges.slack.clone().filter(|_| slack_calls(config));
    Rooms {
        twilio: parts.bridges.twilio.clone(),
        slack: slack.map(|bridge| SlackSide { bridge, forms }),
        intake,
        names: parts.names(),
        moderator: Moderator {
            moderation: parts.moderation.clone(),
            ledger: parts.ledger.clone(),
            links: parts.links.clone(),
            names: parts.names(),
            wakers: parts.wakers.clone(),
        },
        links: parts.links.clone(),
        networks: parts.networks.clone(),
        ledger: parts.ledger.clone(),
        alerts: parts.alerts.clone(),
        metrics,
        turns: Semaphore::new(config.limits.requests),
        bodies: bodies(&config.limits),
    }
}

/// Answers requests until the soft stop.
pub(super) async fn serve(
    listeners: Listeners,
    rooms: Rooms,
    api: Router,
    limits: &config::Limits,
    lifecycle: &Lifecycle,
) -> anyhow::Result<()> {
    let bounds = Bounds {
        connections: process::connections(limits.connections),
        head_bytes: limits.head_bytes,
        waits: Waits { head: limits.head_wait, idle: limits.idle_wait },
    };
    let (rooms, listen) = (Arc::new(rooms), listeners.public.local_addr()?);
    match listeners.operator {
        None => {
            tracing::info!(%listen, "partyline is running");
            let all = http::all(rooms).merge(api);
            server::serve(listeners.public, all, bounds, lifecycle).await;
        }
        Some(operator) => {
            tracing::info!(%listen, admin_listen = %operator.local_addr()?, "partyline is running");
            // A number of its own, so that a crowd outside does not keep the operator out.
            let few = Bounds { connections: OPERATORS, ..bounds };
            let inside = http::operator(rooms.clone()).merge(api);
            let inside = server::serve(operator, inside, few, lifecycle);
            let outside = server::serve(listeners.public, http::webhooks(rooms), bounds, lifecycle);
            tokio::join!(outside, inside);
        }
    }
    Ok(())
}

fn bodies(limits: &config::Limits) -> Bodies {
    Bodies::new(limits.body_bytes, limits.body_wait, limits.bodies_mib * 1024 * 1024)
}

/// Has the command line answered, for what it needs of a running daemon.
fn answer_the_command_line(parts: &Parts, api: Router) {
    match control::listen(&parts.store) {
        Ok(listener) => {
            parts.lifecycle.keep(control::serve(listener, parts.contacts.store().clone(), api));
        }
        Err(error) => tracing::warn!(socket = %parts.store.control().display(), %error,
            "the command line cannot ask this daemon: it has to be stopped first"),
    }
}
