//! What is wrong now, for whoever asks: `/ready`, `status`.

use std::sync::{PoisonError, RwLock};

use jiff::Timestamp;
use serde::Serialize;

/// An alert that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Open {
    /// Its name, as `partyline_alerts{alert}` has it.
    pub alert: &'static str,
    /// When the episode began: something had been wrong for the grace by then.
    pub since: Timestamp,
    /// What is wrong, and what to do.
    pub what: String,
}

/// The alerts that are not over. At most one of each kind.
#[derive(Debug, Default)]
pub struct Board(RwLock<Vec<Open>>);

impl Board {
    /// The open alerts, in the order of [`super::Alert::ALL`].
    #[must_use]
    pub fn open(&self) -> Vec<Open> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows these, in place of what was shown.
    pub(super) fn show(&self, open: Vec<Open>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = open;
    }
}
