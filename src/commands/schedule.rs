//! `schedule`: a command that is given at a later time, once or again and again.

use std::fmt::Write as _;

use partyline_core::CommandLine;
use rand::Rng;

use super::{Argument, Call, Command, Kind, Outcome, find, parse_words};
use crate::ledger::{Change, LedgerError, Schedule, ScheduleChange};
use crate::policy::{Right, When};

/// Those that one answer shows.
const PAGE: u32 = 20;

/// The letters of an id: none that are taken for one another.
const LETTERS: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";
/// How many of them make one.
const LENGTH: usize = 5;

pub(super) const SCHEDULE: Command = Command {
    words: "schedule",
    arguments: &[
        Argument::word("when", Kind::Word("WHEN")).some(),
        Argument::rest("command", Kind::Command),
    ],
    right: Right::Everybody,
    help: "Gives a command at a later time: in 1 hour, tomorrow 9:00, 2027-01-05 14:30 Europe/Berlin, or again and again by cron in quotes. Whether you may give it is asked again then. What was missed while the bridge was down is done once, late, however often it was missed; what was missed by more than a day is told, and not done.",
    examples: &[
        "schedule in 1 hour -- status",
        "schedule tomorrow 9:00 -- notify team_notice 1=\"The launch team\"",
        "schedule \"0 9 * * 1-5\" Europe/Berlin -- status",
    ],
    run: |call| Box::pin(add(call)),
};

pub(super) const LIST: Command = Command {
    words: "schedule list",
    arguments: &[Argument::flag("page", Kind::Word("NUMBER"))],
    right: Right::Everybody,
    help: "Shows what you have scheduled; administrators see what everybody has.",
    examples: &["schedule list"],
    run: |call| Box::pin(list(call)),
};

pub(super) const CANCEL: Command = Command {
    words: "schedule cancel",
    arguments: &[Argument::word("id", Kind::Word("ID"))],
    right: Right::Everybody,
    help: "Takes back what was scheduled. `schedule list` shows the IDs.",
    examples: &["schedule cancel k7m2x"],
    run: |call| Box::pin(cancel(call)),
};

async fn add(call: Call) -> Result<Outcome, LedgerError> {
    let line = call.arguments.one("command").unwrap_or_default().to_owned();
    let now = call.desk.clock.now();
    let when = match When::read(&call.arguments.all("when").join(" "), now, &call.desk.zone) {
        Ok(when) => when,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    let Some(due) = when.next(now) else {
        return Ok(Outcome::Refused("That is over.".into()));
    };
    if let Some(refused) = tried(&call, &line).await? {
        return Ok(refused);
    }
    let powers = call.desk.networks.get(call.room.network());
    let answer = match powers.and_then(|powers| powers.revise.as_deref()) {
        Some(revise) => revise.later(&call.answer),
        None => call.answer.clone(),
    };
    let id: String = {
        let mut random = rand::rng();
        (0..LENGTH).map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())])).collect()
    };
    let said = format!(
        "Scheduled as {id}: `{} {line}`, {}. `{} schedule cancel {id}` takes it back.",
        call.prefix(),
        when.in_words(due),
        call.prefix()
    );
    let (room, by, name) = (call.room, call.by, call.name);
    let schedule = Schedule { id, room, by, name, answer, line, when, due };
    Ok(Outcome::Change(Change::Schedule(ScheduleChange::Add(Box::new(schedule))), said))
}

/// Tries a command without any effect; what it would be answered where it could not be given now.
async fn tried(call: &Call, line: &str) -> Result<Option<Outcome>, LedgerError> {
    let words = match parse_words(line) {
        Ok(words) => words,
        Err(error) => return Ok(Some(Outcome::Refused(error.to_string()))),
    };
    if find(&words)
        .is_some_and(|(command, _)| words.is_empty() || command.words.starts_with("schedule"))
    {
        return Ok(Some(Outcome::Refused(format!(
            "Behind -- stands the command that is to be given, and that cannot be one that schedules: `{} schedule in 1 hour -- status`",
            call.prefix()
        ))));
    }
    let line = CommandLine {
        line: line.to_owned(),
        given: None,
        by: call.by.clone(),
        name: call.name.clone(),
        answer: call.answer.clone(),
    };
    let carried = super::carry_out(call.desk.clone(), call.room.clone(), &line, false).await?;
    Ok(match carried.outcome {
        Outcome::Refused(sentence) => {
            Some(Outcome::Refused(format!("Nothing was scheduled. {sentence}")))
        }
        Outcome::Denied(sentence) => Some(Outcome::Denied(sentence)),
        Outcome::Question(..) => Some(Outcome::Refused(
            "Nothing was scheduled: this command asks first whether it is to be done. Write it as the answer to its question says, and schedule that.".into(),
        )),
        Outcome::Answer(_) | Outcome::Change(..) | Outcome::Operation(_) | Outcome::LookUp(_) => None,
    })
}

async fn list(call: Call) -> Result<Outcome, LedgerError> {
    let page = match call.page(PAGE) {
        Ok(page) => page,
        Err(answer) => return Ok(answer),
    };
    let by = (!call.standing.admin).then_some(&call.by);
    let found = call.desk.ledger.schedules(by, (page - 1) * PAGE, PAGE + 1).await?;
    if found.is_empty() {
        return Ok(Outcome::Answer("Nothing is scheduled.".into()));
    }
    let mut text = String::new();
    for one in found.iter().take(PAGE as usize) {
        let prefix = call.desk.prefix(one.room.network());
        let when = one.when.in_words(one.due);
        let _ = writeln!(
            text,
            "• {}: `{prefix} {}`, {when}, in {}, by {}",
            one.id, one.line, one.room, one.by
        );
    }
    if found.len() > PAGE as usize {
        let _ = write!(text, "There are more: add `--page {}`.", page + 1);
    }
    text.truncate(text.trim_end().len());
    Ok(Outcome::Answer(text))
}

async fn cancel(call: Call) -> Result<Outcome, LedgerError> {
    let id = call.arguments.one("id").unwrap_or_default().to_lowercase();
    let found = call.desk.ledger.schedule(&id).await?;
    match found.filter(|one| call.standing.admin || one.by == call.by) {
        Some(one) => {
            let prefix = call.desk.prefix(one.room.network());
            let said = format!("Taken back: `{prefix} {}`.", one.line);
            Ok(Outcome::Change(Change::Schedule(ScheduleChange::Cancel(one.id)), said))
        }
        None => Ok(Outcome::Refused(
            "Nothing of yours is scheduled under this ID. `schedule list` shows what is.".into(),
        )),
    }
}
