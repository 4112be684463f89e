//! What was missed, once it is all read back: let go in order, less what comes too late, with a
//! summary in its place.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use partyline_core::{MessageId, Place};
use rusqlite::params;

use super::cursors::{PlaceRow, move_cursor, to_i64};
use super::holds::{Hold, drain, release_all, release_through};
use super::threads::Writing;
use super::{Accepted, Lane, Ledger, LedgerError, Sql, own, timestamp};
use crate::crash::{Point, point};

/// How much of what was missed in a place is still relayed.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What is older is not.
    pub age: Duration,
    /// So many of the newest are.
    pub messages: usize,
    /// What is younger is relayed in any case: it is traffic and no flood.
    pub fresh: Duration,
}

/// What of a place was not relayed, for the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// How many messages were skipped.
    pub messages: usize,
    /// How many people said them.
    pub people: usize,
    /// When the first of them was said.
    pub first: Timestamp,
    /// When the last of them was said.
    pub last: Timestamp,
    /// How many newer ones follow.
    pub follow: usize,
}

/// How far what was read back is let go.
#[derive(Clone, Debug)]
pub enum Through {
    /// Up to this ordinal, and what follows it without a hole.
    Ordinal(u64),
    /// All, unless the place was put on hold again since this hold.
    Hold(Hold),
    /// All, and the place has been read up to this message.
    Message(MessageId),
}

/// Whoever else is told about a place, and what.
#[derive(Clone, Debug, Default)]
pub struct Telling {
    /// The places tied to it.
    pub to: Vec<Place>,
    /// Why something may be missing before what is let go, where that is so.
    pub lost: Option<String>,
    /// Whether what is missing is to be read again later.
    pub again: bool,
}

impl Ledger {
    /// Lets go what was read back of a place, in order, in one commit: the cursor moves along, what
    /// comes too late is skipped (state 4), and a summary, in the words that `tell` finds for it,
    /// goes before the rest.
    ///
    /// Where something could not be read, the places tied to it are told, once; and if it is to be
    /// read again, the ledger keeps from where.
    ///
    /// # Errors
    /// Nothing was released.
    pub async fn release_missed(
        &self,
        place: &Place,
        through: Through,
        limit: Limit,
        telling: Telling,
        tell: impl Fn(&Skipped, &Place) -> String + Send + 'static,
    ) -> Result<Accepted, LedgerError> {
        let place = place.clone();
        let now = self.now_ms();
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let row = PlaceRow::of(writing, &place)?;
                if let Through::Hold(hold) = &through
                    && !hold.stands(&row)
                {
                    return Ok(accepted);
                }
                match &telling.lost {
                    Some(why) => note_hole(writing, &row, &telling, why, now, &mut accepted)?,
                    None => close_hole(writing, &row)?,
                }
                let up_to = match &through {
                    Through::Ordinal(ordinal) => to_i64(*ordinal),
                    Through::Hold(_) | Through::Message(_) => i64::MAX,
                };
                if let Some(late) = skip_late(writing, &row, up_to, limit, now)? {
                    let key = format!("skipped:{}:{}", row.id, late.newest);
                    let note = own::note(writing, &row.place, row.id, key, now)?;
                    for to in &late.to {
                        let text = tell(&late.skipped, to);
                        own::owe(writing, &note, to, text, now, &mut accepted)?;
                    }
                }
                match &through {
                    Through::Ordinal(ordinal) => {
                        let through = to_i64(*ordinal);
                        release_through(writing, &row, through, &mut accepted)?;
                        move_cursor(writing, row.id, Some(through), None)?;
                        drain(writing, row.id, through, &mut accepted)?;
                    }
                    Through::Hold(_) => release_all(writing, &row, &mut accepted)?,
                    Through::Message(last) => {
                        release_all(writing, &row, &mut accepted)?;
                        move_cursor(writing, row.id, None, Some(last))?;
                    }
                }
                point(Point::ReadReleasing);
                Ok(accepted)
            })
            .await
    }
}

