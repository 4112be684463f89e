//! What stands on a phone.

use std::borrow::Cow;

use jiff::Timestamp;
use partyline_twilio::simulator::{InboxItem, Message};
use serde_json::Value;

use super::{Mark, Sources, Ticks, clock, newest, ticks};
use crate::sandbox::cast::{CHANNEL, MEMBERS};
use crate::sandbox::keeper::State;
use crate::sandbox::markup::{self, Piece};

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
    for message in sources.messages.iter().filter(|one| one.author == phone.address()) {
        bubbles.push(((message.created, message.index), written(sources, number, message)));
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
        id: format!("{}-{}", MEMBERS[number].short, item.message_sid),
        mine: false,
        text: markup::pieces(&item.body),
        time: clock(item.at),
        ticks: None,
        note: None,
    }
}

fn written(sources: &Sources<'_>, number: usize, message: &Message) -> Bubble {
    let ticks = ticks::of(sources, std::iter::once(message));
    let worst = ticks.values().map(|ticks| ticks.mark).min().unwrap_or(Mark::Sent);
    let failed = ticks.iter().find_map(|(member, Ticks { why, .. })| {
        Some(format!("{}: {}", MEMBERS[*member].short, why.as_ref()?))
    });
    Bubble {
        id: format!("{}-{}", MEMBERS[number].short, message.sid),
        mine: true,
        text: markup::pieces(&typed(message)),
        time: clock(message.created),
        ticks: Some((worst, ticks::in_words(&ticks))),
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

/// Said while the bridge is off: the other phones have it, the channel has not.
fn missing(sources: &Sources<'_>, message: &Message) -> Option<String> {
    let known = sources.trail.event(&sources.conversation(), &message.sid).is_some();
    let off = !known && sources.bridge != State::Running;
    off.then(|| format!("not in #{CHANNEL} yet: the bridge is off"))
}
