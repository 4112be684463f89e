//! One reading of a place: from how far it has been read to what is there now.

use jiff::SignedDuration;
use partyline_core::{Cursor, Failure, Incoming, Place};

use super::CatchUp;
use super::trouble::Trouble;
use crate::crash::{Point, point};
use crate::intake::newest;
use crate::ledger::{Hold, Through};

/// So many pieces from one read-back may not be all that there is.
const MANY: usize = 1000;
/// How many messages before the newest of a conversation that was never read are looked through
/// first for those that were said since it was tied.
const LOOK_BACK: u64 = 100;

impl CatchUp {
    /// Reads a place, hands what it finds to intake, and lets it go in its order.
    pub(super) async fn read(&self, place: &Place) -> Result<(), Trouble> {
        point(Point::ReadBegin);
        // Taken before anything is read: a hold that comes later means that something may have
        // been missed again, and what is held by then is not let go here.
        let hold = self.ledger.hold_on(place).await?;
        let Some(from) = self.ledger.read_from(place).await? else {
            return self.first(place, hold).await;
        };
        let mut read_to = from.clone();
        let mut found = 0;
        loop {
            let pieces = self.ask(place, Some(&read_to)).await?;
            let newest = newest(&pieces);
            // A bridge gives a bounded number at once: there may be more.
            let more = pieces.len() >= MANY && newest != Cursor::default();
            found += pieces.len();
            count(place, pieces.len());
            self.door.accept_read_back(pieces).await.map_err(|error| Trouble::Ledger(error.0))?;
            read_to.ordinal = newest.ordinal.or(read_to.ordinal);
            read_to.last = newest.last.or(read_to.last);
            if !more {
                break;
            }
        }
        for turns in self.wakers.turns() {
            turns.was_read(place, found > 0);
        }
        self.confirm(place, &read_to).await?;
        let through = match (read_to.ordinal, read_to.last) {
            // What came live above the newest one that was read waits for its own turn.
            (Some(newest), _) if place.is_conversation() && read_to_is_new(&from, newest) => {
                Through::Ordinal(newest)
            }
            _ if place.is_conversation() => {
                self.nothing_new(place).await?;
                if self.ledger.cursor(place).await?.as_ref() == Some(&from) {
                    return Ok(());
                }
                // Nothing was missing in its hole.
                Through::Hold(hold)
            }
            (None, Some(last)) if found > 0 => Through::Message(last),
            _ => Through::Hold(hold),
        };
        point(Point::ReadRelease);
        Ok(self.door.release(place, through, None).await?)
    }

    async fn ask(&self, place: &Place, after: Option<&Cursor>) -> Result<Vec<Incoming>, Trouble> {
        let Some(powers) = self.networks.get(place.network()) else { return Ok(Vec::new()) };
        let pieces = powers.read_back.read_back(place, after).await.map_err(Trouble::Platform)?;
        point(Point::ReadRead);
        Ok(pieces)
    }

    /// The first time: what was said before the link is not relayed.
    async fn first(&self, place: &Place, hold: Hold) -> Result<(), Trouble> {
        let pieces = self.ask(place, None).await?;
        count(place, pieces.len());
        if let Some(before) = self.just_said(place, &pieces).await? {
            self.ledger.begin(place, before).await?;
            self.wakers.reads.wake(place.clone());
            return Ok(());
        }
        self.ledger.begin(place, newest(&pieces)).await?;
        point(Point::ReadRelease);
        Ok(self.door.release(place, Through::Hold(hold), None).await?)
    }

    /// Where a conversation begins in which something was said since it was tied: before that, since
    /// its hook may be lost. `None` where the newest message is older.
    async fn just_said(
        &self,
        place: &Place,
        newest: &[Incoming],
    ) -> Result<Option<Cursor>, Trouble> {
        let tied = self.ledger.tied_since(place).await?.unwrap_or(self.started);
        // Twilio's lists tell times in whole seconds, cut off.
        let since = tied.min(self.started) - SignedDuration::from_secs(1);
        let event = newest.iter().flat_map(|piece| &piece.events).next_back();
        let Some(ordinal) = event.filter(|event| event.at >= since).and_then(|e| e.ordinal) else {
            return Ok(None);
        };
        let mut reach = LOOK_BACK;
        loop {
            let back = Cursor { ordinal: ordinal.checked_sub(reach), last: None };
            let pieces = self.ask(place, Some(&back)).await?;
            let events = pieces.iter().flat_map(|piece| &piece.events);
            let old = events.filter(|event| event.at < since).filter_map(|e| e.ordinal).max();
            if old.is_some() || back.ordinal.is_none() {
                return Ok(Some(Cursor { ordinal: old, last: None }));
            }
            reach = reach.saturating_mul(10);
        }
    }

    /// The platform says that nothing is there after the cursor, and yet something may be held:
    /// a list can lag behind its hooks. Try again.
    async fn nothing_new(&self, place: &Place) -> Result<(), Trouble> {
        if self.ledger.holds(place).await? {
            return Err(Trouble::Platform(Failure::later(
                partyline_core::Reason::BadAnswer,
                None,
                "A message was announced that the list does not show yet.",
            )));
        }
        Ok(())
    }
}

/// Counts what was read back of a place, be it nothing.
fn count(place: &Place, pieces: usize) {
    metrics::counter!("partyline_read_back_total", "network" => place.network().as_str())
        .increment(pieces as u64);
}

/// Whether something was read behind the cursor.
fn read_to_is_new(from: &Cursor, newest: u64) -> bool {
    from.ordinal.is_none_or(|ordinal| newest > ordinal)
}
