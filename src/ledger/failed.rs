//! What was given up and its room is still to be told of: what fails one after another is told together.

use jiff::Timestamp;
use partyline_core::{Action, Place};
use rusqlite::params;

use super::mark::key_of;
use super::owed::insert_owed;
use super::threads::Writing;
use super::{Accepted, Lane, Ledger, LedgerError, Owed, Sql, from_json};
use crate::crash::{Point, point};

/// What was given up in one lane, of one room, for one reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    /// The room that it came from.
    pub from: Place,
    /// Where it was to go.
    pub to: Place,
    /// Whether it may have been sent all the same.
    pub uncertain: bool,
    /// Why, in a sentence.
    pub sentence: String,
    /// How many messages.
    pub messages: u64,
    /// How many deliveries: a long message has several, its parts.
    pub deliveries: u64,
    /// The number of the first delivery, by which all of them are known together.
    pub number: i64,
    /// When the first was said.
    pub at: Timestamp,
    /// What the first was to do.
    pub first: Action,
    /// What the last was to do.
    pub last: Action,
}

impl Ledger {
    /// Lanes with something of which its room is still to be told.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn lanes_failed(&self) -> Result<Vec<Lane>, LedgerError> {
        self.threads
            .read(|connection| {
                connection
                    .prepare_cached(
                        "SELECT DISTINCT lane FROM deliveries WHERE untold IS NOT NULL",
                    )?
                    .query_map([], |row| row.get::<_, String>(0))?
                    .filter_map(|lane| lane.map(|lane| Lane::parse(&lane)).transpose())
                    .collect()
            })
            .await
    }

    /// Owes each room what is told of all that was given up in this lane, in the words of `words`: once.
    ///
    /// # Errors
    /// Nothing was written: it is still to be told.
    pub async fn tell_given_up(
        &self,
        lane: &Lane,
        words: fn(&Failed) -> Owed,
    ) -> Result<Accepted, LedgerError> {
        let (now, place, lane) = (self.now_ms(), lane.place.clone(), lane.to_string());
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                for (event, failed) in gather(writing, &place, &lane)? {
                    let owed = words(&failed);
                    let position = Some(writing.next_position());
                    insert_owed(writing, event, &key_of(writing, event)?, &owed, position, now)?;
                    accepted.wake(owed.lane());
                }
                point(Point::FailedTelling);
                // What was erased or forgotten meanwhile is told to nobody.
                writing
                    .connection
                    .prepare_cached(
                        "UPDATE deliveries SET untold = NULL
                         WHERE lane = ?1 AND untold IS NOT NULL",
                    )?
                    .execute([&lane])?;
                Ok(accepted)
            })
            .await
    }
}

/// What is to be told of a lane, and because of which event; it is noted what is told together.
fn gather(writing: &Writing<'_>, to: &Place, lane: &str) -> Sql<Vec<(i64, Failed)>> {
    let groups: Vec<Group> = writing
        .connection
        .prepare_cached(
            "SELECT json_extract(owed, '$.from'), untold, coalesce(sentence, ''),
                    count(DISTINCT event), count(*), min(id), max(id)
             FROM deliveries WHERE lane = ?1 AND untold IS NOT NULL AND state = 2
             GROUP BY 1, 2, 3 ORDER BY 6",
        )?
        .query_map([lane], |row| {
            Ok(Group {
                from: row.get(0)?,
                untold: row.get(1)?,
                sentence: row.get(2)?,
                messages: row.get::<_, i64>(3)?.unsigned_abs(),
                deliveries: row.get::<_, i64>(4)?.unsigned_abs(),
                oldest: row.get(5)?,
                newest: row.get(6)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    let mut found = Vec::new();
    for group in groups {
        if group.deliveries > 1 {
            writing
                .connection
                .prepare_cached(
                    "UPDATE deliveries SET batch = ?5
                     WHERE lane = ?1 AND untold = ?2 AND state = 2 AND coalesce(sentence, '') = ?3
                       AND json_extract(owed, '$.from') IS ?4",
                )?
                .execute(params![lane, group.untold, group.sentence, group.from, group.oldest])?;
        }
        let (first, last) = (owed(writing, group.oldest)?, owed(writing, group.newest)?);
        let (Some((event, first)), Some((_, last))) = (first, last) else { continue };
        let failed = Failed {
            from: first.from,
            to: to.clone(),
            uncertain: group.untold == UNCERTAIN,
            sentence: group.sentence,
            messages: group.messages,
            deliveries: group.deliveries,
            number: group.oldest,
            at: first.at,
            first: first.action,
            last: last.action,
        };
        found.push((event, failed));
    }
    Ok(found)
}

/// What is told of in one notice, as it stands in the ledger.
struct Group {
    from: Option<String>,
    untold: i64,
    sentence: String,
    messages: u64,
    deliveries: u64,
    oldest: i64,
    newest: i64,
}

/// A delivery that was given up and of which nobody knows whether it was sent.
const UNCERTAIN: i64 = 2;

/// How it is noted that a room is still to be told of one that was given up.
pub(super) const fn untold(uncertain: bool) -> i64 {
    if uncertain { UNCERTAIN } else { 1 }
}

fn owed(writing: &Writing<'_>, number: i64) -> Sql<Option<(i64, Owed)>> {
    let (event, owed): (i64, Option<String>) = writing
        .connection
        .prepare_cached("SELECT event, owed FROM deliveries WHERE id = ?1")?
        .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))?;
    // What a person's data was erased from can be unreadable.
    Ok(owed.and_then(|owed| from_json(&owed).ok()).map(|owed| (event, owed)))
}
