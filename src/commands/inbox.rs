//! `inbox …`: conversations with one person each.

use std::fmt::Write as _;

use partyline_core::{Network, Place, Speaker};

use super::find::person;
use super::{Argument, Call, Command, Kind, Outcome};
use crate::ledger::{Change, Correspondence, LedgerError};
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
        let thread = one.thread.as_ref().map(|thread| format!(", {thread}")).unwrap_or_default();
        let _ = writeln!(text, "• {who}: {state}, last wrote {:.0}{thread}", one.at);
    }
    if found.len() > PAGE as usize {
        let _ = write!(text, "There are more: add `--page {}`.", page + 1);
    }
    text.truncate(text.trim_end().len());
    Ok(Outcome::Answer(text))
}

async fn called(call: &Call, one: &Correspondence) -> String {
    let Some(address) = &one.address else { return one.conversation.id().to_owned() };
    let speaker = Speaker::new(Network::Twilio, address.as_str());
    let named = call.desk.contacts.names().resolve(&speaker, &Place::conversation("")).await;
    format!("{} ({})", named.name, address.contact_key())
}

async fn set(call: Call, open: bool) -> Result<Outcome, LedgerError> {
    let address = match person(&call.desk, call.arguments.one("who").unwrap_or_default()).await? {
        Ok(person) => person.address,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    let key = address.contact_key();
    let Some(place) = call.desk.ledger.inbox_with(&address).await? else {
        return Ok(Outcome::Refused(format!(
            "There is no conversation with {key} in the inbox. `inbox list --all` shows them."
        )));
    };
    let word = if open { "open" } else { "closed" };
    let answer = format!("The conversation with {key} is {word}.");
    Ok(Outcome::Change(Change::Inbox(place, open), answer))
}
