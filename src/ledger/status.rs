//! What the ledger can say of itself.

use jiff::Timestamp;
use partyline_core::Place;

use super::{Ledger, LedgerError, timestamp};

/// Counts for metrics and `status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Deliveries that wait, those of held events included.
    pub waiting: u64,
    /// Lanes in which they wait.
    pub lanes: u64,
    /// The most that wait in one lane.
    pub deepest: u64,
    /// When the oldest of them was written down.
    pub oldest: Option<Timestamp>,
    /// Deliveries that are parked.
    pub parked: u64,
    /// Deliveries that were skipped as too late.
    pub skipped: u64,
    /// Places that could not be read back, and are read again.
    pub holes: u64,
    /// Events that wait for one before them.
    pub held: u64,
    /// Commands that are not done.
    pub commands: u64,
    /// Pieces in which nothing was understood.
    pub unparsed: u64,
    /// Conversations of the inbox.
    pub inbox: InboxCounts,
}

/// How the conversations of the inbox are doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InboxCounts {
    /// Those that are not done with.
    pub open: u64,
    /// Those in which something was written since somebody answered.
    pub unread: u64,
    /// Those in which something waits for their thread.
    pub waiting: u64,
}

impl Ledger {
    /// Whether it takes writes: where the last one failed, another one is tried.
    ///
    /// # Errors
    /// It does not; why.
    pub async fn writable(&self) -> Result<(), LedgerError> {
        if !self.threads.failing() {
            return Ok(());
        }
        self.touch().await
    }

    /// Counts what is open. Reads partial indexes of open work only, so that it costs what is
    /// open, not what ever was.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn counts(&self) -> Result<Counts, LedgerError> {
        self.threads
            .read(|connection| {
                let mut counts = connection
                    .prepare_cached(
                        "SELECT coalesce(sum(n), 0), count(*), coalesce(max(n), 0), min(oldest)
                         FROM (SELECT count(*) AS n, min(since) AS oldest
                               FROM deliveries WHERE state = 0 GROUP BY lane)",
                    )?
                    .query_row([], |row| {
                        Ok(Counts {
                            waiting: row.get(0)?,
                            lanes: row.get(1)?,
                            deepest: row.get(2)?,
                            oldest: row.get::<_, Option<i64>>(3)?.map(timestamp),
                            ..Counts::default()
                        })
                    })?;
                let count = |sql| connection.prepare_cached(sql)?.query_row([], |row| row.get(0));
                counts.parked = count("SELECT count(*) FROM deliveries WHERE state = 2")?;
                counts.skipped = count("SELECT count(*) FROM deliveries WHERE state = 4")?;
                counts.holes = count(
                    "SELECT count(*) FROM places
                     WHERE hole_ordinal IS NOT NULL OR hole_last IS NOT NULL",
                )?;
                counts.held = count("SELECT count(*) FROM events WHERE state = 1")?;
                counts.commands = count("SELECT count(*) FROM events WHERE state = 2")?;
                counts.unparsed = count("SELECT count(*) FROM unparsed")?;
                counts.inbox = InboxCounts {
                    open: count("SELECT count(*) FROM inbox WHERE state = 1")?,
                    unread: count("SELECT count(*) FROM inbox WHERE state = 1 AND unread > 0")?,
                    waiting: count("SELECT count(DISTINCT conversation) FROM inbox_waiting")?,
                };
                Ok(counts)
            })
            .await
    }

    /// How many deliveries wait and how many are parked in the lane of a place.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn place_counts(&self, place: &Place) -> Result<(u64, u64), LedgerError> {
        let lane = place.to_string();
        self.threads
            .read(move |connection| {
                let count = |sql| {
                    connection.prepare_cached(sql)?.query_row([&lane], |row| row.get::<_, u64>(0))
                };
                Ok((
                    count("SELECT count(*) FROM deliveries WHERE state = 0 AND lane = ?1")?,
                    count("SELECT count(*) FROM deliveries WHERE state = 2 AND lane = ?1")?,
                ))
            })
            .await
    }

    /// Conversations from which messages came while no room was tied to them, with how many.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn unlinked(&self, limit: u32) -> Result<Vec<(Place, u64)>, LedgerError> {
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT place, unlinked FROM places WHERE unlinked > 0
                         ORDER BY place LIMIT ?1",
                    )?
                    .query_map([limit], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?
                    .filter_map(|row| {
                        row.map(|(place, count)| Some((place.parse().ok()?, count))).transpose()
                    })
                    .collect()
            })
            .await
    }
}
