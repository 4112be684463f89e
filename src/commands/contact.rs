//! `contact …`

use std::collections::BTreeMap;

use partyline_core::Contact;

use super::{Argument, Call, Command, Kind, Outcome};
use crate::contacts::StoreError;
use crate::ledger::LedgerError;
use crate::policy::{Right, parse_address};

pub(super) const ADD: Command = Command {
    words: "contact add",
    arguments: &[
        Argument::word("number", Kind::Number),
        Argument::word("name", Kind::Name),
        Argument::flag("team", Kind::Word("TEAM")),
        Argument::flag("meta", Kind::Pair).any(),
        Argument::flag("picture", Kind::Word("ADDRESS")),
    ],
    right: Right::Admin,
    help: "Gives a number a name, in every room and on every phone. Given again, it changes it.",
    examples: &["contact add +14155550100 \"Maya Lopez\" --team Sales"],
    run: |call| Box::pin(add(call)),
};

async fn add(call: Call) -> Result<Outcome, LedgerError> {
    let given = |name| call.arguments.one(name).unwrap_or_default();
    let (number, name) = (given("number"), given("name"));
    let address = match parse_address(number, call.desk.region) {
        Ok(address) => address,
        Err(error) => return Ok(Outcome::Refused(format!("{error}."))),
    };
    let mut meta = BTreeMap::new();
    for (key, value) in call.arguments.all("meta").iter().filter_map(|pair| pair.split_once('=')) {
        meta.insert(key.to_owned(), value.to_owned());
    }
    let picture = match call.arguments.one("picture").map(str::parse::<url::Url>) {
        None => None,
        Some(Ok(url)) if matches!(url.scheme(), "http" | "https") => Some(url),
        Some(_) => {
            return Ok(Outcome::Refused(
                "--picture takes the address of a picture: https://example.com/maya.png.".into(),
            ));
        }
    };
    let contact = Contact {
        key: address.contact_key().to_owned(),
        name: name.to_owned(),
        team: call.arguments.one("team").map(ToOwned::to_owned),
        picture,
        meta,
        updated: call.desk.clock.now(),
    };
    let shown = contact.name.clone();
    match call.desk.contacts.store().put(vec![contact]).await {
        Ok(()) => Ok(Outcome::Answer(format!("{} is {shown} now.", address.contact_key()))),
        Err(StoreError::Invalid(sentence)) => Ok(Outcome::Refused(format!("{sentence}."))),
        Err(error) => Err(LedgerError::Unusable(error.to_string())),
    }
}
