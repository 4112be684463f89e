//! The name and picture that a post goes out under.

use std::time::Duration;

use partyline_core::{Action, Backoff, Failure, NAME_LIMIT, Outgoing, Verdict};

use super::Lanes;
use crate::ledger::Delivery;

/// How often a person's name is asked for before their id stands for it.
const TRIES: u32 = 3;

impl Lanes {
    /// Puts the name and picture that the speaker has now on a post.
    pub(super) async fn name(&self, delivery: &Delivery, outgoing: &mut Outgoing) {
        let Action::Post { name, picture, .. } = &mut outgoing.action else { return };
        let Some(speaker) = &delivery.owed.speaker else { return };
        let powers = self.networks.get(speaker.id.network);
        let Some(profiles) = powers.and_then(|powers| powers.profiles.as_ref()) else {
            let named = self.names.resolve(speaker, &delivery.owed.from).await;
            *name = cut(&named.name);
            *picture = named.picture;
            return;
        };
        let mut backoff = Backoff::default();
        for _ in 0..TRIES {
            match profiles.profile(&speaker.id, &delivery.owed.from).await {
                Ok(profile) => {
                    let known = profile.name.or_else(|| speaker.name.clone());
                    *name = cut(&known.unwrap_or_else(|| speaker.id.id.clone()));
                    *picture = profile.picture;
                    return;
                }
                Err(failure) if failure.verdict == Verdict::Never => break,
                Err(failure) => self.pause(backoff.at_least(wait_of(&failure))).await,
            }
        }
        // A message under an id is better than no message.
        *name = cut(speaker.name.as_deref().unwrap_or(&speaker.id.id));
    }
}

fn cut(name: &str) -> String {
    name.chars().take(NAME_LIMIT).collect()
}

fn wait_of(failure: &Failure) -> Option<Duration> {
    match failure.verdict {
        Verdict::Later(wait) => wait,
        Verdict::Never | Verdict::Unknown => None,
    }
}
