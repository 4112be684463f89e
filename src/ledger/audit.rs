//! The audit: who did what to which group, when, from where, and how it ended.
//!
//! Rows are only added, in the commit of what they tell of; the table refuses to be changed, and
//! rows go only when they are older than the configuration keeps them.

use jiff::Timestamp;
use partyline_core::Place;
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::{Ledger, LedgerError, from_json, timestamp, to_json};

/// The longest text in a row, in characters: an audit is a list and no archive.
const TEXT_LIMIT: usize = 500;

/// How something that somebody wanted ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// It was done.
    #[default]
    Done,
    /// It was not done, because of what was asked: a wrong argument, say.
    Refused,
    /// It was not done, because of who asked.
    Denied,
    /// It could not be done: a platform refused, or did not answer.
    Failed,
}

impl Ended {
    /// The word in the store and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }

    pub(super) fn read(word: &str) -> Self {
        match word {
            "done" => Self::Done,
            "refused" => Self::Refused,
            "denied" => Self::Denied,
            _ => Self::Failed,
        }
    }
}

/// A row on its way into the audit.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Who: a person's id.
    pub by: String,
    /// The person's name, as far as it is known.
    pub name: Option<String>,
    /// From where: a room, or what of the operator's.
    pub from: Place,
    /// What: the command's words.
    pub what: String,
    /// To which group.
    pub conversation: Option<Place>,
    /// To whom or what in it: the arguments.
    pub subject: String,
    /// Whether it was done, refused, or failed.
    pub ended: Ended,
    /// What whoever asked was answered, as one text.
    pub said: String,
}

/// A row of the audit. `Debug` shows neither arguments nor answers: they hold names and numbers.
#[derive(Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Audited {
    /// Its number: later rows have higher ones, and none comes again.
    pub number: i64,
    /// When it ended.
    pub at: Timestamp,
    /// Who: a person's id.
    pub by: String,
    /// The person's name, as far as it was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The room that it was given in, or which way of the operator's it came by (`operator:…`).
    pub from: String,
    /// What: the command's words.
    pub what: String,
    /// The conversation of the group that it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The arguments, without texts, values and codes.
    pub subject: String,
    /// How it ended.
    pub ended: Ended,
    /// What whoever asked was answered, as one text.
    pub said: String,
}

impl std::fmt::Debug for Audited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audited")
            .field("number", &self.number)
            .field("what", &self.what)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for AuditEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditEntry")
            .field("what", &self.what)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// Adds a row, within the commit of what it tells of.
pub(super) fn append(
    connection: &Connection,
    entry: &AuditEntry,
    now: i64,
) -> Result<(), rusqlite::Error> {
    let cut = |text: &str| text.chars().take(TEXT_LIMIT).collect::<String>();
    connection
        .prepare_cached(
            "INSERT INTO audit (at, by, name, place, what, conversation, subject, ended, said)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            now,
            entry.by,
            entry.name.as_deref().map(cut),
            entry.from.to_string(),
            entry.what,
            entry.conversation.as_ref().map(ToString::to_string),
            cut(&entry.subject),
            entry.ended.as_str(),
            cut(&entry.said),
        ])
        .map(drop)
}

/// Something that was begun, until it has ended.
#[derive(Debug)]
#[must_use = "its row is in the audit only once it is accomplished"]
pub struct Undertaking {
    number: i64,
    entry: AuditEntry,
}

/// Puts into the audit what a program that ended had begun.
pub(super) fn interrupted(connection: &mut Connection, now: i64) -> Result<(), rusqlite::Error> {
    let tx = connection.transaction()?;
    let begun: Vec<String> = tx
        .prepare("SELECT entry FROM begun ORDER BY id")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for entry in &begun {
        let said = "The program ended in the middle of it: what it had done by then stands.";
        let entry = from_json::<AuditEntry>(entry)?;
        append(&tx, &AuditEntry { ended: Ended::Failed, said: said.to_owned(), ..entry }, now)?;
    }
    tx.execute("DELETE FROM begun", [])?;
    tx.commit()
}

impl Ledger {
    /// Adds a row of its own: of an attempt from which nothing follows.
    ///
    /// # Errors
    /// It was not added.
    pub async fn audit(&self, entry: AuditEntry) -> Result<(), LedgerError> {
        let now = self.now_ms();
        self.threads.write(move |writing| append(writing.connection, &entry, now)).await
    }

    /// Notes what is about to be done that takes effect outside of the ledger. Its row is in the
    /// audit once it is [`Ledger::accomplish`]ed; if the program ends before that, then at the next
    /// start, as one that failed.
    ///
    /// # Errors
    /// It was not noted: it must not be done.
    pub async fn undertake(&self, entry: AuditEntry) -> Result<Undertaking, LedgerError> {
        let noted = entry.clone();
        let number = self
            .threads
            .write(move |writing| {
                writing
                    .connection
                    .prepare_cached("INSERT INTO begun (entry) VALUES (?1)")?
                    .execute([to_json(&noted)?])?;
                Ok(writing.connection.last_insert_rowid())
            })
            .await?;
        Ok(Undertaking { number, entry })
    }

    /// It has ended like this: its row goes into the audit.
    ///
    /// # Errors
    /// The row is not there yet; it will be at the next start, as one that failed.
    pub async fn accomplish(
        &self,
        undertaking: Undertaking,
        ended: Ended,
        said: String,
    ) -> Result<(), LedgerError> {
        let Undertaking { number, entry } = undertaking;
        let (entry, now) = (AuditEntry { ended, said, ..entry }, self.now_ms());
        self.threads
            .write(move |writing| {
                writing
                    .connection
                    .prepare_cached("DELETE FROM begun WHERE id = ?1")?
                    .execute([number])?;
                append(writing.connection, &entry, now)
            })
            .await
    }

    /// The rows of a group, or all, newest first: those before the number `before`, at most
    /// `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn audited(
        &self,
        group: Option<&Place>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Audited>, LedgerError> {
        let group = group.map(ToString::to_string);
        let before = before.unwrap_or(i64::MAX);
        self.threads
            .read(move |connection| {
                let columns = "id, at, by, name, place, what, conversation, subject, ended, said";
                let of = if group.is_some() { "conversation = ?3" } else { "?3 IS NULL" };
                connection
                    .prepare_cached(&format!(
                        "SELECT {columns} FROM audit WHERE id < ?1 AND {of}
                         ORDER BY id DESC LIMIT ?2"
                    ))?
                    .query_map(params![before, limit, group], audited)?
                    .collect()
            })
            .await
    }
}

fn audited(row: &Row<'_>) -> Result<Audited, rusqlite::Error> {
    Ok(Audited {
        number: row.get(0)?,
        at: timestamp(row.get(1)?),
        by: row.get(2)?,
        name: row.get(3)?,
        from: row.get(4)?,
        what: row.get(5)?,
        group: row.get::<_, Option<String>>(6)?.map(bare),
        subject: row.get(7)?,
        ended: Ended::read(&row.get::<_, String>(8)?),
        said: row.get(9)?,
    })
}

/// A group by its SID alone, as people know it.
fn bare(conversation: String) -> String {
    match conversation.strip_prefix("twilio:") {
        Some(sid) => sid.to_owned(),
        None => conversation,
    }
}
