//! The name of the queue that a delivery stands in.

use partyline_core::Place;

/// The queue of one destination. Answers to commands have one of their own beside it, so that
/// nobody waits for an answer behind a backlog.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lane {
    /// Where what is queued goes to: a conversation, one phone behind a sender, or a room.
    pub place: Place,
    /// Whether it is the one for answers.
    pub answers: bool,
}

const ANSWERS: &str = "#answers";

impl Lane {
    /// The lane of what is said in this place.
    #[must_use]
    pub const fn of(place: Place) -> Self {
        Self { place, answers: false }
    }

    /// The lane of answers in this place.
    #[must_use]
    pub const fn answers(place: Place) -> Self {
        Self { place, answers: true }
    }

    /// The lane that its display form names.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (place, answers) = match text.strip_suffix(ANSWERS) {
            Some(place) => (place, true),
            None => (text, false),
        };
        Some(Self { place: place.parse().ok()?, answers })
    }
}

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.place, if self.answers { ANSWERS } else { "" })
    }
}
