//! `queue …`: deliveries that were given up.

use std::fmt::Write as _;

use partyline_core::Place;

use super::{Call, Command, Outcome};
use crate::ledger::{Change, LedgerError, QueueChange, Selection};
use crate::policy::Right;

/// Deliveries that are shown at once.
const SHOWN: u32 = 20;

pub(super) const LIST: Command = Command {
    words: "queue list",
    usage: "[GROUP]",
    takes: 0..=1,
    flags: &[],
    right: Right::Admin,
    help: "Shows what was given up: of this room's group, of GROUP, or, in a room without one, all.",
    example: "queue list",
    run: |call| Box::pin(list(call)),
};

pub(super) const RETRY: Command = Command {
    words: "queue retry",
    usage: "ID|GROUP|all",
    takes: 1..=1,
    flags: &[],
    right: Right::Admin,
    help: "Sends again what was given up.",
    example: "queue retry 12",
    run: |call| Box::pin(change(call, QueueChange::Retry, "sent again")),
};

pub(super) const DROP: Command = Command {
    words: "queue drop",
    usage: "ID|GROUP|all",
    takes: 1..=1,
    flags: &[],
    right: Right::Admin,
    help: "Forgets what was given up: it is never sent.",
    example: "queue drop 12",
    run: |call| Box::pin(change(call, QueueChange::Drop, "dropped")),
};

async fn list(call: Call) -> Result<Outcome, LedgerError> {
    let selection = match call.arguments.words.first() {
        Some(word) => match select(&call, word) {
            Ok(selection) => selection,
            Err(sentence) => return Ok(Outcome::Answer(sentence)),
        },
        None => match call.desk.links.conversation(&call.room) {
            Some(conversation) => of_group(&call, conversation),
            None => Selection::All,
        },
    };
    let prefix = call.desk.prefix(call.room.network());
    let parked = call.desk.ledger.parked(&selection, SHOWN).await?;
    if parked.is_empty() {
        return Ok(Outcome::Answer("Nothing was given up.".into()));
    }
    let mut text = String::new();
    for one in &parked {
        let _ = writeln!(
            text,
            "{}: to {}, since {:.0}: {} ({})",
            one.number, one.to, one.since, one.sentence, one.reason
        );
    }
    let _ = write!(
        text,
        "`{prefix} queue retry {}` sends one again, `{prefix} queue drop {}` forgets it; `all` is all.",
        parked[0].number, parked[0].number
    );
    Ok(Outcome::Answer(text))
}

async fn change(
    call: Call,
    change: fn(Selection) -> QueueChange,
    done: &str,
) -> Result<Outcome, LedgerError> {
    let selection = match select(&call, &call.arguments.words[0]) {
        Ok(selection) => selection,
        Err(sentence) => return Ok(Outcome::Answer(sentence)),
    };
    if call.desk.ledger.parked(&selection, 1).await?.is_empty() {
        return Ok(Outcome::Answer(
            "Nothing like that was given up. `queue list` shows what was.".into(),
        ));
    }
    let answer = match &selection {
        Selection::One(number) => format!("Delivery {number} is {done}."),
        Selection::To(_) => format!("Everything given up in that group is {done}."),
        Selection::All => format!("Everything given up is {done}."),
    };
    Ok(Outcome::Change(Change::Queue(change(selection)), answer))
}

/// Which deliveries a word means: a number, a conversation, or `all`.
fn select(call: &Call, word: &str) -> Result<Selection, String> {
    if word.eq_ignore_ascii_case("all") {
        return Ok(Selection::All);
    }
    if let Ok(number) = word.parse() {
        return Ok(Selection::One(number));
    }
    let conversation = Place::conversation(word);
    if call.desk.links.knows(&conversation) {
        return Ok(of_group(call, conversation));
    }
    Err(format!("\"{word}\" is no delivery's number and no linked conversation; `all` means all."))
}

/// A group is its conversation and the rooms tied to it.
fn of_group(call: &Call, conversation: Place) -> Selection {
    let mut places = call.desk.links.others(&conversation);
    places.push(conversation);
    Selection::To(places)
}
