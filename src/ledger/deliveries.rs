//! Deliveries out: what waits in a lane.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use partyline_core::{CLOCK_WRONG, DeliveryId, MessageId, Outgoing, Place, Reason};
use rusqlite::{OptionalExtension, params};

use super::heads::{Found, Row};
use super::{Lane, Ledger, LedgerError, Owed, from_json, timestamp};

/// A delivery that waits in its lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its number in the ledger, which `queue list` shows.
    pub number: i64,
    /// The id that goes along with it.
    pub id: DeliveryId,
    /// When it was written down.
    pub since: Timestamp,
    /// It may have been sent before the ledger was restored from a backup, which does not know.
    pub former: bool,
    /// It was parked once and is to be sent again: it may have been sent then, all the same.
    pub again: bool,
    /// Something that was said later at its origin went before it: people are told its time.
    pub overtaken: bool,
    /// What is to be done, from where to where.
    pub owed: Arc<Owed>,
}

/// A delivery as it is stored.
struct Stored {
    number: i64,
    position: i64,
    since: i64,
    owed: String,
    mark: Option<String>,
    again: bool,
    overtaken: bool,
}

/// How far a platform's clock may be from ours.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(5);

/// How much older than its event a delivery of before a restore is said to be. The bot may have
/// another Matrix session since, so that the homeserver would not know a repeat: with this, the
/// bridge relies on what stands in the room alone.
const FORMER: SignedDuration = SignedDuration::from_hours(1);

impl Delivery {
    /// What the bridge is asked to send. The lane adds what depends on when that is: the name, and
    /// the time where it is late.
    #[must_use]
    pub fn outgoing(&self) -> Outgoing {
        Outgoing {
            id: self.id.clone(),
            to: self.owed.to.clone(),
            at: self.owed.at,
            since: self.earliest(),
            late: None,
            known: Vec::new(),
            action: self.owed.action.clone(),
        }
    }

    /// Nothing of it can be at the destination before this time.
    fn earliest(&self) -> Timestamp {
        if !self.former {
            // Our clock may be ahead of the platforms'; where it was said, theirs was told.
            let bound = self.since.saturating_sub(CLOCK_WRONG).unwrap_or(self.since);
            return self.since.min(self.owed.at.max(bound));
        }
        let earliest = self.since.min(self.owed.at);
        earliest.saturating_sub(FORMER).unwrap_or(earliest)
    }
}

impl Ledger {
    /// Whether it may have been sent before the ledger was restored: because it waited in the
    /// backup, or because its event happened before the restore and was read back after it.
    fn is_former(&self, owed: &Owed) -> bool {
        self.restored.is_some_and(|restored| owed.at.duration_since(restored) <= CLOCKS_APART)
    }

