//! By what it is known that somebody wants no more messages, or wants them again: their own words, what
//! Twilio says of a message to them, and that somebody put them into a group all the same.

use jiff::Timestamp;
use partyline_core::{
    Action, Address, Channel, Failure, Happening, MemberChange, MessageId, Place, Speaker, Text,
};
use rusqlite::params;

use super::{How, Removal, Sql, id_of, in_force, latest, remove, restore, suppress};
use crate::ledger::members::{Whose, is_member, sender_of};
use crate::ledger::receipts::Fate;
use crate::ledger::threads::Writing;
use crate::ledger::told::{self, Heeded};
use crate::ledger::{Accepted, Entry, Owed, Plea, strays};
use crate::policy::Wish;

/// A second, in milliseconds.
const SECOND: i64 = 1000;

/// Obeys what an event says of who wants messages, and gives what the person is answered. What was told
/// by another way already is not heeded twice. `row` is the event's.
pub(in crate::ledger) fn heed(
    writing: &Writing<'_>,
    entry: &Entry,
    (row, now): (i64, i64),
    accepted: &mut Accepted,
) -> Sql<Option<Owed>> {
    let (connection, event) = (writing.connection, &entry.event);
    match (&event.happening, &entry.plea) {
        (Happening::Message { id, speaker, .. }, Some(plea)) => {
            by_conversation(writing, (entry, plea), (row, now), (id, speaker), accepted)
        }
        (Happening::Wrote { address, sender: Some(sender), .. }, Some(plea)) => {
            by_webhook(writing, (entry, plea), (row, now), (address, sender), accepted)
        }
        // Somebody put them into a group, in Twilio's console for example.
        (
            Happening::Member {
                change: MemberChange::Added, address: Some(address), sender, ..
            },
            _,
        ) if address.channel() != Channel::Client => {
            let id = id_of(connection, address)?;
            if in_force(connection, &id)? {
                let removal = Removal {
                    conversation: event.place.clone(),
                    address: address.clone(),
                    sender: sender.clone(),
                };
                remove(writing, &id, &removal)?;
                accepted.opted(id, vec![event.place.clone()]);
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// Obeys what a member of a conversation asks for.
fn by_conversation(
    writing: &Writing<'_>,
    (entry, plea): (&Entry, &Plea),
    (row, now): (i64, i64),
    (id, speaker): (&MessageId, &Speaker),
    accepted: &mut Accepted,
) -> Sql<Option<Owed>> {
    let event = &entry.event;
    let Some(address) = speaker.address() else { return Ok(None) };
    let twin = told::tell(writing, entry, row, now)?;
    told::note(writing, row, Heeded::Yes)?;
    if told::heeded(writing, twin)? != Heeded::No {
        return Ok(None);
    }
    let participant = speaker.participant.as_deref().unwrap_or(address.as_str());
    let sender = sender_of(writing.connection, &event.place, participant)?;
    let (at, source) = (event.at.as_millisecond(), event.place.id());
    let heeded = obey(writing, &address, plea.what, (at, source), accepted)?;
    let Some(text) = plea.answer.clone().filter(|_| heeded) else { return Ok(None) };
    let Some(sender) = sender else {
        told::note(writing, row, Heeded::Unanswered)?;
        strays::owe_answer(writing, &event.place, (&address, id), event.at, &text, accepted)?;
        return Ok(None);
    };
    Ok(Some(answer(&sender, &address, event.at, text)))
}

/// Obeys what somebody asks a sender for, as the Messaging webhook or the sender's log tells it.
fn by_webhook(
    writing: &Writing<'_>,
    (entry, plea): (&Entry, &Plea),
    (row, now): (i64, i64),
    (address, sender): (&Address, &Address),
    accepted: &mut Accepted,
) -> Sql<Option<Owed>> {
    let event = &entry.event;
    let twin = told::tell(writing, entry, row, now)?;
    let heeded = match told::heeded(writing, twin)? {
        Heeded::No if is_heard_elsewhere(writing, entry, (address, sender), plea)? => {
            return Ok(None);
        }
        Heeded::No => {
            let said = event.at.as_millisecond();
            // It comes after what came before it, whatever our clock says; but for what is read back,
            // which has its own time, in whole seconds: whatever else was said in that second may
            // have been said before it.
            let at = match plea.what {
                _ if !entry.is_listed() => latest(writing.connection, address)?.max(said),
                Wish::Stop => said.saturating_add(SECOND - 1),
                Wish::Start | Wish::Help => said,
            };
            obey(writing, address, plea.what, (at, sender.as_str()), accepted)?
        }
        // The conversation has told it, and not by which sender.
        Heeded::Unanswered => strays::answered_elsewhere(writing, twin, address)?,
        Heeded::Yes => false,
    };
    told::note(writing, row, Heeded::Yes)?;
    let text = plea.answer.clone().filter(|_| heeded);
    Ok(text.map(|text| answer(sender, address, event.at, text)))
}

/// Whether what the webhook tells is left to the conversation that will tell it, with the platform's own
/// time: where somebody is in one behind that sender, and was no stranger of late. Help has no order.
fn is_heard_elsewhere(
    writing: &Writing<'_>,
    entry: &Entry,
    (address, sender): (&Address, &Address),
    plea: &Plea,
) -> Sql<bool> {
    Ok(plea.what != Wish::Help
        && !entry.is_listed()
        && is_member(writing.connection, address, sender)?
        && !told::was_stranger(writing, address)?)
}

/// Does what somebody asks for; whether there is something to answer.
fn obey(
    writing: &Writing<'_>,
    address: &Address,
    what: Wish,
    (at, source): (i64, &str),
    accepted: &mut Accepted,
) -> Sql<bool> {
    match what {
        Wish::Stop => suppress(writing, address, (How::Said, source), at, accepted),
        Wish::Start => {
            let restored = restore(writing, address, (at, source), accepted)?;
            note_wanted(writing, address, (at, source)).map(|()| restored)
        }
        Wish::Help => Ok(true),
    }
}

/// Notes when somebody who gets messages last asked for them: a word that ends messages and was written
/// before that can be found later.
fn note_wanted(writing: &Writing<'_>, address: &Address, (at, source): (i64, &str)) -> Sql<()> {
    writing
        .connection
        .prepare_cached(
            "INSERT INTO suppressions (id, address, since, how, source, sweep, lifted)
             VALUES (?1, ?2, ?3, ?4, ?5, 0, ?3)
             ON CONFLICT (id) DO UPDATE SET lifted = excluded.lifted
                 WHERE lifted < excluded.lifted",
        )?
        .execute(params![
            id_of(writing.connection, address)?,
            address.as_str(),
            at,
            How::Said.word(),
            source
        ])
        .map(drop)
}

/// The answer, from the sender that was written to. It comes from nowhere but their own phone: by
/// that it is known as what may be sent to somebody who wants no messages.
pub(in crate::ledger) fn answer(
    sender: &Address,
    address: &Address,
    at: Timestamp,
    text: String,
) -> Owed {
    let phone = Place::phone(sender, address);
    let action = Action::Notice { text: Text::plain(text) };
    Owed { to: phone.clone(), from: phone, speaker: None, at, action }
}

/// Learns from a receipt that somebody wants no more messages.
pub(in crate::ledger) fn learn(
    writing: &Writing<'_>,
    fate: &Fate<'_>,
    whose: &Whose,
    at: Timestamp,
    accepted: &mut Accepted,
) -> Sql<()> {
    let how = fate.error.filter(|_| fate.failed()).and_then(How::of_error);
    let (Some(how), Ok(address)) = (how, whose.address.parse::<Address>()) else { return Ok(()) };
    suppress(writing, &address, (how, fate.place.id()), at.as_millisecond(), accepted).map(drop)
}

/// Learns from a refusal to send to one phone that its owner wants no more messages.
pub(in crate::ledger) fn refused(
    writing: &Writing<'_>,
    to: &Place,
    failure: &Failure,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let code = failure.code.as_deref().and_then(|code| code.parse().ok());
    match (to.as_phone(), code.and_then(How::of_error)) {
        (Some((sender, address)), Some(how)) => {
            suppress(writing, &address, (how, sender.as_str()), now, accepted).map(drop)
        }
        _ => Ok(()),
    }
}
