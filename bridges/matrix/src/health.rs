//! How the network is doing, as last seen.

use std::sync::{Mutex, PoisonError};

use partyline_core::{Failure, Proof, Reason, WatchState};

/// What is known of both directions.
#[derive(Debug)]
pub(crate) struct Health(Mutex<WatchState>);

impl Health {
    pub(crate) fn new() -> Self {
        let unproved = Proof::Unproved("the Matrix bot has not reached its homeserver yet".into());
        Self(Mutex::new(WatchState { inbound: unproved.clone(), outbound: unproved }))
    }

    pub(crate) fn state(&self) -> WatchState {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A request was taken under the bot's token.
    pub(crate) fn answered(&self) {
        self.change(|state| state.outbound = Proof::Proved);
    }

    /// A sync came through: both directions work.
    pub(crate) fn synced(&self) {
        self.change(|state| {
            state.inbound = Proof::Proved;
            state.outbound = Proof::Proved;
        });
    }

    /// No sync or login comes through: nothing works.
    pub(crate) fn failed(&self, failure: &Failure) {
        self.change(|state| {
            state.inbound = Proof::Failed(failure.sentence.clone());
            state.outbound = Proof::Failed(failure.sentence.clone());
        });
    }

    /// A send failed. Only what concerns every room is noted here.
    pub(crate) fn send_failed(&self, failure: &Failure) {
        if failure.reason == Reason::Credentials {
            self.change(|state| state.outbound = Proof::Failed(failure.sentence.clone()));
        }
    }

    /// Changes the state, and says so in the log where it is another one: once, not at each retry.
    fn change(&self, change: impl FnOnce(&mut WatchState)) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.clone();
        change(&mut state);
        if *state == before {
            return;
        }
        match (&state.inbound, &state.outbound) {
            (Proof::Failed(why), _) | (_, Proof::Failed(why)) => {
                tracing::warn!(why, "the Matrix network does not work");
            }
            (Proof::Proved, Proof::Proved) => tracing::info!("the Matrix network works"),
            _ => {}
        }
    }
}
