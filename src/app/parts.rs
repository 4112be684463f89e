//! What every part of the program works with, opened in its order: stores, bridges, the door in.

use std::sync::Arc;

use anyhow::Context;
use partyline_core::{Clock, Link};

use super::bridges::Bridges;
use super::paces;
use crate::alerts::{Board, Signs};
use crate::backup;
use crate::blocks::Blocks;
use crate::config::Config;
use crate::contacts::{Contacts, Names, SledContacts};
use crate::crash::{Point, point};
use crate::intake::{self, Door, Wakers};
use crate::ledger::Ledger;
use crate::lifecycle::Lifecycle;
use crate::links::Links;
use crate::moderation::Moderation;
use crate::networks::Networks;
use crate::poison::{CALM, Guard};
use crate::process;
use crate::store::Folder;

/// Who works on a store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The daemon: it sends, reads back and asks, and its runs are counted.
    Daemon,
    /// A command of the command line: it does that command, and no more.
    CommandLine,
}

/// What every part of the program works with.
pub(super) struct Parts {
    /// Where everything is kept.
    pub(super) store: Folder,
    /// What came, and what is owed.
    pub(super) ledger: Ledger,
    /// Who is behind an address.
    pub(super) contacts: Contacts,
    /// The links in force.
    pub(super) links: Arc<Links>,
    /// The bridges by name.
    pub(super) bridges: Bridges,
    /// The bridges by what they can do.
    pub(super) networks: Networks,
    /// Watches over work that panics or ends the program.
    pub(super) guard: Arc<Guard>,
    /// Whom news wakes.
    pub(super) wakers: Wakers,
    /// What the alerts go by.
    pub(super) signs: Arc<Signs>,
    /// Which alerts are open.
    pub(super) alerts: Arc<Board>,
    /// What members may not say.
    pub(super) moderation: Arc<Moderation>,
    /// Who is blocked.
    pub(super) blocks: Arc<Blocks>,
    /// The one door in.
    pub(super) door: Door,
    /// The time.
    pub(super) clock: Arc<dyn Clock>,
    /// When to stop, and what to wait for then.
    pub(super) lifecycle: Lifecycle,
}

impl Parts {
    /// Opens the store of this configuration and makes its bridges. Nothing runs yet.
    ///
    /// # Errors
    /// A store or a bridge could not be opened.
    pub(super) async fn open(
        config: &Config,
        mode: Mode,
        clock: Arc<dyn Clock>,
        lifecycle: Lifecycle,
    ) -> anyhow::Result<Self> {
        process::private_folder(&config.store.folder).with_context(|| {
            format!("the folder {} (store.url) cannot be made", config.store.folder.display())
        })?;
        let store = Folder::new(&config.store.folder);
        backup::finished(&store)?;
        let wakers = wakers(config, mode, &lifecycle);
        let mut ledger = Ledger::open(&store.ledger(), clock.clone())?;
        if let Some(inquiries) = &wakers.inquiries {
            ledger = ledger.inquiring(inquiries.first());
        }
        point(Point::StartLedger);
        let contacts = open_contacts(config, &store).await?;
        point(Point::StartContacts);
        let links = Arc::new(links(config, &ledger).await?);
        let bridges = Bridges::build(config, &clock).await?;
        let networks = bridges.networks(config);
        let guard = match mode {
            Mode::Daemon => {
                bridges.recall_threads(&ledger).await?;
                Guard::begin(ledger.clone(), CALM).await?
            }
            Mode::CommandLine => Guard::uncounted(ledger.clone()),
        };
        let signs = Arc::new(Signs::default());
        let moderation = moderation(config, &ledger).await?;
        let blocks = Arc::new(Blocks::read(&ledger).await?);
        let door = Door::new(
            ledger.clone(),
            links.clone(),
            contacts.names().clone(),
            networks.limits(),
            wakers.clone(),
            signs.clone(),
            rules(config, moderation.clone(), blocks.clone()),
        );
        let alerts = Arc::default();
        Ok(Self {
            store,
            ledger,
            contacts,
            links,
            bridges,
            networks,
            guard,
            wakers,
            signs,
            alerts,
            moderation,
            blocks,
            door,
            clock,
            lifecycle,
        })
    }

    /// The names in memory.
    pub(super) fn names(&self) -> Arc<Names> {
        self.contacts.names().clone()
    }
}

/// Whom news wakes. Lanes and read-backs, and who is taken out of groups, are the daemon's: nothing
/// is sent from the command line but what a command does.
fn wakers(config: &Config, mode: Mode, lifecycle: &Lifecycle) -> Wakers {
    let wakers = Wakers::new(&lifecycle.tasks);
    match mode {
        Mode::CommandLine => wakers,
        Mode::Daemon => Wakers {
            polls: paces::polls(config),
            inquiries: paces::inquiries(config),
            comparisons: paces::comparisons(config),
            ..wakers
        },
    }
}

async fn open_contacts(config: &Config, store: &Folder) -> anyhow::Result<Contacts> {
    let store = SledContacts::open(&store.contacts(), config.contacts.cache_mib * 1024 * 1024)?;
    Ok(Contacts::open(Arc::new(store), config.contacts.names_in_memory).await?)
}

/// What intake does with what comes.
fn rules(config: &Config, moderation: Arc<Moderation>, blocks: Arc<Blocks>) -> intake::Rules {
    let relay = &config.relay;
    intake::Rules {
        late: intake::Late { limit: relay.catch_up(), lateness: relay.lateness.clone() },
        optout: config.optout.clone(),
        inbox: config.inbox.clone(),
        moderation,
        blocks,
    }
}

/// The links of the configuration, and of those made by command all that do not contradict it.
async fn links(config: &Config, ledger: &Ledger) -> anyhow::Result<Links> {
    let links = Links::new();
    let stored = ledger.links().await?.into_iter().map(|stored| stored.link);
    for Link { conversation, room } in config.links.iter().cloned().chain(stored) {
        let link = Link { conversation: conversation.clone(), room: room.clone() };
        if let Err(taken) = links.tie(link) {
            tracing::warn!(%room, %conversation, instead = %taken.0,
                "this link, made by command, is passed by: the configuration ties the room to another conversation");
        }
    }
    Ok(links)
}

/// The rules of the configuration, and whoever is muted.
async fn moderation(config: &Config, ledger: &Ledger) -> anyhow::Result<Arc<Moderation>> {
    let (rules, pleas) = (config.moderation.clone(), config.optout.words.clone());
    let lateness = config.relay.lateness.clone();
    Ok(Arc::new(Moderation::new(rules, pleas, lateness, ledger.mutes().await?)))
}
