//! Which group, and who, is meant by what somebody typed.

use std::fmt::Write as _;

use partyline_core::{Address, Channel, Network, PersonId, Place, mask};

use super::{Arguments, Command, Desk, Kind, Outcome, Stands};
use crate::contacts::StoreError;
use crate::ledger::{Group, LedgerError, fold};
use crate::policy::{Right, parse_address};

/// Candidates that are shown where a text can mean several.
const SHOWN: u32 = 8;

/// The group that a row is about: the one that was named, or the room's own. `None` where the row
/// takes none, or none is meant.
pub(super) async fn group_of(
    desk: &Desk,
    room: &Place,
    command: &Command,
    arguments: &Arguments,
    looked_up: bool,
) -> Result<Result<Option<Group>, Outcome>, LedgerError> {
    let takes = |one: &&super::Argument| one.kind == Kind::Group && one.stands == Stands::Word;
    let Some(argument) = command.arguments.iter().find(takes) else { return Ok(Ok(None)) };
    let Some(reference) = arguments.one(argument.name) else {
        // What everybody may ask is answered without the directory, which may have to ask Twilio.
        let own = desk.links.conversation(room).filter(|_| command.right > Right::Everybody);
        let Some(conversation) = own else { return Ok(Ok(None)) };
        return Ok(match desk.ledger.group(&conversation).await? {
            Some(group) => Ok(Some(group)),
            None if looked_up => Err(Outcome::Refused(format!(
                "Twilio does not have the group of this room, {}, any more. `{} group unlink` unties it.",
                conversation.id(),
                desk.prefix(room.network())
            ))),
            None => Err(Outcome::LookUp(conversation.id().to_owned())),
        });
    };
    let found = desk.ledger.find_groups(reference, SHOWN + 1).await?;
    Ok(match found.len() {
        1 => Ok(found.into_iter().next()),
        0 if !looked_up => Err(Outcome::LookUp(reference.to_owned())),
        0 => Err(Outcome::Refused(unknown(desk, room, reference).await?)),
        _ => Err(Outcome::Refused(several(reference, &found))),
    })
}

/// Whether the arguments name the group that the row is about.
pub(super) fn names_group(command: &Command, arguments: &Arguments) -> bool {
    let takes = |one: &&super::Argument| one.kind == Kind::Group && one.stands == Stands::Word;
    let argument = command.arguments.iter().find(takes);
    argument.is_some_and(|argument| arguments.one(argument.name).is_some())
}

/// Somebody who writes in rooms; the error is a sentence.
pub(super) fn in_a_room(text: &str) -> Result<PersonId, String> {
    match text.parse::<PersonId>() {
        Ok(person) if matches!(person.network, Network::Slack | Network::Matrix) => Ok(person),
        _ => Err("PERSON is somebody in Slack or Matrix: mention them, or write slack:U0123ABC or matrix:@maya:example.org.".into()),
    }
}

/// The answer to a command about a group in a room that has none.
pub(super) fn no_group(room: &Place, prefix: &str) -> String {
    if room.network() == Network::Operator {
        return format!("Name the group that you mean: `{prefix} group list` shows them.");
    }
    format!(
        "This room is tied to no group, so name the one that you mean: `{prefix} group list` shows them. `{prefix} group link GROUP` ties one to this room."
    )
}

fn several(reference: &str, found: &[Group]) -> String {
    let mut text =
        format!("\"{}\" can mean several groups; give one's SID or whole name:\n", cut(reference));
    for group in found.iter().take(SHOWN as usize) {
        let _ = writeln!(text, "• {} ({})", group.name(), group.info.place.id());
    }
    if found.len() > SHOWN as usize {
        text.push_str("• and more");
    }
    text.truncate(text.trim_end().len());
    text
}

async fn unknown(desk: &Desk, room: &Place, reference: &str) -> Result<String, LedgerError> {
    let prefix = desk.prefix(room.network());
    let wanted = fold(reference);
    let first: String = wanted.chars().take(1).collect();
    // Those that begin alike: nobody mistypes the first letter often enough to read all names.
    let near = desk.ledger.find_groups(&first, 1000).await?;
    let near = near
        .iter()
        .map(|group| (strsim::damerau_levenshtein(&fold(group.name()), &wanted), group))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= wanted.chars().count() / 3);
    let hint = match near {
        Some((_, group)) => format!(" Did you mean \"{}\"?", group.name()),
        None => String::new(),
    };
    Ok(format!("There is no group \"{}\".{hint} `{prefix} group list` shows them.", cut(reference)))
}

