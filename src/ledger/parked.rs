//! Parked deliveries: shown, sent again, or dropped.

use jiff::Timestamp;
use partyline_core::Place;
use rusqlite::{Row, params};

use super::heads::News;
use super::threads::Writing;
use super::{Accepted, Lane, Ledger, LedgerError, timestamp};

type Sql<T> = Result<T, rusqlite::Error>;

/// A delivery that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Its number, for `queue retry` and `queue drop`.
    pub number: i64,
    /// Where it was to go.
    pub to: Place,
    /// When it was written down.
    pub since: Timestamp,
    /// Why it was given up, in a word.
    pub reason: String,
    /// The same in a sentence.
    pub sentence: String,
}

/// Which parked deliveries are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The one with this number.
    One(i64),
    /// Those to these places.
    To(Vec<Place>),
    /// All.
    All,
}

/// What is to become of parked deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueChange {
    /// They are sent again, behind what waits already.
    Retry(Selection),
    /// They are never sent.
    Drop(Selection),
}

impl Ledger {
    /// Parked deliveries, oldest first, at most `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn parked(
        &self,
        selection: &Selection,
        limit: u32,
    ) -> Result<Vec<Parked>, LedgerError> {
        self.parked_after(selection, 0, limit).await
    }

    /// The same, from after the number `after` on.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn parked_after(
        &self,
        selection: &Selection,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Parked>, LedgerError> {
        let selection = selection.clone();
        self.threads
            .read(move |connection| {
                let mut found = Vec::new();
                for (filter, value) in filters(&selection) {
                    let mut rows = connection.prepare_cached(&format!(
                        "SELECT id, lane, since, reason, sentence FROM deliveries
                         WHERE state = 2 AND {filter} AND id > {after} ORDER BY id LIMIT {limit}"
                    ))?;
                    let mut rows = rows.query([value])?;
                    while let Some(row) = rows.next()? {
                        found.extend(parked(row)?);
                    }
                }
                found.sort_by_key(|parked| parked.number);
                found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
                Ok(found)
            })
            .await
    }
}

fn parked(row: &Row<'_>) -> Sql<Option<Parked>> {
    let Some(lane) = Lane::parse(&row.get::<_, String>(1)?) else { return Ok(None) };
    Ok(Some(Parked {
        number: row.get(0)?,
        to: lane.place,
        since: timestamp(row.get(2)?),
        reason: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
        sentence: row.get::<_, Option<String>>(4)?.unwrap_or_default(),
    }))
}

/// The conditions that a selection comes to, each with its value. All of them can use the index of
/// parked deliveries.
fn filters(selection: &Selection) -> Vec<(&'static str, rusqlite::types::Value)> {
    match selection {
        Selection::One(number) => vec![("id = ?1", (*number).into())],
        Selection::To(places) => {
            places.iter().map(|place| ("lane = ?1", place.to_string().into())).collect()
        }
        Selection::All => vec![("id > ?1", 0.into())],
    }
}

/// Carries out a change. What is sent again takes the place behind what waits in its lane.
pub(super) fn apply(
    writing: &Writing<'_>,
    change: &QueueChange,
    accepted: &mut Accepted,
) -> Sql<()> {
    let (selection, retry) = match change {
        QueueChange::Retry(selection) => (selection, true),
        QueueChange::Drop(selection) => (selection, false),
    };
    for (filter, value) in filters(selection) {
        // What is sent again keeps its reason: by that the lane knows to look it up first.
        let set = if retry {
            "state = 0, position = ?2"
        } else {
            "state = 3, owed = NULL, reason = NULL"
        };
        let position = if retry { writing.next_position() } else { 0 };
        // The second parameter is named in both, so that one list of parameters serves.
        let sql = format!(
            "UPDATE deliveries SET {set}, sentence = NULL
             WHERE state = 2 AND {filter} AND ?2 >= 0 RETURNING lane"
        );
        let mut lanes = writing.connection.prepare_cached(&sql)?;
        let mut lanes = lanes.query(params![value, position])?;
        while let Some(row) = lanes.next()? {
            if let Some(lane) = Lane::parse(&row.get::<_, String>(0)?).filter(|_| retry) {
                writing.tell(News::Changed(lane.clone()));
                accepted.wake(lane);
            }
        }
    }
    Ok(())
}
