//! What was said: the event behind a message that stands in a place.

use partyline_core::{Event, MessageId, Place};
use rusqlite::{OptionalExtension, params};

use super::{Ledger, LedgerError, from_json};

impl Ledger {
    /// The event that a message in a place is of, as long as its body is kept.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn said(
        &self,
        place: &Place,
        message: &MessageId,
    ) -> Result<Option<Event>, LedgerError> {
        let network = place.network().as_str();
        let (place, message) = (place.to_string(), message.as_str().to_owned());
        self.threads
            .read(move |connection| {
                let event: Option<Option<String>> = connection
                    .prepare_cached(
                        "WITH here AS (SELECT id FROM places WHERE place = ?1)
                         SELECT event FROM events WHERE id = coalesce(
                             (SELECT event FROM messages
                              WHERE message = ?2 AND place = (SELECT id FROM here)),
                             (SELECT id FROM events WHERE network = ?3 AND key = ?2
                                  AND place = (SELECT id FROM here) AND kind = 'message'))",
                    )?
                    .query_row(params![place, message, network], |row| row.get(0))
                    .optional()?;
                // One that cannot be read any more is as good as forgotten.
                Ok(event.flatten().and_then(|event| from_json(&event).ok()))
            })
            .await
    }
}
