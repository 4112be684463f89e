//! What came from Twilio, as events. Pure.
//!
//! One message has one key, its SID, whether it comes by webhook (twice perhaps: of the service
//! and of the conversation) or by list.

use jiff::Timestamp;
use partyline_core::{
    Address, Content, ConversationInfo, ConversationState, DeliveryId, Event, EventKey, File,
    Happening, MemberChange, MessageId, Network, Place, ReceiptStatus, Speaker, Text,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::attribution::Attribution;
use crate::wire::attributes::{CREATED_BY, DESCRIPTION};
use crate::wire::hooks::{
    ConversationHook, DeliveryHook, HookEvent, MessageHook, ParticipantHook, Stage, StateHook,
};
use crate::wire::messaging::MessagingHook;
use crate::wire::{Attributes, rest};

/// The end of the key of what somebody wrote, behind the message's SID.
pub(crate) const WROTE: &str = ":wrote";

/// What is known of a webhook beside its fields.
pub(crate) struct Envelope<'a> {
    /// Twilio's name of the event.
    pub(crate) name: &'a str,
    /// What the key of an event is made of where its own fields do not name it: equal for equal
    /// requests.
    pub(crate) token: &'a str,
    /// The place of what belongs to no conversation.
    pub(crate) service: &'a Place,
    /// When it came.
    pub(crate) now: Timestamp,
    /// How names stand in bodies.
    pub(crate) pattern: &'a Attribution,
}

/// The event that a webhook reports. `None` where it lacks a SID that it cannot be without.
pub(crate) fn event(hook: HookEvent, envelope: &Envelope<'_>) -> Option<Event> {
    match hook {
        HookEvent::Message(stage, message) => self::message(stage, message, envelope),
        HookEvent::Conversation(stage, hook) => conversation(stage, hook, envelope),
        HookEvent::State(hook) => state(hook, envelope),
        HookEvent::Participant(stage, hook) => participant(stage, hook, envelope),
        HookEvent::Delivery(hook) => receipt(hook, envelope),
        HookEvent::User(..) | HookEvent::Unknown => Some(envelope.other(envelope.service.clone())),
    }
}

impl Envelope<'_> {
    /// Something of no consequence.
    fn other(&self, place: Place) -> Event {
        Event {
            key: EventKey::new(format!("{}:{}", self.name, self.token)),
            place,
            at: self.now,
            ordinal: None,
            happening: Happening::Other { name: self.name.to_owned() },
        }
    }

    /// The key of a change to a thing: the date tells it from the next change. The date is
    /// written in one way, for hooks of different scopes may not.
    fn change_key(&self, sid: &str, date: Option<Timestamp>) -> EventKey {
        match date {
            Some(date) => EventKey::new(format!("{sid}:{}:{date}", self.name)),
            None => EventKey::new(format!("{sid}:{}:{}", self.name, self.token)),
        }
    }
}

fn message(stage: Stage, hook: MessageHook, envelope: &Envelope<'_>) -> Option<Event> {
    let place = Place::conversation(hook.conversation_sid.as_deref()?);
    let sid = hook.message_sid.clone()?;
    match stage {
        Stage::Updated => {
            // Receipts, reactions of SDK clients and the like change attributes of our own posts.
            if hook.attributes.ours().is_some_and(|ours| ours.delivery.is_some()) {
                return Some(envelope.other(place));
            }
            Some(Event {
                key: envelope.change_key(&sid, hook.date_updated),
                place,
                at: hook.date_updated.unwrap_or(envelope.now),
                ordinal: None,
                happening: Happening::Edited {
                    id: MessageId::new(sid),
                    speaker: speaker(hook.author.as_deref(), hook.participant_sid.clone()),
                    content: content(hook.body, hook.media.0, &hook.attributes, envelope.pattern),
                },
            })
        }
        Stage::Removed => Some(Event {
            key: EventKey::new(format!("{sid}:removed")),
            place,
            at: hook.date_removed.or(hook.date_updated).unwrap_or(envelope.now),
            ordinal: None,
            happening: Happening::Deleted { id: MessageId::new(sid) },
        }),
        _ => {
            let message = rest::Message {
                sid,
                conversation_sid: None,
                index: hook.index,
                author: hook.author,
                body: hook.body,
                media: hook.media,
                attributes: hook.attributes,
                participant_sid: hook.participant_sid,
                content_sid: None,
                date_created: hook.date_created,
                date_updated: hook.date_updated,
            };
            Some(listed(message, place, envelope.now, envelope.pattern))
        }
    }
}

