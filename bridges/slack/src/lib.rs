//! The bridge to Slack.
//!
//! | room | what is in it |
//! |---|---|
//! | `config` | what must be told to it |
//! | `wire` | Slack's JSON, read so that an odd field costs itself only |
//! | `inbound` | JSON → events (pure) |
//! | `heard` | what is done with each piece that came |
//! | `outbound` | deliveries → posts (pure) |
//! | `deliver` | sends them, and looks them up |
//! | `text` | Slack's markup, read and written (pure) |
//! | `error` | refusals → verdicts (pure) |
//! | `signature`, `webhooks` | the HTTP transport |
//! | `socket` | the socket transport |
//! | `connector`, `client` | the Web API, by way of slack-morphism |
//! | `rates` | turns to post |
//! | `ticks` | how far messages came, as reactions |
//! | `rooms` | channels made, named, archived; answers changed in place |
//! | `forms`, `answers` | forms, buttons and the Home tab; where answers go |
//! | `history` | reading back, and looking up posts whose answer was lost |
//! | `profiles`, `gestures` | names; sendings that Slack listed twice |
//! | `threads` | threads in which something was said of late |
//! | `withheld` | events that Slack keeps back |
//! | `watch`, `backoff` | the state of the connection; when it is tried again |
//!
//! Slack's limits, events and codes are those of <https://docs.slack.dev> as of November 2026.
//!
//! The socket speaks TLS by rustls: whoever runs it installs a default `CryptoProvider` first.

mod answers;
mod backoff;
mod client;
mod config;
mod connector;
mod deliver;
mod error;
mod forms;
mod gestures;
mod heard;
mod history;
mod inbound;
#[cfg(test)]
mod no_forms;
mod outbound;
mod profiles;
mod progress;
mod ranks;
mod rates;
mod rooms;
mod signature;
mod socket;
#[cfg(all(test, feature = "simulator"))]
mod tests;
mod text;
mod threads;
mod ticks;
mod ts;
mod watch;
mod webhooks;
mod wire;
mod withheld;

#[cfg(feature = "simulator")]
pub mod simulator;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use partyline_core::{
    Backoff, Clock, Cursor, Failure, Forms, Incoming, Intake, PersonId, Place, Profile, Profiles,
    Proof, Ranks, ReadBack, Reason, Watch, WatchState,
};
use tokio_util::sync::CancellationToken;

pub use config::{Config, ConfigError, Rates, Timeouts, Transport};
pub use forms::{Asked, Served};
pub use heard::Heard;
pub use inbound::Identity;
pub use signature::{SIGNATURE_HEADER, TIMESTAMP_HEADER, TOLERANCE_SECONDS, sign};
pub use webhooks::Reject;

/// The bridge to one Slack workspace.
pub struct Slack {
    config: Config,
    clock: Arc<dyn Clock>,
    client: client::Client,
    rates: rates::Rates,
    profiles: profiles::Profiles,
    ranks: ranks::Ranks,
    gestures: gestures::Gestures,
    threads: threads::Threads,
    board: watch::Board,
    withheld: withheld::Withheld,
    drawn: forms::Drawn,
}

