//! The bridge to Slack.
//!
//! | room | what is in it |
//! |---|---|
//! | `config` | what must be told to it |
//! | `wire` | Slack's JSON, read so that an odd field costs itself only |
//! | `inbound` | JSON → events (pure) |
//! | `outbound` | deliveries → posts (pure) |
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
mod error;
mod forms;
mod gestures;
mod history;
mod inbound;
mod outbound;
mod profiles;
mod progress;
mod ranks;
mod rates;
mod rooms;
mod signature;
mod socket;
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
use bytes::Bytes;
use partyline_core::{
    Action, Backoff, Clock, Cursor, Deliver, Failure, Forms, Happening, Incoming, Intake, Network,
    Outgoing, PersonId, Place, Profile, Profiles, Proof, Ranks, ReadBack, Reason, Sent, Verdict,
    Watch, WatchState, guarded,
};
use tokio_util::sync::CancellationToken;

pub use config::{Config, ConfigError, Rates, Timeouts, Transport};
pub use forms::{Asked, Served};
pub use inbound::Identity;
pub use signature::{SIGNATURE_HEADER, TIMESTAMP_HEADER, TOLERANCE_SECONDS, sign};
pub use webhooks::Reject;

use inbound::{Called, Meaning, Reader, Reading, Signal};

/// What came from Slack in one piece, and what is to be done with it.
#[derive(Debug)]
pub enum Heard {
    /// Slack checks the address: answer with this as text.
    Challenge(String),
    /// Store it, then acknowledge it.
    Keep(Incoming),
    /// Somebody waits for an answer: [`Slack::serve`] gives it.
    Ask(Box<Asked>),
    /// Understood, and nothing to store: a user's profile changed, say. Acknowledge it.
    Nothing,
}

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

    /// Reads something with what is known now. `None` where that went wrong by a mistake of ours.
    fn reading<T>(
        &self,
        wanted: &inbound::Wanted<'_>,
        read: impl FnOnce(&Reader<'_>) -> T,
    ) -> Option<T> {
        let identity = self.board.identity();
        let name_of = |user: &str| self.profiles.any(user)?.name;
        let reader = Reader {
            identity: identity.as_deref(),
            command: &self.config.command,
            name_of: &name_of,
            wanted,
            gestures: &self.gestures,
            now: self.clock.now(),
        };
        guarded(Network::Slack, || read(&reader))
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
        let reader = Reader {
            identity: identity.as_deref(),
            command: &self.config.command,
            name_of: &name_of,
            wanted: &|_| None,
            gestures: &self.gestures,
            now: self.clock.now(),
        };
        let sight = history::Sight { depth, threads: &self.threads };
        history::read_back(&self.client, &reader, sight, place, after).await
    }

    /// What a frame of the socket brings.
    fn on_socket(
        &self,
        kind: &str,
        envelope: &wire::Envelope,
        frame: &str,
        forms: &dyn Forms,
    ) -> Heard {
        let payload = envelope.payload.as_ref().map_or("null", |payload| payload.get());
        let reading = self.reading(&|line| forms.wanted(line), |reader| match kind {
            "events_api" => match reader.events(payload.as_bytes()) {
                Ok(Called::Read(reading)) => Some(reading),
                Ok(Called::Challenge(_)) | Err(_) => None,
            },
            "slash_commands" => {
                let command = serde_json::from_str::<wire::SlashCommand>(payload).ok()?;
                Some(reader.command(&command))
            }
            "interactive" => reader.interaction(payload.as_bytes()).ok(),
            _ => None,
        });
        let raw = Bytes::copy_from_slice(frame.as_bytes());
        self.heard(reading.flatten().unwrap_or_else(Reading::unclear), "socket", raw)
    }

    /// What is to be done with something that was read.
    fn heard(&self, reading: Reading, via: &'static str, raw: Bytes) -> Heard {
        let Reading { meaning, signal, name } = reading;
        metrics::counter!("partyline_slack_events_total", "name" => name, "via" => via)
            .increment(1);
        if let Some(signal) = signal {
            self.heed(signal);
        }
        let events = match meaning {
            Meaning::Event(event) => {
                if let Happening::Message { content, .. } = &event.happening
                    && let (Some(thread), Some(ordinal)) = (&content.thread, event.ordinal)
                {
                    self.threads.replied(event.place.id(), thread.as_str(), ordinal);
                }
                vec![*event]
            }
            Meaning::Ask(ask) => return Heard::Ask(Box::new(Asked { ask: *ask, via, raw })),
            Meaning::Unclear => {
                metrics::counter!("partyline_slack_unclear_total", "via" => via).increment(1);
                Vec::new()
            }
            Meaning::Nowhere => return Heard::Nothing,
        };
        Heard::Keep(Incoming { network: Network::Slack, via, raw, events })
    }

    fn heed(&self, signal: Signal) {
        match signal {
            Signal::UserChanged(user, profile) => self.profiles.changed(&user, profile),
            Signal::RateLimited => {
                tracing::warn!("Slack holds events back: over 30,000 came within an hour");
                metrics::counter!("partyline_slack_rate_limited_total").increment(1);
                self.withheld.notice(self.config.timeouts.withheld);
            }
            Signal::TokenRevoked => {
                self.board.outbound(put_out("Slack's bot token was revoked"));
            }
            Signal::Uninstalled => {
                self.board.removed(&put_out("The app was removed from the Slack workspace"));
            }
        }
    }

    async fn post(&self, outgoing: &Outgoing) -> Result<Sent, Failure> {
        let Some(request) = outbound::post(outgoing) else {
            return Err(Failure::never(Reason::Refused, "This is nothing to post in Slack."));
        };
        let channel = &request.channel.0;
        self.rates.turn(channel).await.map_err(|wait| {
            Failure::later(
                Reason::RateLimited,
                Some(wait),
                format!("Channel {channel} has to wait for its turn; it goes on by itself."),
            )
        })?;
        let posted = self.client.post(&request).await;
        if let Err(Failure { reason: Reason::RateLimited, verdict, .. }) = &posted {
            self.rates.hold(channel, rates::wait(*verdict));
        }
        posted.map(|stamp| history::sent(&stamp))
    }
}

