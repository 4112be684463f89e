//! `inbox block`, `inbox unblock` and `inbox blocked`: people of whom nothing is shown.

use std::fmt::Write as _;

use partyline_core::{Button, Network, Press};

use super::find::writer;
use super::inbox::named;
use super::{Argument, Call, Command, Kind, Outcome};
use crate::ledger::LedgerError;
use crate::operations::Operation;
use crate::policy::Right;

/// Rows that are shown at once.
const PAGE: u32 = 20;

const WHO: Argument = Argument::word("who", Kind::Who);

pub(super) const BLOCK: Command = Command {
    words: "inbox block",
    arguments: &[WHO, Argument::switch("yes")],
    right: Right::Admin,
    help: "Blocks somebody, once it is confirmed: nothing that they write is shown, nothing is sent to them, and they are taken out of all groups.",
    examples: &["inbox block +14155550101 --yes", "inbox block \"Maya Lopez\""],
    run: |call| Box::pin(block(call)),
};

pub(super) const UNBLOCK: Command = Command {
    words: "inbox unblock",
    arguments: &[WHO, Argument::switch("groups")],
    right: Right::Admin,
    help: "Takes a block back: what they write from then on is shown. It names the groups that they were taken out of; --groups puts them back into these.",
    examples: &["inbox unblock +14155550101", "inbox unblock \"Maya Lopez\" --groups"],
    run: |call| Box::pin(unblock(call)),
};

pub(super) const BLOCKED: Command = Command {
    words: "inbox blocked",
    arguments: &[Argument::flag("page", Kind::Word("NUMBER"))],
    right: Right::Admin,
    help: "Shows who is blocked, since when, and by whom.",
    examples: &["inbox blocked"],
    run: |call| Box::pin(blocked(call)),
};

async fn block(call: Call) -> Result<Outcome, LedgerError> {
    let who = match writer(&call.desk, call.arguments.one("who").unwrap_or_default()).await? {
        Ok(address) => address,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    let name = named(&call.desk, &who).await;
    if call.desk.blocks.has(&who) {
        return Ok(Outcome::Answer(format!("{name} is blocked already.")));
    }
    if call.arguments.has("yes") || call.by.network == Network::Operator {
        return Ok(Outcome::Operation(Operation::Block(who)));
    }
    let words = ["inbox", "block", who.as_str(), "--yes"].map(ToOwned::to_owned).to_vec();
    let kept = format!("{name} is not blocked.");
    Ok(Outcome::Question(
        format!(
            "This blocks {name}: nothing that they write is shown, nothing is sent to them, and they are taken out of all groups. `{} inbox block {} --yes` does it.",
            call.prefix(),
            who.contact_key()
        ),
        vec![
            Button { label: "Block".into(), danger: true, press: Press::Give(words) },
            Button { label: "Do not block".into(), danger: false, press: Press::Say(kept) },
        ],
    ))
}

async fn unblock(call: Call) -> Result<Outcome, LedgerError> {
    let who = match writer(&call.desk, call.arguments.one("who").unwrap_or_default()).await? {
        Ok(address) => address,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    let groups = call.arguments.has("groups");
    let remembered = groups && !call.desk.ledger.barred_from(&who).await?.is_empty();
    if !call.desk.blocks.has(&who) && !remembered {
        return Ok(Outcome::Refused(format!(
            "{} is not blocked. `{} inbox blocked` shows who is.",
            named(&call.desk, &who).await,
            call.prefix()
        )));
    }
    Ok(Outcome::Operation(Operation::Unblock { who, groups }))
}

async fn blocked(call: Call) -> Result<Outcome, LedgerError> {
    let page = match call.page(PAGE) {
        Ok(page) => page,
        Err(answer) => return Ok(answer),
    };
    let found = call.desk.ledger.blocks((page - 1) * PAGE, PAGE + 1).await?;
    if found.is_empty() {
        return Ok(Outcome::Answer("Nobody is blocked.".into()));
    }
    let mut text = String::new();
    for one in found.iter().take(PAGE as usize) {
        let who = match &one.address {
            Some(address) => named(&call.desk, address).await,
            None => format!("somebody whose data was erased ({})", one.id),
        };
        let _ = writeln!(text, "• {who}, since {:.0}, by {}", one.since, one.by);
    }
    if found.len() > PAGE as usize {
        let _ = write!(text, "There are more: add `--page {}`.", page + 1);
    }
    text.truncate(text.trim_end().len());
    Ok(Outcome::Answer(text))
}