    /// The first deliveries that wait in a lane, in order: what memory has of them, or else what
    /// is read, at most `limit`. None where nothing waits. Each lane is asked for by one task, and
    /// [`Ledger::lanes_waiting`] was asked for before.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn heads(&self, lane: &Lane, limit: u32) -> Result<Vec<Delivery>, LedgerError> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        loop {
            match self.heads.find(lane, most) {
                Found::Heads(rows) => return Ok(self.deliveries(rows)),
                Found::Read(changes) => {
                    let (rows, all) = self.read_waiting(lane, limit).await?;
                    self.heads.read(lane, changes, rows, all);
                }
            }
        }
    }

    /// Whether something waits in a lane, or may: as memory has it.
    #[must_use]
    pub fn has_more(&self, lane: &Lane) -> bool {
        self.heads.has_more(lane)
    }

    /// Whether one of those that [`Ledger::heads`] gave is first in its lane by now, and was not taken out of it
    /// meanwhile.
    #[must_use]
    pub fn is_first(&self, lane: &Lane, delivery: &Delivery) -> bool {
        self.heads.is_first(lane, delivery.number)
    }

    /// The first deliveries that wait in a lane, in order, as they stand in the ledger.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn waiting(&self, lane: &Lane, limit: u32) -> Result<Vec<Delivery>, LedgerError> {
        self.read_waiting(lane, limit).await.map(|(rows, _)| self.deliveries(rows))
    }

    /// Reads them, and whether nothing is behind them. What cannot be read any more is parked.
    async fn read_waiting(&self, lane: &Lane, limit: u32) -> Result<(Vec<Row>, bool), LedgerError> {
        loop {
            let stored = self.stored_rows(lane, limit).await?;
            let all = u32::try_from(stored.len()).is_ok_and(|count| count < limit);
            let (mut read, mut unreadable) = (Vec::new(), Vec::new());
            for Stored { number, position, since, owed, mark, again, overtaken } in stored {
                match from_json(&owed).map(Arc::new) {
                    Ok(owed) => {
                        read.push(Row { number, position, since, mark, again, overtaken, owed });
                    }
                    Err(_) => unreadable.push(number),
                }
            }
            if !unreadable.is_empty() {
                tracing::error!(?lane, numbers = ?unreadable, "deliveries cannot be read and are parked");
                self.park_unreadable(unreadable).await?;
                if read.is_empty() {
                    continue;
                }
            }
            return Ok((read, all));
        }
    }

    async fn stored_rows(&self, lane: &Lane, limit: u32) -> Result<Vec<Stored>, LedgerError> {
        let lane = lane.to_string();
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id, position, since, coalesce(owed, ''), mark,
                             reason IS NOT NULL, overtaken
                         FROM deliveries
                         WHERE state = 0 AND lane = ?1 AND position IS NOT NULL
                         ORDER BY position, id LIMIT ?2",
                    )?
                    .query_map(params![lane, limit], |row| {
                        Ok(Stored {
                            number: row.get(0)?,
                            position: row.get(1)?,
                            since: row.get(2)?,
                            owed: row.get(3)?,
                            mark: row.get(4)?,
                            again: row.get(5)?,
                            overtaken: row.get(6)?,
                        })
                    })?
                    .collect()
            })
            .await
    }

    async fn park_unreadable(&self, numbers: Vec<i64>) -> Result<(), LedgerError> {
        let reason = Reason::Poisoned.as_str();
        self.threads
            .write(move |writing| {
                let mut park = writing.connection.prepare_cached(
                    "UPDATE deliveries SET state = 2, reason = ?2,
                         sentence = 'What is stored of it cannot be read: drop it.'
                     WHERE id = ?1",
                )?;
                numbers.iter().try_for_each(|id| park.execute(params![id, reason]).map(drop))
            })
            .await
    }

    fn deliveries(&self, rows: Vec<Row>) -> Vec<Delivery> {
        let delivery = |Row { number, since, mark, again, overtaken, owed, .. }: Row| Delivery {
            number,
            id: self.delivery_id(number, mark.as_deref()),
            since: timestamp(since),
            former: self.is_former(&owed),
            again,
            overtaken,
            owed,
        };
        rows.into_iter().map(delivery).collect()
    }

    /// The lanes in which something waits: where work goes on after a start.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn lanes_waiting(&self) -> Result<Vec<Lane>, LedgerError> {
        self.heads.start();
        let lanes: Vec<Lane> = self
            .threads
            .read(|connection| {
                connection
                    .prepare_cached(
                        "SELECT DISTINCT lane FROM deliveries
                         WHERE state = 0 AND position IS NOT NULL",
                    )?
                    .query_map([], |row| row.get::<_, String>(0))?
                    .filter_map(|lane| lane.map(|lane| Lane::parse(&lane)).transpose())
                    .collect::<Result<_, _>>()
            })
            .await?;
        self.heads.unknown(&lanes);
        Ok(lanes)
    }

    /// Whether a delivery still waits.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn waits(&self, delivery: &Delivery) -> Result<bool, LedgerError> {
        let number = delivery.number;
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT 1 FROM deliveries WHERE id = ?1 AND state = 0")?
                    .exists([number])
            })
            .await
    }

    /// Forgets in memory a delivery that waits no more.
    pub fn is_gone(&self, delivery: &Delivery) {
        self.heads.gone(&delivery.owed.lane(), delivery.number);
    }

    /// The messages to a phone alone that are known to be deliveries', newest first, at most `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn sent_to(&self, place: &Place, limit: u32) -> Result<Vec<MessageId>, LedgerError> {
        let place = place.to_string();
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT message FROM messages
                         WHERE place = (SELECT id FROM places WHERE place = ?1)
                           AND message GLOB '[SM]M*' AND delivery IS NOT NULL
                         ORDER BY delivery DESC LIMIT ?2",
                    )?
                    .query_map(params![place, limit], |row| {
                        row.get::<_, String>(0).map(MessageId::new)
                    })?
                    .collect()
            })
            .await
    }

    /// How many deliveries of a lane wait, and since when the oldest does.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn depth(&self, lane: &Lane) -> Result<(u64, Option<Timestamp>), LedgerError> {
        let lane = lane.to_string();
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT count(*), min(since) FROM deliveries WHERE state = 0 AND lane = ?1",
                    )?
                    .query_row([lane], |row| {
                        Ok((row.get::<_, u64>(0)?, row.get::<_, Option<i64>>(1)?.map(timestamp)))
                    })
                    .optional()
                    .map(Option::unwrap_or_default)
            })
            .await
    }
}
