//! The admin API over a store that no daemon has open, for the command line.
//!
//! The same routes and the same operations. What needs a platform calls it; what is owed to a room
//! waits in the ledger for the daemon.

use std::sync::Arc;

use axum::Router;
use partyline_core::{Clock, SystemClock};

use super::{Bridges, desk, links, open_contacts, rules};
use crate::alerts::{Board, Signs};
use crate::blocks::Blocks;
use crate::config::Config;
use crate::http::api::{self, Api};
use crate::intake::{Door, Wakers};
use crate::ledger::Ledger;
use crate::lifecycle::Lifecycle;
use crate::operations::Operations;
use crate::operator::Operator;
use crate::poison::Guard;
use crate::store::Folder;

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
    crate::process::private_folder(&config.store.folder)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Folder::new(&config.store.folder);
    crate::backup::finished(&store)?;
    let ledger = Ledger::open(&store.ledger(), clock.clone())?;
    let contacts = open_contacts(config, &store).await?;
    let links = Arc::new(links(config, &ledger).await?);
    let bridges = Bridges::build(config, &clock).await?;
    let networks = bridges.networks(config);
    let lifecycle = Lifecycle::default();
    let guard = Guard::uncounted(ledger.clone());
    // Lanes and read-backs, and who is taken out of groups, are the daemon's: nothing is sent from here but what a command does.
    let wakers = Wakers::new(&lifecycle.tasks);
    let moderation = super::moderation(config, &ledger).await?;
    let blocks = Arc::new(Blocks::read(&ledger).await?);
    let door = Door::new(
        ledger.clone(),
        links.clone(),
        contacts.names().clone(),
        networks.limits(),
        wakers.clone(),
        Arc::new(Signs::default()),
        rules(config, moderation.clone(), blocks.clone()),
    );
    let alerts = Arc::new(Board::default());
    let known = (&links, &moderation, &blocks);
    let desk = Arc::new(desk(config, &ledger, known, &contacts, &networks, &alerts, &clock));
    Operations::start(desk.clone(), wakers, lifecycle.stop.clone(), guard).await?;
    let router = api::router(Api {
        operator: Operator::new(desk, Arc::new(door)),
        twilio: bridges.twilio,
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
