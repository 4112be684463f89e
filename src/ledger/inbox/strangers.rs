//! Strangers: people of whose words the Messaging webhook alone has told, and who may be in no
//! conversation with that sender.
//!
//! What somebody says can be told twice, by the webhook and by a conversation, in whichever order and
//! with no id in common (the webhook has `SM…`, the conversation `IM…`). So each is written down with
//! who said what, and paired with one of the other kind: same person, same words, about the same time.
//! Of equal words either may be the other's twin; as many are said in the end as were written. What the
//! conversation told is said by it; what the webhook alone told is let in after a while, and should the
//! conversation tell it later, that is said already.

use jiff::{SignedDuration, Timestamp};
use partyline_core::{Address, Content, Happening, PersonId, Place};
use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::{Sql, heard, mentioning, queue};
use crate::ledger::threads::Writing;
use crate::ledger::{Accepted, Entry, Ledger, LedgerError, Owed, from_json, timestamp, to_json};

/// How far apart two tellings of the same may be: the webhook's time is when it came.
const APART: SignedDuration = SignedDuration::from_mins(2);

/// How long it is remembered who told what, where the senders' logs are read meanwhile.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// How long where they cannot be: what a conversation told, the log may tell once it can be read.
const REMEMBERED_AT_MOST: SignedDuration = SignedDuration::from_hours(24);

/// By which way something was told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Webhook = 0,
    Conversation = 1,
}

/// Somebody who wrote to a sender and may be in no conversation behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// The event that brought it.
    pub event: i64,
    /// Who wrote.
    pub address: Address,
    /// To which sender.
    pub sender: Address,
    /// When it came.
    pub at: Timestamp,
}