/// The event that a message is, by webhook or by list alike.
pub(crate) fn listed(
    message: rest::Message,
    place: Place,
    now: Timestamp,
    pattern: &Attribution,
) -> Event {
    let id = MessageId::new(message.sid.clone());
    let ours = message.attributes.ours();
    let happening = match ours.and_then(|ours| ours.delivery) {
        Some(delivery) => Happening::Echo { id, delivery: Some(DeliveryId::new(delivery)) },
        None => Happening::Message {
            id,
            speaker: speaker(message.author.as_deref(), message.participant_sid),
            content: content(message.body, message.media.0, &message.attributes, pattern),
        },
    };
    Event {
        key: EventKey::new(message.sid),
        place,
        at: message.date_created.unwrap_or(now),
        ordinal: message.index,
        happening,
    }
}

/// Who wrote it. An SDK client is known by its identity, which has nothing in front at Twilio.
pub(crate) fn speaker(author: Option<&str>, participant: Option<String>) -> Speaker {
    let id = match author {
        None | Some("" | "system") => "system".to_owned(),
        Some(address)
            if ["whatsapp:", "+", "messenger:"].iter().any(|p| address.starts_with(p)) =>
        {
            address.to_owned()
        }
        Some(identity) => format!("client:{identity}"),
    };
    Speaker { participant, ..Speaker::new(Network::Twilio, id) }
}

/// What is said. Where our hook has put the name in front, it is the body from before that, as
/// long as the body still is what the hook made of it: an SDK client can change it, or claim in
/// its attributes what was never said.
fn content(
    body: Option<String>,
    files: Vec<File>,
    attributes: &Attributes,
    pattern: &Attribution,
) -> Content {
    let body = body.unwrap_or_default();
    let bare = attributes.ours().and_then(|ours| {
        let (name, bare) = (ours.name?, ours.body?);
        // The pattern may be another one by now.
        let is_named = pattern.fill(&name, &bare) == body
            || body.strip_suffix(&bare).is_some_and(|front| front.contains(&name));
        is_named.then_some(bare)
    });
    Content { text: Text::plain(bare.unwrap_or(body)), files, ..Content::default() }
}

fn conversation(stage: Stage, hook: ConversationHook, envelope: &Envelope<'_>) -> Option<Event> {
    let sid = hook.conversation_sid?;
    let place = Place::conversation(&sid);
    let state = match (stage, hook.state.as_deref()) {
        (Stage::Removed, _) => Some(ConversationState::Removed),
        (Stage::Added, None) => Some(ConversationState::Initializing),
        (_, state) => state.and_then(word),
    };
    let Some(state) = state else { return Some(envelope.other(place)) };
    let date = match stage {
        Stage::Removed => hook.date_removed,
        Stage::Updated => hook.date_updated,
        _ => hook.date_created,
    };
    let key = match stage {
        Stage::Updated => envelope.change_key(&sid, date),
        // It is made once and removed once.
        _ => EventKey::new(format!("{sid}:{}", envelope.name)),
    };
    // A removed one is told without its state.
    let info = (state != ConversationState::Removed).then(|| {
        Box::new(ConversationInfo {
            place: place.clone(),
            name: hook.friendly_name.clone(),
            unique_name: hook.unique_name,
            description: hook.attributes.field(DESCRIPTION),
            created_by: hook.attributes.field(CREATED_BY),
            state,
            created: hook.date_created,
            updated: hook.date_updated,
        })
    });
    let happening = Happening::Conversation { state, name: hook.friendly_name, info };
    Some(Event { key, place, at: date.unwrap_or(envelope.now), ordinal: None, happening })
}

fn state(hook: StateHook, envelope: &Envelope<'_>) -> Option<Event> {
    let sid = hook.conversation_sid?;
    let place = Place::conversation(&sid);
    let Some(state) = hook.state_to.as_deref().and_then(word) else {
        return Some(envelope.other(place));
    };
    Some(Event {
        key: envelope.change_key(&sid, hook.state_updated),
        place,
        at: hook.state_updated.unwrap_or(envelope.now),
        ordinal: None,
        happening: Happening::Conversation { state, name: None, info: None },
    })
}

