//! The admin API over a store that no daemon has open, for the command line.
//!
//! The same routes and the same operations. What needs a platform calls it; what is owed to a room
//! waits in the ledger for the daemon.

use std::sync::Arc;

use axum::Router;
use partyline_core::SystemClock;

use super::desk::desk;
use super::parts::{Mode, Parts};
use crate::config::Config;
use crate::http::api::{self, Api};
use crate::lifecycle::Lifecycle;
use crate::operations::Operations;
use crate::operator::Operator;

/// The admin API over a store, in this process alone.
pub struct Offline {
    /// Its routes; nobody has to show a token.
    pub router: Router,
    lifecycle: Lifecycle,
}

/// Opens the store of this configuration.
///
/// # Errors
/// A daemon has it ([`LedgerError::Locked`](crate::ledger::LedgerError::Locked)), or it or a bridge
/// cannot be opened.
pub async fn offline(config: &Config) -> anyhow::Result<Offline> {
    let (clock, lifecycle) = (Arc::new(SystemClock), Lifecycle::default());
    let parts = Parts::open(config, Mode::CommandLine, clock, lifecycle.clone()).await?;
    let desk = Arc::new(desk(config, &parts));
    let (wakers, stop) = (parts.wakers.clone(), lifecycle.stop.clone());
    Operations::start(desk.clone(), wakers, stop, parts.guard.clone()).await?;
    let router = api::router(Api {
        operator: Operator::new(desk, Arc::new(parts.door)),
        twilio: parts.bridges.twilio,
        token: None,
        origins: Vec::new(),
        body_bytes: config.limits.body_bytes,
    });
    Ok(Offline { router, lifecycle })
}

impl Offline {
    /// Waits for what is under way, and lets go of the store.
    pub async fn close(self) {
        let Self { router, lifecycle } = self;
        drop(router);
        lifecycle.drain().await;
    }
}
