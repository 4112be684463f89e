//! From where a place is read, and whether what a list shows of it is known.
//!
//! The cursor of a Slack room follows its newest event, and says nothing of those before it: one
//! that Slack never sent leaves no hole. So such a room has a floor beside it: up to there a list
//! has shown that nothing is missing. It is read from its floor.

use std::collections::HashSet;

use partyline_core::{Cursor, EventKey, MessageId, Network, Place};
use rusqlite::{OptionalExtension, params};

use super::cursors::to_i64;
use super::{Ledger, LedgerError};

/// From where a place can be read, as it is stored: its hole, and its floor.
type From = (Option<i64>, Option<String>, Option<i64>);

impl Ledger {
    /// From where a place is to be read: from its hole, if it has one, else from its floor, else
    /// from its cursor. `None` where it was never read.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn read_from(&self, place: &Place) -> Result<Option<Cursor>, LedgerError> {
        let text = place.to_string();
        let from: Option<From> = self
            .threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT hole_ordinal, hole_last, floor FROM places WHERE place = ?1",
                    )?
                    .query_row([text], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                    .optional()
            })
            .await?;
        // Below zero is before the first message.
        let ordinal = |stored: Option<i64>| stored.and_then(|number| u64::try_from(number).ok());
        match from {
            Some((hole, last, _)) if hole.is_some() || last.is_some() => {
                Ok(Some(Cursor { ordinal: ordinal(hole), last: last.map(MessageId::new) }))
            }
            Some((_, _, floor @ Some(_))) => {
                Ok(Some(Cursor { ordinal: ordinal(floor), last: None }))
            }
            _ => self.cursor(place).await,
        }
    }

    /// A list has shown that nothing is missing in a room up to this ordinal: its floor rises.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn confirm(&self, place: &Place, through: u64) -> Result<(), LedgerError> {
        let (place, through) = (place.to_string(), to_i64(through));
        self.threads
            .write(move |writing| {
                writing
                    .connection
                    .prepare_cached("UPDATE places SET floor = ?2 WHERE place = ?1 AND floor < ?2")?
                    .execute(params![place, through])
                    .map(drop)
            })
            .await
    }

    /// Whether a place has begun, and nothing in it waits for a read-back: no hold, nothing held,
    /// no hole.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn is_settled(&self, place: &Place) -> Result<bool, LedgerError> {
        let place = place.to_string();
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT EXISTS (
                             SELECT 1 FROM places WHERE place = ?1
                             AND holding = 0 AND (ordinal IS NOT NULL OR last IS NOT NULL)
                             AND hole_ordinal IS NULL AND hole_last IS NULL
                             AND NOT EXISTS (SELECT 1 FROM events
                                             WHERE state = 1 AND events.place = places.id))",
                    )?
                    .query_row([place], |row| row.get(0))
            })
            .await
    }

    /// Which of these keys no event of a network has.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn unknown(
        &self,
        network: Network,
        keys: Vec<EventKey>,
    ) -> Result<HashSet<EventKey>, LedgerError> {
        self.threads
            .read(move |connection| {
                let mut known = connection
                    .prepare_cached("SELECT 1 FROM events WHERE network = ?1 AND key = ?2")?;
                let mut unknown = HashSet::new();
                for key in keys {
                    if !known.exists(params![network.as_str(), key.as_str()])? {
                        unknown.insert(key);
                    }
                }
                Ok(unknown)
            })
            .await
    }

    /// The places that could not be read back and are to be read again.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn places_with_holes(&self) -> Result<Vec<Place>, LedgerError> {
        self.places_of(
            "SELECT place FROM places
             WHERE hole_ordinal IS NOT NULL OR hole_last IS NOT NULL",
            (),
        )
        .await
    }
}
