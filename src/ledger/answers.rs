//! What became of commands that the operator gave, by command line or by the admin API.
//!
//! In a room, an answer is a delivery. The operator has no room: the answer stands here until it
//! is fetched, by the key under which the command was given.

use partyline_core::{EventKey, Network};
use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::threads::Writing;
use super::{Ended, Ledger, LedgerError};

/// How a command of the operator's ended.
#[derive(Clone, PartialEq, Eq)]
pub struct Answered {
    /// How the command ended.
    pub ended: Ended,
    /// The answer, in a sentence.
    pub said: String,
    /// What it came to, for programs.
    pub details: Option<Value>,
}

impl std::fmt::Debug for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answered").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// What is known of a command that was given under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// No command was given under it.
    Unknown,
    /// It is being carried out.
    Open,
    /// It was carried out, and how that ended; `None` where that is forgotten.
    Closed(Option<Answered>),
}

/// Writes an answer down, within the commit of its command's end.
pub(super) fn put(
    writing: &Writing<'_>,
    event: i64,
    answered: &Answered,
    now: i64,
) -> Result<(), rusqlite::Error> {
    let details = answered.details.as_ref().map(super::to_json).transpose()?;
    writing
        .connection
        .prepare_cached(
            "INSERT INTO answers (event, at, ended, said, details) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![event, now, answered.ended.as_str(), answered.said, details])
        .map(drop)
}

impl Ledger {
    /// What became of the operator's command that was given under this key, and what it asked
    /// for (see [`partyline_core::AnswerTo::handle`]), as long as that is kept.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn asked(&self, key: &EventKey) -> Result<(Asked, Option<String>), LedgerError> {
        let key = key.as_str().to_owned();
        self.threads
            .read(move |connection| {
                let row = connection
                    .prepare_cached(
                        "SELECT events.state, json_extract(events.event, '$.happening.answer.handle'),
                                answers.ended, answers.said, answers.details
                         FROM events LEFT JOIN answers ON answers.event = events.id
                         WHERE events.network = ?1 AND events.key = ?2",
                    )?
                    .query_row(params![Network::Operator.as_str(), key], |row| {
                        let details = row.get::<_, Option<String>>(4)?;
                        let ended = row.get::<_, Option<String>>(2)?;
                        let said = row.get::<_, Option<String>>(3)?.unwrap_or_default();
                        let answered = ended.map(|ended| Answered {
                            ended: Ended::read(&ended),
                            said,
                            details: details.and_then(|text| serde_json::from_str(&text).ok()),
                        });
                        Ok((row.get::<_, i64>(0)?, row.get(1)?, answered))
                    })
                    .optional()?;
                Ok(match row {
                    None => (Asked::Unknown, None),
                    Some((0, handle, answered)) => (Asked::Closed(answered), handle),
                    Some((_, handle, _)) => (Asked::Open, handle),
                })
            })
            .await
    }
}
