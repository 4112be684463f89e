//! Alerts: how far each one's episode has come, and what is owed to the administrators' rooms
//! because of it. Both in one commit, so that a restart neither repeats what was told nor forgets
//! to tell the end.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::cursors::place_id;
use super::intake::State;
use super::mark::key_of;
use super::owed::insert_owed;
use super::threads::Writing;
use super::{Accepted, Lane, Ledger, LedgerError, Owed, timestamp};

/// The kind under which what was told stands among the events.
const KIND: &str = "alert";

/// What outlives the program of an alert's last episode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Episode {
    /// When it began, while it is not over.
    pub began: Option<Timestamp>,
    /// When the one before it was over.
    pub ended: Option<Timestamp>,
    /// How often in a row it came back soon.
    pub again: u32,
    /// What was counted when something was told last, where the alert is about a count.
    pub mark: u64,
    /// What is wrong, and what to do.
    pub what: String,
}

/// An episode under its alert's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEpisode {
    /// The alert's name, as in `partyline_alerts{alert}`: `twilio`, `disk` …
    pub alert: String,
    /// When it began, and when it was over, if it was.
    pub episode: Episode,
}

/// Something to tell rooms once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What makes it the same when it is written down again.
    pub key: String,
    /// What the rooms are told, whole.
    pub text: String,
    /// What each room is owed; with no room it is only remembered.
    pub owed: Vec<Owed>,
}

impl Ledger {
    /// The episodes as they were kept last.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn episodes(&self) -> Result<Vec<KeptEpisode>, LedgerError> {
        self.threads
            .read(|connection| {
                connection
                    .prepare_cached("SELECT alert, began, ended, again, mark, what FROM alerts")?
                    .query_map([], |row| {
                        Ok(KeptEpisode {
                            alert: row.get(0)?,
                            episode: Episode {
                                began: row.get::<_, Option<i64>>(1)?.map(timestamp),
                                ended: row.get::<_, Option<i64>>(2)?.map(timestamp),
                                again: row.get(3)?,
                                mark: row.get(4)?,
                                what: row.get(5)?,
                            },
                        })
                    })?
                    .collect()
            })
            .await
    }

    /// Keeps how these episodes stand, and what is owed because of them.
    ///
    /// # Errors
    /// Nothing was kept, and nobody is told.
    pub async fn keep_episodes(
        &self,
        episodes: Vec<KeptEpisode>,
        told: Vec<Told>,
    ) -> Result<Accepted, LedgerError> {
        let now = self.now_ms();
        self.threads
            .write(move |writing| {
                for KeptEpisode { alert, episode } in &episodes {
                    let millis = |at: Option<Timestamp>| at.map(Timestamp::as_millisecond);
                    writing
                        .connection
                        .prepare_cached(
                            "INSERT OR REPLACE INTO alerts (alert, began, ended, again, mark, what)
                             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                        )?
                        .execute(params![
                            alert,
                            millis(episode.began),
                            millis(episode.ended),
                            episode.again,
                            episode.mark,
                            episode.what
                        ])?;
                }
                let mut accepted = Accepted::default();
                for told in &told {
                    tell(writing, told, KIND, now, &mut accepted)?;
                }
                Ok(accepted)
            })
            .await
    }

    /// Writes down something to tell people, once for each key.
    ///
    /// # Errors
    /// Nobody is told.
    pub async fn tell(&self, told: Told) -> Result<Accepted, LedgerError> {
        let now = self.now_ms();
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                tell(writing, &told, "told", now, &mut accepted)?;
                Ok(accepted)
            })
            .await
    }

    /// The lane whose first delivery has waited longest, and since when; alerts themselves aside.
    /// Costs a look or two for each lane with work, however much waits in it.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn oldest_waiting(&self) -> Result<Option<(Lane, Timestamp)>, LedgerError> {
        self.threads
            .read(|connection| {
                let found: Option<(String, i64)> = connection
                    .prepare_cached(
                        "WITH RECURSIVE lanes (lane) AS (
                             SELECT min(lane) FROM deliveries WHERE state = 0
                             UNION ALL
                             SELECT (SELECT min(lane) FROM deliveries
                                     WHERE state = 0 AND lane > lanes.lane)
                             FROM lanes WHERE lane IS NOT NULL
                         ), heads (lane, since) AS (
                             SELECT lane, (SELECT since FROM deliveries
                                 JOIN events ON events.id = deliveries.event
                                 WHERE deliveries.state = 0 AND deliveries.lane = lanes.lane
                                   AND events.kind <> ?1
                                 ORDER BY position, deliveries.id LIMIT 1)
                             FROM lanes WHERE lane IS NOT NULL
                         )
                         SELECT lane, since FROM heads WHERE since IS NOT NULL
                         ORDER BY since LIMIT 1",
                    )?
                    .query_row([KIND], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                Ok(found.and_then(|(lane, since)| Some((Lane::parse(&lane)?, timestamp(since)))))
            })
            .await
    }

    /// How many deliveries are parked, alerts aside: what is told of them must not raise the count.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn parked_count(&self) -> Result<u64, LedgerError> {
        self.threads
            .read(|connection| {
                connection
                    .prepare_cached(
                        "SELECT count(*) FROM deliveries
                         JOIN events ON events.id = deliveries.event
                         WHERE deliveries.state = 2 AND events.kind <> ?1",
                    )?
                    .query_row([KIND], |row| row.get(0))
            })
            .await
    }

    /// Writes a row, to see that it can be done.
    ///
    /// # Errors
    /// It cannot.
    pub async fn touch(&self) -> Result<(), LedgerError> {
        let now = self.now_ms().to_string();
        self.threads
            .write(move |writing| {
                writing
                    .connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO meta (key, value) VALUES ('touched', ?1)",
                    )?
                    .execute([&now])
                    .map(drop)
            })
            .await
    }

    /// How many writes have failed since the start.
    #[must_use]
    pub fn failed_writes(&self) -> u64 {
        self.threads.failed_writes()
    }

    /// Whether damage was found in the file since the start. From then on nothing is written.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.threads.is_damaged()
    }
}

