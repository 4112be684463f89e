//! What stands on a phone.

use std::borrow::Cow;

use jiff::Timestamp;
use partyline_twilio::simulator::{InboxItem, Message};
use serde_json::Value;

use super::{Mark, Sources, Ticks, clock, newest, ticks};
use crate::sandbox::cast::{SENDER, owner, spaced};
use crate::sandbox::keeper::State;
use crate::sandbox::markup::{self, Piece};
use crate::sandbox::stage::Alone;

/// A phone.
pub(in crate::sandbox) struct PhoneView {
    /// Its number in the cast.
    pub(in crate::sandbox) number: usize,
    /// Whether it is on.
    pub(in crate::sandbox) on: bool,
    /// Whether its 24-hour window was closed.
    pub(in crate::sandbox) closed: bool,
    /// The chat, oldest first.
    pub(in crate::sandbox) bubbles: Vec<Bubble>,
}

/// A message on a phone.
pub(in crate::sandbox) struct Bubble {
    /// Its id on the page.
    pub(in crate::sandbox) id: String,
    /// Whether the phone's owner wrote it.
    pub(in crate::sandbox) mine: bool,
    /// The words.
    pub(in crate::sandbox) text: Vec<Piece>,
    /// When, in hours and minutes.
    pub(in crate::sandbox) time: String,
    /// How far the owner's own message came: the worst mark, and all of them in words.
    pub(in crate::sandbox) ticks: Option<(Mark, String)>,
    /// With which number, where it is not the group's.
    pub(in crate::sandbox) chat: Option<String>,
    /// What is not as it should be.
    pub(in crate::sandbox) note: Option<String>,
}

pub(super) fn view(sources: &Sources<'_>, number: usize) -> PhoneView {
    let phone = &sources.stage.world.phones[number];
    let mut bubbles: Vec<((Timestamp, u64), Bubble)> = Vec::new();
    for item in phone.inbox() {
        let index = sources.by_sid.get(item.message_sid.as_str()).map_or(0, |one| one.index);
        bubbles.push(((item.at, index), received(number, &item)));
    }
    let own = |message: &&Message| message.author == phone.address();
    for message in sources.messages.iter().filter(own) {
        let bubble = written(sources, number, message, None);
        bubbles.push(((message.created, message.index), bubble));
    }
    for (message, sender) in sources.elsewhere.iter().filter(|(message, _)| own(&message)) {
        let bubble = written(sources, number, message, sender.as_deref());
        bubbles.push(((message.created, message.index), bubble));
    }
    for one in sources.stage.alone(number) {
        bubbles.push(((one.at, 0), alone(&one)));
    }
    bubbles.sort_by_key(|(order, _)| *order);
    PhoneView {
        number,
        on: phone.is_on(),
        closed: sources.stage.is_closed(number),
        bubbles: newest(bubbles.into_iter().map(|(_, bubble)| bubble).collect()),
    }
}

fn received(number: usize, item: &InboxItem) -> Bubble {
    Bubble {
        id: format!("{}-{}", owner(number).short, item.message_sid),
        mine: false,
        text: markup::pieces(&item.body),
        time: clock(item.at),
        ticks: None,
        chat: chat(&item.from),
        note: None,
    }
}

/// The number that a chat is with, where it is not the group's.
fn chat(sender: &str) -> Option<String> {
    let number = sender.strip_prefix("whatsapp:").unwrap_or(sender);
    (sender != SENDER).then(|| format!("with {}", spaced(number)))
}

/// What was written to a number that had no conversation with this phone.
fn alone(one: &Alone) -> Bubble {
    Bubble {
        id: format!("{}-{}", owner(one.phone).short, one.at.as_microsecond()),
        mine: true,
        text: markup::pieces(&one.text),
        time: clock(one.at),
        ticks: Some((Mark::Sent, String::new())),
        chat: chat(&one.to),
        note: None,
    }
}

fn written(
    sources: &Sources<'_>,
    number: usize,
    message: &Message,
    sender: Option<&str>,
) -> Bubble {
    let ticks = ticks::of(sources, std::iter::once(message));
    let worst = ticks.values().map(|ticks| ticks.mark).min().unwrap_or(Mark::Sent);
    let failed = ticks.iter().find_map(|(member, Ticks { why, .. })| {
        Some(format!("{}: {}", owner(*member).short, why.as_ref()?))
    });
    Bubble {
        id: format!("{}-{}", owner(number).short, message.sid),
        mine: true,
        text: markup::pieces(&typed(message)),
        time: clock(message.created),
        ticks: Some((worst, ticks::in_words(&ticks))),
        chat: sender.and_then(chat),
        note: failed.or_else(|| missing(sources, message)),
    }
}

/// What the owner typed: the bridge puts the name in front for the others, and keeps the bare
/// body in the attributes.
pub(in crate::sandbox) fn typed(message: &Message) -> Cow<'_, str> {
    let attributes: Option<Value> = serde_json::from_str(&message.attributes).ok();
    let bare = attributes.as_ref().and_then(|all| all["partyline"]["body"].as_str());
    match bare {
        Some(bare) => Cow::Owned(bare.to_owned()),
        None => Cow::Borrowed(message.body.as_deref().unwrap_or_default()),
    }
}

/// Said while the bridge is off: the other phones have it, Slack has not.
fn missing(sources: &Sources<'_>, message: &Message) -> Option<String> {
    let conversation = format!("twilio:{}", message.conversation_sid);
    let known = sources.trail.event(&conversation, &message.sid).is_some();
    let off = !known && sources.bridge != State::Running;
    off.then(|| "not in Slack yet: the bridge is off".to_owned())
}
