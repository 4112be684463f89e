//! What did not come to a member, sent once more because somebody asks for it: held for the phone as if its
//! window had been closed, and sure.

use partyline_core::{Address, Place};
use rusqlite::{OptionalExtension, params};

use super::{Sql, keep, key, lane_of};
use crate::ledger::threads::Writing;
use crate::ledger::{Accepted, Ledger, LedgerError};

/// What was sent to the phone alone did not come there, either (ranks 2 and 3: `src/ledger/receipts.rs`). Of a
/// row of `held`.
const FAILED_AGAIN: &str = "held.state = 2 AND EXISTS (SELECT 1 FROM receipts
    JOIN messages ON messages.event = receipts.event AND messages.message = receipts.message
    WHERE receipts.event = held.event AND receipts.participant = held.address
      AND receipts.rank IN (2, 3) AND messages.delivery = (SELECT max(id) FROM deliveries
          WHERE event = held.event AND lane = 'twilio:' || held.sender || '/' || held.address))";

/// Something that is sent to a phone once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// The event, in the ledger.
    pub event: i64,
    /// The conversation in which it failed.
    pub conversation: Place,
    /// The phone.
    pub phone: Place,
}

impl Ledger {
    /// The phone of a member to whom an event did not come, and who waits for it no more; `None` where
    /// that is not so, or where its words are not kept any more.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn undelivered(
        &self,
        event: i64,
        conversation: &Place,
        who: &Address,
    ) -> Result<Option<Place>, LedgerError> {
        let (conversation, forms) = (conversation.to_string(), who.forms());
        self.threads
            .read(move |connection| {
                let mut sender = connection.prepare_cached(&format!(
                    "SELECT sender FROM participants AS one
                     WHERE conversation = ?2 AND address = ?3 AND sender IS NOT NULL
                       AND EXISTS (SELECT 1 FROM receipts WHERE event = ?1
                           AND participant = one.sid AND rank IN (2, 3))
                       AND EXISTS (SELECT 1 FROM events
                           WHERE id = ?1 AND kind = 'message' AND event IS NOT NULL)
                       AND NOT EXISTS (SELECT 1 FROM held WHERE event = ?1
                           AND held.address = one.address AND held.sender = one.sender
                           AND NOT ({FAILED_AGAIN}))",
                ))?;
                for form in forms {
                    let found: Option<String> = sender
                        .query_row(params![event, conversation, form.as_str()], |row| row.get(0))
                        .optional()?;
                    if let Some(sender) = found.and_then(|sender| sender.parse::<Address>().ok()) {
                        return Ok(Some(Place::phone(&sender, &form)));
                    }
                }
                Ok(None)
            })
            .await
    }
}

/// Has it sent once more.
pub(in crate::ledger) fn again(
    writing: &Writing<'_>,
    one: &Again,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let (address, sender) = key(&one.phone);
    if keep(writing, one.event, (&address, &sender), &one.conversation, 1, now)?
        || once_more(writing, one.event, (&address, &sender), now)?
    {
        accepted.phone(&address, &sender);
    }
    Ok(())
}

/// Holds again what was sent to the phone alone and did not come there; whether it is so. What was sent
/// there reached nobody, and is forgotten.
fn once_more(
    writing: &Writing<'_>,
    event: i64,
    (address, sender): (&str, &str),
    now: i64,
) -> Sql<bool> {
    let connection = writing.connection;
    let held = connection
        .prepare_cached(&format!(
            "UPDATE held SET state = 1, at = ?4
             WHERE event = ?1 AND address = ?2 AND sender = ?3 AND {FAILED_AGAIN}"
        ))?
        .execute(params![event, address, sender, now])?;
    if held == 0 {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "DELETE FROM receipts WHERE event = ?1 AND participant = ?2 AND message IN
                 (SELECT message FROM messages WHERE event = ?1 AND delivery IN
                     (SELECT id FROM deliveries WHERE event = ?1 AND lane = ?3))",
        )?
        .execute(params![event, address, lane_of(address, sender)])?;
    connection
        .prepare_cached(
            "DELETE FROM messages WHERE event = ?1 AND delivery IN
                 (SELECT id FROM deliveries WHERE event = ?1 AND lane = ?2)",
        )?
        .execute(params![event, lane_of(address, sender)])?;
    Ok(true)
}
