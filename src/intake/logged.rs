//! What a sender's log of messages tells, and no hook told before.

use std::time::Duration;

use partyline_core::{Event, EventKey, Incoming, Network, NotStored};

use super::read_back::CHUNK;
use super::{Door, not_stored};
use crate::catchup::words;
use crate::crash::{Point, point};
use crate::ledger::Entry;

/// For longer than this, nothing is read again: a log's newest part is, for an hour at most.
const READ_AGAIN: Duration = Duration::from_secs(2 * 3600);

/// How much of what a log told was new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Logged {
    /// Told by it alone so far.
    pub found: usize,
    /// Of these, how many are too old to be relayed.
    pub late: usize,
}

impl Door {
    /// Those of these pieces that nobody told before. In which nothing was understood is kept.
    ///
    /// # Errors
    /// The ledger could not be read or written.
    pub async fn untold(&self, pieces: Vec<Incoming>) -> Result<Vec<Incoming>, NotStored> {
        let (unread, pieces): (Vec<_>, Vec<_>) =
            pieces.into_iter().partition(|piece| piece.events.is_empty());
        for piece in unread {
            self.keep_unread_once(piece, READ_AGAIN).await?;
        }
        let keys: Vec<EventKey> =
            pieces.iter().flat_map(|piece| &piece.events).map(|event| event.key.clone()).collect();
        let unknown = self.ledger.unknown(Network::Twilio, keys).await.map_err(not_stored)?;
        let is_unknown = |event: &Event| unknown.contains(&event.key);
        Ok(pieces.into_iter().filter(|piece| piece.events.iter().any(is_unknown)).collect())
    }

    /// Takes in what was read from a log, oldest first. What is too old to be relayed, as with all that
    /// is read back, is obeyed where it asks for something, and the inbox is told how much it was.
    ///
    /// # Errors
    /// Not all of it was stored.
    pub async fn accept_logged(&self, mut pieces: Vec<Incoming>) -> Result<Logged, NotStored> {
        let found = pieces.len();
        let fresh = pieces.split_off(self.late(&pieces));
        let late = pieces.len();
        if late > 0 {
            let entries = self.of_log(pieces);
            let (lateness, now) = (self.late.lateness.clone(), self.ledger.now());
            let words = move |skipped: &_| words::unshown(skipped, &lateness, now);
            let room = self.inbox.room.clone();
            let accepted = self.ledger.accept_late(entries, room, words).await;
            self.wakers.wake(accepted.map_err(not_stored)?);
        }
        let mut fresh = fresh.into_iter();
        loop {
            let chunk: Vec<Incoming> = fresh.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                return Ok(Logged { found, late });
            }
            self.store(self.of_log(chunk)).await?;
            point(Point::LogChunk);
        }
    }

    fn of_log(&self, pieces: Vec<Incoming>) -> Vec<Entry> {
        pieces.into_iter().flat_map(|piece| self.entries(piece, false)).collect()
    }

    /// How many of the first of these come too late.
    fn late(&self, pieces: &[Incoming]) -> usize {
        let (limit, now) = (self.late.limit, self.ledger.now());
        let before = |span| now.saturating_sub(span).unwrap_or_default();
        let (aged, fresh) = (before(limit.age), before(limit.fresh));
        let beyond = pieces.len().saturating_sub(limit.messages);
        let at = |piece: &Incoming| piece.events.first().map(|event| event.at);
        let is_late = |(number, piece): &(usize, &Incoming)| {
            at(piece).is_some_and(|at| at < aged || (*number < beyond && at < fresh))
        };
        pieces.iter().enumerate().take_while(is_late).count()
    }
}
