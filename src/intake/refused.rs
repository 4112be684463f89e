//! Places of which something could not be stored.
//!
//! What was refused is not acknowledged, but not every platform says it again: Twilio does not, and
//! Slack says it when newer messages have come already. So these places are read back as soon as
//! the ledger takes writes again, and until then nothing that comes from a room overtakes what it
//! missed.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use partyline_core::Place;
use tokio::sync::Notify;

use super::{Wakers, now_in_slack};
use crate::ledger::Ledger;

/// How often it is tried whether the ledger takes writes again.
const TRY: Duration = Duration::from_secs(1);

/// The places, in memory: a start reads all of them back anyway.
#[derive(Debug, Default)]
pub(super) struct Refused {
    places: Mutex<HashSet<Place>>,
    some: Notify,
}

impl Refused {
    /// Something of these linked places was refused.
    pub(super) fn note(&self, places: impl IntoIterator<Item = Place>) {
        self.places().extend(places);
        self.some.notify_one();
    }

    /// Whether something of this place was refused and is not read back yet.
    pub(super) fn has(&self, place: &Place) -> bool {
        self.places().contains(place)
    }

    /// Has the places read back, whenever there are any, once the ledger takes writes.
    pub(super) async fn read_back(&self, ledger: &Ledger, wakers: &Wakers) {
        loop {
            self.some.notified().await;
            loop {
                tokio::time::sleep(TRY).await;
                let places: Vec<Place> = self.places().iter().cloned().collect();
                let rooms = places.iter().filter(|place| !place.is_conversation());
                // The hold is a write: if it works, so do others. From then on the ledger keeps
                // back what comes from the rooms.
                if let Err(error) =
                    ledger.hold(rooms.cloned().collect(), now_in_slack(ledger)).await
                {
                    tracing::warn!(%error, places = places.len(),
                        "what was refused cannot be read back yet");
                    continue;
                }
                for place in places {
                    self.places().remove(&place);
                    wakers.reads.wake(place);
                }
                break;
            }
        }
    }

    fn places(&self) -> std::sync::MutexGuard<'_, HashSet<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
