//! What is known of something that was said: where it stands, whom it went to, what became of it there.

use std::collections::BTreeMap;

use partyline_core::{MessageId, Place, Ticked};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Phone, Receipt, Sql, TickNews, Waiting};
use crate::ledger::receipts::status;
use crate::ledger::timestamp;
use crate::policy::{CLOSED, is_failure};

/// What is known of an event; `None` where that is too little to show anything.
pub(super) fn news(
    connection: &Connection,
    event: i64,
    number: i64,
    shown: Option<Ticked>,
) -> Sql<Option<TickNews>> {
    let said = connection
        .prepare_cached(
            "SELECT at, event ->> '$.happening.content.thread', event ->> '$.happening.speaker.id.id',
                 CASE WHEN kind IN ('command', 'invitation')
                     THEN (SELECT place FROM places WHERE id = events.place) END
             FROM events WHERE id = ?1",
        )?
        .query_row([event], |row| {
            let commanded: Option<String> = row.get(3)?;
            Ok((row.get(0)?, row.get::<_, Option<String>>(1)?, row.get(2)?, commanded))
        })
        .optional()?;
    let Some((at, thread, speaker, commanded)) = said else { return Ok(None) };
    let standing = Standing::read(connection, event)?;
    // What a command sent, or an invitation, has no message of its own.
    let told_at = commanded.and_then(|place| place.parse().ok());
    let told_at = told_at.filter(|place: &Place| place.is_room() || place.is_conversation());
    let (place, message) = match (standing.origin, told_at) {
        (Some((place, message)), _) => (place, Some(message)),
        (None, Some(place)) => (place, None),
        (None, None) => return Ok(None),
    };
    let mut members = match &standing.conversation {
        Some(conversation) => members_in(connection, conversation, standing.parts)?,
        None => Vec::new(),
    };
    let departed = match &standing.conversation {
        Some(conversation) => departed(connection, event, conversation, standing.parts)?,
        None => Vec::new(),
    };
    let mut receipts = receipts(connection, event)?;
    let known = (&members[..], &departed[..]);
    let waiting = settle_held(connection, event, known, &mut receipts)?;
    reached_alone(&standing.phones, &mut members, &mut receipts);
    let phone = standing.phones.into_keys().next();
    let Some(conversation) = standing.conversation.or(phone) else { return Ok(None) };
    Ok(Some(TickNews {
        event,
        number,
        place,
        message,
        thread: thread.map(MessageId::new),
        at: timestamp(at),
        speaker,
        copies: standing.copies,
        receipts,
        members,
        departed,
        waiting,
        conversation,
        shown,
    }))
}

/// Counts those whose phones it went to alone among whom it went to.
fn reached_alone(
    phones: &BTreeMap<Place, usize>,
    members: &mut Vec<Phone>,
    receipts: &mut [Receipt],
) {
    for (phone, parts) in phones {
        let Some((_, address)) = phone.as_phone() else { continue };
        let address = address.to_string();
        match members.iter_mut().find(|member| member.address == address) {
            // It was held for them, and went to their phone alone once they wrote.
            Some(member) => {
                member.parts = *parts;
                let direct = receipts.iter_mut().filter(|one| one.participant == address);
                direct.for_each(|one| one.participant.clone_from(&member.participant));
            }
            None => members.push(Phone {
                participant: address.clone(),
                address,
                name: None,
                parts: *parts,
            }),
        }
    }
}

/// Where something stands that was said.
#[derive(Default)]
struct Standing {
    origin: Option<(Place, MessageId)>,
    conversation: Option<Place>,
    /// Its messages in the conversation.
    parts: usize,
    /// The phones that it went to alone, with its messages there.
    phones: BTreeMap<Place, usize>,
    copies: Vec<(Place, MessageId)>,
}

