//! When each person was last heard by each sender: what WhatsApp's windows follow from.
//!
//! A row is of a WhatsApp address and a sender. It is changed in the commit of whatever told of it: a
//! message, the classic webhook, what was read back, a receipt.

use jiff::{SignedDuration, Timestamp};
use partyline_core::{Address, Happening, Place};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::threads::Writing;
use super::{Accepted, Entry, Ledger, LedgerError, Sql, from_json, timestamp, to_json};
use crate::invitations::GroupInvitation;
use crate::policy::{Window, Wish, shut_out};

/// How much later somebody must be heard for it to be noted, in milliseconds: each note is a page
/// more for the disk. So a window counts as closed a minute too early at most; what came through all
/// the same is known by its receipt.
pub(super) const HEARD_APART: i64 = 60_000;

/// The window between a member and a sender, and what hangs on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberWindow {
    /// The member (`MB…`).
    pub participant: String,
    /// What is known of the window.
    pub window: Window,
    /// When the member was invited to open it.
    pub invited: Option<Timestamp>,
    /// Messages that are held for the member.
    pub held: u64,
}

/// Changes how a group invites.
pub(super) fn set_invitation(
    writing: &Writing<'_>,
    group: &Place,
    invitation: &GroupInvitation,
) -> Sql<()> {
    writing
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO invitations (conversation, template) VALUES (?1, ?2)",
        )?
        .execute(params![group.to_string(), to_json(invitation)?])
        .map(drop)
}

/// Somebody wrote: where that opens a window behind which something is held, its phone is looked at.
pub(super) fn follow(writing: &Writing<'_>, entry: &Entry, accepted: &mut Accepted) -> Sql<()> {
    // Whoever asks for no more messages by it is not sent what was held.
    if entry.plea.as_ref().is_some_and(|plea| plea.what == Wish::Stop) {
        return Ok(());
    }
    let event = &entry.event;
    match &event.happening {
        Happening::Message { speaker, .. } if event.place.is_conversation() => {
            let address = speaker.id.id.as_str();
            if !address.starts_with("whatsapp:") {
                return Ok(());
            }
            let sender: Option<String> = writing
                .connection
                .prepare_cached(
                    "SELECT sender FROM participants WHERE conversation = ?1 AND address = ?2
                         AND sender IS NOT NULL LIMIT 1",
                )?
                .query_row(params![event.place.to_string(), address], |row| row.get(0))
                .optional()?;
            let Some(sender) = sender else { return Ok(()) };
            heard(writing, address, &sender, at_the_latest(event.at), accepted)
        }
        Happening::Wrote { address, sender: Some(sender), .. } => {
            if !address.as_str().starts_with("whatsapp:") {
                return Ok(());
            }
            heard(writing, address.as_str(), sender.as_str(), event.at, accepted)
        }
        _ => Ok(()),
    }
}

/// When something was said whose time may be in whole seconds, cut off, as Twilio's lists have it.
fn at_the_latest(at: Timestamp) -> Timestamp {
    match at.subsec_nanosecond() {
        0 => at.saturating_add(SignedDuration::from_millis(999)).unwrap_or(at),
        _ => at,
    }
}

fn heard(
    writing: &Writing<'_>,
    address: &str,
    sender: &str,
    at: Timestamp,
    accepted: &mut Accepted,
) -> Sql<()> {
    let noted = writing
        .connection
        .prepare_cached(&format!(
            "INSERT INTO windows (address, sender, heard) VALUES (?1, ?2, ?3)
             ON CONFLICT (address, sender) DO UPDATE SET
                 heard = excluded.heard,
                 refused = CASE WHEN refused >= excluded.heard THEN refused END,
                 invited = CASE WHEN invited >= excluded.heard THEN invited END,
                 told = CASE WHEN told >= excluded.heard THEN told END
             WHERE coalesce(heard, 0) <= excluded.heard - {HEARD_APART}
                OR (coalesce(heard, 0) < excluded.heard
                    AND coalesce(refused, invited, told) IS NOT NULL)"
        ))?
        .execute(params![address, sender, at.as_millisecond()])?;
    if noted > 0 && is_waited_for(writing.connection, address, sender)? {
        accepted.phone(address, sender);
    }
    Ok(())
}

