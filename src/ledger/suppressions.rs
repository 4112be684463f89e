//! People who want no more messages, and the groups that they are taken out of.
//!
//! Whoever opts out is written down in the commit of what said so, with each group that they are
//! known to be in as a *removal* still to be done. Removals are done, and undone when they want
//! messages again, by [`crate::optouts`]; each is one commit with what its rooms are told.
//!
//! A person is known here by a keyed hash of the contact's key: so a suppression outlives the
//! person's data. One holds for the number, by WhatsApp and by SMS alike. It is never deleted but
//! lifted, so that what was said before is not obeyed when it comes late.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use partyline_core::{Address, Place};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::threads::Writing;
use super::{Accepted, Sql, held};
use crate::policy::Wish;

mod heed;
mod keep;

pub(super) use heed::{answer, heed, learn, refused};

/// How it is known that somebody wants no more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// They wrote so.
    Said,
    /// Twilio keeps them from us: they wrote STOP to it (error 21610).
    Carrier,
    /// They have blocked the sender on WhatsApp (error 63014).
    Blocked,
    /// Somebody noted it by command.
    Noted,
    /// They want messages, but are blocked here.
    Barred,
}

impl How {
    /// The word in the store, in lists and for programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Said => "said",
            Self::Carrier => "carrier",
            Self::Blocked => "blocked",
            Self::Noted => "noted",
            Self::Barred => "barred",
        }
    }

    fn read(word: &str) -> Self {
        match word {
            "said" => Self::Said,
            "carrier" => Self::Carrier,
            "blocked" => Self::Blocked,
            "barred" => Self::Barred,
            _ => Self::Noted,
        }
    }

    /// What Twilio's error code of a message that did not come says of its receiver.
    #[must_use]
    pub const fn of_error(code: u32) -> Option<Self> {
        match code {
            21610 => Some(Self::Carrier),
            63014 => Some(Self::Blocked),
            _ => None,
        }
    }
}

/// Somebody who wants no more messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// What the person is known by here.
    pub id: String,
    /// The address; `None` once the person's data was erased.
    pub address: Option<Address>,
    /// When it was said, by the platform's clock where that is known.
    pub since: Timestamp,
    /// By what it is known: their own words, the carrier, WhatsApp, or a note of somebody's.
    pub how: How,
    /// Where it was said: a conversation, or whoever noted it.
    pub source: String,
}

/// What is still to be done for somebody who opted out, or in again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptoutWork {
    /// It is still to be asked which other groups this person is in.
    pub sweep: Option<Address>,
    /// How it is known that they want no more messages; `None` where they want them again.
    pub how: Option<How>,
    /// Groups that they are to be taken out of.
    pub leaving: Vec<Removal>,
    /// Groups that they are to be put back into.
    pub returning: Vec<Removal>,
}

impl OptoutWork {
    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sweep.is_none() && self.leaving.is_empty() && self.returning.is_empty()
    }
}

/// What somebody on a phone asks for by a message, and what they are answered, where the bridge does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plea {
    /// What they ask for.
    pub what: Wish,
    /// What they are answered, where the bridge answers: by SMS Twilio can do so itself.
    pub answer: Option<String>,
}

/// Somebody's place in a group that they are taken out of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// The conversation of the group.
    pub conversation: Place,
    /// How they are reached there.
    pub address: Address,
    /// Behind which sender.
    pub sender: Option<Address>,
}

/// A change of who is suppressed, by command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SuppressionChange {
    /// They want no more messages.
    Suppress {
        /// Who.
        address: Address,
        /// Who noted it.
        by: String,
    },
    /// They want messages again.
    Restore {
        /// Who.
        address: Address,
    },
}

/// Removals: still to be done; done; to be undone.
const LEAVING: i64 = 0;
const OUT: i64 = 1;
const RETURNING: i64 = 2;

/// What a person is known by here: a hash of the contact's key under a key of the ledger's own.
pub(super) fn id_of(connection: &Connection, address: &Address) -> Sql<String> {
    let secret: String = connection
        .prepare_cached("SELECT value FROM meta WHERE key = 'people'")?
        .query_row([], |row| row.get(0))?;
    Ok(id_under(&secret, address))
}

/// The same under this key.
pub(super) fn id_under(secret: &str, address: &Address) -> String {
    // A key of any length will do.
    let hash = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes());
    let Ok(mut hash) = hash else { return String::new() };
    hash.update(address.contact_key().as_bytes());
    hash.finalize().into_bytes()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes down that somebody wants no more messages since then, and every group that they are known