#[cfg(test)]
mod no_forms;
#[cfg(all(test, feature = "simulator"))]
mod tests;

/// The bridge was put out: why, and what to do.
fn put_out(what: &str) -> Proof {
    let sentence = format!(
        "{what}: install the app again, put the new token in the configuration and restart."
    );
    tracing::error!("{sentence}");
    Proof::Failed(sentence)
}

#[async_trait]
impl Deliver for Slack {
    fn limit(&self) -> usize {
        outbound::LIMIT
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<Sent, Failure> {
        if let Action::Answer { to, text, replaces, buttons } = &outgoing.action {
            // An answer goes mostly without the token, and says nothing of it.
            let answered = self.answer(to, text, buttons).await;
            if let (Ok(_), Some(shown)) = (&answered, replaces) {
                self.end_progress(to, shown, text).await;
            }
            return answered;
        }
        let sent = self.post(outgoing).await;
        self.board.called(&sent);
        sent
    }

    async fn find(&self, outgoing: &Outgoing) -> Result<Option<Sent>, Failure> {
        if let Action::Answer { .. } = &outgoing.action {
            return Err(Failure::unknown(
                Reason::Uncertain,
                "Slack keeps no list of answers to commands: this one may not have arrived. Give \
                 the command again if it did not.",
            ));
        }
        history::find(&self.client, outgoing).await.map_err(|failure| match failure.verdict {
            // The channel is not shown to the bridge any more: only a person can look there.
            Verdict::Never => Failure { verdict: Verdict::Unknown, ..failure },
            Verdict::Later(_) | Verdict::Unknown => failure,
        })
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