/// Whether something is held for somebody.
fn is_waited_for(connection: &Connection, address: &str, sender: &str) -> Sql<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM held WHERE address = ?1 AND sender = ?2 AND state < 2)",
        )?
        .query_row([address, sender], |row| row.get(0))
}

/// WhatsApp refused something that was said at this time.
pub(super) fn refused(writing: &Writing<'_>, address: &str, sender: &str, said: i64) -> Sql<()> {
    writing
        .connection
        .prepare_cached(
            "INSERT INTO windows (address, sender, refused) VALUES (?1, ?2, ?3)
             ON CONFLICT (address, sender) DO UPDATE SET refused = excluded.refused
             WHERE coalesce(refused, 0) < excluded.refused",
        )?
        .execute(params![address, sender, said])
        .map(drop)
}

/// WhatsApp refused what was sent because somebody had been heard: by what was heard the window is open
/// no more.
pub(super) fn shut(writing: &Writing<'_>, address: &str, sender: &str) -> Sql<()> {
    writing
        .connection
        .prepare_cached(
            "UPDATE windows SET refused = heard
             WHERE address = ?1 AND sender = ?2 AND coalesce(refused, 0) < heard",
        )?
        .execute([address, sender])
        .map(drop)
}

/// The members of a conversation, each with the sender, to whom what is said now does not come.
pub(super) fn shut_out_of(
    connection: &Connection,
    conversation: &Place,
    now: Timestamp,
) -> Sql<Vec<(Address, String)>> {
    let mut known = connection.prepare_cached(
        "SELECT p.address, p.sender, w.heard, w.refused FROM participants AS p
         JOIN windows AS w ON w.address = p.address AND w.sender = p.sender
         WHERE p.conversation = ?1",
    )?;
    let mut rows = known.query([conversation.to_string()])?;
    let mut members = Vec::new();
    while let Some(row) = rows.next()? {
        let Ok(address) = row.get::<_, String>(0)?.parse::<Address>() else { continue };
        members.push((address, row.get::<_, String>(1)?, window(row, 2)?));
    }
    let members = members.iter();
    let windows = members.map(|(address, sender, window)| (address, *window, (address, sender)));
    let shut = shut_out(windows, now).into_iter();
    Ok(shut.map(|(address, sender)| (address.clone(), sender.clone())).collect())
}

/// The window in this column (`heard`) and the next (`refused`).
pub(super) fn window(row: &Row<'_>, column: usize) -> Sql<Window> {
    let at = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(timestamp));
    Ok(Window { heard: at(column)?, refused: at(column + 1)? })
}

impl Ledger {
    /// How a group invites members whose window is closed.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn invitation(&self, group: &Place) -> Result<GroupInvitation, LedgerError> {
        let group = group.to_string();
        self.threads
            .read(move |connection| {
                let stored: Option<String> = connection
                    .prepare_cached("SELECT template FROM invitations WHERE conversation = ?1")?
                    .query_row([group], |row| row.get(0))
                    .optional()?;
                Ok(stored.map(|stored| from_json(&stored)).transpose()?.unwrap_or_default())
            })
            .await
    }

    /// The windows of a group's members, as far as anything is known of them.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn windows_of(&self, group: &Place) -> Result<Vec<MemberWindow>, LedgerError> {
        let group = group.to_string();
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT p.sid, w.heard, w.refused, w.invited,
                             (SELECT count(*) FROM held WHERE held.address = p.address
                                  AND held.sender = p.sender AND state < 2)
                         FROM participants AS p
                         JOIN windows AS w ON w.address = p.address AND w.sender = p.sender
                         WHERE p.conversation = ?1",
                    )?
                    .query_map([group], |row| {
                        Ok(MemberWindow {
                            participant: row.get(0)?,
                            window: window(row, 1)?,
                            invited: row.get::<_, Option<i64>>(3)?.map(timestamp),
                            held: row.get(4)?,
                        })
                    })?
                    .collect()
            })
            .await
    }
}
