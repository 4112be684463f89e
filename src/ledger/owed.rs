//! What one destination is owed, as the ledger stores it.

use std::sync::Arc;

use jiff::Timestamp;
use partyline_core::{Action, AnswerTo, Place, Speaker, Text};
use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::heads::{News, Row};
use super::mark::{Key, key_of, mark};
use super::threads::Writing;
use super::{Accepted, Lane, Sql, to_json};

/// What one destination is owed: the store's form of an
/// [`Outgoing`](partyline_core::Outgoing).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// Where it goes.
    pub to: Place,
    /// Where it comes from.
    pub from: Place,
    /// Who is speaking; the name is found when it is sent, so that it is the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<Speaker>,
    /// When the event happened.
    pub at: Timestamp,
    /// What to do.
    pub action: Action,
}

impl Owed {
    /// The bridge's own answer to a command.
    #[must_use]
    pub fn answer(to: &AnswerTo, at: Timestamp, text: impl Into<String>) -> Self {
        Self {
            to: to.place.clone(),
            from: to.place.clone(),
            speaker: None,
            at,
            action: Action::Answer {
                to: to.clone(),
                text: Text::plain(text),
                replaces: None,
                buttons: Vec::new(),
            },
        }
    }

    /// The queue that it stands in.
    #[must_use]
    pub fn lane(&self) -> Lane {
        match self.action {
            Action::Answer { .. } => Lane::answers(self.to.clone()),
            Action::Post { .. }
            | Action::Notice { .. }
            | Action::Card { .. }
            | Action::Remark { .. }
            | Action::Template { .. } => Lane::of(self.to.clone()),
        }
    }
}

/// Writes down one delivery.
pub(super) fn insert_owed(
    writing: &Writing<'_>,
    event: i64,
    key: &Key,
    owed: &Owed,
    position: Option<i64>,
    now: i64,
) -> Sql<()> {
    let (lane, mark) = (owed.lane(), mark(key, owed)?);
    writing
        .connection
        .prepare_cached(
            "INSERT INTO deliveries (event, lane, position, since, owed, mark)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![event, lane.to_string(), position, now, to_json(owed)?, mark])?;
    if let Some(position) = position {
        let number = writing.connection.last_insert_rowid();
        let mark = Some(mark);
        let owed = Arc::new(owed.clone());
        let row = Row { number, position, since: now, mark, again: false, overtaken: false, owed };
        writing.tell(News::Waits(lane, row));
    }
    Ok(())
}

/// Owes a place something because of an event that is in the ledger, now.
pub(super) fn owe(
    writing: &Writing<'_>,
    event: i64,
    owed: &Owed,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let (key, position) = (key_of(writing, event)?, writing.next_position());
    insert_owed(writing, event, &key, owed, Some(position), now)?;
    accepted.wake(owed.lane());
    Ok(())
}
