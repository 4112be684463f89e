//! `queue …`: deliveries that were given up.

use std::fmt::Write as _;

use partyline_core::Place;

use super::find::person;
use super::inbox::named;
use super::{Argument, Call, Command, Kind, Outcome};
use crate::ledger::{Again, Change, LedgerError, QueueChange, Selection};
use crate::policy::Right;

/// Deliveries that are shown at once.
const SHOWN: u32 = 20;

pub(super) const LIST: Command = Command {
    words: "queue list",
    arguments: &[Argument::word("group", Kind::Group).maybe()],
    right: Right::Admin,
    help: "Shows what was given up: of this room's group, of GROUP, or, in a room without one, all.",
    examples: &["queue list"],
    run: |call| Box::pin(list(call)),
};

pub(super) const RETRY: Command = Command {
    words: "queue retry",
    arguments: &[Argument::word("which", Kind::Word("ID|ID+|GROUP|all|skipped"))],
    right: Right::Admin,
    help: "Sends again what was given up; `12+` is 12 and what was told of together with it, `skipped` what came too late after an outage.",
    examples: &["queue retry 12"],
    run: |call| Box::pin(change(call, QueueChange::Retry, "sent again")),
};

pub(super) const DROP: Command = Command {
    words: "queue drop",
    arguments: &[Argument::word("which", Kind::Word("ID|ID+|GROUP|all|skipped"))],
    right: Right::Admin,
    help: "Forgets what was given up: it is never sent.",
    examples: &["queue drop 12"],
    run: |call| Box::pin(change(call, QueueChange::Drop, "dropped")),
};

pub(super) const AGAIN: Command = Command {
    words: "queue again",
    arguments: &[
        Argument::word("group", Kind::Group).maybe(),
        Argument::word("number", Kind::Word("NUMBER")),
        Argument::word("who", Kind::Who),
    ],
    right: Right::Manager,
    help: "Sends something once more to a member to whom it did not come, to their phone alone. NUMBER stands in what the room was told of it.",
    examples: &["queue again 812 +14155550101"],
    run: |call| Box::pin(again(call)),
};

async fn again(call: Call) -> Result<Outcome, LedgerError> {
    let group = match call.group() {
        Ok(group) => group.info.place.clone(),
        Err(answer) => return Ok(answer),
    };
    let who = match person(&call.desk, call.arguments.one("who").unwrap_or_default()).await? {
        Ok(person) => person.address,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    let number = call.arguments.one("number").unwrap_or_default();
    let name = named(&call.desk, &who).await;
    let phone = match number.parse() {
        Ok(event) => {
            call.desk.ledger.undelivered(event, &group, &who).await?.map(|one| (event, one))
        }
        Err(_) => None,
    };
    let Some((event, phone)) = phone else {
        return Ok(Outcome::Refused(format!(
            "Nothing of this group with the number {number} is to be sent to {name}: it came, is on its way once more, is not kept any more, or they have left. Say it anew."
        )));
    };
    let again = Again { event, conversation: group, phone };
    let answer = format!("It is sent to {name} once more.");
    Ok(Outcome::Change(Change::Again(Box::new(again)), answer))
}

async fn list(call: Call) -> Result<Outcome, LedgerError> {
    let selection = match &call.group {
        Some(one) => Selection::To(group(&call, one.info.place.clone())),
        None => Selection::All,
    };
    let prefix = call.desk.prefix(call.room.network());
    let parked = call.desk.ledger.parked(&selection, SHOWN).await?;
    let skipped = match &selection {
        Selection::To(places) => call.desk.ledger.skipped(Some(places), SHOWN).await?,
        Selection::All => call.desk.ledger.skipped(None, SHOWN).await?,
        Selection::One(_) | Selection::Batch(_) | Selection::Skipped(_) => Vec::new(),
    };
    if parked.is_empty() && skipped.is_empty() {
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
    if let Some(first) = parked.first() {
        let number = first.number;
        let _ = writeln!(
            text,
            "`{prefix} queue retry {number}` sends one again, `{prefix} queue drop {number}` forgets it; `all` is all."
        );
    }
    for left in &skipped {
        let _ = writeln!(text, "{} to {} were skipped: they came too late.", left.count, left.to);
    }
    if !skipped.is_empty() {
        let _ = writeln!(
            text,
            "`{prefix} queue retry skipped` sends what was skipped, `{prefix} queue drop skipped` forgets it."
        );
    }
    text.truncate(text.trim_end().len());
    Ok(Outcome::Answer(text))
}

async fn change(
    call: Call,
    change: fn(Selection) -> QueueChange,
    done: &str,
) -> Result<Outcome, LedgerError> {
    let selection = match select(&call, call.arguments.one("which").unwrap_or_default()).await? {
        Ok(selection) => selection,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    if call.desk.ledger.parked(&selection, 1).await?.is_empty() {
        return Ok(Outcome::Refused(
            "Nothing like that was given up. `queue list` shows what was.".into(),
        ));
    }
    let answer = match &selection {
        Selection::One(number) => format!("Delivery {number} is {done}."),
        Selection::Batch(number) => {
            format!("Delivery {number}, with all that was told of together with it, is {done}.")
        }
        Selection::To(_) => format!("Everything given up in that group is {done}."),
        Selection::All => format!("Everything given up is {done}."),
        Selection::Skipped(_) => format!("Everything skipped is {done}."),
    };
    Ok(Outcome::Change(Change::Queue(change(selection)), answer))
}

/// Which deliveries a word means: a number, alone or with what was told of together with it (`12+`), a group, `all`, or `skipped`: what came too late, of
/// this room's group or, in a room without one, of all.
async fn select(call: &Call, word: &str) -> Result<Result<Selection, String>, LedgerError> {
    if word.eq_ignore_ascii_case("all") {
        return Ok(Ok(Selection::All));
    }
    if let Ok(number) = word.parse() {
        return Ok(Ok(Selection::One(number)));
    }
    if let Some(number) = word.strip_suffix('+').and_then(|number| number.parse().ok()) {
        return Ok(Ok(Selection::Batch(number)));
    }
    if word.eq_ignore_ascii_case("skipped") {
        let here = call.desk.links.conversation(&call.room);
        let here = here.map(|conversation| group(call, conversation));
        return Ok(Ok(Selection::Skipped(here)));
    }
    let conversation = Place::conversation(word);
    if call.desk.links.knows(&conversation) {
        return Ok(Ok(Selection::To(group(call, conversation))));
    }
    Ok(match call.desk.ledger.find_groups(word, 2).await?.as_slice() {
        [one] => Ok(Selection::To(group(call, one.info.place.clone()))),
        _ => Err(format!(
            "\"{word}\" is no delivery's number and no one group; `all` means all, `skipped` what came too late."
        )),
    })
}

/// A group is its conversation and the rooms tied to it.
fn group(call: &Call, conversation: Place) -> Vec<Place> {
    let mut places = call.desk.links.others(&conversation);
    places.push(conversation);
    places
}
