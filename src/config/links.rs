//! `[[links]]`: which rooms a conversation is tied to, for links that are made here; most are
//! made by command.

use std::collections::HashMap;

use partyline_core::{Link, Network, Place};

use super::forms;
use super::section::{Noted, Section};

/// Reads one `[[links]]` table into a link for each of its rooms.
pub(super) fn read(section: &mut Section<'_>) -> Result<Vec<Link>, Noted> {
    let conversation = section.required(
        "conversation",
        "Write the conversation's SID: CH and 32 hexadecimal digits",
        |text| forms::sid("CH")(text).map(|sid| Place::conversation(&sid)),
    );
    let remedy =
        "Write rooms as slack:C0123ABC (channel details, at the bottom) or matrix:!abc:example.org";
    let rooms = section.list("rooms", remedy, |text| match text.parse::<Place>() {
        Ok(place) if !place.is_room() => Err("this is a conversation, not a room".to_owned()),
        Ok(place) => Ok(place),
        Err(error) => Err(error.to_string()),
    })?;
    if rooms.is_empty() {
        return Err(section.fault("rooms", "there is no room in the list", remedy));
    }
    let conversation = conversation?;
    Ok(rooms.into_iter().map(|room| Link { conversation: conversation.clone(), room }).collect())
}

/// The links read so far, to find what only shows when they are seen together.
#[derive(Default)]
pub(super) struct Seen {
    /// In which `[[links]]` table a room was first.
    rooms: HashMap<Place, usize>,
    conversations: HashMap<Place, usize>,
}

impl Seen {
    /// Checks the links of the table at `index` against the networks that are on and against the
    /// tables before it.
    pub(super) fn check(
        &mut self,
        index: usize,
        links: &[Link],
        is_on: impl Fn(Network) -> bool,
        section: &mut Section<'_>,
    ) {
        let Some(first) = links.first() else { return };
        if let Some(before) = self.conversations.insert(first.conversation.clone(), index) {
            section.fault(
                "conversation",
                format!("it is in links[{before}] already"),
                "Put all its rooms into one list",
            );
        }
        for Link { room, .. } in links {
            if let Some(before) = self.rooms.insert(room.clone(), index) {
                let wrong = if before == index {
                    format!("{room} is in the list twice")
                } else {
                    format!("{room} is in links[{before}] already")
                };
                section.fault("rooms", wrong, "Tie a room to one conversation, once");
            }
            if !is_on(room.network()) {
                let network = room.network();
                section.fault(
                    "rooms",
                    format!("{room} is on {network}, which is off"),
                    format!("Fill in the section [{network}], or take the room out"),
                );
            }
        }
    }
}
