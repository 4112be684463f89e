//! Webhooks: the door through which the daemon's HTTP routes hand them in.

use bytes::Bytes;
use http::HeaderMap;
use partyline_core::{Event, Incoming, Network, Place, Seldom, Speaker, guarded};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use url::Url;

use crate::inbound::{self, Envelope};
use crate::wire::hooks::{HookEvent, MessageHook, Stage};
use crate::wire::messaging::MessagingHook;
use crate::wire::{Attributes, Form};
use crate::{Twilio, canary, hook, signature};

/// The most fields of a form; Twilio sends some dozens. Checking a signature sorts them, and that
/// is done for whoever asks.
const FIELDS_LIMIT: usize = 1000;

/// The header that tells a repeat of a webhook, where Twilio sends one.
const IDEMPOTENCY: &str = "i-twilio-idempotency-token";

/// A request to one of the webhook routes.
#[derive(Clone, Copy, Debug)]
pub struct Webhook<'a> {
    /// Path and query as they stood in the request line, undecoded: the signature covers them.
    pub path_and_query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, bounded by whoever read it.
    pub body: &'a Bytes,
}

/// Whether a webhook of which no more than this beginning of its body was read may be the hook
/// before a message: it does not show that it is another one.
#[must_use]
pub fn may_ask(begun: &[u8]) -> bool {
    // What stands behind the last & may be cut off.
    let end = begun.iter().rposition(|byte| *byte == b'&').unwrap_or_default();
    Form::parse(&begun[..end]).get("EventType").is_none_or(|name| name == "onMessageAdd")
}

/// What a webhook was.
#[derive(Clone, Debug)]
pub enum Received {
    /// A member's message is about to be given to the others; the answer can put a name in front
    /// of it ([`Twilio::answer`]). It will come again, as an event, once it is added.
    MessageAdd(MessageAdd),
    /// Something else is about to happen: answer 200 without a body, which lets it.
    Before,
    /// Something happened.
    Event(Incoming),
    /// It is signed, and reading it failed: keep its bytes, and answer 200 without a body whatever
    /// comes of that. It may be the hook before a message, which any other answer would stop.
    Unread(Incoming),
    /// It is signed, and no webhook of Conversations: it names no event. Keep its bytes, and answer
    /// 400.
    Shapeless(Incoming),
}

/// A member's message that is about to be given to the others.
#[derive(Clone, Debug)]
pub struct MessageAdd {
    /// Where it is said.
    pub conversation: Place,
    /// Who says it.
    pub speaker: Speaker,
    /// What is said.
    pub body: partyline_core::Text,
    /// Its attributes.
    pub attributes: Attributes,
    /// The media types of its files.
    pub media_types: Vec<String>,
}

/// Why a webhook is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// It is not signed, or not by whoever has our token: 403.
    #[error(
        "the request is not signed with twilio.auth_token for http.public_url: if it came from Twilio, check both"
    )]
    Signature,
}

impl Twilio {
    /// Takes a webhook of Conversations, before or after the fact.
    ///
    /// # Errors
    /// It is not Twilio's.
    pub fn receive(&self, request: &Webhook<'_>) -> Result<Received, Reject> {
        self.check(request)?;
        let read = guarded(Network::Twilio, || self.read(request));
        Ok(read.map_or_else(
            || Received::Unread(self.unnamed(request)),
            |read| read.unwrap_or_else(|| Received::Shapeless(self.unnamed(request))),
        ))
    }

    /// A webhook of which it is not known what it is.
    fn unnamed(&self, request: &Webhook<'_>) -> Incoming {
        count("unnamed", "unparsable");
        self.incoming_webhook(request, None)
    }

    /// What a webhook of Conversations is; `None` where it is none.
    fn read(&self, request: &Webhook<'_>) -> Option<Received> {
        let form = form(request)?;
        let name = form.get("EventType")?;
        if name == canary::EVENT {
            count("self_check", "before");
            // Signed by us, it proves the address but not that Twilio has the same auth token.
            self.client.health.arrived(form.get(canary::NONCE).unwrap_or_default());
            return Some(Received::Before);
        }
        self.client.health.webhook();
        let event = HookEvent::read(name, &form);
        let label = if event == HookEvent::Unknown { "unknown" } else { name };
        Some(match event {
            HookEvent::Message(Stage::Add, message) => {
                count(label, "before");
                message_add(message).map_or(Received::Before, Received::MessageAdd)
            }
            HookEvent::Message(stage, _)
            | HookEvent::Conversation(stage, _)
            | HookEvent::Participant(stage, _)
            | HookEvent::User(stage, _)
                if stage.is_before() =>
            {
                count(label, "before");
                Received::Before
            }
            event => {
                let token = token(request);
                let event = inbound::event(event, &self.envelope(name, &token));
                count(label, if event.is_some() { "event" } else { "incomplete" });
                Received::Event(self.incoming_webhook(request, event))
            }
        })
    }

