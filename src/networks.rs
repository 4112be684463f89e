//! The bridges, by network and by what each can do. Nothing here knows which bridge is which:
//! `app` puts them in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use partyline_core::{
    Deliver, Groups, Manage, Network, Profiles, Proof, Ranks, ReadBack, Revise, Rooms, Ticks,
    Verify, Watch, WatchState,
};

use crate::route::Limits;

/// How often it is looked whether a network works.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// What one bridge can do.
#[derive(Clone)]
pub struct Powers {
    /// Sends, and looks up what may have been sent.
    pub deliver: Arc<dyn Deliver>,
    /// Reads back what was missed.
    pub read_back: Arc<dyn ReadBack>,
    /// Tells who somebody is; Twilio does not: there the contacts do.
    pub profiles: Option<Arc<dyn Profiles>>,
    /// Tells about conversations: Twilio only.
    pub groups: Option<Arc<dyn Groups>>,
    /// Makes and changes conversations: Twilio only.
    pub manage: Option<Arc<dyn Manage>>,
    /// Sends codes that prove who has a phone: Twilio only, where a Verify service is configured.
    pub verify: Option<Arc<dyn Verify>>,
    /// Makes and changes rooms.
    pub rooms: Option<Arc<dyn Rooms>>,
    /// Shows how something is getting on.
    pub revise: Option<Arc<dyn Revise>>,
    /// Shows how far messages came.
    pub ticks: Option<Arc<dyn Ticks>>,
    /// Tells who stands above others there, where the configuration asks for it.
    pub ranks: Option<Arc<dyn Ranks>>,
    /// Tells how the network is doing.
    pub watch: Arc<dyn Watch>,
    /// Whether the platform calls us: then nothing proves its way in before it does.
    pub called: bool,
    /// Whether that way in is tried again and again, so that it does get proved.
    pub canary: bool,
}

/// How a network is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The bridge reaches it, and it reaches the bridge; or, where the platform calls us, nothing
    /// speaks for certain against that it would.
    pub ready: bool,
    /// What speaks against it.
    pub reason: Option<String>,
    /// What is known of each way, in and out.
    pub state: WatchState,
}

impl Powers {
    /// Of a bridge that can do what every bridge must, and nothing more.
    #[must_use]
    pub fn of<B: Deliver + ReadBack + Watch + 'static>(bridge: &Arc<B>) -> Self {
        Self {
            deliver: bridge.clone(),
            read_back: bridge.clone(),
            profiles: None,
            groups: None,
            manage: None,
            verify: None,
            rooms: None,
            revise: None,
            ticks: None,
            ranks: None,
            watch: bridge.clone(),
            called: false,
            canary: false,
        }
    }

    /// How the network is doing, as last seen.
    #[must_use]
    pub fn health(&self) -> Health {
        let state = self.watch.state();
        let inbound = match &state.inbound {
            Proof::Proved => None,
            Proof::Unproved(why) => Some((self.called, why)),
            Proof::Failed(why) => Some((false, why)),
        };
        let outbound = match &state.outbound {
            Proof::Proved => None,
            Proof::Unproved(why) | Proof::Failed(why) => Some((false, why)),
        };
        let ready = inbound.is_none_or(|(fine, _)| fine) && outbound.is_none();
        let reason = outbound.or(inbound).map(|(_, why)| why.clone());
        Health { ready, reason, state }
    }
}

/// All bridges that are configured. Cheap to clone: every request does.
#[derive(Clone, Default)]
pub struct Networks(Arc<HashMap<Network, Powers>>);

impl Networks {
    /// These bridges.
    #[must_use]
    pub fn new(bridges: impl IntoIterator<Item = (Network, Powers)>) -> Self {
        Self(Arc::new(bridges.into_iter().collect()))
    }

    /// The bridge to a network, if it is configured.
    #[must_use]
    pub fn get(&self, network: Network) -> Option<&Powers> {
        self.0.get(&network)
    }

    /// All of them, in the order in which people are shown them.
    pub fn iter(&self) -> impl Iterator<Item = (Network, &Powers)> {
        Network::ALL.into_iter().filter_map(|network| Some((network, self.0.get(&network)?)))
    }

    /// How much one message may hold on each.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.0.iter().map(|(network, powers)| (*network, powers.deliver.limit())).collect()
    }
}

/// Whether both ways were seen to work.
pub fn works(watch: &dyn Watch) -> bool {
    let state = watch.state();
    state.inbound == Proof::Proved && state.outbound == Proof::Proved
}

/// Waits until a network works, or does not, as far as is known.
pub async fn until(watch: &dyn Watch, working: bool) {
    while works(watch) != working {
        tokio::time::sleep(LOOK).await;
    }
}
