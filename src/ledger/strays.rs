//! Failed receipts of participants whom nobody knows: the bridge has just started, or somebody was
//! added without a word to it. What such a receipt means, a closed window or an opt-out, hangs on whose
//! phone it is of. So it waits here, from the commit that stores it, until the conversation's members
//! were asked for ([`crate::strays`]); nothing is told of it meanwhile. The same with the answer to somebody
//! who asks for no more messages, or for help: it goes from the sender that they know.

use jiff::Timestamp;
use partyline_core::{Address, MessageId, Place};
use rusqlite::params;

use super::owed::owe;
use super::suppressions::answer;
use super::threads::Writing;
use super::told::{self, Heeded};
use super::{Accepted, Ledger, LedgerError, Sql, members, receipts, timestamp};

/// What is settled in one write.
const AT_ONCE: u32 = 500;

/// A receipt waits until it is known whose it is.
pub(super) fn wait(
    writing: &Writing<'_>,
    conversation: &Place,
    participant: &str,
    message: &MessageId,
    at: Timestamp,
    accepted: &mut Accepted,
) -> Sql<()> {
    let stray = Stray { conversation, participant, message, at, answer: None };
    stray.keep(writing, accepted)
}

/// Somebody is to be answered once it is known from which sender.
pub(super) fn owe_answer(
    writing: &Writing<'_>,
    conversation: &Place,
    (address, message): (&Address, &MessageId),
    at: Timestamp,
    answer: &str,
    accepted: &mut Accepted,
) -> Sql<()> {
    let (participant, answer) = (address.as_str(), Some(answer));
    Stray { conversation, participant, message, at, answer }.keep(writing, accepted)
}

/// It is known by which sender somebody is served in a conversation: they are answered, where that is
/// still owed.
pub(super) fn answer_from(
    writing: &Writing<'_>,
    conversation: &Place,
    (sender, address): (&Address, &Address),
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let owed: Vec<(String, i64, String)> = writing
        .connection
        .prepare_cached(
            "DELETE FROM strays WHERE conversation = ?1 AND participant = ?2
                 AND answer IS NOT NULL RETURNING message, at, answer",
        )?
        .query_map([&conversation.to_string(), address.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Sql<_>>()?;
    for (message, at, text) in owed {
        let of = receipts::origin(writing, conversation, &MessageId::new(message))?;
        let Some(event) = of.map(|of| of.event) else { continue };
        told::note(writing, event, Heeded::Yes)?;
        owe(writing, event, &answer(sender, address, timestamp(at), text), now, accepted)?;
    }
    Ok(())
}

/// The answer that is owed for what this event told goes by a sender that is known from elsewhere: it
/// waits no more.
pub(super) fn answered_elsewhere(
    writing: &Writing<'_>,
    event: Option<i64>,
    address: &Address,
) -> Sql<bool> {
    let Some(event) = event else { return Ok(false) };
    writing
        .connection
        .prepare_cached(
            "DELETE FROM strays WHERE participant = ?1 AND answer IS NOT NULL
                 AND message IN (SELECT message FROM messages WHERE event = ?2
                     UNION ALL SELECT key FROM events WHERE id = ?2)",
        )?
        .execute(params![address.as_str(), event])?;
    told::note(writing, event, Heeded::Yes)?;
    Ok(true)
}

struct Stray<'a> {
    conversation: &'a Place,
    participant: &'a str,
    message: &'a MessageId,
    at: Timestamp,
    answer: Option<&'a str>,
}

impl Stray<'_> {
    fn keep(&self, writing: &Writing<'_>, accepted: &mut Accepted) -> Sql<()> {
        if !accepted.strays.contains(self.conversation) {
            accepted.strays.push(self.conversation.clone());
        }
        writing
            .connection
            .prepare_cached(
                "INSERT OR IGNORE INTO strays (conversation, participant, message, at, answer)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                self.conversation.to_string(),
                self.participant,
                self.message.as_str(),
                self.at.as_millisecond(),
                self.answer
            ])
            .map(drop)
    }
}

impl Ledger {
    /// The conversations in which receipts wait until it is known whose they are: where work goes on
    /// after a start.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn conversations_with_strays(&self) -> Result<Vec<Place>, LedgerError> {
        self.places_of("SELECT DISTINCT conversation FROM strays", ()).await
    }

    /// The number of the newest receipt that waits in a conversation; `None` where none does.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn newest_stray(&self, conversation: &Place) -> Result<Option<i64>, LedgerError> {
        let conversation = conversation.to_string();
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT max(id) FROM strays WHERE conversation = ?1")?
                    .query_row([conversation], |row| row.get(0))
            })
            .await
    }

    /// It was asked who is in a conversation: the receipts up to this number wait no more, the oldest
    /// some hundreds in one commit. Those of whom still nobody knows are of people who had left before
    /// the bridge knew them, which is told.
    ///
    /// # Errors
    /// They wait as before.
    pub async fn settle_strays(
        &self,
        conversation: &Place,
        newest: i64,
    ) -> Result<Accepted, LedgerError> {
        let (conversation, now) = (conversation.clone(), self.now_ms());
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                settle(writing, &conversation, newest, now, &mut accepted)?;
                Ok(accepted)
            })
            .await
    }
}

fn settle(
    writing: &Writing<'_>,
    conversation: &Place,
    newest: i64,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let strays: Vec<(i64, String, String, i64, bool)> = writing
        .connection
        .prepare_cached(
            "SELECT id, participant, message, at, answer IS NOT NULL FROM strays
             WHERE conversation = ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
        )?
        .query_map(params![conversation.to_string(), newest, AT_ONCE], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })?
        .collect::<Sql<_>>()?;
    for (id, participant, message, at, to_answer) in strays {
        if to_answer && let Ok(address) = participant.parse() {
            let now_there = members::sender_of(writing.connection, conversation, &participant)?;
            let sender = match now_there {
                None => members::sender_before(writing.connection, conversation, &participant)?,
                sender => sender,
            };
            if let Some(sender) = sender {
                answer_from(writing, conversation, (&sender, &address), now, accepted)?;
            }
        }
        writing.connection.prepare_cached("DELETE FROM strays WHERE id = ?1")?.execute([id])?;
        let whose = members::whose(writing.connection, conversation, &participant)?;
        let of = (conversation, participant.as_str(), &MessageId::new(message));
        receipts::settle(writing, of, whose.as_ref(), (timestamp(at), now), accepted)?;
    }
    Ok(())
}
