//! The bridge to Twilio: Conversations (WhatsApp, SMS, Messenger and SDK clients), Messaging,
//! Content and Media.
//!
//! | room | what is in it |
//! |---|---|
//! | [`wire`] | Twilio's forms and JSON, as types |
//! | [`signature`] | whether a webhook really is Twilio's |
//! | `inbound` | webhook or listed message → [`Event`](partyline_core::Event) (pure) |
//! | [`hook`] | the answer that puts a name in front of a member's message (pure) |
//! | `outbound` | delivery → message (pure) |
//! | `direct` | what goes to one phone alone |
//! | `look_up` | whether something was sent, in a list of messages |
//! | `canary` | calls of the bridge's own public address |
//! | [`client`] | the only I/O |
//! | `message_log` | what phones wrote to a sender, by the account's log |
//! | `senders` | whether the senders of the configuration are the account's |
//! | [`setup`] | the webhooks that are set at Twilio, compared and set |
//! | [`error`] | Twilio's refusal → verdict and sentence (pure) |
//!
//! Webhooks come in by [`Twilio::receive`], which the daemon's HTTP routes call; the rest goes by
//! the traits of `partyline_core`.

pub mod access;
pub mod attribution;
mod canary;
pub mod client;
mod config;
mod direct;
pub mod error;
mod groups;
mod health;
pub mod hook;
mod inbound;
mod look_up;
mod message_log;
mod outbound;
mod readback;
mod receive;
mod senders;
pub mod setup;
pub mod signature;
#[cfg(all(test, feature = "simulator"))]
mod simulated;
#[cfg(feature = "simulator")]
pub mod simulator;
mod verify;
pub mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use partyline_core::{
    Clock, Deliver, Failure, MessageId, Network, Outgoing, Place, Reason, Sent, Watch, WatchState,
};

pub use attribution::{Attribution, AttributionError};
pub use canary::{Answered, SelfCheck};
pub use client::Client;
pub use config::{Config, Ingest, Timeouts};
pub use receive::{MessageAdd, Received, Reject, Webhook, may_ask};

/// The bridge to Twilio.
#[derive(Debug)]
pub struct Twilio {
    config: Config,
    client: Client,
    clock: Arc<dyn Clock>,
    /// The place of what belongs to no conversation.
    service: Place,
}

impl Twilio {
    /// A bridge with these settings. Asks nobody yet.
    ///
    /// # Errors
    /// The machine has no usable TLS.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let client = Client::new(&config, Arc::clone(&clock))?;
        let service = Place::new(Network::Twilio, &config.service_sid);
        Ok(Self { config, client, clock, service })
    }

    /// The calls to Twilio's APIs.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }
}

/// The SID of a conversation that a delivery or a look-up is about.
fn sid_of(place: &Place) -> Result<&str, Failure> {
    if place.is_conversation() {
        return Ok(place.id());
    }
    Err(Failure::never(
        Reason::NoSuchPlace,
        format!("{place} is not a Twilio conversation. Link the room to one: `group link CH…`."),
    ))
}

#[async_trait]
impl Deliver for Twilio {
    fn limit(&self) -> usize {
        self.config.attribution.room()
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<Sent, Failure> {
        if let Some(phone) = outgoing.to.as_phone() {
            return self.send_to_phone(phone, outgoing).await;
        }
        let conversation = sid_of(&outgoing.to)?;
        let message = outbound::message(outgoing, &self.config.attribution)?;
        let sent = self.client.send_message(conversation, &message).await?;
        Ok(Sent { id: Some(MessageId::new(sent.sid)), ordinal: sent.index })
    }

    async fn find(&self, outgoing: &Outgoing) -> Result<Option<Sent>, Failure> {
        if let Some(phone) = outgoing.to.as_phone() {
            return self.find_on_phone(phone, outgoing).await;
        }
        self.find_sent(outgoing).await
    }
}

#[async_trait]
impl Watch for Twilio {
    fn state(&self) -> WatchState {
        self.client.health.state()
    }

    async fn probe(&self) -> Result<(), Failure> {
        let asked = self.client.conversations(None, 1)?.next_page().await.map(|_| ());
        asked.inspect_err(|failure| self.client.health.probe_failed(failure))
    }
}
