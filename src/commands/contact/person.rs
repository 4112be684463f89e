//! `contact consent`, `contact data`, `contact erase`: what the law asks of whoever keeps people's data.

use partyline_core::{Button, Press};

use super::{Argument, Call, Command, Kind, Outcome, WHO, known, meant};
use crate::ledger::LedgerError;
use crate::operations::{ContactChange, Operation};
use crate::policy::Right;

/// Under which keys a contact's consent is kept.
const CONSENT: &str = "consent";
const AT: &str = "consent_at";
const BY: &str = "consent_by";
const HOW: &str = "consent_how";

pub(in super::super) const NOTE: Command = Command {
    words: "contact consent",
    arguments: &[
        WHO,
        Argument::word("consent", Kind::Choice(&["yes", "no"])),
        Argument::flag("how", Kind::Text),
    ],
    right: Right::Admin,
    help: "Notes whether somebody agrees to get messages, with who noted it, when, and how it is known. Somebody who does not gets none, as after STOP.",
    examples: &[
        "contact consent +14155550100 yes --how \"signed the form at the fair\"",
        "contact consent \"Maya Lopez\" no",
    ],
    run: |call| Box::pin(consent(call)),
};

pub(in super::super) const DATA: Command = Command {
    words: "contact data",
    arguments: &[WHO],
    right: Right::Admin,
    help: "Says how to get all that is kept of somebody as a file.",
    examples: &["contact data +14155550100"],
    run: |call| Box::pin(data(call)),
};

pub(in super::super) const ERASE: Command = Command {
    words: "contact erase",
    arguments: &[WHO, Argument::switch("confirm")],
    right: Right::Admin,
    help: "Erases all that is kept of somebody, for good, and takes them out of every group; asks first. That they want no messages stays known, by a hash of the number.",
    examples: &["contact erase +14155550100", "contact erase +14155550100 --confirm"],
    run: |call| Box::pin(erase(call)),
};

async fn consent(call: Call) -> Result<Outcome, LedgerError> {
    let mut contact = match known(&call).await? {
        Ok(contact) => contact,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    let agrees = call.arguments.one("consent") == Some("yes");
    let now = call.desk.clock.now();
    let word = if agrees { "yes" } else { "no" };
    contact.meta.insert(CONSENT.into(), word.into());
    contact.meta.insert(AT.into(), format!("{now:.0}"));
    contact.meta.insert(BY.into(), call.by.to_string());
    match call.arguments.one("how") {
        Some(how) => contact.meta.insert(HOW.into(), how.to_owned()),
        None => contact.meta.remove(HOW),
    };
    contact.updated = now;
    let key = contact.key.clone();
    let suppress = key.parse().ok().filter(|_| !agrees);
    let answer = if agrees {
        format!("Noted: {key} agrees to get messages.")
    } else {
        format!(
            "Noted: {key} does not agree to get messages. They are taken out of all groups, and nothing is sent to them."
        )
    };
    let change = ContactChange::Put(Box::new(contact));
    Ok(Outcome::Operation(Operation::Contact { change, suppress, answer }))
}

async fn data(call: Call) -> Result<Outcome, LedgerError> {
    Ok(match meant(&call).await? {
        Ok(address) => {
            let key = address.contact_key();
            Outcome::Answer(format!(
                "Files do not go through a room: everybody in it would have the data. On the bridge's machine, `partyline contacts data {key} FILE` writes them, a line of JSON each; over the network, GET /api/v1/contacts/{key}/data does the same."
            ))
        }
        Err(sentence) => Outcome::Refused(sentence),
    })
}

async fn erase(call: Call) -> Result<Outcome, LedgerError> {
    let address = match meant(&call).await? {
        Ok(address) => address,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    if call.arguments.has("confirm") {
        return Ok(Outcome::Operation(Operation::Erase(address)));
    }
    let key = address.contact_key();
    let words = ["contact", "erase", key, "--confirm"].map(ToOwned::to_owned).to_vec();
    Ok(Outcome::Question(
        format!(
            "This erases all that is kept of {key}, for good: the contact, what they wrote, and their places in groups, which they are taken out of. `{} contact data {key}` says how to keep a copy. To go on: `{} contact erase {key} --confirm`.",
            call.prefix(),
            call.prefix()
        ),
        vec![
            Button { label: "Erase it".into(), danger: true, press: Press::Give(words) },
            Button {
                label: "Keep it".into(),
                danger: false,
                press: Press::Say("Nothing was erased.".into()),
            },
        ],
    ))
}
