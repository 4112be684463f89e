//! What Slack sends, understood. Pure: bytes in, meaning out.
//!
//! The same functions read what a webhook brings and what a socket brings, so that an event has
//! the same key on either way, and a message the same key as in its channel's history.

mod message;
mod room;

use std::collections::BTreeMap;

use jiff::Timestamp;
use partyline_core::{
    AnswerTo, CommandLine, Event, EventKey, Happening, Network, PersonId, Place, Profile,
};
use serde::Deserialize;
use serde_json::Value;

use crate::answers::Handle;
use crate::forms::ask::{self, Ask, Came, Kept, Opening};
use crate::gestures::Gestures;
use crate::text::{self, NameOf};
use crate::{profiles, ts, wire};

/// Who the bridge is in its workspace, as `auth.test` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The bot, `B…`: the author of posts under a name. Absent where the token is no bot's.
    pub bot_id: Option<String>,
    /// The bot's user, `U…`: who joins channels.
    pub user_id: String,
    /// The workspace, `T…`.
    pub team_id: String,
    /// The workspace's name.
    pub team: String,
}

/// What a piece of input came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Something that happened in a place.
    Event(Box<Event>),
    /// Somebody wants something of a form, and waits for it.
    Ask(Box<Ask>),
    /// Understood, but it happened in no place (a user's profile changed, say): there is nothing
    /// to keep.
    Nowhere,
    /// Not understood: the bytes must be kept.
    Unclear,
}

/// What an input says to the bridge itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The bot's token was revoked.
    TokenRevoked,
    /// The app was taken out of the workspace.
    Uninstalled,
    /// Slack held events back, because there were too many.
    RateLimited,
    /// A user changed how they are shown.
    UserChanged(String, Profile),
}

/// An input, read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) meaning: Meaning,
    pub(crate) signal: Option<Signal>,
    /// Slack's name of it, for metrics.
    pub(crate) name: String,
}

impl Reading {
    /// Nothing was understood.
    pub(crate) fn unclear() -> Self {
        Self { meaning: Meaning::Unclear, signal: None, name: "unknown".into() }
    }
}

/// What the Events API brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Called {
    /// Slack asks whether this address is ours; the answer is the challenge.
    Challenge(String),
    /// Something happened.
    Read(Reading),
}

/// Tells the form that a command line asks for.
pub(crate) type Wanted<'a> = dyn Fn(&str) -> Option<String> + Sync + 'a;

/// Reads what Slack sends, with what must be known for that.
pub(crate) struct Reader<'a> {
    pub(crate) identity: Option<&'a Identity>,
    pub(crate) command: &'a str,
    pub(crate) name_of: &'a NameOf<'a>,
    /// The form that a command line asks for.
    pub(crate) wanted: &'a Wanted<'a>,
    pub(crate) gestures: &'a Gestures,
    /// For what carries no time of its own.
    pub(crate) now: Timestamp,
}