impl Standing {
    fn read(connection: &Connection, event: i64) -> Sql<Self> {
        let mut standing = Self::default();
        let mut messages = connection.prepare_cached(
            "SELECT places.place, message, delivery IS NULL FROM messages
             JOIN places ON places.id = messages.place WHERE messages.event = ?1
             UNION
             SELECT places.place, events.key, 1 FROM events
             JOIN places ON places.id = events.place
             WHERE events.id = ?1 AND kind = 'message' AND NOT EXISTS
                 (SELECT 1 FROM messages WHERE event = ?1 AND delivery IS NULL)",
        )?;
        let mut rows = messages.query([event])?;
        while let Some(row) = rows.next()? {
            let Ok(place) = row.get::<_, String>(0)?.parse::<Place>() else { continue };
            let message = MessageId::new(row.get::<_, String>(1)?);
            let is_origin: bool = row.get(2)?;
            if place.is_conversation() {
                standing.parts += 1;
                standing.conversation.get_or_insert_with(|| place.clone());
            }
            if is_origin {
                standing.origin = Some((place, message));
            } else if place.is_phone() {
                *standing.phones.entry(place).or_default() += 1;
            } else if place.is_room() {
                standing.copies.push((place, message));
            }
        }
        Ok(standing)
    }
}

/// For whom an event is still held. Whatever receipts say of those for whom it is or was held is taken
/// out: that it did not come is known, and no failure. So is another failure that was told, once what
/// failed is sent once more.
fn settle_held(
    connection: &Connection,
    event: i64,
    (members, departed): (&[Phone], &[Phone]),
    receipts: &mut Vec<Receipt>,
) -> Sql<Vec<Waiting>> {
    let held: Vec<(Waiting, bool)> = connection
        .prepare_cached(
            "SELECT held.address, held.sender, windows.told IS NOT NULL, held.state < 2
             FROM held LEFT JOIN windows
                 ON windows.address = held.address AND windows.sender = held.sender
             WHERE held.event = ?1",
        )?
        .query_map([event], |row| {
            let (address, sender, told) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((Waiting { address, sender, told }, row.get(3)?))
        })?
        .collect::<Result<_, _>>()?;
    let is_held = |participant: &str| {
        let mut known = members.iter().chain(departed);
        let phone = known.find(|phone| phone.participant == participant);
        phone.is_some_and(|phone| held.iter().any(|(one, _)| one.address == phone.address))
    };
    receipts.retain(|one| {
        let known = one.error == Some(CLOSED) || (is_failure(one) && one.told);
        !(known && is_held(&one.participant))
    });
    Ok(held.into_iter().filter(|(_, waits)| *waits).map(|(one, _)| one).collect())
}

/// What became of it, but for receipts of which it is not known yet whose they are.
fn receipts(connection: &Connection, event: i64) -> Sql<Vec<Receipt>> {
    connection
        .prepare_cached(
            "SELECT message, participant, rank, error, told FROM receipts
             WHERE event = ?1 AND NOT EXISTS (SELECT 1 FROM strays
                 WHERE strays.participant = receipts.participant
                   AND strays.message = receipts.message)",
        )?
        .query_map([event], |row| {
            Ok(Receipt {
                message: MessageId::new(row.get::<_, String>(0)?),
                participant: row.get(1)?,
                status: status(row.get(2)?),
                error: row.get(3)?,
                told: row.get(4)?,
            })
        })?
        .collect()
}

fn members_in(connection: &Connection, conversation: &Place, parts: usize) -> Sql<Vec<Phone>> {
    connection
        .prepare_cached(
            "SELECT sid, address, name FROM participants
             WHERE conversation = ?1 AND address IS NOT NULL AND address NOT LIKE 'client:%'",
        )?
        .query_map([conversation.to_string()], |row| phone(row, parts))?
        .collect()
}

fn departed(
    connection: &Connection,
    event: i64,
    conversation: &Place,
    parts: usize,
) -> Sql<Vec<Phone>> {
    connection
        .prepare_cached(
            "SELECT sid, address, name FROM departed WHERE conversation = ?1
                 AND sid IN (SELECT participant FROM receipts WHERE event = ?2)",
        )?
        .query_map(params![conversation.to_string(), event], |row| phone(row, parts))?
        .collect()
}

fn phone(row: &Row<'_>, parts: usize) -> Sql<Phone> {
    Ok(Phone { participant: row.get(0)?, address: row.get(1)?, name: row.get(2)?, parts })
}