    /// Takes a classic Messaging webhook: an inbound message, of which the profile name is taken
    /// and never a second copy of the message, or what became of an outbound one.
    ///
    /// # Errors
    /// It is not Twilio's.
    pub fn receive_messaging(&self, request: &Webhook<'_>) -> Result<Incoming, Reject> {
        self.check(request)?;
        let read = || {
            let hook = MessagingHook::read(&form(request)?);
            inbound::messaging(hook, &self.envelope("messaging", &token(request)))
        };
        let event = guarded(Network::Twilio, read).flatten();
        count("messaging", if event.is_some() { "event" } else { "incomplete" });
        Ok(self.incoming_webhook(request, event))
    }

    /// The answer that puts this name in front of a member's message, and keeps the bare body in
    /// its attributes. `None`: answer without a body, which lets it through as it is.
    #[must_use]
    pub fn answer(&self, name: &str, message: &MessageAdd) -> Option<String> {
        hook::answer(name, &self.config.attribution, &message.body.plain, &message.attributes)
    }

    /// What signatures are checked with, where the bridge takes webhooks at all.
    pub(crate) fn webhook_settings(&self) -> Option<(&Url, &SecretString)> {
        Some((self.config.public_url.as_ref()?, self.config.auth_token.as_ref()?))
    }

    /// Finds the signature of a request right.
    fn check(&self, request: &Webhook<'_>) -> Result<(), Reject> {
        let Webhook { path_and_query, headers, body } = *request;
        let few = body.iter().filter(|byte| **byte == b'&').count() < FIELDS_LIMIT;
        let right = self.webhook_settings().is_some_and(|(public_url, token)| {
            few && signature::verify(token, public_url, path_and_query, headers, body)
        });
        if !right {
            if few && Form::parse(body).get("AccountSid") == Some(&self.config.account_sid) {
                self.client.health.refused();
            }
            static REFUSED: Seldom = Seldom::new();
            if let Some(more) = REFUSED.due(self.clock.now()) {
                tracing::warn!(more, "a webhook was refused: {}", Reject::Signature);
            }
            count("unsigned", "signature");
            return Err(Reject::Signature);
        }
        Ok(())
    }

    pub(crate) fn envelope<'a>(&'a self, name: &'a str, token: &'a str) -> Envelope<'a> {
        Envelope {
            name,
            token,
            service: &self.service,
            now: self.clock.now(),
            pattern: &self.config.attribution,
        }
    }

    fn incoming_webhook(&self, request: &Webhook<'_>, event: Option<Event>) -> Incoming {
        let (network, raw) = (Network::Twilio, request.body.clone());
        Incoming { network, via: "webhook", raw, events: event.into_iter().collect() }
    }
}

fn message_add(hook: MessageHook) -> Option<MessageAdd> {
    let conversation = Place::conversation(hook.conversation_sid.as_deref()?);
    Some(MessageAdd {
        conversation,
        speaker: inbound::speaker(hook.author.as_deref(), hook.participant_sid),
        body: hook.body.unwrap_or_default().as_str().into(),
        attributes: hook.attributes,
        media_types: hook.media.0.into_iter().filter_map(|file| file.media_type).collect(),
    })
}

/// Equal for equal requests: Twilio's own token, or the body's digest.
fn token(request: &Webhook<'_>) -> String {
    request
        .headers
        .get(IDEMPOTENCY)
        .and_then(|token| token.to_str().ok())
        .map_or_else(|| signature::hex(&Sha256::digest(request.body)[..16]), str::to_owned)
}

/// The fields of a request; `None` where they cannot be read.
fn form<'a>(request: &Webhook<'a>) -> Option<Form<'a>> {
    if signature::is_form(request.headers) {
        return Some(Form::parse(request.body));
    }
    Form::from_json(request.body)
}

/// Counts a webhook. The events are Twilio's own names, a bounded set.
fn count(event: &str, outcome: &'static str) {
    metrics::counter!("partyline_twilio_webhooks_total", "event" => event.to_owned(), "outcome" => outcome)
        .increment(1);
}

#[cfg(test)]
mod tests;
