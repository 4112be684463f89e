//! What did not come to a member, sent once more because somebody asks for it: held for the phone as if its
//! window had been closed, and sure.

use partyline_core::{Address, Place};
use rusqlite::{OptionalExtension, params};

use super::{Sql, keep, key};
use crate::ledger::threads::Writing;
use crate::ledger::{Accepted, Ledger, LedgerError};

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
    /// The phone of a member to whom an event did not come, and was not sent once more; `None` where
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
                // Ranks 2 and 3: it did not come (`src/ledger/receipts.rs`).
                let mut sender = connection.prepare_cached(
                    "SELECT sender FROM participants AS one
                     WHERE conversation = ?2 AND address = ?3 AND sender IS NOT NULL
                       AND EXISTS (SELECT 1 FROM receipts WHERE event = ?1
                           AND participant = one.sid AND rank IN (2, 3))
                       AND EXISTS (SELECT 1 FROM events
                           WHERE id = ?1 AND kind = 'message' AND event IS NOT NULL)
                       AND NOT EXISTS (SELECT 1 FROM held WHERE event = ?1
                           AND held.address = one.address AND held.sender = one.sender)",
                )?;
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
    if keep(writing, one.event, (&address, &sender), &one.conversation, 1, now)? {
        accepted.phone(&address, &sender);
    }
    Ok(())
}
