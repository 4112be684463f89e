//! Names rooms after their groups, when a group was renamed or described elsewhere: in Twilio's
//! console, by another client. What is still to be done stands in the ledger, so that neither an
//! outage nor a kill loses it. (A command that renames a group names its rooms itself, and says how
//! that went.)

use std::sync::Arc;

use partyline_core::{Failure, Place, Verdict};
use tokio_util::sync::CancellationToken;

use crate::intake::Wakers;
use crate::keyed::work_off;
use crate::ledger::{Ledger, LedgerError, Unnamed};
use crate::links::Links;
use crate::networks::Networks;

/// Names rooms after their groups.
pub struct Naming {
    ledger: Ledger,
    links: Arc<Links>,
    networks: Networks,
    stop: CancellationToken,
}

impl Naming {
    /// Goes on with what is still to be named, and with what comes.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn start(
        ledger: Ledger,
        links: Arc<Links>,
        networks: Networks,
        wakers: &Wakers,
        stop: CancellationToken,
    ) -> Result<(), LedgerError> {
        let waiting = ledger.all_unnamed().await?;
        let naming = Arc::new(Self { ledger, links, networks, stop });
        wakers.names.runs(move |place| {
            let naming = Arc::clone(&naming);
            async move {
                let what = format!("the rooms of {place} are not named after it yet");
                work_off(&naming.stop, &what, || naming.step(&place)).await;
            }
        });
        for place in waiting {
            wakers.names.wake(place);
        }
        Ok(())
    }

    /// Names the rooms of a group, if they are still to be named; whether there may be more to do.
    async fn step(&self, place: &Place) -> Result<bool, String> {
        match self.ledger.unnamed(place).await.map_err(|error| error.to_string())? {
            None => Ok(false),
            Some(unnamed) => self.name(unnamed).await.map(|()| true),
        }
    }

    /// Names every room of a group. What a platform refuses for good is left as it is.
    async fn name(&self, unnamed: Unnamed) -> Result<(), String> {
        let Unnamed { group, name, description } = &unnamed;
        for room in self.links.others(&group.info.place) {
            let powers = self.networks.get(room.network());
            let Some(rooms) = powers.and_then(|powers| powers.rooms.clone()) else { continue };
            if *name {
                settled(&room, rooms.rename(&room, group.name()).await)?;
            }
            if *description {
                let topic = group.info.description.as_deref().unwrap_or_default();
                settled(&room, rooms.set_topic(&room, topic).await)?;
            }
        }
        self.ledger.named(unnamed).await.map_err(|error| error.to_string())
    }
}

/// Whether it need not be tried again; otherwise why it failed.
fn settled(room: &Place, done: Result<(), Failure>) -> Result<(), String> {
    match done {
        Ok(()) => Ok(()),
        Err(failure) if failure.verdict == Verdict::Never => {
            tracing::warn!(%room, "it is not named after its group: {failure}");
            Ok(())
        }
        Err(failure) => Err(failure.to_string()),
    }
}
