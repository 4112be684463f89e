//! Matrix's events in our words (pure): an event's JSON becomes an [`Event`].
//!
//! Events are read leniently, as JSON values: whatever a client or a newer specification puts into
//! one, the rest of it is still understood, and what is not is [`Happening::Other`].

use jiff::Timestamp;
use partyline_core::{
    AnswerTo, CommandLine, DeliveryId, Event, EventKey, Happening, MessageId, Network, PersonId,
    Place, RoomChange, Speaker,
};
use serde_json::Value;

use crate::outbound::DELIVERY_KEY;
use crate::{message, text};

/// Event types that are of no consequence here. Others are counted as `unknown`: a type is
/// whatever a client wrote, and must be neither a label nor kept.
const KNOWN: [&str; 22] = [
    "m.call.answer",
    "m.call.candidates",
    "m.call.hangup",
    "m.call.invite",
    "m.poll.end",
    "m.poll.response",
    "m.poll.start",
    "m.room.aliases",
    "m.room.avatar",
    "m.room.canonical_alias",
    "m.room.create",
    "m.room.encryption",
    "m.room.guest_access",
    "m.room.history_visibility",
    "m.room.join_rules",
    "m.room.pinned_events",
    "m.room.power_levels",
    "m.room.server_acl",
    "m.room.third_party_invite",
    "m.room.topic",
    "m.space.child",
    "m.space.parent",
];

/// Reads events for one bot.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    /// The bot's own id.
    pub(crate) own: String,
    /// What a command begins with.
    pub(crate) prefix: String,
}

impl Reader {
    /// What happened. `now` stands in where the event has no usable time. `None` where it is no
    /// event at all.
    pub(crate) fn read(&self, place: &Place, event: &Value, now: Timestamp) -> Option<Event> {
        let id = event["event_id"].as_str().filter(|id| !id.is_empty())?;
        let kind = event["type"].as_str()?;
        let sender = event["sender"].as_str()?;
        let happening = self.happening(place, id, kind, sender, event);
        // Once the key to it comes, the same event is understood, and must not pass for a repeat.
        let key = if kind == "m.room.encrypted" {
            EventKey::new(format!("{id}/undecryptable"))
        } else {
            EventKey::new(id)
        };
        let at = event["origin_server_ts"]
            .as_i64()
            .and_then(|millis| Timestamp::from_millisecond(millis).ok())
            .unwrap_or(now);
        Some(Event { key, place: place.clone(), at, ordinal: None, happening })
    }

    fn happening(
        &self,
        place: &Place,
        id: &str,
        kind: &str,
        sender: &str,
        event: &Value,
    ) -> Happening {
        let own = sender == self.own;
        let redacted = !event["unsigned"]["redacted_because"].is_null();
        match kind {
            "m.room.message" | "m.sticker" if own => self.echo(id, event),
            "m.room.message" | "m.sticker" | "m.reaction" if redacted => other("redacted"),
            "m.room.message" => self.message(place, id, sender, &event["content"]),
            "m.sticker" => said(id, sender, message::sticker(&event["content"])),
            "m.reaction" if !own => reacted(sender, &event["content"]),
            "m.room.redaction" if !own => deleted(event),
            "m.reaction" | "m.room.redaction" => other("own"),
            "m.room.encrypted" => other("m.room.encrypted"),
            "m.room.member" => self.member(event),
            "m.room.tombstone" => room(RoomChange::Archived),
            "m.room.name" => match event["content"]["name"].as_str().and_then(text::name) {
                Some(name) => room(RoomChange::Renamed(name)),
                None => other("m.room.name"),
            },
            kind => other(KNOWN.iter().find(|known| **known == kind).unwrap_or(&"unknown")),
        }
    }

    /// One of our own posts. The transaction id is the delivery's id, but only the device that
    /// sent it sees it; the content's key everybody does, and only our own is believed.
    fn echo(&self, id: &str, event: &Value) -> Happening {
        let delivery = event["content"][DELIVERY_KEY]
            .as_str()
            .or_else(|| event["unsigned"]["transaction_id"].as_str());
        Happening::Echo { id: MessageId::new(id), delivery: delivery.map(DeliveryId::new) }
    }

    fn message(&self, place: &Place, id: &str, sender: &str, content: &Value) -> Happening {
        if let Some((edited, new)) = message::edit(content) {
            return match message::content(new) {
                Some(content) => Happening::Edited {
                    id: MessageId::new(edited),
                    speaker: Speaker::new(Network::Matrix, sender),
                    content,
                },
                None => other("edit"),
            };
        }
        if content["msgtype"] == "m.notice" {
            // What bots say is for the room: relaying it lets two bots talk to each other.
            return other("m.notice");
        }
        let Some(said_content) = message::content(content) else {
            return other("msgtype");
        };
        if content["msgtype"] == "m.text"
            && let Some(line) = text::command(&said_content.text.plain, &self.prefix)
        {
            return Happening::Command(CommandLine {
                given: None,
                line: text::with_ids(line, content["formatted_body"].as_str().unwrap_or_default()),
                by: PersonId::new(Network::Matrix, sender),
                name: None,
                answer: AnswerTo { place: place.clone(), handle: id.to_owned() },
            });
        }
        said(id, sender, Some(said_content))
    }

    /// Who comes and goes is of no consequence, except that it is the bot.
    fn member(&self, event: &Value) -> Happening {
        if event["state_key"].as_str() != Some(&self.own) {
            return other("m.room.member");
        }
        let before = event["unsigned"]["prev_content"]["membership"].as_str();
        match event["content"]["membership"].as_str() {
            // A new name or picture of a member is a join after a join.
            Some("join") if before != Some("join") => room(RoomChange::Joined),
            Some("leave" | "ban") if before != Some("leave") => room(RoomChange::Left),
            _ => other("m.room.member"),
        }
    }
}

/// Where the name of whoever spoke goes, in an event that somebody is the speaker of.
pub(crate) fn speaker_name(event: &mut Event) -> Option<&mut Option<String>> {
    match &mut event.happening {
        Happening::Message { speaker, .. }
        | Happening::Edited { speaker, .. }
        | Happening::Reacted { speaker, .. } => Some(&mut speaker.name),
        Happening::Command(command) => Some(&mut command.name),
        _ => None,
    }
}

fn said(id: &str, sender: &str, content: Option<partyline_core::Content>) -> Happening {
    match content {
        Some(content) => Happening::Message {
            id: MessageId::new(id),
            speaker: Speaker::new(Network::Matrix, sender),
            content,
        },
        None => other("empty"),
    }
}

fn reacted(sender: &str, content: &Value) -> Happening {
    let relation = &content["m.relates_to"];
    match (relation["event_id"].as_str(), relation["key"].as_str()) {
        (Some(id), Some(emoji)) => Happening::Reacted {
            id: MessageId::new(id),
            speaker: Speaker::new(Network::Matrix, sender),
            emoji: emoji.to_owned(),
            on: true,
        },
        _ => other("m.reaction"),
    }
}

/// What was redacted stands in the content since room version 11, beside it before.
fn deleted(event: &Value) -> Happening {
    match event["content"]["redacts"].as_str().or_else(|| event["redacts"].as_str()) {
        Some(id) => Happening::Deleted { id: MessageId::new(id) },
        None => other("m.room.redaction"),
    }
}

fn room(change: RoomChange) -> Happening {
    Happening::Room { change }
}

fn other(name: &str) -> Happening {
    Happening::Other { name: name.to_owned() }
}

#[cfg(test)]
#[path = "inbound_tests.rs"]
mod tests;
