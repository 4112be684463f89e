//! What was seen of the network, both ways.

use std::sync::{Mutex, MutexGuard, PoisonError};

use partyline_core::{Failure, Proof, Reason, WatchState};

use crate::canary::Canary;
use crate::config::Ingest;

/// What was seen last, for [`partyline_core::Watch::state`].
#[derive(Debug)]
pub(crate) struct Health {
    ingest: Ingest,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    outbound: Proof,
    /// A conversation, or a log of messages, could be read, where lists are the way in.
    read: bool,
    /// Twilio called, rightly signed.
    called: bool,
    /// Webhooks in a row that seemed to be Twilio's and were signed wrong.
    refused: u32,
    canary: Canary,
    /// The last canary that arrived.
    arrived: String,
}

/// So many webhooks in a row that are signed wrong take the proof back: a new auth token at
/// Twilio makes the bridge deaf, and somebody must be told. Fewer may be anybody's attempts.
const REFUSED_TOO_OFTEN: u32 = 5;

const NOTHING_CAME: &str = "No webhook has come from Twilio yet. If members have written, check that Twilio's webhooks point to http.public_url and that it can be reached.";
const NOTHING_READ: &str = "No conversation has been read yet.";
const SIGNED_WRONG: &str = "Webhooks come for this account whose signature is wrong. Check that twilio.auth_token is the account's present one, and that http.public_url is exactly the address that Twilio calls.";

impl Health {
    pub(crate) fn new(ingest: Ingest) -> Self {
        let outbound = Proof::Unproved("Twilio has not been asked anything yet.".to_owned());
        let seen = Seen {
            outbound,
            read: false,
            called: false,
            refused: 0,
            canary: Canary::default(),
            arrived: String::new(),
        };
        Self { ingest, seen: Mutex::new(seen) }
    }

    pub(crate) fn state(&self) -> WatchState {
        let seen = self.lock();
        let inbound = match self.ingest {
            Ingest::Webhook => seen.by_webhook(),
            Ingest::Poll if seen.read => Proof::Proved,
            Ingest::Poll => Proof::Unproved(NOTHING_READ.to_owned()),
        };
        WatchState { inbound, outbound: seen.outbound.clone() }
    }

    /// A webhook with a right signature came from Twilio. So Twilio reaches what we may not: that
    /// our own calls fail is evidence no more.
    pub(crate) fn webhook(&self) {
        let mut seen = self.lock();
        seen.refused = 0;
        seen.called = true;
        if let Canary::Lost { telling, .. } = &mut seen.canary {
            *telling = false;
        }
    }

    /// A webhook came that names our account and is signed wrong.
    pub(crate) fn refused(&self) {
        let mut seen = self.lock();
        seen.refused = seen.refused.saturating_add(1);
    }

    /// A canary came in.
    pub(crate) fn arrived(&self, nonce: &str) {
        nonce.clone_into(&mut self.lock().arrived);
    }

    pub(crate) fn has_arrived(&self, nonce: &str) -> bool {
        self.lock().arrived == nonce
    }

    /// A canary arrived, or did not: whether that alone is evidence, and why.
    pub(crate) fn canary(&self, lost: Option<(bool, String)>) {
        let mut seen = self.lock();
        let worked = match &seen.canary {
            Canary::Unsent => false,
            Canary::Arrived => true,
            Canary::Lost { telling, .. } => *telling,
        };
        seen.canary = match lost {
            None => Canary::Arrived,
            Some((telling, why)) => Canary::Lost { why, telling: telling || worked },
        };
    }

    /// A conversation, or a log of messages, could be read.
    pub(crate) fn list(&self) {
        self.lock().read = true;
    }

    /// A call was answered, or failed. Only its credentials speak against the network: that
    /// Twilio is slow or out of order for a while is the lanes' affair.
    pub(crate) fn outbound(&self, failure: Option<&Failure>) {
        let outbound = &mut self.lock().outbound;
        match failure {
            None => *outbound = Proof::Proved,
            Some(failure) if failure.reason == Reason::Credentials => {
                *outbound = Proof::Failed(failure.sentence.clone());
            }
            Some(failure) => {
                if let Proof::Unproved(why) = outbound {
                    why.clone_from(&failure.sentence);
                }
            }
        }
    }

    /// Twilio was asked whether it works, a few times over, and it does not. That it was asked too
    /// fast says nothing against it.
    pub(crate) fn probe_failed(&self, failure: &Failure) {
        if failure.reason != Reason::RateLimited {
            self.lock().outbound = Proof::Failed(failure.sentence.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// The way in where Twilio calls. It is never `Failed`: whoever sends Twilio's calls only to a
    /// daemon that is ready would shut it out for good.
    fn by_webhook(&self) -> Proof {
        let unproved = |why: &str| Proof::Unproved(why.to_owned());
        let proved = self.called || self.canary == Canary::Arrived;
        if self.refused >= REFUSED_TOO_OFTEN || (self.refused > 0 && !proved) {
            return unproved(SIGNED_WRONG);
        }
        match &self.canary {
            Canary::Lost { why, telling } if *telling || !self.called => unproved(why),
            _ if proved => Proof::Proved,
            _ => unproved(NOTHING_CAME),
        }
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
        // A canary is signed with our own token: that it arrives does not make Twilio's right.
        health.canary(None);
        assert!(why(&health).contains("auth_token"));
        health.webhook();
        assert_eq!(health.state().inbound, Proof::Proved);
    }

    #[test]
    fn canaries_prove_the_way_in_and_their_loss_shows() {
        let health = Health::new(Ingest::Webhook);
        let lost = |telling| Some((telling, "lost".to_owned()));
        let inbound = || health.state().inbound;
        // Not to be reached from here, and nobody called: nothing is proved.
        health.canary(lost(false));
        assert_eq!(inbound(), Proof::Unproved("lost".into()));
        // Twilio calls, so it is only we who cannot.
        health.webhook();
        assert_eq!(inbound(), Proof::Proved);
        health.canary(lost(false));
        assert_eq!(inbound(), Proof::Proved);
        // Once one arrived, the loss of the next is evidence, until Twilio calls.
        health.canary(None);
        assert_eq!(inbound(), Proof::Proved);
        health.canary(lost(false));
        health.canary(lost(false));
        assert_eq!(inbound(), Proof::Unproved("lost".into()));
        health.webhook();
        assert_eq!(inbound(), Proof::Proved);
        // That somebody else answers is evidence by itself.
        health.canary(lost(true));
        assert_eq!(inbound(), Proof::Unproved("lost".into()));
        health.canary(None);
        assert_eq!(inbound(), Proof::Proved);
    }

    #[test]
    fn a_probe_in_vain_takes_the_proof_back() {
        let health = Health::new(Ingest::Webhook);
        health.outbound(None);
        health.probe_failed(&Failure::later(Reason::RateLimited, None, "too fast"));
        assert_eq!(health.state().outbound, Proof::Proved);
        health.probe_failed(&Failure::later(Reason::Unavailable, None, "out of reach"));
        assert_eq!(health.state().outbound, Proof::Failed("out of reach".into()));
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
