//! `group create`.

use std::collections::BTreeMap;

use partyline_core::{Address, Network, Place};

use super::find::person;
use super::{Argument, Call, Command, Desk, Kind, Outcome};
use crate::ledger::LedgerError;
use crate::operations::{NewGroup, Operation, RoomWish};
use crate::policy::{Right, parse_address};

pub(super) const CREATE: Command = Command {
    words: "group create",
    arguments: &[
        Argument::word("name", Kind::Name),
        Argument::flag("description", Kind::Text),
        Argument::flag("sender", Kind::Word("ADDRESS")),
        Argument::flag("member", Kind::Who).any(),
        Argument::flag("template", Kind::Template),
        Argument::flag("set", Kind::Pair).any(),
        Argument::flag("room", Kind::ChoiceOrRoom(&["here", "new", "none"])),
        Argument::switch("yes"),
    ],
    right: Right::Admin,
    help: "Makes a group with these members, and ties it to this room, to a new one, to ROOM, or to none. A template invites the members, --set fills its variables; what it says is shown first, and --yes sends it.",
    examples: &[
        "group create \"Spring launch\" --member +14155550101 --member \"Maya Lopez\"",
        "group create \"Spring launch\" --member +14155550101 --template team_notice --set 1=Maya --room new --yes",
    ],
    run: |call| Box::pin(async move { Ok(create(&call).await?.unwrap_or_else(Outcome::Refused)) }),
};

async fn create(call: &Call) -> Result<Result<Outcome, String>, LedgerError> {
    let arguments = &call.arguments;
    let room = match arguments.one("room") {
        None if call.room.network() == Network::Operator => RoomWish::None,
        Some("here" | "new") if call.room.network() == Network::Operator => {
            return Ok(Err(
                "There is no room here: give the command in one, or link one later.".into()
            ));
        }
        Some("here") => RoomWish::Here,
        Some("new") => RoomWish::New,
        Some("none") => RoomWish::None,
        Some(room) => match room.parse() {
            Ok(room) => RoomWish::Room(room),
            Err(_) => RoomWish::None,
        },
        None if can_be_tied(&call.desk, &call.room) => RoomWish::Here,
        None => RoomWish::New,
    };
    let wanted = match &room {
        RoomWish::Here => Some(&call.room),
        RoomWish::Room(room) => Some(room),
        RoomWish::New | RoomWish::None => None,
    };
    if let Some(tied) = wanted.and_then(|room| call.desk.links.conversation(room)) {
        return Ok(Err(format!(
            "That room is tied to {} already: `--room new` makes another one, `--room none` none.",
            tied.id()
        )));
    }
    let members = match people(call, arguments.all("member")).await? {
        Ok(members) => members,
        Err(sentence) => return Ok(Err(sentence)),
    };
    let sender = match sender(call) {
        Ok(sender) => sender,
        Err(sentence) => return Ok(Err(sentence)),
    };
    if arguments.has("set") && !arguments.has("template") {
        return Ok(Err("--set fills the variables of a template: name it with --template.".into()));
    }
    let template =
        arguments.one("template").map(|one| (one.to_owned(), pairs(arguments.all("set"))));
    Ok(Ok(Outcome::Operation(Operation::Create(Box::new(NewGroup {
        name: arguments.one("name").unwrap_or_default().to_owned(),
        description: arguments.one("description").map(ToOwned::to_owned),
        members,
        sender,
        template,
        room,
        by: call.by.clone(),
    })))))
}

/// Whether a room can be tied to a group: it is not yet, and is no direct message.
pub(crate) fn can_be_tied(desk: &Desk, room: &Place) -> bool {
    let direct = room.network() == Network::Slack && room.id().starts_with('D');
    !direct && !desk.links.knows(room)
}

/// Everybody who was named, each name looked up. A value can hold several, with commas between.
pub(super) async fn people(
    call: &Call,
    texts: &[String],
) -> Result<Result<Vec<Address>, String>, LedgerError> {
    let found = addresses(&call.desk, &texts.join("\n")).await?;
    Ok(found.map_err(|wrong| format!("{wrong} Nothing was changed.")))
}

/// The same for one text; the error says whom it does not find.
pub(crate) async fn addresses(
    desk: &Desk,
    text: &str,
) -> Result<Result<Vec<Address>, String>, LedgerError> {
    let mut found = Vec::new();
    let mut wrong = Vec::new();
    for text in text.split([',', ';', '\n']).map(str::trim).filter(|text| !text.is_empty()) {
        match person(desk, text).await? {
            Ok(person) => found.push(person.address),
            Err(sentence) => wrong.push(sentence),
        }
    }
    if wrong.is_empty() {
        return Ok(Ok(found));
    }
    let more = wrong.len().saturating_sub(5);
    wrong.truncate(5);
    if more > 0 {
        wrong.push(format!("And {more} more."));
    }
    Ok(Err(wrong.join(" ")))
}

/// The sender that was named with `--sender`.
pub(super) fn sender(call: &Call) -> Result<Option<Address>, String> {
    let Some(text) = call.arguments.one("sender") else { return Ok(None) };
    let address = parse_address(text, *call.desk.region).map_err(|error| format!("{error}."))?;
    let pool = &call.desk.senders;
    let same = |one: &&Address| **one == address || one.number() == Some(address.as_str());
    pool.iter().find(same).cloned().map(Some).ok_or_else(|| {
        let pool: Vec<&str> = pool.iter().map(Address::as_str).collect();
        format!("{address} is not in the pool of senders: it has {}.", pool.join(", "))
    })
}

/// `k=v`, as a map.
pub(super) fn pairs(pairs: &[String]) -> BTreeMap<String, String> {
    let split = pairs.iter().filter_map(|pair| pair.split_once('='));
    split.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
