//! Compares what a Slack room's history holds with what came of it.
//!
//! Slack's events have no count in which a hole would show, and one that Slack never sent leaves no
//! trace: the socket lives, and the next event comes. So a room is read again soon after something
//! was said in it, and now and then where nothing was (`polls` says when), from where a list last
//! showed that nothing is missing: its floor. What is in the list and did not come is given the
//! time in which it may still come by itself; then the room is put on hold and read back as after a
//! lost socket, so that what was missed goes before what comes live meanwhile.

use std::collections::BTreeSet;

use partyline_core::{Cursor, Network, Place};

use super::{CatchUp, Trouble};
use crate::intake::newest;

/// How far before the newest message of a list the floor stays, in microseconds, as Slack counts:
/// a list may be a little behind itself.
const OVERLAP: u64 = 30_000_000;

/// Whether a network's rooms are compared.
pub(super) fn is_compared(place: &Place) -> bool {
    place.network() == Network::Slack
}

impl CatchUp {
    /// Reads a room from its floor, and has it read back if something did not come. Says whether
    /// that was so.
    pub(super) async fn compare(&self, place: &Place) -> Result<bool, Trouble> {
        let Some(floor) = self.ledger.read_from(place).await? else { return Ok(false) };
        let Some(powers) = self.networks.get(place.network()) else { return Ok(false) };
        let glance = powers.read_back.glance(place, &floor).await;
        let pieces = glance.map_err(Trouble::Platform)?;
        let mut missed = self.door.missing(&pieces).await?;
        if !missed.is_empty() {
            // It was said just now, or Slack is late with it: most often it comes by itself.
            self.pause(self.gap_wait).await;
            missed = self.door.missing(&pieces).await?;
        }
        if missed.is_empty() {
            self.confirm(place, &newest(&pieces)).await?;
            return Ok(false);
        }
        metrics::counter!("partyline_events_unannounced_total",
            "network" => place.network().as_str())
        .increment(missed.len() as u64);
        tracing::warn!(%place, messages = missed.len(),
            "messages are there of which no event came; they are read back");
        self.read_again(missed, &floor).await?;
        Ok(true)
    }

    /// A list has shown everything up to here, and all of it is stored.
    pub(super) async fn confirm(&self, place: &Place, read_to: &Cursor) -> Result<(), Trouble> {
        let through = read_to.ordinal.and_then(|newest| newest.checked_sub(OVERLAP));
        match through {
            Some(through) if is_compared(place) => Ok(self.ledger.confirm(place, through).await?),
            _ => Ok(()),
        }
    }

    /// Holds the places of these messages, and has them read back from their floors.
    async fn read_again(&self, missed: Vec<Place>, floor: &Cursor) -> Result<(), Trouble> {
        // A thread may be tied by itself.
        let places: BTreeSet<Place> = missed.into_iter().collect();
        let begin = floor.ordinal.unwrap_or_default();
        self.ledger.hold(places.iter().cloned().collect(), begin).await?;
        places.into_iter().for_each(|place| self.wakers.reads.wake(place));
        Ok(())
    }
}