impl Reader<'_> {
    /// Reads a payload of the Events API.
    ///
    /// # Errors
    /// It is no JSON object.
    pub(crate) fn events(&self, json: &[u8]) -> Result<Called, serde_json::Error> {
        let callback: wire::Callback = serde_json::from_slice(json)?;
        Ok(match callback.kind.as_deref() {
            Some("url_verification") if callback.challenge.is_some() => {
                Called::Challenge(callback.challenge.unwrap_or_default())
            }
            Some("app_rate_limited") => Called::Read(Reading {
                meaning: Meaning::Nowhere,
                signal: Some(Signal::RateLimited),
                name: "app_rate_limited".into(),
            }),
            _ => Called::Read(self.event(&callback)),
        })
    }

    fn event(&self, callback: &wire::Callback) -> Reading {
        let fields = wire::Fields::deserialize(&callback.event).unwrap_or_default();
        let name = safe_name(fields.kind.as_deref());
        let channel = fields
            .channel
            .as_ref()
            .map(wire::ChannelRef::id)
            .or(fields.channel_id.as_deref())
            .or_else(|| fields.item.as_ref()?.channel.as_deref())
            .and_then(ts::channel);
        let signal = self.signal(&name, &fields);
        let meaning = match &channel {
            _ if name == "app_home_opened" => home(&fields),
            Some(channel) => self.in_channel(callback, &fields, &name, channel),
            // A message without a channel that can be one is a message lost: keep it.
            None if name == "message" || callback.event.get("type").is_none() => Meaning::Unclear,
            None => Meaning::Nowhere,
        };
        Reading { meaning, signal, name }
    }

    fn in_channel(
        &self,
        callback: &wire::Callback,
        fields: &wire::Fields,
        name: &str,
        channel: &Place,
    ) -> Meaning {
        if name == "message"
            && let Some(event) = self.message(&callback.event, fields, channel, callback)
        {
            return Meaning::Event(Box::new(event));
        }
        let Some(key) = event_key(callback, fields, channel, name) else { return Meaning::Unclear };
        if name == "message" {
            // No time stamp, or none that is one: not to be told apart from others of its kind.
            return Meaning::Unclear;
        }
        let happening =
            self.room(name, fields).unwrap_or_else(|| Happening::Other { name: name.to_owned() });
        Meaning::Event(Box::new(Event {
            key,
            place: channel.clone(),
            at: self.time(callback, fields),
            ordinal: None,
            happening,
        }))
    }

    fn signal(&self, name: &str, fields: &wire::Fields) -> Option<Signal> {
        match name {
            "tokens_revoked" if fields.tokens.as_ref().is_none_or(|t| !t.bot.is_empty()) => {
                Some(Signal::TokenRevoked)
            }
            "app_uninstalled" => Some(Signal::Uninstalled),
            "user_change" => match fields.user.as_ref()? {
                wire::UserRef::User(user) => {
                    Some(Signal::UserChanged(user.id.clone()?, profiles::profile(user)))
                }
                wire::UserRef::Id(_) => None,
            },
            _ => None,
        }
    }

    /// Reads a slash command.
    pub(crate) fn command(&self, command: &wire::SlashCommand) -> Reading {
        let reading = |meaning| Reading { meaning, signal: None, name: "slash_command".into() };
        let (Some(channel), Some(user), Some(key)) = (
            command.channel_id.as_deref().and_then(ts::channel),
            command.user_id.as_deref(),
            command.trigger_id.as_deref(),
        ) else {
            return reading(Meaning::Unclear);
        };
        let handle = Handle {
            url: command.response_url.clone(),
            user: Some(user.to_owned()),
            ..Handle::default()
        };
        let line = text::command_line(command.text.as_deref().unwrap_or_default());
        let wanted = (self.wanted)(&line);
        let happening = match (command.command.as_deref(), &command.response_url) {
            (Some(name), Some(_)) if name == self.command => Happening::Command(CommandLine {
                given: None,
                line,
                by: PersonId::new(Network::Slack, user),
                name: command.user_name.clone().filter(|name| !name.is_empty()),
                answer: AnswerTo { place: channel.clone(), handle: handle.written() },
            }),
            (Some(name), None) if name == self.command => return reading(Meaning::Unclear),
            _ => Happening::Other { name: "slash_command.other".into() },
        };
        let event = Event {
            key: EventKey::new(format!("command:{key}")),
            place: channel,
            at: self.now,
            ordinal: None,
            happening,
        };
        reading(match wanted {
            Some(form) => form_instead(form, key, &handle, event),
            None => Meaning::Event(Box::new(event)),
        })
    }

    /// Reads what somebody did with a button, a menu, a view or a shortcut. What is none of ours
    /// is kept where it names a channel.
    ///
    /// # Errors
    /// It is no JSON object.
    pub(crate) fn interaction(&self, json: &[u8]) -> Result<Reading, serde_json::Error> {
        let interaction: wire::Interaction = serde_json::from_slice(json)?;
        let name = format!("interactive.{}", safe_name(interaction.kind.as_deref()));
        let channel = interaction.channel.as_ref().map(wire::ChannelRef::id).and_then(ts::channel);
        let trigger = interaction.trigger_id.clone();
        let meaning = match (ask::read(interaction, self.now), channel, trigger) {
            (Some(Came::Ask(ask)), ..) => Meaning::Ask(Box::new(ask)),
            (Some(Came::Command(event)), ..) => Meaning::Event(event),
            // A form that was closed is nobody's business.
            (None, ..) if name == "interactive.view_closed" => Meaning::Nowhere,
            (None, Some(place), Some(trigger)) => Meaning::Event(Box::new(Event {
                key: EventKey::new(format!("interaction:{trigger}")),
                place,
                at: self.now,
                ordinal: None,
                happening: Happening::Other { name: name.clone() },
            })),
            _ => Meaning::Unclear,
        };
        Ok(Reading { meaning, signal: None, name })
    }

    fn time(&self, callback: &wire::Callback, fields: &wire::Fields) -> Timestamp {
        fields
            .event_ts
            .as_deref()
            .or(fields.ts.as_deref())
            .and_then(ts::time)
            .or_else(|| Timestamp::from_second(callback.event_time?).ok())
            .unwrap_or(self.now)
    }

    fn is_own_user(&self, user: Option<&str>) -> bool {
        self.identity.is_some_and(|own| Some(own.user_id.as_str()) == user)
    }
}

/// Somebody looks at the Home tab. (`app_home_opened` comes for the messages tab as well.)
fn home(fields: &wire::Fields) -> Meaning {
    match (&fields.user, &fields.channel, fields.tab.as_deref()) {
        (Some(wire::UserRef::Id(user)), Some(channel), Some("home")) => {
            let (user, channel) = (user.clone(), channel.id().to_owned());
            Meaning::Ask(Box::new(Ask::Home { user, channel, page: 1 }))
        }
        _ => Meaning::Nowhere,
    }
}

/// The form that a command without arguments asks for; the command itself where there is none.
fn form_instead(form: String, trigger: &str, handle: &Handle, event: Event) -> Meaning {
    let Happening::Command(line) = &event.happening else {
        return Meaning::Event(Box::new(event));
    };
    let (room, handle) = (event.place.id().to_owned(), handle.written());
    let kept = Kept { form, room, handle, ..Kept::default() };
    match kept.request(line.by.clone(), line.name.clone(), BTreeMap::new()) {
        Some(request) => Meaning::Ask(Box::new(Ask::Open(Box::new(Opening {
            trigger: trigger.to_owned(),
            kept,
            request,
            instead: Some(event),
        })))),
        None => Meaning::Event(Box::new(event)),
    }
}

/// The key of anything but a message: Slack's `event_id`, the same on every try.
fn event_key(
    callback: &wire::Callback,
    fields: &wire::Fields,
    channel: &Place,
    name: &str,
) -> Option<EventKey> {
    match (&callback.event_id, &fields.event_ts) {
        (Some(id), _) if !id.is_empty() => Some(EventKey::new(id.as_str())),
        (_, Some(at)) => Some(EventKey::new(format!("{}:{name}:{at}", channel.id()))),
        _ => None,
    }
}

/// The fields of a form, read as if they had been JSON.
pub(crate) fn form(body: &[u8]) -> Value {
    form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Slack's name of something, cut down to what Slack's names are made of, so that nothing that a
/// person wrote gets into a metric.
fn safe_name(name: Option<&str>) -> String {
    match name {
        Some(name)
            if !name.is_empty()
                && name.len() <= 60
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') =>
        {
            name.to_owned()
        }
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests;
