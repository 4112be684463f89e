//! Receipts: what became of each message on each member's phone.
//!
//! A receipt is not kept as an event: what it says is one row that only ever moves on, so that a
//! repeat, or an older one that comes later, changes nothing. One that comes before its send has
//! returned, when nobody knows yet which message it is of, waits as a receipt of event 0. One that
//! failed for somebody whom nobody knows yet waits as a stray (`strays.rs`).

use jiff::Timestamp;
use partyline_core::{Event, Happening, MessageId, Place, ReceiptStatus};
use rusqlite::{OptionalExtension, params};

use super::cursors::place_id;
use super::members::{Whose, whose};
use super::threads::Writing;
use super::{Accepted, Lane, Ledger, LedgerError, Sql, broadcasts, held, strays, suppressions};

/// How long after the first news of a message its tick is looked at, in milliseconds: most members'
/// receipts come together.
pub(super) const SETTLING: i64 = 2000;

/// How far a message came on one phone, in the order in which news replaces older news. What a
/// carrier refused and then delivered after all is delivered.
pub(super) const fn rank(status: ReceiptStatus) -> i64 {
    match status {
        ReceiptStatus::Sent => 1,
        ReceiptStatus::Undelivered => 2,
        ReceiptStatus::Failed => 3,
        ReceiptStatus::Delivered => 4,
        ReceiptStatus::Read => 5,
    }
}

/// The inverse of [`rank`].
pub(super) const fn status(rank: i64) -> ReceiptStatus {
    match rank {
        ..=1 => ReceiptStatus::Sent,
        2 => ReceiptStatus::Undelivered,
        3 => ReceiptStatus::Failed,
        4 => ReceiptStatus::Delivered,
        _ => ReceiptStatus::Read,
    }
}

/// Takes a receipt, if this event is one.
pub(super) fn take(
    writing: &Writing<'_>,
    event: &Event,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<bool> {
    let Happening::Receipt { message, participant, status, error } = &event.happening else {
        return Ok(false);
    };
    // Of what went to one phone, nobody is named but the phone.
    let phone = event.place.as_phone().map(|(_, address)| address.to_string());
    let participant = participant.as_deref().or(phone.as_deref()).unwrap_or_default();
    if phone.is_some() && is_nobodys(writing, &event.place)? {
        return Ok(true);
    }
    let of = origin(writing, &event.place, message)?;
    let fresh = writing
        .connection
        .prepare_cached(
            "INSERT INTO receipts (event, message, participant, rank, error, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (event, message, participant) DO UPDATE
                 SET rank = excluded.rank, error = excluded.error, at = excluded.at
                 WHERE excluded.rank > rank",
        )?
        .execute(params![
            of.as_ref().map_or(0, |of| of.event),
            message.as_str(),
            participant,
            rank(*status),
            error,
            now
        ])?;
    if fresh == 0 {
        accepted.repeats += 1;
        return Ok(true);
    }
    accepted.fresh += 1;
    note_member(writing, &event.place, participant, *status, *error)?;
    let fate = Fate { place: &event.place, participant, status: *status, error: *error };
    let whose = fate.whose(writing)?;
    if whose.is_none() && fate.failed() && !participant.is_empty() {
        return strays::wait(writing, &event.place, participant, message, event.at, accepted)
            .map(|()| true);
    }
    learn(writing, &fate, whose.as_ref(), of.as_ref(), (event.at, now), accepted)?;
    Ok(true)
}

/// Whether nothing was ever sent to a phone, nor waits for it: whoever it was sent to was erased, and what
/// is said of it afterwards is not written down.
fn is_nobodys(writing: &Writing<'_>, phone: &Place) -> Sql<bool> {
    let lane = Lane::of(phone.clone()).to_string();
    let known = writing
        .connection
        .prepare_cached(
            "SELECT 1 FROM places WHERE place = ?1
             UNION ALL SELECT 1 FROM deliveries WHERE state = 0 AND lane = ?2
             UNION ALL SELECT 1 FROM deliveries WHERE state = 2 AND lane = ?2",
        )?
        .exists(params![phone.to_string(), lane])?;
    Ok(!known)
}

/// What a receipt says became of a message.
pub(super) struct Fate<'a> {
    /// The conversation, or the phone, that it stands in.
    pub(super) place: &'a Place,
    pub(super) participant: &'a str,
    pub(super) status: ReceiptStatus,
    pub(super) error: Option<u32>,
}

impl Fate<'_> {
    pub(super) fn came(&self) -> bool {
        matches!(self.status, ReceiptStatus::Delivered | ReceiptStatus::Read)
    }

    pub(super) fn failed(&self) -> bool {
        matches!(self.status, ReceiptStatus::Undelivered | ReceiptStatus::Failed)
    }

    /// Whose phone it is of, where something follows from that.
    fn whose(&self, writing: &Writing<'_>) -> Sql<Option<Whose>> {
        if !self.came() && !self.failed() {
            return Ok(None);
        }
        whose(writing.connection, self.place, self.participant)
    }
}

/// Takes what follows from a receipt: somebody wants no more messages, it is held for them, or people
/// are shown and told what became of it.
fn learn(
    writing: &Writing<'_>,
    fate: &Fate<'_>,
    whose: Option<&Whose>,
    of: Option<&Origin>,
    (at, now): (Timestamp, i64),
    accepted: &mut Accepted,
) -> Sql<()> {
    if let Some(whose) = whose {
        suppressions::learn(writing, fate, whose, at, accepted)?;
    }
    let Some(of) = of else { return Ok(()) };
    if let Some(whose) = whose {
        held::learn(writing, of, fate, whose, now, accepted)?;
    }
    // Of what a phone said, only that somebody does not get it is told.
    let told = of.delivery.is_some() || fate.failed();
    if told && !broadcasts::is_one(writing.connection, of.event)? {
        look_at(writing, of.event, now, accepted)?;
    }
    Ok(())
}

