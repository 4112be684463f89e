//! Invitations to open a window.

use partyline_core::Place;
use rusqlite::params;

use super::{Sql, key};
use crate::crash::{Point, point};
use crate::ledger::cursors::place_id;
use crate::ledger::mark::Key;
use crate::ledger::owed::insert_owed;
use crate::ledger::threads::Writing;
use crate::ledger::{Accepted, Ledger, LedgerError, Owed, own};

/// The kind of an invitation's event.
const INVITATION: &str = "invitation";

/// What went to a phone alone did not come there: where it is an invitation, its owner is not invited. The
/// next message that is held, or another template, invites them once more.
pub(in crate::ledger) fn failed(writing: &Writing<'_>, event: i64, phone: &Place) -> Sql<()> {
    let (address, sender) = key(phone);
    writing
        .connection
        .prepare_cached(
            "UPDATE windows SET invited = NULL WHERE address = ?1 AND sender = ?2
                 AND EXISTS (SELECT 1 FROM events WHERE id = ?3 AND kind = ?4)",
        )?
        .execute(params![address, sender, event, INVITATION])
        .map(drop)
}

impl Ledger {
    /// Invites the owner of a phone to open the window, by this; once for each time that it is
    /// closed. The invitation is an event of its own, in the conversation for whose sake it goes.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn invite(
        &self,
        phone: &Place,
        conversation: &Place,
        owed: Owed,
    ) -> Result<Accepted, LedgerError> {
        let (now, (address, sender)) = (self.now_ms(), key(phone));
        let (phone, conversation) = (phone.clone(), conversation.clone());
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let first = writing
                    .connection
                    .prepare_cached(
                        "INSERT INTO windows (address, sender, invited) VALUES (?1, ?2, ?3)
                         ON CONFLICT (address, sender) DO UPDATE SET invited = excluded.invited
                         WHERE invited IS NULL",
                    )?
                    .execute(params![address, sender, now])?;
                if first == 0 {
                    return Ok(accepted);
                }
                let place = place_id(writing, &conversation)?;
                let key = Key::own(&phone, format!("invitation:{}:{now}", phone.id()));
                let event = own::insert(writing, &key, place, INVITATION, now)?;
                let position = Some(writing.next_position());
                insert_owed(writing, event, &key, &owed, position, now)?;
                accepted.wake(owed.lane());
                point(Point::HeldInviting);
                Ok(accepted)
            })
            .await
    }
}