/// Notes from where a place is to be read again, and tells the places tied to it. A place that has
/// a hole already was told of it.
fn note_hole(
    writing: &Writing<'_>,
    row: &PlaceRow,
    telling: &Telling,
    why: &str,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    if telling.again {
        // A place that was never read begins where it is when it can be read.
        if !row.begun {
            return Ok(());
        }
        let noted = writing
            .connection
            .prepare_cached(
                "UPDATE places SET hole_ordinal = coalesce(floor, ordinal), hole_last = last
                 WHERE id = ?1 AND hole_ordinal IS NULL AND hole_last IS NULL",
            )?
            .execute([row.id])?;
        if noted == 0 {
            return Ok(());
        }
    }
    let key = format!("lost:{}:{now}", row.id);
    let note = own::note(writing, &row.place, row.id, key, now)?;
    telling.to.iter().try_for_each(|to| own::owe(writing, &note, to, why.to_owned(), now, accepted))
}

fn close_hole(writing: &Writing<'_>, row: &PlaceRow) -> Sql<()> {
    writing
        .connection
        .prepare_cached(
            "UPDATE places SET hole_ordinal = NULL, hole_last = NULL
             WHERE id = ?1 AND (hole_ordinal IS NOT NULL OR hole_last IS NOT NULL)",
        )?
        .execute([row.id])
        .map(drop)
}

/// What of a place was skipped, and who is told.
struct Late {
    skipped: Skipped,
    /// The newest of them.
    newest: i64,
    to: BTreeSet<Place>,
}

/// Skips the messages among the held ones that come too late: those older than the limit, and of
/// what is not fresh all but the newest.
fn skip_late(
    writing: &Writing<'_>,
    row: &PlaceRow,
    through: i64,
    limit: Limit,
    now: i64,
) -> Sql<Option<Late>> {
    let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    let held: Vec<(i64, i64)> = writing
        .connection
        .prepare_cached(
            "SELECT id, at FROM events
             WHERE state = 1 AND place = ?1 AND coalesce(ordinal, 0) <= ?2 AND kind = 'message'
               AND at < ?3
               AND EXISTS (SELECT 1 FROM deliveries WHERE deliveries.event = events.id)
             ORDER BY ordinal, id",
        )?
        .query_map(params![row.id, through, now.saturating_sub(ms(limit.fresh))], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<Sql<_>>()?;
    let oldest = now.saturating_sub(ms(limit.age));
    let aged = held.iter().rposition(|(_, at)| *at < oldest).map_or(0, |last| last + 1);
    let skip = aged.max(held.len().saturating_sub(limit.messages));
    let (Some((_, first)), Some((newest, last))) =
        (held.first(), skip.checked_sub(1).and_then(|at| held.get(at)))
    else {
        return Ok(None);
    };
    let (mut to, mut people) = (BTreeSet::new(), HashSet::new());
    for (event, _) in &held[..skip] {
        people.insert(skip_event(writing, row, *event, &mut to)?);
    }
    let skipped = Skipped {
        messages: skip,
        people: people.len(),
        first: timestamp(*first),
        last: timestamp(*last),
        follow: held.len() - skip,
    };
    Ok(Some(Late { skipped, newest: *newest, to }))
}

/// Skips one event: its deliveries are kept, to be sent if somebody asks for it. Says who spoke.
fn skip_event(
    writing: &Writing<'_>,
    row: &PlaceRow,
    event: i64,
    to: &mut BTreeSet<Place>,
) -> Sql<Option<String>> {
    let (ordinal, speaker): (Option<i64>, Option<String>) = writing
        .connection
        .prepare_cached(
            "UPDATE events SET state = 0 WHERE id = ?1
             RETURNING ordinal, json_extract(event, '$.happening.speaker.id')",
        )?
        .query_row([event], |found| Ok((found.get(0)?, found.get(1)?)))?;
    let mut deliveries = writing
        .connection
        .prepare_cached("UPDATE deliveries SET state = 4 WHERE event = ?1 RETURNING lane")?;
    let mut lanes = deliveries.query([event])?;
    while let Some(lane) = lanes.next()? {
        to.extend(Lane::parse(&lane.get::<_, String>(0)?).map(|lane| lane.place));
    }
    move_cursor(writing, row.id, ordinal, None)?;
    Ok(speaker)
}