/// Whether this is to be told: it was not written down before, and is now. Whoever asks owes it.
pub(super) fn is_new(
    writing: &Writing<'_>,
    told: &Told,
    now: i64,
) -> Result<bool, rusqlite::Error> {
    Ok(noted(writing, told, "told", now)?.is_some())
}

/// Writes down that something is told, and gives its row; `None` where that was written down before, or
/// nobody is told.
fn noted(
    writing: &Writing<'_>,
    told: &Told,
    kind: &str,
    now: i64,
) -> Result<Option<i64>, rusqlite::Error> {
    let Some(first) = told.owed.first() else { return Ok(None) };
    let place = place_id(writing, &first.to)?;
    // The text stands where the bytes of other events do: it goes with them.
    let inserted = writing
        .connection
        .prepare_cached(
            "INSERT INTO events (network, key, place, at, received, via, kind, state, raw)
             VALUES (?1, ?2, ?3, ?4, ?4, 'watch', ?5, ?6, ?7)
             ON CONFLICT (network, key) DO NOTHING",
        )?
        .execute(params![
            first.to.network().as_str(),
            told.key,
            place,
            now,
            kind,
            State::Done as i64,
            told.text.as_bytes()
        ])?;
    Ok((inserted > 0).then(|| writing.connection.last_insert_rowid()))
}

/// Part of a write: see [`Ledger::tell`].
pub(super) fn tell(
    writing: &Writing<'_>,
    told: &Told,
    kind: &str,
    now: i64,
    accepted: &mut Accepted,
) -> Result<(), rusqlite::Error> {
    let Some(event) = noted(writing, told, kind, now)? else { return Ok(()) };
    let key = key_of(writing, event)?;
    for owed in &told.owed {
        let position = Some(writing.next_position());
        insert_owed(writing, event, &key, owed, position, now)?;
        accepted.wake(owed.lane());
    }
    Ok(())
}
