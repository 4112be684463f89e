//! Deleting what is old, a bounded number at a time.

use jiff::SignedDuration;
use rusqlite::{Connection, params};

use super::{LIVELY, Ledger, LedgerError};

/// Rows that one round takes at most, so that no commit is long and no request waits for it.
pub(super) const BATCH: i64 = 500;

/// A table whose rows go when they are older than they are kept.
pub(super) enum Old {
    Answers,
    Audit,
    /// Groups that somebody was taken out of who is not blocked any more.
    Barred,
    /// Broadcasts that are over.
    Broadcasts,
    /// Who left conversations.
    Departed,
    /// Receipts of messages that never became known.
    Orphans,
    Profiles,
    Threads,
    Unparsed,
}

impl Old {
    const fn sql(&self) -> &'static str {
        match self {
            Self::Answers => {
                "DELETE FROM answers WHERE event IN
                     (SELECT event FROM answers WHERE at < ?1 ORDER BY at LIMIT ?2)"
            }
            Self::Audit => {
                "DELETE FROM audit WHERE id IN
                     (SELECT id FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2)"
            }
            Self::Barred => {
                "DELETE FROM barred WHERE (id, conversation, address) IN
                     (SELECT id, conversation, address FROM barred WHERE at < ?1
                         AND id NOT IN (SELECT id FROM blocks) LIMIT ?2)"
            }
            Self::Broadcasts => {
                "DELETE FROM broadcasts WHERE event IN
                     (SELECT event FROM broadcasts WHERE ended < ?1 LIMIT ?2)"
            }
            Self::Departed => {
                "DELETE FROM departed WHERE (conversation, sid) IN
                     (SELECT conversation, sid FROM departed WHERE at < ?1 ORDER BY at LIMIT ?2)"
            }
            Self::Orphans => {
                "DELETE FROM receipts WHERE event = 0 AND at < ?1 AND message IN
                     (SELECT message FROM receipts WHERE event = 0 AND at < ?1 LIMIT ?2)"
            }
            Self::Profiles => {
                "DELETE FROM profiles WHERE key IN
                     (SELECT key FROM profiles WHERE at < ?1 LIMIT ?2)"
            }
            Self::Threads => {
                "DELETE FROM threads WHERE (place, thread) IN
                     (SELECT place, thread FROM threads WHERE newest < ?1 * 1000 LIMIT ?2)"
            }
            Self::Unparsed => {
                "DELETE FROM unparsed WHERE id IN
                     (SELECT id FROM unparsed WHERE received < ?1 LIMIT ?2)"
            }
        }
    }

    /// Deletes rows from before this time, in milliseconds; whether there may be more.
    pub(super) fn delete(
        &self,
        connection: &Connection,
        before: i64,
    ) -> Result<bool, rusqlite::Error> {
        let deleted = connection.prepare_cached(self.sql())?.execute(params![before, BATCH])?;
        Ok(is_full(deleted))
    }
}

/// Whether a round took as many as it may: then there may be more.
pub(super) fn is_full(deleted: usize) -> bool {
    i64::try_from(deleted) == Ok(BATCH)
}

impl Ledger {
    /// Deletes the bodies and the settled deliveries of events older than `retention` of which
    /// nothing is open, bytes in which nothing was understood, broadcasts that are over, and the groups
    /// that people were taken out of who are not blocked any more; keys and message ids stay. A bounded number at a time; whether there may be more.
    ///
    /// # Errors
    /// Nothing was deleted.
    pub async fn forget(&self, retention: SignedDuration) -> Result<bool, LedgerError> {
        let before = self.before(retention);
        self.threads
            .write(move |writing| {
                let connection = writing.connection;
                let events: Vec<i64> = connection
                    .prepare_cached(
                        "UPDATE events SET raw = NULL, event = NULL WHERE id IN (
                             SELECT id FROM events
                             WHERE raw IS NOT NULL AND received < ?1 AND state = 0
                               AND NOT EXISTS (SELECT 1 FROM deliveries
                                   WHERE deliveries.event = events.id
                                     AND deliveries.state IN (0, 2))
                               AND NOT EXISTS (SELECT 1 FROM held
                                   WHERE held.event = events.id AND held.state < 2)
                             ORDER BY received LIMIT ?2) RETURNING id",
                    )?
                    .query_map(params![before, BATCH], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                let mut settled =
                    connection.prepare_cached("DELETE FROM deliveries WHERE event = ?1")?;
                events.iter().try_for_each(|event| settled.execute([event]).map(drop))?;
                let unparsed = Old::Unparsed.delete(connection, before)?;
                let broadcasts = Old::Broadcasts.delete(connection, before)?;
                let barred = Old::Barred.delete(connection, before)?;
                Ok(is_full(events.len()) || unparsed || broadcasts || barred)
            })
            .await
    }

    /// Deletes rows of the audit older than this, answers to the operator's commands, receipts of
    /// messages that nobody knows and who left conversations older than that, and threads in which nothing was said for
    /// [`LIVELY`]; a bounded number at a time; whether there may be more.
    ///
    /// # Errors
    /// Nothing was deleted.
    pub async fn forget_records(
        &self,
        audit: SignedDuration,
        answers: SignedDuration,
    ) -> Result<bool, LedgerError> {
        let (audit, answers) = (self.before(audit), self.before(answers));
        let threads = self.before(LIVELY);
        self.threads
            .write(move |writing| {
                let rows = [
                    Old::Audit.delete(writing.connection, audit)?,
                    Old::Answers.delete(writing.connection, answers)?,
                    Old::Departed.delete(writing.connection, answers)?,
                    Old::Orphans.delete(writing.connection, answers)?,
                    Old::Threads.delete(writing.connection, threads)?,
                ];
                Ok(rows.contains(&true))
            })
            .await
    }

    /// The time so long ago, in milliseconds.
    pub(super) fn before(&self, age: SignedDuration) -> i64 {
        self.now_ms().saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
    }
}
