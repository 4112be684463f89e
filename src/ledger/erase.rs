//! Everything of one person: told, and erased.
//!
//! What has a key is found by it. The rest (bodies, answers, the audit) is read through in pieces, each
//! a write of its own, so that nobody waits for long; it is done again from the beginning after a
//! kill. At the end the file is written anew ([`Ledger::compact`]), since SQLite leaves what it
//! deletes where it was.
//!
//! Of the number stays a keyed hash, where it must be known that nothing is to be sent to it.

use jiff::Timestamp;
use partyline_core::{Address, Place};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde_json::Value;

use super::heads::News;
use super::suppressions::id_of;
use super::threads::{Writing, compact};
use super::{Lane, Ledger, LedgerError, PendingCommand, timestamp};

type Sql<T> = Result<T, rusqlite::Error>;

/// Rows that are read through in one piece.
const PIECE: i64 = 2000;

/// What stands in the place of what was erased, where a row must stay.
const ERASED: &str = "[erased]";

/// What somebody is known by in texts.
#[derive(Clone)]
pub struct Traces {
    address: Address,
    /// The digits of the number, or the whole address of who has none.
    number: String,
    /// The number as people are shown it, and the name.
    words: Vec<String>,
}

impl Traces {
    /// Of somebody with this address, who is shown like this.
    #[must_use]
    pub fn new(address: &Address, shown: impl IntoIterator<Item = String>) -> Self {
        let number = address.number().unwrap_or(address.as_str()).trim_start_matches('+');
        let words = shown.into_iter().filter(|word| !word.trim().is_empty()).collect();
        Self { address: address.clone(), number: number.to_owned(), words }
    }

    /// Whether the number stands in a text, and not as a part of another one.
    fn number_in(&self, text: &str) -> bool {
        stands_in(text, &self.number, |c| c.is_ascii_digit())
    }

    /// Whether the person is named in a text, by number or name.
    fn named_in(&self, text: &str) -> bool {
        let word = |word: &String| stands_in(text, word, char::is_alphanumeric);
        self.number_in(text) || self.words.iter().any(word)
    }
}

/// Whether a word stands in a text with nothing of its own kind on either side.
fn stands_in(text: &str, word: &str, kind: fn(char) -> bool) -> bool {
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(kind)
            && !text[at + word.len()..].chars().next().is_some_and(kind)
    })
}

/// An account of what was erased.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// What came, with the bytes that brought it: messages, hooks, commands.
    pub events: u64,
    /// What was given up and would have been sent.
    pub deliveries: u64,
    /// Places in groups, codes, names.
    pub records: u64,
    /// Receipts of the person's phone.
    pub receipts: u64,
    /// Rows of the audit of which the words were taken.
    pub audit: u64,
    /// What still waits to be sent or to be put in order, and was left.
    pub waiting: u64,
}

/// Something that is known of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Known {
    /// What they are called on WhatsApp.
    Profile {
        /// The name.
        name: String,
        /// When it was noted.
        at: Timestamp,
    },
    /// A group that they are in.
    Member {
        /// The group.
        group: Place,
        /// By which address.
        address: String,
        /// When they last wrote.
        #[serde(skip_serializing_if = "Option::is_none")]
        heard: Option<Timestamp>,
    },
    /// They want no more messages.
    OptedOut {
        /// Since when.
        since: Timestamp,
        /// How that is known.
        how: String,
        /// Where it was said, or who noted it.
        source: String,
        /// When they wanted messages again.
        #[serde(skip_serializing_if = "Option::is_none")]
        lifted: Option<Timestamp>,
    },
    /// Something that came and names them: what they said, or what somebody else did.
    Event {
        /// Whether it is theirs.
        own: bool,
        /// The event, as it is kept.
        event: Value,
    },
    /// Something that was done with them.
    Audit {
        /// When.
        at: Timestamp,
        /// By whom.
        by: String,
        /// What.
        command: String,
        /// With which words.
        subject: String,
    },
}

