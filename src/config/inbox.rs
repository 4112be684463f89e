//! `[inbox]`: where people are answered who write without being in a group.

use partyline_core::{Network, Place};

use super::section::{Noted, Section};

/// `[inbox]`.
#[derive(Clone, Debug)]
pub struct Inbox {
    /// The room in which each of them has a thread; without it, what they write is only kept.
    pub room: Option<Place>,
}

impl Inbox {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let room = section.optional(
            "room",
            "Write a Slack channel: slack:C0123ABC (channel details, at the bottom)",
            |text| match text.parse::<Place>() {
                Ok(place) if place.network() != Network::Slack => {
                    Err("threads of an inbox stand in a Slack channel".to_owned())
                }
                Ok(place) if place.id().contains('/') => {
                    Err("this is a thread: there are none in it".to_owned())
                }
                Ok(place) => Ok(place),
                Err(error) => Err(error.to_string()),
            },
        )?;
        Ok(Self { room })
    }

    /// Notes a room that is on a network which is off.
    pub(super) fn check(&self, slack_is_on: bool, section: &mut Section<'_>) {
        if self.room.is_some() && !slack_is_on {
            section.fault(
                "room",
                "it is on slack, which is off",
                "Fill in the section [slack], or take the room out",
            );
        }
    }
}