/// Somebody who was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    /// How they are reached.
    pub(super) address: Address,
}

/// Who is meant: a number, an address, or a contact's name, of which the beginning is enough. A
/// bare number is reached by SMS where the pool has a sender for that, otherwise by WhatsApp.
pub(super) async fn person(desk: &Desk, text: &str) -> Result<Result<Person, String>, LedgerError> {
    if let Ok(address) = parse_address(text, *desk.region) {
        let bare = !text.trim_start().starts_with("sms:");
        return Ok(Ok(Person { address: if bare { on_channel(desk, address) } else { address } }));
    }
    let (scheme, wanted) = match text.split_once(':') {
        Some(("whatsapp", name)) => ("whatsapp:", name.trim()),
        _ => ("", text.trim()),
    };
    let store = |error: StoreError| LedgerError::Unusable(error.to_string());
    let found = desk.contacts.store().find(wanted, SHOWN as usize + 1).await.map_err(store)?;
    let exact: Vec<_> = found.iter().filter(|one| fold(&one.name) == fold(wanted)).collect();
    let contact = match (exact.as_slice(), found.as_slice()) {
        ([one], _) => *one,
        (_, [one]) => one,
        (_, []) => return Ok(Err(nobody(text, desk))),
        _ => {
            let found = found.iter().map(|one| (&*one.name, &*one.key));
            return Ok(Err(several_people(text, &found.collect::<Vec<_>>())));
        }
    };
    let address = format!("{scheme}{}", contact.key).parse::<Address>();
    Ok(match address {
        Ok(address) => Ok(Person { address: on_channel(desk, address) }),
        Err(error) => Err(format!("{error}.")),
    })
}

/// Who is meant among those who have written alone: as [`person`], or by the name that they go by in
/// WhatsApp, of which the beginning is enough. Elsewhere nobody is found by a name that they chose
/// themselves.
pub(super) async fn writer(
    desk: &Desk,
    text: &str,
) -> Result<Result<Address, String>, LedgerError> {
    let known = person(desk, text).await?.map(|person| person.address);
    if parse_address(text, *desk.region).is_ok() {
        return Ok(known);
    }
    if let Ok(address) = &known
        && !desk.ledger.inbox_with(address.forms(), 1).await?.is_empty()
    {
        return Ok(known);
    }
    let wanted = text.trim();
    let found = desk.ledger.inbox_named(wanted, SHOWN + 1).await?;
    let exact: Vec<_> = found.iter().filter(|(_, name)| fold(name) == fold(wanted)).collect();
    Ok(match (exact.as_slice(), found.as_slice()) {
        ([(address, _)], _) | (_, [(address, _)]) => Ok(address.clone()),
        (_, []) => known,
        _ => {
            let found = found.iter().map(|(address, name)| (&**name, address.contact_key()));
            Err(several_people(text, &found.collect::<Vec<_>>()))
        }
    })
}

fn on_channel(desk: &Desk, address: Address) -> Address {
    let serves = |channel| desk.senders.iter().any(|sender| sender.channel() == channel);
    if address.channel() == Channel::Sms
        && !serves(Channel::Sms)
        && serves(Channel::WhatsApp)
        && let Ok(whatsapp) = format!("whatsapp:{address}").parse()
    {
        return whatsapp;
    }
    address
}

fn nobody(text: &str, desk: &Desk) -> String {
    // What looks like a number is one that was mistyped.
    let number = text.rsplit(':').next().unwrap_or(text);
    let is_number =
        number.chars().any(|c| c.is_ascii_digit()) && !number.chars().any(char::is_alphabetic);
    match parse_address(text, *desk.region) {
        Err(error) if is_number => format!("{error}."),
        _ => format!(
            "There is no contact \"{}\": write a number, or add the contact first (`contact add`).",
            cut(text)
        ),
    }
}

/// `found` are names with numbers.
fn several_people(text: &str, found: &[(&str, &str)]) -> String {
    let found_first = found.iter().take(SHOWN as usize);
    let shown: Vec<String> = found_first.map(|(name, key)| format!("{name} ({key})")).collect();
    let more = if found.len() > shown.len() { " and more" } else { "" };
    format!(
        "\"{}\" can be several people: {}{more}. Write the whole name or the number.",
        cut(text),
        shown.join(", ")
    )
}

/// What somebody typed, as it is shown back: one line, cut, with the number in it masked where
/// nobody needs to read it.
fn cut(text: &str) -> String {
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect();
    if line.chars().count() < text.chars().count() { mask(&line) + "…" } else { line }
}
