//! Deliveries that were given up, and those that were skipped as too late: shown, sent after all, or
//! dropped.

use jiff::Timestamp;
use partyline_core::Place;
use rusqlite::types::Value;
use rusqlite::{Row, params};

use super::heads::News;
use super::threads::Writing;
use super::{Accepted, Lane, Ledger, LedgerError, Sql, timestamp};

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
    /// The one with this number, and those that their room was told of together with it.
    Batch(i64),
    /// Those to these places.
    To(Vec<Place>),
    /// All.
    All,
    /// Those that were skipped because they were read back too late, to these places, or all.
    Skipped(Option<Vec<Place>>),
}

/// What was skipped on its way to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Where it was to go.
    pub to: Place,
    /// How many deliveries.
    pub count: u64,
}

/// What is to become of parked deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueChange {
    /// They are sent again, behind what waits already.
    Retry(Selection),
    /// They are never sent.
    Drop(Selection),
    /// What waits for one room, or was given up or skipped there, is another one's from now on, which takes its
    /// place.
    Move {
        /// The room that it was for.
        from: Place,
        /// The room that takes its place.
        to: Place,
    },
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
                         WHERE {filter} AND id > {after} ORDER BY id LIMIT {limit}"
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

    /// How much was skipped on its way to each place, at most `limit` places.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn skipped(
        &self,
        places: Option<&[Place]>,
        limit: u32,
    ) -> Result<Vec<Left>, LedgerError> {
        let selection = Selection::Skipped(places.map(<[Place]>::to_vec));
        self.threads
            .read(move |connection| {
                let mut left = Vec::new();
                for (filter, value) in filters(&selection) {
                    connection
                        .prepare_cached(&format!(
                            "SELECT lane, count(*) FROM deliveries WHERE {filter}
                             GROUP BY lane LIMIT {limit}"
                        ))?
                        .query_map([value], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?
                        .try_for_each(|row| {
                            let (lane, count) = row?;
                            left.extend(
                                Lane::parse(&lane).map(|lane| Left { to: lane.place, count }),
                            );
                            Ok::<(), rusqlite::Error>(())
                        })?;
                }
                Ok(left)
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

/// The conditions that a selection comes to, each with its value. All of them can use an index of
/// their own.
fn filters(selection: &Selection) -> Vec<(&'static str, Value)> {
    let lanes = |filter, places: &[Place]| {
        places.iter().map(|place| (filter, place.to_string().into())).collect()
    };
    match selection {
        Selection::One(number) => vec![("state = 2 AND id = ?1", (*number).into())],
        // Two conditions, so that each uses its index.
        Selection::Batch(number) => vec![
            ("state = 2 AND id = ?1", (*number).into()),
            ("state = 2 AND batch = ?1 AND id <> ?1", (*number).into()),
        ],
        Selection::To(places) => lanes("state = 2 AND lane = ?1", places),
        Selection::All => vec![("state = 2 AND id > ?1", 0.into())],
        Selection::Skipped(Some(places)) => lanes("state = 4 AND lane = ?1", places),
        Selection::Skipped(None) => vec![("state = 4 AND id > ?1", 0.into())],
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
        QueueChange::Move { from, to } => return hand_over(writing, from, to, accepted),
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
            "UPDATE deliveries SET {set}, sentence = NULL, untold = NULL
             WHERE {filter} AND ?2 >= 0 RETURNING lane"
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

/// Gives what is owed to one room to another, in its order; what was given up there is tried anew. What is under
/// way as this is done may come to both.
fn hand_over(writing: &Writing<'_>, from: &Place, to: &Place, accepted: &mut Accepted) -> Sql<()> {
    let (old, new) = (Lane::of(from.clone()), Lane::of(to.clone()));
    for (state, becomes) in [(0, 0), (2, 0), (4, 4)] {
        writing
            .connection
            .prepare_cached(
                "UPDATE deliveries SET lane = ?4, owed = json_set(owed, '$.to', ?5),
                     state = ?3, sentence = NULL, untold = NULL
                 WHERE state = ?1 AND lane = ?2 AND owed IS NOT NULL",
            )?
            .execute(params![state, old.to_string(), becomes, new.to_string(), to.to_string()])?;
    }
    writing.tell(News::Emptied(old));
    writing.tell(News::Changed(new.clone()));
    accepted.wake(new);
    Ok(())
}
