//! What was seen of the network, both ways.

use std::sync::{Mutex, MutexGuard, PoisonError};

use partyline_core::{Failure, Proof, Reason, WatchState};

use crate::config::Ingest;

/// What was seen last, for [`partyline_core::Watch::state`].
#[derive(Debug)]
pub(crate) struct Health {
    ingest: Ingest,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    state: WatchState,
    /// Webhooks in a row that seemed to be Twilio's and were signed wrong.
    refused: u32,
}

/// So many webhooks in a row that are signed wrong take the proof back: a new auth token at
/// Twilio makes the bridge deaf, and somebody must be told. Fewer may be anybody's attempts.
const REFUSED_TOO_OFTEN: u32 = 5;

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
        Self { ingest, seen: Mutex::new(Seen { state, refused: 0 }) }
    }

    pub(crate) fn state(&self) -> WatchState {
        self.lock().state.clone()
    }

    /// A webhook with a right signature came.
    pub(crate) fn webhook(&self) {
        if self.ingest == Ingest::Webhook {
            let mut seen = self.lock();
            seen.refused = 0;
            seen.state.inbound = Proof::Proved;
        }
    }

    /// A webhook came that names our account and is signed wrong.
    pub(crate) fn refused(&self) {
        let mut seen = self.lock();
        seen.refused = seen.refused.saturating_add(1);
        let is_proved = seen.state.inbound == Proof::Proved;
        if self.ingest == Ingest::Webhook && (!is_proved || seen.refused >= REFUSED_TOO_OFTEN) {
            seen.state.inbound = Proof::Unproved(
                "Webhooks come for this account whose signature is wrong. Check that twilio.auth_token is the account's present one, and that http.public_url is exactly the address that Twilio calls.".to_owned(),
            );
        }
    }

    /// A conversation could be read.
    pub(crate) fn list(&self) {
        if self.ingest == Ingest::Poll {
            self.lock().state.inbound = Proof::Proved;
        }
    }

    /// A call was answered, or failed. Only its credentials speak against the network: that
    /// Twilio is slow or out of order for a while is the lanes' affair.
    pub(crate) fn outbound(&self, failure: Option<&Failure>) {
        let state = &mut self.lock().state;
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

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn a_new_auth_token_shows_after_a_few_webhooks() {
        let health = Health::new(Ingest::Webhook);
        let why = |health: &Health| match health.state().inbound {
            Proof::Unproved(why) => why,
            other => panic!("{other:?}"),
        };
        health.refused();
        assert!(why(&health).contains("auth_token"));
        health.webhook();
        for _ in 1..REFUSED_TOO_OFTEN {
            health.refused();
            assert_eq!(health.state().inbound, Proof::Proved);
        }
        health.refused();
        assert!(why(&health).contains("auth_token"));
        health.webhook();
        assert_eq!(health.state().inbound, Proof::Proved);
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
