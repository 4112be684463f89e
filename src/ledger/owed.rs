//! What one destination is owed, as the ledger stores it.

use jiff::Timestamp;
use partyline_core::{Action, AnswerTo, Place, Speaker, Text};
use serde::{Deserialize, Serialize};

use super::Lane;

/// What one destination is owed: the store's form of an
/// [`Outgoing`](partyline_core::Outgoing).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// Where it goes.
    pub to: Place,
    /// Where it comes from.
    pub from: Place,
    /// Who is speaking; the name is found when it is sent, so that it is the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<Speaker>,
    /// When the event happened.
    pub at: Timestamp,
    /// What to do.
    pub action: Action,
}

impl Owed {
    /// The bridge's own answer to a command.
    #[must_use]
    pub fn answer(to: &AnswerTo, at: Timestamp, text: impl Into<String>) -> Self {
        Self {
            to: to.place.clone(),
            from: to.place.clone(),
            speaker: None,
            at,
            action: Action::Answer {
                to: to.clone(),
                text: Text::plain(text),
                replaces: None,
                buttons: Vec::new(),
            },
        }
    }

    /// The queue that it stands in.
    #[must_use]
    pub fn lane(&self) -> Lane {
        match self.action {
            Action::Answer { .. } => Lane { place: self.to.clone(), answers: true },
            Action::Post { .. }
            | Action::Notice { .. }
            | Action::Card { .. }
            | Action::Remark { .. }
            | Action::Template { .. } => Lane::of(self.to.clone()),
        }
    }
}