/// It is known by now whose a receipt is that waited for that, or that nobody will know.
pub(super) fn settle(
    writing: &Writing<'_>,
    (place, participant, message): (&Place, &str, &MessageId),
    whose: Option<&Whose>,
    (at, now): (Timestamp, i64),
    accepted: &mut Accepted,
) -> Sql<()> {
    let of = origin(writing, place, message)?;
    let event = of.as_ref().map_or(0, |of| of.event);
    let known: Option<(i64, Option<u32>)> = writing
        .connection
        .prepare_cached(
            "SELECT rank, error FROM receipts
             WHERE event = ?1 AND message = ?2 AND participant = ?3",
        )?
        .query_row(params![event, message.as_str(), participant], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((rank, error)) = known else { return Ok(()) };
    let fate = Fate { place, participant, status: status(rank), error };
    learn(writing, &fate, whose, of.as_ref(), (at, now), accepted)
}

/// A message of ours is known by now: the receipts that came before are its own.
pub(super) fn claim(
    writing: &Writing<'_>,
    place: &Place,
    message: &MessageId,
    of: &Origin,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let event = of.event;
    let early: Vec<(String, i64, Option<u32>)> = writing
        .connection
        .prepare_cached(
            "UPDATE receipts SET event = ?1 WHERE event = 0 AND message = ?2
             RETURNING participant, rank, error",
        )?
        .query_map(params![event, message.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    for (participant, rank, error) in &early {
        let fate = Fate { place, participant, status: status(*rank), error: *error };
        if let Some(whose) = fate.whose(writing)? {
            held::learn(writing, of, &fate, &whose, now, accepted)?;
        }
    }
    let news = !early.is_empty() || held::is_held(writing.connection, event)?;
    if !news || broadcasts::is_one(writing.connection, event)? {
        return Ok(());
    }
    look_at(writing, event, now, accepted)
}

/// Has the tick of what was said looked at, soon.
pub(super) fn look_at(
    writing: &Writing<'_>,
    event: i64,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    accepted.ticks = true;
    writing
        .connection
        .prepare_cached(
            "INSERT INTO ticks (event, news, due) VALUES (?1, 1, ?2)
             ON CONFLICT (event) DO UPDATE
                 SET news = news + 1, due = coalesce(due, excluded.due)",
        )?
        .execute(params![event, now + SETTLING])
        .map(drop)
}

/// What a message was said because of.
pub(super) struct Origin {
    pub(super) event: i64,
    /// The delivery that it is of, where it is ours.
    pub(super) delivery: Option<i64>,
}

/// What a message in a conversation was said because of.
pub(super) fn origin(
    writing: &Writing<'_>,
    place: &Place,
    message: &MessageId,
) -> Sql<Option<Origin>> {
    let (network, place) = (place.network().as_str(), place_id(writing, place)?);
    writing
        .connection
        .prepare_cached(
            "SELECT event, delivery FROM messages WHERE place = ?1 AND message = ?2
             UNION ALL
             SELECT id, NULL FROM events
             WHERE network = ?3 AND key = ?2 AND place = ?1 AND kind = 'message'
             LIMIT 1",
        )?
        .query_row(params![place, message.as_str(), network], |row| {
            Ok(Origin { event: row.get(0)?, delivery: row.get(1)? })
        })
        .optional()
}

/// For the list of members: what became of the last message to one.
fn note_member(
    writing: &Writing<'_>,
    place: &Place,
    participant: &str,
    status: ReceiptStatus,
    error: Option<u32>,
) -> Sql<()> {
    let status = serde_json::to_value(status).unwrap_or_default();
    writing
        .connection
        .prepare_cached(
            "UPDATE participants SET status = ?3, error = ?4 WHERE conversation = ?1 AND sid = ?2",
        )?
        .execute(params![place.to_string(), participant, status.as_str(), error])
        .map(drop)
}

impl Ledger {
    /// The newest messages that went to conversations and phones since then, each with its place, of which
    /// no receipt came of any member that it came or failed: at most `limit`, among as many times ten
    /// deliveries.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn untold_since(
        &self,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<(Place, MessageId)>, LedgerError> {
        self.threads
            .read(move |connection| {
                let rows: Vec<(String, String)> = connection
                    .prepare_cached(
                        "WITH newest AS (SELECT id, event, lane FROM
                             (SELECT id, event, lane, state, since FROM deliveries
                              ORDER BY id DESC LIMIT ?2 * 10)
                             WHERE state = 1 AND since >= ?1 AND lane LIKE 'twilio:%')
                         SELECT newest.lane, messages.message FROM newest
                         JOIN messages ON messages.event = newest.event
                             AND messages.delivery = newest.id
                         WHERE NOT EXISTS (SELECT 1 FROM receipts
                             WHERE receipts.event = newest.event
                               AND receipts.message = messages.message AND receipts.rank > 1)
                         LIMIT ?2",
                    )?
                    .query_map(params![since.as_millisecond(), limit], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })?
                    .collect::<Result<_, _>>()?;
                let place =
                    |(lane, id): (String, String)| Some((lane.parse().ok()?, MessageId::new(id)));
                Ok(rows.into_iter().filter_map(place).collect())
            })
            .await
    }
}
