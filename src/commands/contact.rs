//! `contact …`: who is behind a number.

mod exchange;
mod find;
mod person;

use std::collections::BTreeMap;

use partyline_core::{Address, Contact};

use super::find::person;
use super::grammar::is_quote;
use super::{Argument, Call, Command, Kind, Outcome};
use crate::contacts::StoreError;
use crate::ledger::LedgerError;
use crate::operations::{ContactChange, Operation};
use crate::policy::{Right, parse_address};

pub(super) use exchange::{EXPORT, IMPORT};
pub(super) use find::{FIND, SHOW};
pub(super) use person::{DATA, ERASE, NOTE};

const WHO: Argument = Argument::word("who", Kind::Who);
const META: Argument = Argument::flag("meta", Kind::Pair).any();
const PICTURE: Argument = Argument::flag("picture", Kind::Word("ADDRESS"));

pub(super) const ADD: Command = Command {
    words: "contact add",
    arguments: &[
        Argument::word("number", Kind::Number),
        Argument::word("name", Kind::Name),
        Argument::flag("team", Kind::Text),
        META,
        PICTURE,
    ],
    right: Right::Admin,
    help: "Gives a number a name, in every room and on every phone. Given again, it changes it.",
    examples: &["contact add +14155550100 \"Maya Lopez\" --team Sales"],
    run: |call| Box::pin(add(call)),
};

pub(super) const CHANGE: Command = Command {
    words: "contact change",
    arguments: &[
        WHO,
        Argument::flag("name", Kind::Name),
        Argument::flag("team", Kind::Text),
        META,
        PICTURE,
    ],
    right: Right::Admin,
    help: "Changes what is known of somebody. An empty team, or a key without a value, takes it away.",
    examples: &["contact change \"Maya Lopez\" --team \"Night shift\" --meta city=Lima"],
    run: |call| Box::pin(change(call)),
};

pub(super) const REMOVE: Command = Command {
    words: "contact remove",
    arguments: &[WHO],
    right: Right::Admin,
    help: "Forgets a contact: then the name that they chose themselves is shown, or the number.",
    examples: &["contact remove +14155550100"],
    run: |call| Box::pin(remove(call)),
};

async fn add(call: Call) -> Result<Outcome, LedgerError> {
    let number = call.arguments.one("number").unwrap_or_default();
    let address = match parse_address(number, *call.desk.region) {
        Ok(address) => address,
        Err(error) => return Ok(Outcome::Refused(format!("{error}."))),
    };
    let before = kept(call.desk.contacts.store().get(address.contact_key()).await)?;
    let contact = before.unwrap_or_else(|| Contact {
        key: address.contact_key().to_owned(),
        name: String::new(),
        team: None,
        picture: None,
        meta: BTreeMap::new(),
        updated: call.desk.clock.now(),
    });
    Ok(put(&call, contact))
}

async fn change(call: Call) -> Result<Outcome, LedgerError> {
    let contact = match known(&call).await? {
        Ok(contact) => contact,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    let flags = ["name", "team", "meta", "picture"];
    if !flags.iter().any(|flag| call.arguments.has(flag)) {
        return Ok(Outcome::Refused(
            "Nothing is to be changed: write --name, --team, --meta or --picture.".into(),
        ));
    }
    Ok(put(&call, contact))
}

async fn remove(call: Call) -> Result<Outcome, LedgerError> {
    let contact = match known(&call).await? {
        Ok(contact) => contact,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    Ok(Outcome::Operation(Operation::Contact {
        suppress: None,
        answer: format!("{} ({}) is forgotten.", contact.name, contact.key),
        change: ContactChange::Remove(contact.key),
    }))
}

/// Keeps a contact with what the arguments say of it.
fn put(call: &Call, mut contact: Contact) -> Outcome {
    let arguments = &call.arguments;
    if let Some(name) = arguments.one("name") {
        name.clone_into(&mut contact.name);
    }
    if let Some(team) = arguments.one("team") {
        contact.team = Some(team.trim().to_owned()).filter(|team| !team.is_empty());
    }
    for (key, value) in arguments.all("meta").iter().filter_map(|pair| pair.split_once('=')) {
        match value.is_empty() {
            true => drop(contact.meta.remove(key)),
            false => drop(contact.meta.insert(key.to_owned(), value.to_owned())),
        }
    }
    match arguments.one("picture").map(str::parse::<url::Url>) {
        None => {}
        Some(Ok(url)) if matches!(url.scheme(), "http" | "https") => contact.picture = Some(url),
        Some(_) => {
            return Outcome::Refused(
                "--picture takes the address of a picture: https://example.com/maya.png.".into(),
            );
        }
    }
    contact.updated = call.desk.clock.now();
    Outcome::Operation(Operation::Contact {
        suppress: None,
        answer: format!("{} is {} now.", contact.key, contact.name),
        change: ContactChange::Put(Box::new(contact)),
    })
}

/// The address that the first argument means.
async fn meant(call: &Call) -> Result<Result<Address, String>, LedgerError> {
    let who = call.arguments.one("who").unwrap_or_default();
    Ok(person(&call.desk, who).await?.map(|person| person.address))
}

/// The contact that the first argument means.
async fn known(call: &Call) -> Result<Result<Contact, String>, LedgerError> {
    let address = match meant(call).await? {
        Ok(address) => address,
        Err(sentence) => return Ok(Err(sentence)),
    };
    let contact = kept(call.desk.contacts.store().get(address.contact_key()).await)?;
    Ok(contact.ok_or_else(|| {
        format!("{} is no contact. `contact add` makes it one.", address.contact_key())
    }))
}

/// The suggestion to take over what somebody calls themselves on WhatsApp. The name is a
/// stranger's: nothing in it ends the quotes or the code around it.
pub(crate) fn suggestion(prefix: &str, key: &str, profile: &str) -> String {
    let quoted: String = profile
        .chars()
        .map(|c| if is_quote(c) || matches!(c, '`' | '\\') { '’' } else { c })
        .collect();
    format!(
        "no name yet; on WhatsApp: ~{profile}~. `{prefix} contact add {key} \"{quoted}\"` takes it"
    )
}

/// One that cannot be read is as good as none: what is written now takes its place.
fn kept(contact: Result<Option<Contact>, StoreError>) -> Result<Option<Contact>, LedgerError> {
    match contact {
        Err(StoreError::Damaged { .. }) => Ok(None),
        other => other.map_err(failed),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn failed(error: StoreError) -> LedgerError {
    LedgerError::Unusable(error.to_string())
}