impl fmt::Debug for Slack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slack").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Slack {
    /// A bridge with these settings. Nothing is called yet.
    ///
    /// # Errors
    /// The first of [`Config::faults`].
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        if let Some(fault) = config.faults().into_iter().next() {
            return Err(fault);
        }
        Ok(Self {
            client: client::Client::new(&config)?,
            rates: rates::Rates::new(config.rates, config.timeouts.turn),
            profiles: profiles::Profiles::new(),
            ranks: ranks::Ranks::default(),
            gestures: gestures::Gestures::new(),
            threads: threads::Threads::new(),
            board: watch::Board::new(config.transport),
            withheld: withheld::Withheld::default(),
            drawn: forms::Drawn::new(),
            clock,
            config,
        })
    }

    /// Receives until it is told to stop. In the socket transport it keeps a socket open and
    /// hands what comes to `intake`; in the HTTP transport it only learns who the bridge is, since
    /// Slack's calls come in by the daemon's routes.
    ///
    /// It begins when Slack has said who the bridge is: own posts could not be told from others'
    /// before.
    pub async fn run(
        &self,
        intake: Arc<dyn Intake>,
        forms: Arc<dyn Forms>,
        stop: CancellationToken,
    ) {
        let mut waits = Backoff::default();
        while self.board.identity().is_none() {
            let Err(failure) = self.probe().await else { break };
            if self.board.identity().is_some() {
                break;
            }
            tracing::warn!(reason = failure.reason.as_str(), "{}", failure.sentence);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(backoff::after(&mut waits, &failure)) => {}
            }
        }
        let receiving = async {
            match self.config.transport {
                Transport::Socket => {
                    socket::run(self, intake.as_ref(), forms.as_ref(), &stop).await;
                }
                Transport::Http => stop.cancelled().await,
            }
        };
        tokio::select! {
            () = receiving => {}
            () = self.withheld.watch(&self.board, intake.as_ref()) => {}
        }
    }

    /// Who the bridge is in its workspace, once Slack has said it.
    #[must_use]
    pub fn identity(&self) -> Option<Arc<Identity>> {
        self.board.identity()
    }

    /// Has it know of threads in which something was said before it was started, each as channel, the
    /// message that began it, and the ordinal of the newest reply; the newest last. At most 16 for each
    /// of 4,096 channels are kept.
    pub fn recall_threads(&self, threads: impl IntoIterator<Item = (String, String, u64)>) {
        for (channel, thread, newest) in threads {
            self.threads.replied(&channel, &thread, newest);
        }
    }

    /// What a place's history holds after the cursor.
    async fn history(
        &self,
        place: &Place,
        after: Option<&Cursor>,
        depth: history::Depth,
    ) -> Result<Vec<Incoming>, Failure> {
        let identity = self.board.identity();
        let name_of = |user: &str| self.profiles.any(user)?.name;
        let reader = self.reader(identity.as_deref(), &name_of, &|_| None);
        let sight = history::Sight { depth, threads: &self.threads };
        history::read_back(&self.client, &reader, sight, place, after).await
    }
}

#[async_trait]
impl ReadBack for Slack {
    async fn read_back(
        &self,
        place: &Place,
        after: Option<&Cursor>,
    ) -> Result<Vec<Incoming>, Failure> {
        self.history(place, after, history::Depth::Day).await
    }

    async fn glance(&self, place: &Place, after: &Cursor) -> Result<Vec<Incoming>, Failure> {
        self.history(place, Some(after), history::Depth::Page).await
    }
}

#[async_trait]
impl Profiles for Slack {
    async fn profile(&self, person: &PersonId, _place: &Place) -> Result<Profile, Failure> {
        let user = person.id.as_str();
        if let Some(profile) = self.profiles.fresh(user) {
            return Ok(profile);
        }
        let profile = match self.client.user(user).await {
            Ok(found) => profiles::profile(&found),
            // Bots and people of other workspaces: nothing is known of them, so remember that.
            Err(failure) if failure.reason == Reason::Unreachable => Profile::default(),
            Err(failure) => return self.profiles.any(user).ok_or(failure),
        };
        self.profiles.learn(user, profile.clone());
        Ok(profile)
    }
}

#[async_trait]
impl Ranks for Slack {
    async fn is_admin(&self, person: &PersonId, _room: &Place) -> Result<bool, Failure> {
        match &self.config.admin_group {
            Some(group) => self.ranks.contains(&self.client, group, &person.id).await,
            None => Ok(false),
        }
    }
}

#[async_trait]
impl Watch for Slack {
    fn state(&self) -> WatchState {
        self.board.state()
    }

    fn company(&self) -> Option<String> {
        self.board.company()
    }

    async fn probe(&self) -> Result<(), Failure> {
        match self.client.who_am_i().await {
            Ok((identity, scopes)) => self.board.introduced(identity, scopes.as_deref()),
            Err(failure) => {
                self.board.outbound(Proof::Failed(failure.sentence.clone()));
                Err(failure)
            }
        }
    }
}
