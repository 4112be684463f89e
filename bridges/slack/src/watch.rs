//! What is known of the connection to Slack, both ways.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use partyline_core::{Failure, Proof, Reason, WatchState};

use crate::config::Transport;
use crate::inbound::Identity;

/// The scopes without which the bridge cannot work. `config/slack-manifest.yaml` has them all.
const NEEDED_SCOPES: [&str; 5] =
    ["chat:write", "chat:write.customize", "channels:history", "users:read", "commands"];

/// The state of the network, noted by whoever sees a sign of it.
#[derive(Debug)]
pub(crate) struct Board(Mutex<Notes>);

#[derive(Debug)]
struct Notes {
    state: WatchState,
    identity: Option<Arc<Identity>>,
    /// Scopes are missing: a call that works without them proves nothing.
    lacking: Option<Proof>,
    /// The way in as it was before Slack said that the app was removed.
    before_removal: Option<Proof>,
    /// How many sockets of the app are not ours.
    others: u32,
}

impl Board {
    pub(crate) fn new(transport: Transport) -> Self {
        let inbound = match transport {
            Transport::Socket => "the socket to Slack is not open yet",
            Transport::Http => {
                "no signed request has come from Slack yet: write something in a linked channel, \
                 and check the request URLs in the app's settings if nothing comes"
            }
        };
        let state = WatchState {
            inbound: Proof::Unproved(inbound.into()),
            outbound: Proof::Unproved("Slack has not been asked yet".into()),
        };
        Self(Mutex::new(Notes {
            state,
            identity: None,
            lacking: None,
            before_removal: None,
            others: 0,
        }))
    }

    pub(crate) fn state(&self) -> WatchState {
        self.notes().state.clone()
    }

    /// Who the bridge is, once Slack has said it.
    pub(crate) fn identity(&self) -> Option<Arc<Identity>> {
        self.notes().identity.clone()
    }

    /// So many sockets of the app are other programs'.
    pub(crate) fn shared_with(&self, others: u32) {
        self.notes().others = others;
    }

    /// Who else gets what is meant for the bridge, in a sentence.
    pub(crate) fn company(&self) -> Option<String> {
        let sockets = match self.notes().others {
            0 => return None,
            1 => "a socket that is".to_owned(),
            many => format!("{many} sockets that are"),
        };
        Some(format!(
            "Slack gives part of this app's events to {sockets} not ours: another program runs with the \
             same tokens, such as a second partyline. What is said comes late meanwhile, and commands and \
             buttons are lost at times. Stop it, or give it a Slack app of its own."
        ))
    }

    pub(crate) fn inbound(&self, proof: Proof) {
        let mut notes = self.notes();
        notes.state.inbound = proof;
        notes.before_removal = None;
    }

    /// Slack said that the app was removed from the workspace: nothing works until Slack says again
    /// who the bridge is.
    pub(crate) fn removed(&self, proof: &Proof) {
        let mut notes = self.notes();
        notes.state.outbound = proof.clone();
        let before = std::mem::replace(&mut notes.state.inbound, proof.clone());
        notes.before_removal.get_or_insert(before);
    }

    pub(crate) fn outbound(&self, proof: Proof) {
        self.notes().state.outbound = proof;
    }

    /// Slack said who the bridge is, and which scopes its token has.
    ///
    /// # Errors
    /// A needed scope is missing.
    pub(crate) fn introduced(
        &self,
        identity: Identity,
        scopes: Option<&str>,
    ) -> Result<(), Failure> {
        let missing = missing_scopes(scopes);
        let mut notes = self.notes();
        notes.identity = Some(identity.into());
        if let Some(before) = notes.before_removal.take() {
            notes.state.inbound = before;
        }
        if missing.is_empty() {
            notes.lacking = None;
            notes.state.outbound = Proof::Proved;
            return Ok(());
        }
        let failure = Failure::later(
            Reason::Credentials,
            None,
            format!(
                "Slack's bot token lacks the scopes {}: add them under OAuth & Permissions and \
                 reinstall the app.",
                missing.join(", ")
            ),
        )
        .with_code("missing_scope");
        notes.state.outbound = Proof::Failed(failure.sentence.clone());
        notes.lacking = Some(notes.state.outbound.clone());
        Err(failure)
    }

    /// A call ended so: what it says of the way out.
    pub(crate) fn called<T>(&self, result: &Result<T, Failure>) {
        match result {
            Ok(_) => {
                let mut notes = self.notes();
                notes.state.outbound = notes.lacking.clone().unwrap_or(Proof::Proved);
            }
            Err(failure) if failure.reason == Reason::Credentials => {
                self.outbound(Proof::Failed(failure.sentence.clone()));
            }
            Err(_) => {}
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The needed scopes that the token does not have; none where Slack did not say what it has.
fn missing_scopes(scopes: Option<&str>) -> Vec<&'static str> {
    let Some(scopes) = scopes else { return Vec::new() };
    let has = |needed: &str| scopes.split(',').any(|scope| scope.trim() == needed);
    NEEDED_SCOPES.into_iter().filter(|needed| !has(needed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            bot_id: Some("B1".into()),
            user_id: "U1".into(),
            team_id: "T1".into(),
            team: "Team".into(),
        }
    }

    #[test]
    fn the_manifest_has_every_needed_scope() {
        let manifest = include_str!("../../../config/slack-manifest.yaml");
        for scope in NEEDED_SCOPES {
            assert!(manifest.contains(&format!("- {scope}\n")), "{scope}");
        }
    }

    #[test]
    fn a_missing_scope_is_named() {
        let board = Board::new(Transport::Socket);
        let scopes = "chat:write,channels:history, users:read,commands";
        let failure = board.introduced(identity(), Some(scopes)).expect_err("missing");
        assert!(failure.sentence.contains("lacks the scopes chat:write.customize:"));
        assert!(matches!(board.state().outbound, Proof::Failed(_)));
        assert!(board.identity().is_some());
        board.called(&Ok(()));
        assert!(matches!(board.state().outbound, Proof::Failed(_)));
        board.introduced(identity(), None).expect("nothing was said");
        assert_eq!(board.state().outbound, Proof::Proved);
    }

    #[test]
    fn an_app_that_is_installed_again_is_as_it_was() {
        let board = Board::new(Transport::Socket);
        board.inbound(Proof::Proved);
        let removed = Proof::Failed("removed".into());
        board.removed(&removed);
        board.removed(&removed);
        assert_eq!((board.state().inbound, board.state().outbound), (removed.clone(), removed));
        board.introduced(identity(), None).expect("it works");
        assert_eq!((board.state().inbound, board.state().outbound), (Proof::Proved, Proof::Proved));
    }

    #[test]
    fn a_revoked_token_shows_until_a_call_works() {
        let board = Board::new(Transport::Socket);
        let refused = Failure::later(Reason::Credentials, None, "revoked");
        board.called::<()>(&Err(refused));
        assert_eq!(board.state().outbound, Proof::Failed("revoked".into()));
        board.called::<()>(&Err(Failure::never(Reason::Content, "too long")));
        assert_eq!(board.state().outbound, Proof::Failed("revoked".into()));
        board.called(&Ok(()));
        assert_eq!(board.state().outbound, Proof::Proved);
    }
}
