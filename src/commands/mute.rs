//! `member mute` and `member unmute`: who may not speak in a group, and for how long.

use std::time::Duration;

use jiff::Timestamp;
use partyline_core::Place;

use super::find::person;
use super::{Argument, Call, Command, Kind, Outcome};
use crate::config::duration;
use crate::ledger::{Change, LedgerError, MuteChange, Muted};
use crate::policy::{Mute, Right};

/// The longest mute that has an end.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

const GROUP: Argument = Argument::word("group", Kind::Group).maybe();
const WHO: Argument = Argument::word("who", Kind::Who);

pub(super) const MUTE: Command = Command {
    words: "member mute",
    arguments: &[GROUP, WHO, Argument::flag("for", Kind::Span)],
    right: Right::Manager,
    help: "What this member writes is passed on to nobody, until they are unmuted, or for a while: --for 10 minutes, 2h, 3 days. The rooms are told that something was written.",
    examples: &["member mute \"Maya Lopez\"", "member mute +14155550101 --for 1 hour"],
    run: |call| Box::pin(mute(call)),
};

pub(super) const UNMUTE: Command = Command {
    words: "member unmute",
    arguments: &[GROUP, WHO],
    right: Right::Manager,
    help: "Lets a member who was muted speak again.",
    examples: &["member unmute \"Maya Lopez\""],
    run: |call| Box::pin(unmute(call)),
};

/// Where and whom: the group, and the key of the member's contact.
async fn whom(call: &Call) -> Result<Result<(Place, String), Outcome>, LedgerError> {
    let group = match call.group() {
        Ok(group) => group.info.place.clone(),
        Err(answer) => return Ok(Err(answer)),
    };
    let who = call.arguments.one("who").unwrap_or_default();
    Ok(match person(&call.desk, who).await? {
        Ok(person) => Ok((group, person.address.contact_key().to_owned())),
        Err(sentence) => Err(Outcome::Refused(sentence)),
    })
}

async fn mute(call: Call) -> Result<Outcome, LedgerError> {
    let (conversation, member) = match whom(&call).await? {
        Ok(whom) => whom,
        Err(answer) => return Ok(answer),
    };
    let now = call.desk.clock.now();
    let until = match call.arguments.one("for").map(|text| until(text, now)).transpose() {
        Ok(until) => until,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    let how_long = match until {
        Some(until) => format!("until {}", call.desk.moderation.time(until, now)),
        None => "until they are unmuted".to_owned(),
    };
    let who = call.arguments.one("who").unwrap_or_default();
    let sentence = format!("{who} is muted {how_long}: what they write is passed on to nobody.");
    let muted = Muted { conversation, member, mute: Mute { since: now, until } };
    let change = MuteChange::Mute { muted, by: call.by.to_string() };
    Ok(Outcome::Change(Change::Mute(change.into()), sentence))
}

fn until(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let wrong = |why: String| format!("{why}: write --for 2h, or --for 3 days.");
    let span = duration(Duration::from_secs(1), LONGEST)(text).map_err(wrong)?;
    now.checked_add(span).map_err(|error| wrong(error.to_string()))
}

async fn unmute(call: Call) -> Result<Outcome, LedgerError> {
    let (conversation, member) = match whom(&call).await? {
        Ok(whom) => whom,
        Err(answer) => return Ok(answer),
    };
    let who = call.arguments.one("who").unwrap_or_default();
    let mute = call.desk.moderation.mute_of(&conversation, &member);
    if !mute.is_some_and(|mute| mute.covers(call.desk.clock.now())) {
        return Ok(Outcome::Refused(format!("{who} is not muted.")));
    }
    let change = MuteChange::Unmute { conversation, member };
    Ok(Outcome::Change(Change::Mute(change.into()), format!("{who} can speak again.")))
}