impl Ledger {
    /// What is known of somebody by key.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn known_of(&self, traces: &Traces) -> Result<Vec<Known>, LedgerError> {
        let address = traces.address.clone();
        self.threads.read(move |connection| known(connection, &address)).await
    }

    /// What names somebody among the events behind this number (the audit, where `audit`), and the
    /// number to go on from; `None` at the end.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn said_of(
        &self,
        traces: &Traces,
        audit: bool,
        after: i64,
    ) -> Result<(Vec<Known>, Option<i64>), LedgerError> {
        let traces = traces.clone();
        self.threads
            .read(move |connection| {
                if audit {
                    audited(connection, &traces, after)
                } else {
                    events(connection, &traces, after)
                }
            })
            .await
    }

    /// Erases everything of somebody but the command that asks for it, which is erased by its end.
    /// What still waits to be sent is left.
    ///
    /// # Errors
    /// Some of it may be erased already; it can be done again.
    pub async fn erase(
        &self,
        traces: &Traces,
        command: &PendingCommand,
    ) -> Result<Erased, LedgerError> {
        let own = command.number;
        let mut all = Erased::default();
        let of = traces.clone();
        let (records, sids) =
            self.threads.write(move |writing| erase_records(writing, &of)).await?;
        all.records += records;
        for table in [Table::Events, Table::Deliveries, Table::Audit, Table::Unparsed] {
            let mut after = 0;
            loop {
                let (of, sids) = (traces.clone(), sids.clone());
                let (erased, next) = self
                    .threads
                    .write(move |writing| table.erase(writing, &of, (&sids, own), after))
                    .await?;
                all.add(&erased);
                let Some(next) = next else { break };
                after = next;
            }
        }
        Ok(all)
    }
}

impl Ledger {
    /// Writes the file anew, so that nothing is left in it of what was erased. So long, nothing else
    /// is written; it takes as long as copying the file does.
    ///
    /// # Errors
    /// What was erased may still stand in the file; the next start does it.
    pub async fn compact(&self) -> Result<(), LedgerError> {
        self.threads.compact().await
    }
}

/// Has the file written anew at the next start, if it is not before.
pub(super) fn owe_compacting(connection: &Connection) -> Sql<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('compact', '1')")?
        .execute([])
        .map(drop)
}

/// Writes the file anew where that is still owed. Before anybody else uses it.
pub(super) fn make_up(connection: &Connection) -> Result<(), LedgerError> {
    let owed = connection
        .prepare_cached("SELECT 1 FROM meta WHERE key = 'compact' AND value = '1'")?
        .exists([])?;
    if owed { compact(connection) } else { Ok(()) }
}

impl Erased {
    fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.deliveries += other.deliveries;
        self.records += other.records;
        self.receipts += other.receipts;
        self.audit += other.audit;
        self.waiting += other.waiting;
    }
}

fn known(connection: &Connection, address: &Address) -> Sql<Vec<Known>> {
    let mut all = Vec::new();
    let profile = connection
        .prepare_cached("SELECT name, at FROM profiles WHERE key = ?1")?
        .query_row([address.contact_key()], |row| {
            Ok(Known::Profile { name: row.get(0)?, at: timestamp(row.get(1)?) })
        })
        .optional()?;
    all.extend(profile);
    for form in address.forms() {
        let mut groups = connection
            .prepare_cached("SELECT conversation, heard FROM participants WHERE address = ?1")?;
        let mut rows = groups.query([form.as_str()])?;
        while let Some(row) = rows.next()? {
            let Ok(group) = row.get::<_, String>(0)?.parse() else { continue };
            let heard = row.get::<_, Option<i64>>(1)?.map(timestamp);
            all.push(Known::Member { group, address: form.to_string(), heard });
        }
    }
    let opted_out = connection
        .prepare_cached("SELECT since, how, source, lifted FROM suppressions WHERE id = ?1")?
        .query_row([id_of(connection, address)?], |row| {
            Ok(Known::OptedOut {
                since: timestamp(row.get(0)?),
                how: row.get(1)?,
                source: row.get(2)?,
                lifted: row.get::<_, Option<i64>>(3)?.map(timestamp),
            })
        })
        .optional()?;
    all.extend(opted_out);
    Ok(all)
}

