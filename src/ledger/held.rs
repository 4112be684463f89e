//! What is held for members whose WhatsApp window is closed, until they write.
//!
//! A message to a group goes to its conversation whoever is in it; for those whose window is closed, a
//! row is kept in the same commit. Its state: 0 expected (our reckoning says that it did not come), 1
//! sure (a receipt says so), 2 done (it was sent to the phone alone, or was given up; the row stays, so
//! that another receipt of the same message does not begin it anew). A receipt that it came takes the
//! row away.
//!
//! What was sent to the phone alone can be refused as well, when the window closed meanwhile. Then its
//! row is sure again, and the delivery, whose words are kept for that, has state 5: it is sent once more
//! as it is when they write.

use jiff::Timestamp;
use partyline_core::{Event, Happening, MessageId, Place, ReceiptStatus, Speaker};
use rusqlite::{Connection, OptionalExtension, params};

use super::members::Whose;
use super::receipts::{Fate, Origin};
use super::threads::Writing;
use super::{Accepted, Entry, Sql, receipts, timestamp, windows};
use crate::policy::{CLOSED, Window};

mod again;
mod invite;
mod release;

pub use again::Again;
pub(super) use again::again;
pub(super) use invite::failed as invitation_failed;
pub use release::SPEAKERS;

/// A phone for which something is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPhone {
    /// When its owner was last heard by that sender, and when WhatsApp last refused them free words.
    pub window: Window,
    /// When its owner was invited to open it.
    pub invited: Option<Timestamp>,
    /// The conversation in which it was said.
    pub conversation: Place,
    /// What is held, oldest first.
    pub messages: Vec<HeldMessage>,
}

/// Something that was said to a group and is kept for a member whose window is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldMessage {
    /// The number of its event in the ledger.
    pub number: i64,
    /// Whether a receipt says that it did not come.
    pub sure: bool,
    /// It was sent to the phone alone and refused there: it only has to be sent again.
    pub again: bool,
    /// What was said; nothing where its body is not kept any more.
    pub event: Option<Event>,
    /// The conversation that it was said in or relayed to.
    pub conversation: Place,
    /// Its messages there, in their order: several where it went in parts.
    pub parts: Vec<HeldPart>,
}

/// One message of something that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPart {
    /// The message in the conversation.
    pub message: MessageId,
    /// What receipts say of it; nothing where none came.
    pub status: Option<ReceiptStatus>,
}

impl HeldPart {
    /// Whether a receipt says that it did not come.
    #[must_use]
    pub const fn failed(&self) -> bool {
        matches!(self.status, Some(ReceiptStatus::Failed | ReceiptStatus::Undelivered))
    }

    /// Whether nobody knows yet what became of it.
    #[must_use]
    pub const fn open(&self) -> bool {
        matches!(self.status, None | Some(ReceiptStatus::Sent))
    }
}

/// What was held for a phone for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The phone.
    pub phone: Place,
    /// The conversation in which it was said.
    pub conversation: Place,
    /// How many messages, those of a digest among them.
    pub messages: u64,
    /// Who said them, as far as their bodies are kept: a few.
    pub speakers: Vec<Speaker>,
    /// The newest of them, in the ledger.
    pub newest: i64,
}

/// Holds what is said for the members to whom it does not come. Called when the event is written down.
pub(super) fn hold(
    writing: &Writing<'_>,
    entry: &Entry,
    row: i64,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let Happening::Message { speaker, content, .. } = &entry.event.happening else {
        return Ok(());
    };
    let said_here = entry.event.place.is_conversation() && !entry.unlinked;
    let conversation = if said_here {
        Some(&entry.event.place)
    } else {
        entry.owed.iter().map(|owed| &owed.to).find(|to| to.is_conversation())
    };
    let Some(conversation) = conversation.filter(|_| !content.is_empty()) else { return Ok(()) };
    let shut = windows::shut_out_of(writing.connection, conversation, timestamp(now))?;
    let others = shut.iter().filter(|(address, _)| address.as_str() != speaker.id.id);
    let mut held = false;
    for (address, sender) in others {
        keep(writing, row, (address.as_str(), sender), conversation, 0, now)?;
        accepted.phone(address.as_str(), sender);
        held = true;
    }
    if held && said_here {
        receipts::look_at(writing, row, now, accepted)?;
    }
    Ok(())
}

/// Keeps a row, or makes one sure that was expected; whether that is new.
fn keep(
    writing: &Writing<'_>,
    event: i64,
    (address, sender): (&str, &str),
    conversation: &Place,
    state: i64,
    now: i64,
) -> Sql<bool> {
    let kept = writing
        .connection
        .prepare_cached(
            "INSERT INTO held (event, address, sender, conversation, state, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (address, sender, event) DO UPDATE SET state = excluded.state
             WHERE state < excluded.state AND state <> 2",
        )?
        .execute(params![event, address, sender, conversation.to_string(), state, now])?;
    Ok(kept > 0)
}

