//! `[inbox]`: where people are answered who write without being in a group.

use partyline_core::{Network, PersonId, Place};

use super::section::{Noted, Section};

/// `[inbox]`.
#[derive(Clone, Debug)]
pub struct Inbox {
    /// The room in which each of them has a thread; without it, what they write is only kept.
    pub room: Option<Place>,
    /// Who is mentioned when they write again.
    pub mention: Mention,
}

/// Who is mentioned when somebody writes again whom nobody was assigned to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mention {
    /// Whoever wrote to them first.
    First,
    /// Nobody: whoever sees it first answers.
    Nobody,
    /// Always the same person.
    Person(PersonId),
}

impl Mention {
    /// Who a conversation is for from now on in which this person writes, where that is nobody yet.
    #[must_use]
    pub fn once_answered_by(&self, person: &PersonId) -> Option<PersonId> {
        match self {
            Self::First => Some(person.clone()),
            Self::Nobody => None,
            Self::Person(person) => Some(person.clone()),
        }
    }

    /// Who a conversation is for that nobody has answered yet.
    #[must_use]
    pub fn at_first(&self) -> Option<PersonId> {
        match self {
            Self::First | Self::Nobody => None,
            Self::Person(person) => Some(person.clone()),
        }
    }
}

impl Inbox {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let room = section.optional(
            "room",
            "Write a Slack channel (slack:C0123ABC: channel details, at the bottom) or a Matrix room (matrix:!abc:example.org: room settings, Advanced)",
            |text| match text.parse::<Place>() {
                Ok(place) if !place.is_room() => {
                    Err("threads of an inbox stand in a Slack channel or a Matrix room".to_owned())
                }
                Ok(place) if place.id().contains('/') => {
                    Err("this is a thread: there are none in it".to_owned())
                }
                Ok(place) => Ok(place),
                Err(error) => Err(error.to_string()),
            },
        );
        let mention = section.optional(
            "mention",
            "Write \"first\", \"nobody\", or a person: slack:U0123ABC (Slack profile, Copy member ID)",
            |text| match text {
                "first" => Ok(Mention::First),
                "nobody" => Ok(Mention::Nobody),
                person => match person.parse::<PersonId>() {
                    Ok(PersonId { network: Network::Twilio | Network::Operator, .. }) => {
                        Err("only people in Slack and Matrix can be mentioned".to_owned())
                    }
                    Ok(person) => Ok(Mention::Person(person)),
                    Err(error) => Err(error.to_string()),
                },
            },
        );
        Ok(Self { room: room?, mention: mention?.unwrap_or(Mention::First) })
    }

    /// Notes a room that is on a network which is off.
    pub(super) fn check(&self, is_on: impl Fn(Network) -> bool, section: &mut Section<'_>) {
        if let Some(network) = self.room.as_ref().map(Place::network).filter(|one| !is_on(*one)) {
            section.fault(
                "room",
                format!("it is on {network}, which is off"),
                format!("Fill in the section [{network}], or take the room out"),
            );
        }
    }

    /// The room, where it is on this network.
    #[must_use]
    pub fn room_on(&self, network: Network) -> Option<&Place> {
        self.room.as_ref().filter(|room| room.network() == network)
    }

    /// Whether a place is one of the inbox's threads.
    #[must_use]
    pub fn has(&self, place: &Place) -> bool {
        let Some(room) = &self.room else { return false };
        let within = place.id().strip_prefix(room.id());
        place.network() == room.network() && within.is_some_and(|rest| rest.starts_with('/'))
    }
}