/// What was said, so that it is known again; not the words themselves.
fn fingerprint(content: &Content) -> String {
    let mut hash = Sha256::new();
    hash.update(content.files.len().to_be_bytes());
    hash.update(content.text.plain.trim());
    hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes down that something was told, and gives the event that told the same by the other way.
fn tell(
    writing: &Writing<'_>,
    (address, content): (&Address, &Content),
    way: Way,
    (event, at): (i64, Timestamp),
    now: i64,
) -> Sql<Option<i64>> {
    let connection = writing.connection;
    let ago = |span: SignedDuration| now - i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "DELETE FROM told WHERE noted <
                 max(?1, min(?2, (SELECT coalesce(min(looked), ?2) FROM logs)))",
        )?
        .execute([ago(REMEMBERED_AT_MOST), ago(REMEMBERED)])?;
    let (words, at) = (fingerprint(content), at.as_millisecond());
    let apart = i64::try_from(APART.as_millis()).unwrap_or(i64::MAX);
    let twin: Option<i64> = connection
        .prepare_cached(
            "SELECT event FROM told WHERE address = ?1 AND words = ?2 AND way <> ?3
                 AND twin IS NULL AND abs(at - ?4) <= ?5 ORDER BY event LIMIT 1",
        )?
        .query_row(params![address.as_str(), words, way as i64, at, apart], |row| row.get(0))
        .optional()?;
    connection
        .prepare_cached(
            "INSERT INTO told (event, address, words, way, at, noted, twin)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![event, address.as_str(), words, way as i64, at, now, twin])?;
    if let Some(twin) = twin {
        connection
            .prepare_cached("UPDATE told SET twin = ?2 WHERE event = ?1")?
            .execute([twin, event])?;
    }
    Ok(twin)
}

/// Notes that somebody wrote, as the webhook tells it. Who is not known to be in a conversation is a
/// stranger. `row` is the event's.
pub(in crate::ledger) fn knock(
    writing: &Writing<'_>,
    entry: &Entry,
    row: i64,
    member: bool,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let Happening::Wrote { address, sender: Some(sender), content, .. } = &entry.event.happening
    else {
        return Ok(());
    };
    if !entry.inbox || entry.owed.is_empty() {
        return Ok(());
    }
    let twin = tell(writing, (address, content), Way::Webhook, (row, entry.event.at), now)?;
    if !member {
        writing
            .connection
            .prepare_cached("UPDATE told SET stranger = 1 WHERE event = ?1")?
            .execute([row])?;
    }
    // What the webhook tells comes behind what it told before, whatever our clock says; what the log tells
    // has its own time. A member is heard in the conversation. But who became one of late may have written this before;
    // or what the conversation told of it was taken for the twin of something else.
    if twin.is_some() || (member && !was_stranger(writing, address)?) {
        return Ok(());
    }
    let owed: Vec<&Owed> = entry.owed.iter().collect();
    writing
        .connection
        .prepare_cached(
            "INSERT INTO strangers (event, address, sender, at, owed, said)
             VALUES (?1, ?2, ?3, ?4, ?5, max(?6, CASE WHEN ?7 THEN 0 ELSE
                 coalesce((SELECT max(said) FROM strangers WHERE address = ?2), 0) END))",
        )?
        .execute(params![
            row,
            address.as_str(),
            sender.as_str(),
            now,
            to_json(&owed)?,
            entry.event.at.as_millisecond(),
            entry.is_listed(),
        ])?;
    accepted.strangers = true;
    Ok(())
}

/// Whether somebody was no member of late.
fn was_stranger(writing: &Writing<'_>, address: &Address) -> Sql<bool> {
    writing
        .connection
        .prepare_cached("SELECT 1 FROM told WHERE address = ?1 AND stranger = 1 LIMIT 1")?
        .exists([address.as_str()])
}

/// Whether what a conversation tells was said already, because the webhook told it before and it was let
/// in.
pub(super) fn is_said(writing: &Writing<'_>, entry: &Entry, row: i64, now: i64) -> Sql<bool> {
    let Happening::Message { speaker, content, .. } = &entry.event.happening else {
        return Ok(false);
    };
    let Some(address) = speaker.address() else { return Ok(false) };
    let told = (&address, content);
    let Some(twin) = tell(writing, told, Way::Conversation, (row, entry.event.at), now)? else {
        return Ok(false);
    };
    // It waited to be let in: the conversation says it.
    writing.connection.prepare_cached("DELETE FROM strangers WHERE event = ?1")?.execute([twin])?;
    writing
        .connection
        .prepare_cached("SELECT 1 FROM told WHERE event = ?1 AND said = 1")?
        .exists([twin])
}

/// Whether something that somebody wrote before still waits to be let in.
pub(super) fn is_waiting(writing: &Writing<'_>, address: &Address) -> Sql<bool> {
    writing
        .connection
        .prepare_cached("SELECT 1 FROM strangers WHERE address = ?1 LIMIT 1")?
        .exists([address.as_str()])
}

impl Ledger {
    /// Those who wrote and may be in no conversation, in the order in which they wrote, at most
    /// `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn strangers(&self, limit: u32) -> Result<Vec<Stranger>, LedgerError> {
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT event, address, sender, at FROM strangers ORDER BY said, event LIMIT ?1",
                    )?
                    .query_map([limit], |row| {
                        let (address, sender): (String, String) = (row.get(1)?, row.get(2)?);
                        let (event, at) = (row.get(0)?, timestamp(row.get(3)?));
                        let both = address.parse().ok().zip(sender.parse().ok());
                        Ok(both.map(|(address, sender)| Stranger { event, address, sender, at }))
                    })?
                    .filter_map(Result::transpose)
                    .collect()
            })
            .await
    }

    /// Whether what a stranger wrote is still to be let in: by now a conversation may have told it.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn is_to_be_let_in(&self, stranger: &Stranger) -> Result<bool, LedgerError> {
        let event = stranger.event;
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT 1 FROM strangers WHERE event = ?1")?
                    .exists([event])
            })
            .await
    }

    /// What a stranger wrote is said in this conversation; or it is said by the conversation itself,
    /// where there is none given. `owner` is who it is for, where that is nobody yet.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn let_in(
        &self,
        stranger: &Stranger,
        conversation: Option<&Place>,
        owner: Option<PersonId>,
    ) -> Result<Accepted, LedgerError> {
        let (event, address) = (stranger.event, stranger.address.clone());
        let (place, now) = (conversation.cloned(), self.now_ms());
        self.threads
            .write(move |writing| {
                let (connection, mut accepted) = (writing.connection, Accepted::default());
                let owed: Option<String> = connection
                    .prepare_cached("DELETE FROM strangers WHERE event = ?1 RETURNING owed")?
                    .query_row([event], |row| row.get(0))
                    .optional()?;
                // What they wrote since waits behind it.
                let theirs: Vec<String> = connection
                    .prepare_cached("SELECT conversation FROM inbox WHERE address = ?1")?
                    .query_map([address.as_str()], |row| row.get(0))?
                    .collect::<Sql<_>>()?;
                accepted.inbox.extend(theirs.iter().filter_map(|place| place.parse().ok()));
                let (Some(place), Some(owed)) = (&place, owed) else { return Ok(accepted) };
                connection
                    .prepare_cached("UPDATE told SET said = 1 WHERE event = ?1")?
                    .execute([event])?;
                let conversation = place.to_string();
                let mentions = heard(writing, &conversation, owner.as_ref(), now)?;
                let owed: Vec<Owed> = from_json(&owed)?;
                for owed in mentioning(&owed, mentions.as_ref()).iter() {
                    let owed = Owed { from: place.clone(), ..owed.clone() };
                    queue(writing, &conversation, event, &owed)?;
                }
                accepted.inbox.push(place.clone());
                Ok(accepted)
            })
            .await
    }
}
