//! What came from Slack in one piece, and what is to be done with it.

use bytes::Bytes;
use partyline_core::{Forms, Happening, Incoming, Network, Proof, guarded};

use crate::inbound::{self, Called, Meaning, Reader, Reading, Signal};
use crate::text::NameOf;
use crate::{Asked, Identity, Slack, wire};

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

impl Slack {
    /// What reads with what is known now.
    pub(crate) fn reader<'a>(
        &'a self,
        identity: Option<&'a Identity>,
        name_of: &'a NameOf<'a>,
        wanted: &'a inbound::Wanted<'a>,
    ) -> Reader<'a> {
        Reader {
            identity,
            command: &self.config.command,
            name_of,
            wanted,
            gestures: &self.gestures,
            now: self.clock.now(),
        }
    }

    /// Reads something with what is known now. `None` where that went wrong by a mistake of ours.
    pub(crate) fn reading<T>(
        &self,
        wanted: &inbound::Wanted<'_>,
        read: impl FnOnce(&Reader<'_>) -> T,
    ) -> Option<T> {
        let identity = self.board.identity();
        let name_of = |user: &str| self.profiles.any(user)?.name;
        let reader = self.reader(identity.as_deref(), &name_of, wanted);
        guarded(Network::Slack, || read(&reader))
    }

    /// What a frame of the socket brings.
    pub(crate) fn on_socket(
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
    pub(crate) fn heard(&self, reading: Reading, via: &'static str, raw: Bytes) -> Heard {
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
}

/// The bridge was put out: why, and what to do.
fn put_out(what: &str) -> Proof {
    let sentence = format!(
        "{what}: install the app again, put the new token in the configuration and restart."
    );
    tracing::error!("{sentence}");
    Proof::Failed(sentence)
}
