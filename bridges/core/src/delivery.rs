//! What the bridge owes a place.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{AnswerTo, Button, Content, DeliveryId, Late, MessageId, Network, Place, Text};

/// One event owed to one place: what a bridge is asked to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Names it, everywhere.
    pub id: DeliveryId,
    /// Where it goes.
    pub to: Place,
    /// When the event happened at its origin.
    pub at: Timestamp,
    /// When the delivery was written down: nothing of it can be at the destination before.
    pub since: Timestamp,
    /// When it was said, where people must be told because it is late.
    pub late: Option<Late>,
    /// Messages that are there already and are other deliveries', newest first: where a message can
    /// carry no id of ours (on one phone), it is looked up by its words among the others.
    pub known: Vec<MessageId>,
    /// What to do there.
    pub action: Action,
}

impl Outgoing {
    /// The time to show: that of a late post, on the first of its parts.
    #[must_use]
    pub fn shown_time(&self) -> Option<&Late> {
        let Action::Post { part, .. } = &self.action else { return None };
        self.late.as_ref().filter(|_| part.is_none_or(|part| part.number == 1))
    }

    /// What stands in front of the words of a post where only text can say it: the time, where it
    /// is late, and which part it is.
    #[must_use]
    pub fn lead(&self) -> String {
        let part = match &self.action {
            Action::Post { part: Some(part), .. } => format!("{part} "),
            _ => String::new(),
        };
        self.shown_time().map(Late::mark).unwrap_or_default() + &part
    }

    /// The earliest time at which it can be at its destination. Both times are asked: the clock
    /// that wrote it down may have been ahead, and then the origin's tells the truth.
    ///
    /// What the bridge says by itself (notices, cards) has no time but that of our clock, so that it is
    /// looked for further back; but not where it is known by its words alone, which may have been said
    /// before.
    #[must_use]
    pub fn earliest(&self) -> Timestamp {
        let earliest = self.since.min(self.at);
        if matches!(self.action, Action::Post { .. }) || self.to.is_phone() {
            return earliest;
        }
        earliest.saturating_sub(CLOCK_WRONG).unwrap_or(earliest)
    }
}

/// How far our clock may be ahead without a look-up missing what was sent.
pub const CLOCK_WRONG: SignedDuration = SignedDuration::from_hours(48);

/// The longest name that a message is posted under, in characters; longer ones are cut.
pub const NAME_LIMIT: usize = 64;

/// What a delivery does at its destination. This is what the ledger keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Action {
    /// Say something under somebody's name.
    Post {
        /// The network it came from.
        origin: Network,
        /// The name to say it under, as it is now: lanes fill it in just before the send.
        name: String,
        /// A picture to say it under, likewise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        picture: Option<url::Url>,
        /// What to say.
        content: Content,
        /// Which part it is, where the content did not fit into one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<Part>,
    },
    /// The bridge itself says something to everybody in the place.
    Notice {
        /// What it says.
        text: Text,
    },
    /// The bridge itself says something under which something can be done, for as long as it stands
    /// there.
    Card {
        /// What it says; it says too how the same is typed.
        text: Text,
        /// What can be done by pressing it, where the platform has buttons.
        buttons: Vec<Button>,
    },
    /// The bridge itself says something about one message: in its thread, where the platform has
    /// threads, otherwise in reply to it.
    Remark {
        /// The message.
        about: MessageId,
        /// The message that began the thread, where it stands in one already.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thread: Option<MessageId>,
        /// What it says; it says too how what the buttons do is typed.
        text: Text,
        /// What can be done by pressing it, where the platform has buttons.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        buttons: Vec<Button>,
    },
    /// An approved template is sent, with its variables filled in: to members on phones only.
    Template {
        /// `HX…`.
        sid: String,
        /// What the variables are.
        variables: BTreeMap<String, String>,
    },
    /// The bridge answers a command, to whoever gave it only, where the platform can.
    Answer {
        /// Where the answer goes.
        to: AnswerTo,
        /// The answer.
        text: Text,
        /// What was shown of it before, which it stands in place of (see
        /// [`Revise`](crate::Revise)).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<MessageId>,
        /// What can be done by pressing it, where the platform has buttons; the text says how the
        /// same is typed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        buttons: Vec<Button>,
    },
}

/// Which part of a longer message: `(2/3)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which one this is, from 1 to [`Part::of`].
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({}/{})", self.number, self.of)
    }
}

/// What the platform said of a send that worked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The message's id there; an answer to a command has none.
    pub id: Option<MessageId>,
    /// Its number in the order of its place (see [`Event::ordinal`](crate::Event::ordinal)).
    pub ordinal: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_the_time_of_our_clock_alone_is_looked_for_further_back() {
        let since: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        let earliest = |to: &str, action| {
            let to = to.parse().expect("a place");
            let id = DeliveryId::new("a1b2-7");
            Outgoing { id, to, at: since, since, late: None, known: Vec::new(), action }.earliest()
        };
        let notice = Action::Notice { text: "linked".into() };
        let content = Content::plain("hello");
        let (name, picture, part) = (String::new(), None, None);
        let post = Action::Post { origin: Network::Twilio, name, picture, content, part };
        assert_eq!(earliest("slack:C1", post), since);
        assert_eq!(earliest("slack:C1", notice.clone()), since - CLOCK_WRONG);
        let phone = "twilio:whatsapp:+14155550000/whatsapp:+14155550101";
        assert_eq!(earliest(phone, notice), since);
    }
}