fn participant(stage: Stage, hook: ParticipantHook, envelope: &Envelope<'_>) -> Option<Event> {
    let place = Place::conversation(hook.conversation_sid.as_deref()?);
    let sid = hook.participant_sid?;
    let (change, date) = match stage {
        Stage::Removed => (MemberChange::Removed, hook.date_removed.or(hook.date_updated)),
        Stage::Updated => (MemberChange::Updated, hook.date_updated),
        _ => (MemberChange::Added, hook.date_created),
    };
    let key = match stage {
        Stage::Updated => envelope.change_key(&sid, date),
        _ => EventKey::new(format!("{sid}:{}", envelope.name)),
    };
    Some(Event {
        key,
        place,
        at: date.unwrap_or(envelope.now),
        ordinal: None,
        happening: Happening::Member {
            change,
            participant: sid,
            address: member_address(hook.address.as_deref(), hook.identity.as_deref()),
            sender: hook.proxy_address.as_deref().and_then(|sender| sender.parse().ok()),
            name: hook.attributes.name(),
        },
    })
}

/// A member's address, from the two fields of which Twilio fills one.
pub(crate) fn member_address(address: Option<&str>, identity: Option<&str>) -> Option<Address> {
    match (address, identity) {
        (Some(address), _) => address.parse().ok(),
        (None, Some(identity)) => format!("client:{identity}").parse().ok(),
        (None, None) => None,
    }
}

fn receipt(hook: DeliveryHook, envelope: &Envelope<'_>) -> Option<Event> {
    let place = Place::conversation(hook.conversation_sid.as_deref()?);
    let (message, receipt) = (hook.message_sid?, hook.receipt_sid?);
    let Some(status) = hook.status.as_deref().and_then(word::<ReceiptStatus>) else {
        return Some(envelope.other(place));
    };
    Some(Event {
        key: EventKey::new(format!("{receipt}:{}", hook.status.unwrap_or_default())),
        place,
        at: hook.date_updated.unwrap_or(envelope.now),
        ordinal: None,
        happening: Happening::Receipt {
            message: MessageId::new(message),
            participant: hook.participant_sid,
            status,
            error: hook.error_code.filter(|code| *code != 0),
        },
    })
}

/// The event in a classic Messaging webhook: a receipt, or that somebody wrote. `None` where it lacks
/// its SID.
pub(crate) fn messaging(hook: MessagingHook, envelope: &Envelope<'_>) -> Option<Event> {
    let sid = hook.message_sid?;
    let status = hook.status.as_deref().and_then(word::<ReceiptStatus>);
    let parsed = |address: Option<&str>| address.and_then(|one| one.parse::<Address>().ok());
    let (from, to) = (parsed(hook.from.as_deref()), parsed(hook.to.as_deref()));
    let service = || envelope.service.clone();
    let (key, place, happening) = match (status, from) {
        (Some(status), from) => (
            format!("{sid}:{}", hook.status.unwrap_or_default()),
            // The message went from our sender to a phone.
            from.zip(to).map_or_else(service, |(sender, to)| Place::phone(&sender, &to)),
            Happening::Receipt {
                message: MessageId::new(sid),
                participant: None,
                status,
                error: hook.error_code.filter(|code| *code != 0),
            },
        ),
        (None, Some(address)) if to.is_some() || hook.profile_name.is_some() => {
            let content = Content {
                text: Text::plain(hook.body.unwrap_or_default()),
                files: hook.files,
                location: hook.location,
                ..Content::default()
            };
            let (sender, name) = (to, hook.profile_name);
            let wrote = Happening::Wrote { address, sender, name, content };
            (format!("{sid}{WROTE}"), service(), wrote)
        }
        _ => return Some(envelope.other(service())),
    };
    Some(Event { key: EventKey::new(key), place, at: envelope.now, ordinal: None, happening })
}

/// One of Twilio's lower-case words as the type that has it.
pub(crate) fn word<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(Value::String(word.to_lowercase())).ok()
}
