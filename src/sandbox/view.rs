//! What each phone and the channel show now: read from the simulators and the ledger, ready to be
//! put on the page. Nothing here is markup yet.

mod channel;
mod form;
mod phone;
mod ticks;

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use partyline_twilio::simulator::{Binding, Message};

use super::cast::member_at;
use super::keeper::State;
use super::stage::Stage;
use super::trail::Trail;
use super::world::Room;
pub(super) use channel::Line;
pub(super) use form::{Control, Form, Part};
pub(super) use phone::{PhoneView, typed};
pub(super) use ticks::{Mark, Ticks};

/// How much of a chat is shown: the newest.
const SHOWN: usize = 150;

/// Everything on the page that changes.
pub(super) struct Board {
    /// The phones, in the order of the cast.
    pub(super) phones: Vec<PhoneView>,
    /// The channel, oldest first.
    pub(super) posts: Vec<Line>,
    /// The inbox, likewise.
    pub(super) inbox: Vec<Line>,
    /// The forms that people have before them.
    pub(super) forms: Vec<Form>,
    /// How the daemon is.
    pub(super) bridge: State,
}

/// What the views are made from.
struct Sources<'a> {
    stage: &'a Stage,
    trail: &'a Trail,
    /// The group's messages, oldest first.
    messages: &'a [Message],
    /// The messages of other conversations, with the sender of whoever wrote them.
    elsewhere: &'a [(Message, Option<String>)],
    /// The group's by SID.
    by_sid: HashMap<&'a str, &'a Message>,
    /// Participants of the group, `MB…`, by number in the cast.
    members: HashMap<String, usize>,
    bridge: State,
}

impl Sources<'_> {
    /// The group, as the ledger names it.
    fn conversation(&self) -> String {
        format!("twilio:{}", self.stage.world.group)
    }

    /// The channel, as the ledger names it.
    fn room(&self) -> String {
        format!("slack:{}", self.stage.world.channel)
    }

    /// The Matrix room, as the ledger names it.
    fn matrix(&self) -> Option<String> {
        self.stage.matrix.as_ref().map(|matrix| format!("matrix:{}", matrix.room))
    }
}

/// Looks at everything.
pub(super) fn board(stage: &Stage, trail: &Trail) -> Board {
    let world = &stage.world;
    let messages = world.twilio.messages(&world.group);
    let participants = world.twilio.participants(&world.group);
    let elsewhere = elsewhere(stage);
    let sources = Sources {
        stage,
        trail,
        by_sid: messages.iter().map(|message| (message.sid.as_str(), message)).collect(),
        members: participants
            .iter()
            .filter_map(|one| {
                let (number, _) = member_at(&one.binding.as_ref()?.address)?;
                Some((one.sid.to_string(), number))
            })
            .collect(),
        messages: &messages,
        elsewhere: &elsewhere,
        bridge: stage.keeper.watch().borrow().clone(),
    };
    Board {
        phones: (0..world.phones.len()).map(|number| phone::view(&sources, number)).collect(),
        posts: channel::view(&sources, Room::Channel),
        inbox: channel::view(&sources, Room::Inbox),
        forms: form::view(&sources),
        bridge: sources.bridge,
    }
}

/// What was said in other conversations than the group.
fn elsewhere(stage: &Stage) -> Vec<(Message, Option<String>)> {
    let (twilio, group) = (&stage.world.twilio, &stage.world.group);
    let others = twilio.conversations().into_iter().filter(|one| one.sid.as_str() != group);
    let mut all = Vec::new();
    for conversation in others {
        let bindings: Vec<Binding> = twilio
            .participants(&conversation.sid)
            .into_iter()
            .filter_map(|participant| participant.binding)
            .collect();
        for message in twilio.messages(&conversation.sid) {
            let own = bindings.iter().find(|binding| binding.address == message.author);
            all.push((message, own.map(|binding| binding.proxy_address.clone())));
        }
    }
    all
}

/// The newest of a list.
fn newest<T>(mut list: Vec<T>) -> Vec<T> {
    list.drain(..list.len().saturating_sub(SHOWN));
    list
}

/// Hours and minutes on this machine's wall.
fn clock(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%H:%M").to_string()
}
