//! `optout …`: who wants no more messages.

use std::fmt::Write as _;

use partyline_core::Address;

use super::find::person;
use super::inbox::named;
use super::{Argument, Call, Command, Kind, Outcome};
use crate::ledger::{Change, How, LedgerError, Suppression, SuppressionChange};
use crate::policy::Right;

/// Rows that are shown at once.
const PAGE: u32 = 20;

const WHO: Argument = Argument::word("who", Kind::Who);

pub(super) const LIST: Command = Command {
    words: "optout list",
    arguments: &[Argument::flag("page", Kind::Word("NUMBER"))],
    right: Right::Admin,
    help: "Shows who wants no more messages, since when, and how that is known.",
    examples: &["optout list"],
    run: |call| Box::pin(list(call)),
};

pub(super) const ADD: Command = Command {
    words: "optout add",
    arguments: &[WHO],
    right: Right::Admin,
    help: "Notes that somebody wants no more messages: they are taken out of all groups, and nothing is sent to them until they write START to the number.",
    examples: &["optout add +14155550101", "optout add \"Maya Lopez\""],
    run: |call| Box::pin(add(call)),
};

pub(super) const CLEAR: Command = Command {
    words: "optout clear",
    arguments: &[WHO],
    right: Right::Admin,
    help: "Notes that somebody wants messages again, and puts them back into the groups that they were taken out of. Do it only if they asked for it.",
    examples: &["optout clear +14155550101", "optout clear \"Maya Lopez\""],
    run: |call| Box::pin(clear(call)),
};

pub(super) const EXPORT: Command = Command {
    words: "optout export",
    arguments: &[],
    right: Right::Admin,
    help: "Says how to get the list of those who want no more messages as a file (CSV or JSON).",
    examples: &["optout export"],
    run: |_| Box::pin(async { Ok(Outcome::Answer(EXPORTING.to_owned())) }),
};

const EXPORTING: &str = "Files do not go through a room: everybody in it would have the numbers. On \
    the bridge's machine, `partyline optouts export FILE` writes them (--format json for JSON); over \
    the network, GET /api/v1/optouts/export does the same.";

async fn list(call: Call) -> Result<Outcome, LedgerError> {
    let page = match call.page(PAGE) {
        Ok(page) => page,
        Err(answer) => return Ok(answer),
    };
    let found = call.desk.ledger.suppressions((page - 1) * PAGE, PAGE + 1).await?;
    if found.is_empty() {
        return Ok(Outcome::Answer("Nobody has asked for no more messages.".into()));
    }
    let mut text = String::new();
    for one in found.iter().take(PAGE as usize) {
        let who = called(&call, one).await;
        let _ = writeln!(text, "• {who}, since {:.0}: {}", one.since, reason(one));
    }
    if found.len() > PAGE as usize {
        let _ = write!(text, "There are more: add `--page {}`.", page + 1);
    }
    text.truncate(text.trim_end().len());
    Ok(Outcome::Answer(text))
}

async fn called(call: &Call, one: &Suppression) -> String {
    let Some(address) = &one.address else {
        return format!("somebody whose data was erased ({})", one.id);
    };
    named(&call.desk, address).await
}

fn reason(one: &Suppression) -> String {
    match one.how {
        How::Said => format!("they wrote so in {}", one.source),
        How::Carrier => "they wrote STOP, which Twilio keeps".to_owned(),
        How::Blocked => "they have blocked a sender on WhatsApp".to_owned(),
        How::Noted | How::Barred => format!("noted by {}", one.source),
    }
}

/// How it is known that somebody wants no more messages; whoever is only blocked may want them.
async fn opted_out(call: &Call, address: &Address) -> Result<Option<Suppression>, LedgerError> {
    let found = call.desk.ledger.suppressed(vec![address.clone()]).await?;
    Ok(found.into_iter().map(|(_, found)| found).find(|found| found.how != How::Barred))
}

async fn add(call: Call) -> Result<Outcome, LedgerError> {
    let address = match person(&call.desk, call.arguments.one("who").unwrap_or_default()).await? {
        Ok(person) => person.address,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    let key = address.contact_key().to_owned();
    if opted_out(&call, &address).await?.is_some() {
        return Ok(Outcome::Answer(format!("{key} gets no messages already.")));
    }
    let change = SuppressionChange::Suppress { address, by: call.by.to_string() };
    Ok(Outcome::Change(
        Change::Suppression(change),
        format!("{key} gets no more messages, and is taken out of all groups."),
    ))
}

async fn clear(call: Call) -> Result<Outcome, LedgerError> {
    let address = match person(&call.desk, call.arguments.one("who").unwrap_or_default()).await? {
        Ok(person) => person.address,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    let key = address.contact_key().to_owned();
    let Some(suppression) = opted_out(&call, &address).await? else {
        return Ok(Outcome::Refused(format!(
            "{key} has not asked for no more messages. `optout list` shows who has."
        )));
    };
    let mut answer = format!(
        "{key} gets messages again, and is put back into the groups that they were taken out of."
    );
    answer.push_str(match suppression.how {
        How::Carrier => " Twilio lets nothing through by SMS until they write START to the number.",
        How::Blocked => " Nothing arrives on WhatsApp until they unblock the sender.",
        How::Said | How::Noted | How::Barred => "",
    });
    Ok(Outcome::Change(Change::Suppression(SuppressionChange::Restore { address }), answer))
}
