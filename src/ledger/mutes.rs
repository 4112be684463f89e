//! Members who are muted.

use jiff::{SignedDuration, Timestamp};
use partyline_core::Place;
use rusqlite::params;

use super::threads::Writing;
use super::{Ledger, LedgerError, timestamp};
use crate::policy::Mute;

/// How long a mute is known that is over: what was said while it held may still be read back.
const KNOWN: SignedDuration = SignedDuration::from_hours(24);

/// Somebody who is muted in a group, or was until lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Muted {
    /// The conversation in which the mute holds; in others the person is heard.
    pub conversation: Place,
    /// Who, as the key of a contact.
    pub member: String,
    /// From when to when.
    pub mute: Mute,
}

/// A change of who is muted, which a command brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MuteChange {
    /// Mutes a member.
    Mute {
        /// Whom, where, and until when.
        muted: Muted,
        /// Who says so.
        by: String,
    },
    /// Takes that back.
    Unmute {
        /// Where.
        conversation: Place,
        /// Whom.
        member: String,
    },
}

pub(super) fn apply(writing: &Writing<'_>, change: &MuteChange) -> Result<(), rusqlite::Error> {
    match change {
        MuteChange::Mute { muted: Muted { conversation, member, mute }, by } => writing
            .connection
            .prepare_cached(
                "INSERT OR REPLACE INTO mutes (conversation, member, since, until, by)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                conversation.to_string(),
                member,
                mute.since.as_millisecond(),
                mute.until.map(Timestamp::as_millisecond),
                by
            ]),
        MuteChange::Unmute { conversation, member } => writing
            .connection
            .prepare_cached("DELETE FROM mutes WHERE conversation = ?1 AND member = ?2")?
            .execute(params![conversation.to_string(), member]),
    }
    .map(drop)
}

impl Ledger {
    /// Everybody who is muted. Mutes that have been over for a day are forgotten first.
    ///
    /// # Errors
    /// The ledger could not be read or written.
    pub async fn mutes(&self) -> Result<Vec<Muted>, LedgerError> {
        let over = self.before(KNOWN);
        self.threads
            .write(move |writing| {
                writing.connection.execute("DELETE FROM mutes WHERE until < ?1", [over])?;
                let mut rows = writing
                    .connection
                    .prepare("SELECT conversation, member, since, until FROM mutes")?;
                let mut rows = rows.query([])?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    let Ok(conversation) = row.get::<_, String>(0)?.parse() else { continue };
                    let (since, until) = (row.get(2)?, row.get::<_, Option<i64>>(3)?);
                    let mute = Mute { since: timestamp(since), until: until.map(timestamp) };
                    found.push(Muted { conversation, member: row.get(1)?, mute });
                }
                Ok(found)
            })
            .await
    }
}
