//! What other parts of the daemon noticed and the keeper cannot see for itself.

use std::sync::{Mutex, PoisonError};

use partyline_core::Place;

/// Signs of trouble, left by whoever met it.
#[derive(Debug, Default)]
pub struct Signs(Mutex<Unread>);

/// Places that could not be read back, since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unread {
    /// How often.
    pub(super) count: u64,
    /// The last of them.
    pub(super) last: Option<Place>,
}

impl Signs {
    /// A place could not be read back: something in it may be missing.
    pub fn unread(&self, place: &Place) {
        let mut unread = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        unread.count += 1;
        unread.last = Some(place.clone());
    }

    pub(super) fn seen(&self) -> Unread {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
