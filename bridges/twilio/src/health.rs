//! What was seen of the network, both ways.

use std::sync::{Mutex, MutexGuard, PoisonError};

use partyline_core::{Failure, Proof, Reason, WatchState};

use crate::config::Ingest;

/// What was seen last, for [`partyline_core::Watch::state`].
#[derive(Debug)]
pub(crate) struct Health {
    ingest: Ingest,
    state: Mutex<WatchState>,
}

impl Health {
    pub(crate) fn new(ingest: Ingest) -> Self {
        let inbound = match ingest {
            Ingest::Webhook => {
                "No webhook has come from Twilio yet. If members have written, check that Twilio's webhooks point to http.public_url and that it can be reached."
            }
            Ingest::Poll => "No conversation has been read yet.",
        };
        let outbound = "Twilio has not been asked anything yet.";
        let state = WatchState {
            inbound: Proof::Unproved(inbound.to_owned()),
            outbound: Proof::Unproved(outbound.to_owned()),
        };
        Self { ingest, state: Mutex::new(state) }
    }

    pub(crate) fn state(&self) -> WatchState {
        self.lock().clone()
    }

    /// A webhook with a right signature came.
    pub(crate) fn webhook(&self) {
        if self.ingest == Ingest::Webhook {
            self.lock().inbound = Proof::Proved;
        }
    }

    /// A conversation could be read.
    pub(crate) fn list(&self) {
        if self.ingest == Ingest::Poll {
            self.lock().inbound = Proof::Proved;
        }
    }

    /// A call was answered, or failed. Only its credentials speak against the network: that
    /// Twilio is slow or out of order for a while is the lanes' affair.
    pub(crate) fn outbound(&self, failure: Option<&Failure>) {
        let mut state = self.lock();
        match failure {
            None => state.outbound = Proof::Proved,
            Some(failure) if failure.reason == Reason::Credentials => {
                state.outbound = Proof::Failed(failure.sentence.clone());
            }
            Some(failure) => {
                if let Proof::Unproved(why) = &mut state.outbound {
                    why.clone_from(&failure.sentence);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, WatchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revoked_key_shows_until_a_call_works_again() {
        let health = Health::new(Ingest::Webhook);
        assert!(matches!(health.state().outbound, Proof::Unproved(_)));
        health.outbound(None);
        assert_eq!(health.state().outbound, Proof::Proved);
        health.outbound(Some(&Failure::later(Reason::Unavailable, None, "slow")));
        assert_eq!(health.state().outbound, Proof::Proved);
        health.outbound(Some(&Failure::later(Reason::Credentials, None, "revoked")));
        health.outbound(Some(&Failure::later(Reason::Unavailable, None, "slow")));
        assert_eq!(health.state().outbound, Proof::Failed("revoked".into()));
        health.outbound(None);
        assert_eq!(health.state().outbound, Proof::Proved);
    }

    #[test]
    fn each_way_in_has_its_own_proof() {
        let (hooked, polled) = (Health::new(Ingest::Webhook), Health::new(Ingest::Poll));
        for health in [&hooked, &polled] {
            health.list();
        }
        assert!(matches!(hooked.state().inbound, Proof::Unproved(_)));
        assert_eq!(polled.state().inbound, Proof::Proved);
        hooked.webhook();
        assert_eq!(hooked.state().inbound, Proof::Proved);
    }
}