/// Takes what a receipt says: it came after all, or it is held from now on.
pub(super) fn learn(
    writing: &Writing<'_>,
    of: &Origin,
    fate: &Fate<'_>,
    whose: &Whose,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let Whose { address, sender: Some(sender) } = whose else { return Ok(()) };
    if !address.starts_with("whatsapp:") {
        return Ok(());
    }
    let event = of.event;
    if fate.place.is_phone() {
        if fate.failed() {
            invite::failed(writing, event, fate.place)?;
        }
        return match of.delivery {
            Some(delivery) if fate.failed() && fate.error == Some(CLOSED) => {
                hold_again(writing, (event, delivery), fate, (address, sender), now, accepted)
            }
            _ => Ok(()),
        };
    }
    if fate.came() {
        return writing
            .connection
            .prepare_cached(
                "DELETE FROM held WHERE address = ?1 AND sender = ?2 AND event = ?3 AND state = 0",
            )?
            .execute(params![address, sender, event])
            .map(drop);
    }
    if !fate.failed() || fate.error != Some(CLOSED) {
        return Ok(());
    }
    let said: Option<i64> = writing
        .connection
        .prepare_cached("SELECT at FROM events WHERE id = ?1 AND kind = 'message'")?
        .query_row([event], |row| row.get(0))
        .optional()?;
    // What was no message (a notice, say) is not said once more; that it does not come is told.
    let Some(said) = said else { return Ok(()) };
    windows::refused(writing, address, sender, said)?;
    if keep(writing, event, (address, sender), fate.place, 1, now)? {
        accepted.phone(address, sender);
    }
    Ok(())
}

/// What was held was sent to the phone alone, and the window had closed meanwhile: it is held again. Its
/// message reached nobody, and is forgotten.
fn hold_again(
    writing: &Writing<'_>,
    (event, delivery): (i64, i64),
    fate: &Fate<'_>,
    (address, sender): (&str, &str),
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let connection = writing.connection;
    // Only of what was held are the words kept.
    let refused = connection
        .prepare_cached(
            "UPDATE deliveries SET state = 5 WHERE id = ?1 AND state = 1 AND owed IS NOT NULL",
        )?
        .execute([delivery])?;
    if refused == 0 {
        return Ok(());
    }
    let message: Option<String> = connection
        .prepare_cached(
            "DELETE FROM messages WHERE event = ?1 AND delivery = ?2 RETURNING message",
        )?
        .query_row([event, delivery], |row| row.get(0))
        .optional()?;
    connection
        .prepare_cached(
            "DELETE FROM receipts WHERE event = ?1 AND message = ?2 AND participant = ?3",
        )?
        .execute(params![event, message, fate.participant])?;
    connection
        .prepare_cached(
            "UPDATE held SET state = 1, at = ?4
             WHERE event = ?1 AND address = ?2 AND sender = ?3",
        )?
        .execute(params![event, address, sender, now])?;
    windows::shut(writing, address, sender)?;
    accepted.phone(address, sender);
    Ok(())
}

/// Nothing is sent to a phone any more that was held for it; what was said until then.
pub(super) fn let_go(
    writing: &Writing<'_>,
    (address, sender): (&str, &str),
    before: i64,
) -> Sql<usize> {
    let connection = writing.connection;
    connection
        .prepare_cached(
            "UPDATE deliveries SET state = 3, owed = NULL WHERE lane = ?4 AND state = 5
                 AND event IN (SELECT event FROM held
                     WHERE address = ?1 AND sender = ?2 AND state < 2 AND at < ?3)",
        )?
        .execute(params![address, sender, before, lane_of(address, sender)])?;
    connection
        .prepare_cached(
            "UPDATE held SET state = 2
             WHERE address = ?1 AND sender = ?2 AND state < 2 AND at < ?3",
        )?
        .execute(params![address, sender, before])
}

/// The lane of a phone, as the deliveries have it.
fn lane_of(address: &str, sender: &str) -> String {
    format!("twilio:{sender}/{address}")
}

/// Has it looked at what is held for members of a group: how they are invited has changed.
pub(super) fn look_at(writing: &Writing<'_>, group: &Place, accepted: &mut Accepted) -> Sql<()> {
    let mut held = writing.connection.prepare_cached(
        "SELECT DISTINCT address, sender FROM held WHERE conversation = ?1 AND state < 2",
    )?;
    let mut rows = held.query([group.to_string()])?;
    while let Some(row) = rows.next()? {
        accepted.phone(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?);
    }
    Ok(())
}

/// Whether something is held of an event.
pub(super) fn is_held(connection: &Connection, event: i64) -> Sql<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM held WHERE event = ?1 AND state < 2)")?
        .query_row([event], |row| row.get(0))
}

impl Accepted {
    /// A phone is to be looked at, for which something is held.
    pub(super) fn phone(&mut self, address: &str, sender: &str) {
        let (Ok(sender), Ok(address)) = (sender.parse(), address.parse()) else { return };
        let phone = Place::phone(&sender, &address);
        if !self.phones.contains(&phone) {
            self.phones.push(phone);
        }
    }
}

/// The address and the sender of a phone, as the tables have them.
fn key(phone: &Place) -> (String, String) {
    let (sender, address) = phone.id().split_once('/').unwrap_or_default();
    (address.to_owned(), sender.to_owned())
}
