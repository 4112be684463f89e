//! What was read back of a place: held until all of it is there, then let go in order.

use std::collections::HashMap;

use partyline_core::{
    Again, Cursor, EventKey, Happening, Incoming, Lost, MessageId, NotStored, Place,
};

use super::Door;
use crate::catchup::words;
use crate::crash::{Point, point};
use crate::ledger::{LedgerError, Skipped, Telling, Through};
use crate::route::linked_place;

/// Events read back that go into the ledger in one commit.
pub(super) const CHUNK: usize = 200;

impl Door {
    /// Takes in what was read back from a place: it is held until [`Door::release`] puts it in
    /// order with what came live meanwhile.
    ///
    /// # Errors
    /// Not all of it was stored.
    pub async fn accept_read_back(&self, pieces: Vec<Incoming>) -> Result<(), NotStored> {
        let mut pieces = pieces.into_iter();
        loop {
            let chunk: Vec<Incoming> = pieces.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                return Ok(());
            }
            let mut entries = Vec::with_capacity(chunk.len());
            for piece in chunk {
                if piece.events.is_empty() {
                    self.keep_unread(piece).await?;
                } else {
                    entries.extend(self.entries(piece, true));
                }
            }
            self.store(entries).await?;
            point(Point::ReadChunk);
        }
    }

    /// Lets go what was read back of a place, less what comes too late, and tells the places tied
    /// to it of that, and of what could not be read.
    ///
    /// # Errors
    /// Nothing was released.
    pub async fn release(
        &self,
        place: &Place,
        through: Through,
        lost: Option<Lost>,
    ) -> Result<(), LedgerError> {
        let telling = Telling {
            to: self.links.others(place),
            again: lost.as_ref().is_some_and(|lost| lost.again != Again::No),
            lost: lost.map(|lost| words::lost(&lost, place)),
        };
        let (from, lateness, now) = (place.clone(), self.late.lateness.clone(), self.ledger.now());
        let tell = move |skipped: &Skipped, to: &Place| {
            metrics::counter!("partyline_messages_skipped_total",
                "network" => from.network().as_str())
            .increment(skipped.messages as u64);
            words::skipped(skipped, &from, to, &lateness, now)
        };
        let accepted =
            self.ledger.release_missed(place, through, self.late.limit, telling, tell).await?;
        point(Point::ReadReleased);
        self.wakers.wake(accepted);
        Ok(())
    }

    /// The places of those messages in what a list showed that no event brought, one for each.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn missing(&self, pieces: &[Incoming]) -> Result<Vec<Place>, LedgerError> {
        let Some(network) = pieces.first().map(|piece| piece.network) else {
            return Ok(Vec::new());
        };
        let said: HashMap<EventKey, Place> = pieces
            .iter()
            .flat_map(|piece| &piece.events)
            .filter(|event| matches!(event.happening, Happening::Message { .. }))
            .map(|event| (event.key.clone(), linked_place(event, &self.links)))
            .filter(|(_, place)| self.links.knows(place))
            .collect();
        let unknown = self.ledger.unknown(network, said.keys().cloned().collect()).await?;
        Ok(said.into_iter().filter(|(key, _)| unknown.contains(key)).map(|(_, p)| p).collect())
    }

    /// The threads that are tied by themselves among what was read back of a room, each with the newest
    /// message in it.
    pub(super) fn threads_in(
        &self,
        pieces: &[Incoming],
        room: &Place,
    ) -> HashMap<Place, MessageId> {
        let events = pieces.iter().flat_map(|piece| &piece.events);
        let newest = events.filter_map(|event| {
            let place = linked_place(event, &self.links);
            (place != *room).then_some(())?;
            Some((place, event.happening.message()?.clone()))
        });
        newest.collect()
    }

    /// Something of this place could not be read back, and may be missing.
    pub fn unread(&self, place: &Place) {
        self.signs.unread(place);
    }
}

/// The message that a place has been read to by what was read back of it.
pub(crate) fn newest(pieces: &[Incoming]) -> Cursor {
    let mut cursor = Cursor::default();
    for event in pieces.iter().flat_map(|piece| &piece.events) {
        cursor.ordinal = cursor.ordinal.max(event.ordinal);
        cursor.last = event.happening.message().cloned().or(cursor.last);
    }
    cursor
}
