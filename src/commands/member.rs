//! `member …`: who is in a group.

use partyline_core::Network;

use super::create::{people, sender};
use super::find::person;
use super::{Argument, Call, Command, Kind, Outcome};
use crate::ledger::LedgerError;
use crate::operations::Operation;
use crate::policy::{Right, parse_address};

const GROUP: Argument = Argument::word("group", Kind::Group).maybe();
const WHO: Argument = Argument::word("who", Kind::Who).some();

pub(super) const ADD: Command = Command {
    words: "member add",
    arguments: &[
        GROUP,
        WHO,
        Argument::flag("sender", Kind::Word("ADDRESS")),
        Argument::switch("verify"),
        Argument::switch("move"),
    ],
    right: Right::Manager,
    help: "Adds people to a group: numbers, whatsapp:+…, client:…, or contacts by name; several with spaces, commas or line breaks between them. With --verify, each is sent a code first, and is added once they have told it (member verify). With --move, somebody for whom no sender is free is taken out of another group that you manage.",
    examples: &[
        "member add +14155550101",
        "member add \"Spring launch\" +14155550101 \"Maya Lopez\"",
        "member add +1 415 555 0101, Maya Lopez, whatsapp:+14155550103",
        "member add +14155550101 --verify",
        "member add +14155550101 --move",
    ],
    run: |call| Box::pin(add(call)),
};

pub(super) const VERIFY: Command = Command {
    words: "member verify",
    arguments: &[GROUP, Argument::word("who", Kind::Who), Argument::word("code", Kind::Code)],
    right: Right::Manager,
    help: "Adds somebody who tells the code that member add --verify sent them.",
    examples: &["member verify +14155550101 123456", "member verify \"Maya Lopez\" 123456"],
    run: |call| Box::pin(verify(call)),
};

pub(super) const REMOVE: Command = Command {
    words: "member remove",
    arguments: &[GROUP, WHO],
    right: Right::Manager,
    help: "Takes people out of a group.",
    examples: &["member remove +14155550101", "member remove \"Spring launch\" \"Maya Lopez\""],
    run: |call| Box::pin(async move { Ok(remove(&call).unwrap_or_else(|answer| answer)) }),
};

pub(super) const LIST: Command = Command {
    words: "member list",
    arguments: &[GROUP],
    right: Right::Member,
    help: "Shows who is in a group, how each is reached, whether WhatsApp takes free words for them, and what became of the last message to them.",
    examples: &["member list", "member list \"Spring launch\""],
    run: |call| Box::pin(async move { Ok(list(&call).unwrap_or_else(|answer| answer)) }),
};

async fn add(call: Call) -> Result<Outcome, LedgerError> {
    let group = match call.group() {
        Ok(group) => group.info.place.clone(),
        Err(answer) => return Ok(answer),
    };
    let who = match people(&call, call.arguments.all("who")).await? {
        Ok(who) => who,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    let sender = match sender(&call) {
        Ok(sender) => sender,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    if !call.arguments.has("verify") {
        let moving = call.arguments.has("move");
        return Ok(Outcome::Operation(Operation::AddMembers { group, who, sender, moving }));
    }
    Ok(can_verify(&call).unwrap_or(Outcome::Operation(Operation::SendCodes { group, who, sender })))
}

async fn verify(call: Call) -> Result<Outcome, LedgerError> {
    let group = match call.group() {
        Ok(group) => group.info.place.clone(),
        Err(answer) => return Ok(answer),
    };
    let who = call.arguments.one("who").unwrap_or_default();
    let who = match person(&call.desk, who).await? {
        Ok(person) => person.address,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    let code = call.arguments.one("code").unwrap_or_default().to_owned();
    Ok(can_verify(&call).unwrap_or(Outcome::Operation(Operation::CheckCode { group, who, code })))
}

/// Why no codes are sent here, where none are.
fn can_verify(call: &Call) -> Option<Outcome> {
    let powers = call.desk.networks.get(Network::Twilio);
    powers.and_then(|powers| powers.verify.as_ref()).is_none().then(|| {
        Outcome::Refused(
            "No codes are sent here: that needs a Verify service of Twilio's in the configuration (twilio.verify_service_sid).".into(),
        )
    })
}

fn remove(call: &Call) -> Result<Outcome, Outcome> {
    let group = call.group()?.info.place.clone();
    // Looked for among the members, and not among all contacts.
    let who = call.arguments.all("who").iter();
    let who = who.map(|text| (text.clone(), parse_address(text, *call.desk.region).ok())).collect();
    Ok(Outcome::Operation(Operation::RemoveMembers { group, who }))
}

fn list(call: &Call) -> Result<Outcome, Outcome> {
    let group = call.group()?;
    let name = group.name().to_owned();
    Ok(Outcome::Operation(Operation::ListMembers { group: group.info.place.clone(), name }))
}