fn events(connection: &Connection, traces: &Traces, after: i64) -> Sql<(Vec<Known>, Option<i64>)> {
    let mut found = Vec::new();
    let mut select = connection
        .prepare_cached("SELECT id, event FROM events WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let mut rows = select.query([after, PIECE])?;
    let (mut count, mut last) = (0, after);
    while let Some(row) = rows.next()? {
        (count, last) = (count + 1, row.get(0)?);
        let Some(text) = row.get::<_, Option<String>>(1)? else { continue };
        if traces.number_in(&text)
            && let Ok(event) = serde_json::from_str::<Value>(&text)
        {
            let own = is_own(&event["happening"], &traces.address);
            found.push(Known::Event { own, event });
        }
    }
    Ok((found, (count == PIECE).then_some(last)))
}

/// Whether somebody did it themselves: said it, or wrote it to a sender.
fn is_own(happening: &Value, address: &Address) -> bool {
    let by = match happening["what"].as_str() {
        Some("wrote") => &happening["address"],
        _ => &happening["speaker"]["id"]["id"],
    };
    let by = by.as_str().and_then(|by| by.parse::<Address>().ok());
    by.is_some_and(|by| by.contact_key() == address.contact_key())
}

fn audited(connection: &Connection, traces: &Traces, after: i64) -> Sql<(Vec<Known>, Option<i64>)> {
    let mut found = Vec::new();
    let mut select = connection.prepare_cached(
        "SELECT id, at, by, what, subject, said FROM audit WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut rows = select.query([after, PIECE])?;
    let (mut count, mut last) = (0, after);
    while let Some(row) = rows.next()? {
        (count, last) = (count + 1, row.get(0)?);
        let (subject, said): (String, String) = (row.get(4)?, row.get(5)?);
        if traces.named_in(&subject) || traces.named_in(&said) {
            let (by, command) = (row.get(2)?, row.get(3)?);
            found.push(Known::Audit { at: timestamp(row.get(1)?), by, command, subject });
        }
    }
    Ok((found, (count == PIECE).then_some(last)))
}

/// Erases what has a key; how many rows, and which participants (`MB…`) the person was.
fn erase_records(writing: &Writing<'_>, traces: &Traces) -> Sql<(u64, Vec<String>)> {
    let (connection, address) = (writing.connection, &traces.address);
    let id = id_of(connection, address)?;
    let mut sids = Vec::new();
    let mut records = 0;
    for form in address.forms() {
        let here: Vec<String> = connection
            .prepare_cached("DELETE FROM participants WHERE address = ?1 RETURNING sid")?
            .query_map([form.as_str()], |row| row.get(0))?
            .collect::<Sql<_>>()?;
        records += here.len();
        sids.extend(here);
        // Of what went to one phone, the address is who got it.
        sids.push(form.to_string());
        for sql in [
            "DELETE FROM codes WHERE address = ?1",
            "DELETE FROM windows WHERE address = ?1",
            "DELETE FROM held WHERE address = ?1",
        ] {
            records += connection.prepare_cached(sql)?.execute([form.as_str()])?;
        }
    }
    for (row, place) in phones(connection, traces)? {
        connection
            .prepare_cached("UPDATE ticks SET place = NULL WHERE place = ?1")?
            .execute([place])?;
        records += connection
            .prepare_cached("UPDATE places SET place = ?2 WHERE id = ?1")?
            .execute(params![row, format!("{ERASED} {row}")])?;
    }
    let forms = address.forms();
    let (sms, whatsapp) =
        (forms.first().map_or("", Address::as_str), forms.last().map_or("", Address::as_str));
    let rows = [
        ("DELETE FROM profiles WHERE key = ?1", address.contact_key()),
        ("DELETE FROM strangers WHERE address = ?1", sms),
        ("DELETE FROM strangers WHERE address = ?1", whatsapp),
        ("DELETE FROM inbox WHERE address = ?1", sms),
        ("DELETE FROM inbox WHERE address = ?1", whatsapp),
        ("DELETE FROM mutes WHERE member = ?1", address.contact_key()),
        ("DELETE FROM removals WHERE id = ?1", &id),
        ("DELETE FROM suppressions WHERE id = ?1 AND lifted IS NOT NULL", &id),
        ("UPDATE suppressions SET address = NULL, sweep = 0 WHERE id = ?1", &id),
    ];
    for (sql, key) in rows {
        records += connection.prepare_cached(sql)?.execute([key])?;
    }
    for (event, number) in recipients(connection, traces)? {
        records += connection
            .prepare_cached("DELETE FROM recipients WHERE event = ?1 AND number = ?2")?
            .execute([event, number])?;
    }
    let mut answers = connection.prepare_cached("SELECT event, said, details FROM answers")?;
    let mut rows = answers.query([])?;
    let mut naming: Vec<i64> = Vec::new();
    while let Some(row) = rows.next()? {
        let texts = [row.get::<_, Option<String>>(1)?, row.get(2)?];
        if texts.iter().flatten().any(|text| traces.named_in(text)) {
            naming.push(row.get(0)?);
        }
    }
    for event in naming {
        records += connection
            .prepare_cached("UPDATE answers SET said = ?2, details = NULL WHERE event = ?1")?
            .execute(params![event, ERASED])?;
    }
    Ok((records as u64, sids))
}

/// The places that are this person's phone.
fn phones(connection: &Connection, traces: &Traces) -> Sql<Vec<(i64, String)>> {
    let mut phones =
        connection.prepare_cached("SELECT id, place FROM places WHERE place LIKE 'twilio:%/%'")?;
    let rows = phones.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    rows.filter(|row| row.as_ref().map_or(true, |(_, place)| traces.number_in(place))).collect()
}

/// Where this person stands among those who are still to be owed something by a broadcast.
fn recipients(connection: &Connection, traces: &Traces) -> Sql<Vec<(i64, i64)>> {
    let mut all = connection.prepare_cached("SELECT event, number, phone FROM recipients")?;
    let mut rows = all.query([])?;
    let mut theirs = Vec::new();
    while let Some(row) = rows.next()? {
        if traces.number_in(&row.get::<_, String>(2)?) {
            theirs.push((row.get(0)?, row.get(1)?));
        }
    }
    Ok(theirs)
}

/// A table that is read through.
#[derive(Clone, Copy)]
enum Table {
    Events,
    Deliveries,
    Audit,
    Unparsed,
}

impl Table {
    /// Erases what names the person in the piece behind this row; what was erased, and where the
    /// next piece begins.
    fn erase(
        self,
        writing: &Writing<'_>,
        traces: &Traces,
        (sids, own): (&[String], i64),
        after: i64,
    ) -> Sql<(Erased, Option<i64>)> {
        let (name, columns) = match self {
            Self::Events => ("events", "state, kind, raw, event"),
            Self::Deliveries => ("deliveries", "state, lane, owed, NULL"),
            Self::Audit => ("audit", "0, '', subject, said"),
            Self::Unparsed => ("unparsed", "0, '', raw, NULL"),
        };
        let mut select = writing.connection.prepare_cached(&format!(
            "SELECT id, {columns} FROM {name} WHERE id > ?1 ORDER BY id LIMIT {PIECE}"
        ))?;
        let mut erased = Erased::default();
        let mut rows = select.query([after])?;
        let (mut count, mut last) = (0, after);
        while let Some(row) = rows.next()? {
            (count, last) = (count + 1, row.get(0)?);
            if matches!(self, Self::Events) && last == own {
                continue;
            }
            let (state, kind): (i64, String) = (row.get(1)?, row.get(2)?);
            let texts = [text(row.get_ref(3)?), text(row.get_ref(4)?)];
            let by_words = matches!(self, Self::Audit) || kind == "command";
            let names = |text: &String| match by_words {
                true => traces.named_in(text),
                false => traces.number_in(text),
            };
            let lane = matches!(self, Self::Deliveries) && traces.number_in(&kind);
            if lane || texts.iter().flatten().any(names) {
                self.erase_row(writing, last, state, &kind, &mut erased)?;
            }
        }
        if matches!(self, Self::Events) {
            for sid in sids {
                erased.receipts += writing
                    .connection
                    .prepare_cached(
                        "DELETE FROM receipts WHERE (event = 0 OR event > ?1) AND event <= ?2
                             AND participant = ?3",
                    )?
                    .execute(params![after, last, sid])? as u64;
            }
        }
        Ok((erased, (count == PIECE).then_some(last)))
    }

    fn erase_row(
        self,
        writing: &Writing<'_>,
        id: i64,
        state: i64,
        lane: &str,
        erased: &mut Erased,
    ) -> Sql<()> {
        let connection = writing.connection;
        match self {
            // Something of it is open: whatever it is owed to still needs it.
            Self::Events if state != 0 || is_awaited(connection, id)? => erased.waiting += 1,
            Self::Events => {
                connection
                    .prepare_cached("UPDATE events SET raw = NULL, event = NULL WHERE id = ?1")?
                    .execute([id])?;
                erased.events += 1;
                let given_up = connection
                    .prepare_cached(
                        "UPDATE deliveries SET state = 3, owed = NULL, sentence = NULL
                         WHERE event = ?1 AND state IN (2, 4)",
                    )?
                    .execute([id])?;
                erased.deliveries += given_up as u64;
            }
            Self::Deliveries if state == 0 => {
                erased.waiting += 1;
                // Memory has it, too; it is read again.
                if let Some(lane) = Lane::parse(lane) {
                    writing.tell(News::Changed(lane));
                }
            }
            Self::Deliveries => {
                connection
                    .prepare_cached(
                        "UPDATE deliveries SET owed = NULL, sentence = NULL, lane = ?2,
                             state = CASE state WHEN 1 THEN 1 ELSE 3 END WHERE id = ?1",
                    )?
                    .execute(params![id, ERASED])?;
                erased.deliveries += 1;
            }
            Self::Audit => {
                connection
                    .prepare_cached("UPDATE audit SET subject = ?2, said = ?2 WHERE id = ?1")?
                    .execute(params![id, ERASED])?;
                erased.audit += 1;
            }
            Self::Unparsed => {
                connection.prepare_cached("DELETE FROM unparsed WHERE id = ?1")?.execute([id])?;
                erased.events += 1;
            }
        }
        Ok(())
    }
}

fn is_awaited(connection: &Connection, event: i64) -> Sql<bool> {
    connection
        .prepare_cached("SELECT 1 FROM deliveries WHERE event = ?1 AND state = 0")?
        .exists([event])
}

/// What can be read in a column.
fn text(value: rusqlite::types::ValueRef<'_>) -> Option<String> {
    match value {
        rusqlite::types::ValueRef::Text(bytes) | rusqlite::types::ValueRef::Blob(bytes) => {
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_in_every_writing_and_no_part_of_another_one() {
        let address: Address = "whatsapp:+14155550101".parse().expect("an address");
        let shown = ["+1 415-555-0101".to_owned(), "May".to_owned(), String::new()];
        let traces = Traces::new(&address, shown);
        for text in [
            "From=whatsapp%3A%2B14155550101&To=x",
            "{\"id\":\"whatsapp:+14155550101\"}",
            "call +14155550101.",
        ] {
            assert!(traces.number_in(text), "{text}");
        }
        for text in ["+141555501012", "214155550101", "+1415555010"] {
            assert!(!traces.number_in(text), "{text}");
        }
        assert!(traces.named_in("member remove +1 415-555-0101"));
        assert!(traces.named_in("dm \"May\" hello") && !traces.named_in("Maybe"));
    }
}
