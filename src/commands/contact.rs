//! `contact …`

use std::collections::BTreeMap;

use partyline_core::Contact;

use super::{Call, Command, Outcome};
use crate::contacts::StoreError;
use crate::ledger::LedgerError;
use crate::policy::{Right, parse_address};

pub(super) const ADD: Command = Command {
    words: "contact add",
    usage: "NUMBER NAME [--team T] [--meta k=v]…",
    takes: 2..=2,
    flags: &["team", "meta", "picture"],
    right: Right::Admin,
    help: "Gives a number a name, in every room and on every phone. Given again, it changes it.",
    example: "contact add +14155550100 \"Maya Lopez\" --team Sales",
    run: |call| Box::pin(add(call)),
};

async fn add(call: Call) -> Result<Outcome, LedgerError> {
    let [number, name] = call.arguments.words.as_slice() else {
        return Ok(Outcome::Answer("A contact needs a number and a name.".into()));
    };
    let address = match parse_address(number, call.desk.region) {
        Ok(address) => address,
        Err(error) => return Ok(Outcome::Answer(format!("{error}."))),
    };
    let mut meta = BTreeMap::new();
    for pair in call.arguments.flags.get("meta").into_iter().flatten() {
        let Some((key, value)) = pair.split_once('=') else {
            return Ok(Outcome::Answer(format!(
                "--meta takes a key and a value: --meta city=Lima, not \"{pair}\"."
            )));
        };
        meta.insert(key.to_owned(), value.to_owned());
    }
    let picture = match call.arguments.flag("picture").map(str::parse::<url::Url>) {
        None => None,
        Some(Ok(url)) if matches!(url.scheme(), "http" | "https") => Some(url),
        Some(_) => {
            return Ok(Outcome::Answer(
                "--picture takes the address of a picture: https://example.com/maya.png.".into(),
            ));
        }
    };
    let contact = Contact {
        key: address.contact_key().to_owned(),
        name: name.clone(),
        team: call.arguments.flag("team").map(ToOwned::to_owned),
        picture,
        meta,
        updated: call.desk.clock.now(),
    };
    let shown = contact.name.clone();
    match call.desk.contacts.store().put(vec![contact]).await {
        Ok(()) => Ok(Outcome::Answer(format!("{} is {shown} now.", address.contact_key()))),
        Err(StoreError::Invalid(sentence)) => Ok(Outcome::Answer(format!("{sentence}."))),
        Err(error) => Err(LedgerError::Unusable(error.to_string())),
    }
}