/// to be in; whether that is new. What was said before they wanted messages again changes nothing; of
/// what was said at the same time, this counts.
pub(super) fn suppress(
    writing: &Writing<'_>,
    address: &Address,
    (how, source): (How, &str),
    at: i64,
    accepted: &mut Accepted,
) -> Sql<bool> {
    let id = id_of(writing.connection, address)?;
    let fresh = writing
        .connection
        .prepare_cached(
            "INSERT INTO suppressions (id, address, since, how, source, sweep)
             VALUES (?1, ?2, ?3, ?4, ?5, 1)
             ON CONFLICT (id) DO UPDATE SET address = excluded.address, since = excluded.since,
                 how = excluded.how, source = excluded.source, lifted = NULL, sweep = 1
                 WHERE lifted <= excluded.since",
        )?
        .execute(params![id, address.as_str(), at, how.word(), source])?;
    if fresh == 0 {
        // Said once more: what was said before that, and is found later, does not lift it.
        return writing
            .connection
            .prepare_cached(
                "UPDATE suppressions SET since = ?2, source = ?3
                 WHERE id = ?1 AND lifted IS NULL AND since < ?2",
            )?
            .execute(params![id, at, source])
            .map(|_| false);
    }
    for form in address.forms() {
        writing
            .connection
            .prepare_cached(
                "INSERT INTO removals (id, conversation, address, sender, state)
                 SELECT ?1, conversation, address, sender, ?3 FROM participants WHERE address = ?2
                 ON CONFLICT (id, conversation, address) DO UPDATE SET state = excluded.state",
            )?
            .execute(params![id, form.as_str(), LEAVING])?;
        // Nothing waits any more until they write.
        let senders: Vec<String> = writing
            .connection
            .prepare_cached("SELECT DISTINCT sender FROM held WHERE address = ?1 AND state < 2")?
            .query_map([form.as_str()], |row| row.get(0))?
            .collect::<Sql<_>>()?;
        for sender in &senders {
            held::let_go(writing, (form.as_str(), sender), i64::MAX)?;
        }
    }
    writing
        .connection
        .prepare_cached("UPDATE removals SET state = ?2 WHERE id = ?1 AND state = ?3")?
        .execute(params![id, LEAVING, RETURNING])?;
    metrics::counter!("partyline_optouts_total", "how" => how.word()).increment(1);
    let leaving = removals(writing.connection, &id, LEAVING)?;
    accepted.opted(id, leaving.into_iter().map(|removal| removal.conversation).collect());
    Ok(true)
}

/// Writes down that somebody wants messages since then; whether they got none. What was said at the same
/// time ends messages, unless it stands before this in one conversation.
pub(super) fn restore(
    writing: &Writing<'_>,
    address: &Address,
    (at, source): (i64, &str),
    accepted: &mut Accepted,
) -> Sql<bool> {
    let id = id_of(writing.connection, address)?;
    let lifted = writing
        .connection
        .prepare_cached(
            "UPDATE suppressions SET lifted = ?2, sweep = 0
             WHERE id = ?1 AND lifted IS NULL AND (since < ?2 OR (since = ?2 AND source = ?3))",
        )?
        .execute(params![id, at, source])?;
    if lifted > 0 {
        writing
            .connection
            .prepare_cached("UPDATE removals SET state = ?2 WHERE id = ?1")?
            .execute(params![id, RETURNING])?;
        metrics::counter!("partyline_optins_total").increment(1);
        accepted.opted(id, Vec::new());
    }
    Ok(lifted > 0)
}

pub(super) fn apply(
    writing: &Writing<'_>,
    change: &SuppressionChange,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    match change {
        SuppressionChange::Suppress { address, by } => {
            let at = now.max(latest(writing.connection, address)?);
            suppress(writing, address, (How::Noted, by), at, accepted)
        }
        SuppressionChange::Restore { address } => {
            let at = now.max(latest(writing.connection, address)?);
            restore(writing, address, (at, ""), accepted)
        }
    }
    .map(drop)
}

/// When somebody can say the next thing about it, in milliseconds: after the last, whatever our clock says.
fn latest(connection: &Connection, address: &Address) -> Sql<i64> {
    connection
        .prepare_cached(
            "SELECT max(since, coalesce(lifted, since)) + 1 FROM suppressions WHERE id = ?1",
        )?
        .query_row([id_of(connection, address)?], |row| row.get(0))
        .optional()
        .map(Option::unwrap_or_default)
}

fn in_force(connection: &Connection, id: &str) -> Sql<bool> {
    connection
        .prepare_cached("SELECT 1 FROM suppressions WHERE id = ?1 AND lifted IS NULL")?
        .exists([id])
}

fn remove(writing: &Writing<'_>, id: &str, removal: &Removal) -> Sql<()> {
    writing
        .connection
        .prepare_cached(
            "INSERT INTO removals (id, conversation, address, sender, state)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id, conversation, address) DO UPDATE SET state = excluded.state",
        )?
        .execute(params![
            id,
            removal.conversation.to_string(),
            removal.address.as_str(),
            removal.sender.as_ref().map(Address::as_str),
            LEAVING
        ])
        .map(drop)
}

/// A row of conversation, address and sender; `None` where this program cannot read one of them.
pub(super) fn removal(row: &rusqlite::Row<'_>) -> Sql<Option<Removal>> {
    let (conversation, address): (String, String) = (row.get(0)?, row.get(1)?);
    let sender: Option<String> = row.get(2)?;
    let sender = sender.and_then(|sender| sender.parse().ok());
    let known = conversation.parse().ok().zip(address.parse().ok());
    Ok(known.map(|(conversation, address)| Removal { conversation, address, sender }))
}

fn removals(connection: &Connection, id: &str, state: i64) -> Sql<Vec<Removal>> {
    connection
        .prepare_cached(
            "SELECT conversation, address, sender FROM removals
             WHERE id = ?1 AND state = ?2 ORDER BY conversation",
        )?
        .query_map(params![id, state], removal)?
        .filter_map(Result::transpose)
        .collect()
}

#[cfg(test)]
mod tests;
