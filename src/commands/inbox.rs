//! `inbox …`: conversations with one person each.

use std::fmt::Write as _;

use partyline_core::{Address, Network, Place, Speaker};

use super::find::{in_a_room, writer};
use super::{Argument, Call, Command, Desk, Kind, Outcome};
use crate::ledger::{Change, Correspondence, InboxChange, LedgerError};
use crate::policy::Right;

/// Rows that are shown at once.
const PAGE: u32 = 20;

const WHO: Argument = Argument::word("who", Kind::Who);

pub(super) const LIST: Command = Command {
    words: "inbox list",
    arguments: &[Argument::switch("all"), Argument::flag("page", Kind::Word("NUMBER"))],
    right: Right::Admin,
    help: "Shows the open conversations of the inbox, those with something unread first; --all shows closed ones, too.",
    examples: &["inbox list", "inbox list --all"],
    run: |call| Box::pin(list(call)),
};

pub(super) const CLOSE: Command = Command {
    words: "inbox close",
    arguments: &[WHO],
    right: Right::Admin,
    help: "Notes that a conversation of the inbox is done with. It opens again when they write.",
    examples: &["inbox close +14155550101", "inbox close \"Maya Lopez\""],
    run: |call| Box::pin(set(call, false)),
};

pub(super) const OPEN: Command = Command {
    words: "inbox open",
    arguments: &[WHO],
    right: Right::Admin,
    help: "Notes that a conversation of the inbox is not done with after all.",
    examples: &["inbox open +14155550101", "inbox open \"Maya Lopez\""],
    run: |call| Box::pin(set(call, true)),
};

pub(super) const ASSIGN: Command = Command {
    words: "inbox assign",
    arguments: &[WHO, Argument::word("person", Kind::Person).maybe()],
    right: Right::Admin,
    help: "Says who is mentioned when somebody writes again in a conversation of the inbox; without PERSON, nobody is.",
    examples: &["inbox assign +14155550101 slack:U0123ABC", "inbox assign \"Maya Lopez\""],
    run: |call| Box::pin(assign(call)),
};

async fn list(call: Call) -> Result<Outcome, LedgerError> {
    let page = match call.page(PAGE) {
        Ok(page) => page,
        Err(answer) => return Ok(answer),
    };
    let all = call.arguments.has("all");
    let found = call.desk.ledger.inbox(all, (page - 1) * PAGE, PAGE + 1).await?;
    if found.is_empty() {
        return Ok(Outcome::Answer("The inbox is empty.".into()));
    }
    let mut text = String::new();
    for one in found.iter().take(PAGE as usize) {
        let who = called(&call, one).await;
        let state = match (one.open, one.unread) {
            (false, _) => "closed".to_owned(),
            (true, 0) => "answered".to_owned(),
            (true, unread) => format!("{unread} unread"),
        };
        let owner = one.owner.as_ref().map(|owner| format!(", for {owner}")).unwrap_or_default();
        let thread = one.thread.as_ref().map(|thread| format!(", {thread}")).unwrap_or_default();
        let _ = writeln!(text, "• {who}: {state}{owner}, last written in {:.0}{thread}", one.at);
    }
    if found.len() > PAGE as usize {
        let _ = write!(text, "There are more: add `--page {}`.", page + 1);
    }
    text.truncate(text.trim_end().len());
    Ok(Outcome::Answer(text))
}

async fn called(call: &Call, one: &Correspondence) -> String {
    match &one.address {
        Some(address) => named(&call.desk, address).await,
        None => one.conversation.id().to_owned(),
    }
}

/// Somebody by name and number.
pub(super) async fn named(desk: &Desk, address: &Address) -> String {
    let speaker = Speaker::new(Network::Twilio, address.as_str());
    let named = desk.contacts.names().resolve(&speaker, &Place::conversation("")).await;
    format!("{} ({})", named.name, address.contact_key())
}

/// The conversation of the inbox that is meant, and what its person is called in an answer.
async fn meant(call: &Call) -> Result<Result<(Place, String), Outcome>, LedgerError> {
    let address = match writer(&call.desk, call.arguments.one("who").unwrap_or_default()).await? {
        Ok(address) => address,
        Err(sentence) => return Ok(Err(Outcome::Refused(sentence))),
    };
    let key = address.contact_key().to_owned();
    let found = call.desk.ledger.inbox_with(address.forms(), 1).await?;
    Ok(match found.into_iter().next() {
        Some(found) => Ok((found.conversation, key)),
        None => Err(Outcome::Refused(format!(
            "There is no conversation with {key} in the inbox. `inbox list --all` shows them."
        ))),
    })
}

fn changed(change: InboxChange, answer: String) -> Outcome {
    Outcome::Change(Change::Inbox(Box::new(change)), answer)
}

async fn set(call: Call, open: bool) -> Result<Outcome, LedgerError> {
    let (place, key) = match meant(&call).await? {
        Ok(meant) => meant,
        Err(answer) => return Ok(answer),
    };
    let word = if open { "open" } else { "closed" };
    let answer = format!("The conversation with {key} is {word}.");
    Ok(changed(InboxChange::Open(place, open), answer))
}

async fn assign(call: Call) -> Result<Outcome, LedgerError> {
    let (place, key) = match meant(&call).await? {
        Ok(meant) => meant,
        Err(answer) => return Ok(answer),
    };
    let person = match call.arguments.one("person").map(in_a_room).transpose() {
        Ok(person) => person,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    let answer = match &person {
        Some(person) => format!("{person} is mentioned when {key} writes again."),
        None => {
            format!("Nobody is mentioned when {key} writes again: whoever sees it first answers.")
        }
    };
    Ok(changed(InboxChange::Assign(place, person), answer))
}
