//! `broadcast …`: a template to everybody in teams and groups, each of them alone; what became of it.

use std::fmt::Write as _;

use super::create::pairs;
use super::{Argument, Call, Command, Kind, Outcome};
use crate::broadcast::{progress, told};
use crate::contacts::StoreError;
use crate::ledger::{Broadcast, BroadcastChange, Change, LedgerError};
use crate::operations::{Audience, Operation};
use crate::policy::Right;

/// The most teams and groups at a time.
const MOST: usize = 50;

/// Those that one answer shows.
const PAGE: u32 = 20;

pub(super) const BROADCAST: Command = Command {
    words: "broadcast",
    arguments: &[
        Argument::word("to", Kind::Targets),
        Argument::word("template", Kind::Template),
        Argument::word("variables", Kind::Pair).any(),
        Argument::switch("yes"),
    ],
    right: Right::Admin,
    help: "Sends a template to everybody in teams and groups, to each person alone and once, in the language of each, by the sender that they know. What it says and how many get it is shown first; --yes sends it. A template needs no open window, so nothing is held.",
    examples: &[
        "broadcast Sales team_notice 1=\"The launch team\"",
        "broadcast Sales,\"group:Spring launch\" team_notice 1=\"The launch team\" --yes",
    ],
    run: |call| Box::pin(broadcast(call)),
};

pub(super) const LIST: Command = Command {
    words: "broadcast list",
    arguments: &[Argument::flag("page", Kind::Word("NUMBER"))],
    right: Right::Admin,
    help: "Shows the broadcasts that are on their way, and those of the last weeks (relay.retention), the newest first.",
    examples: &["broadcast list"],
    run: |call| Box::pin(list(call)),
};

pub(super) const SHOW: Command = Command {
    words: "broadcast show",
    arguments: &[Argument::word("id", Kind::Word("ID"))],
    right: Right::Admin,
    help: "Shows how far a broadcast is, and what became of those who did not get it. `broadcast list` shows the IDs.",
    examples: &["broadcast show 812"],
    run: |call| Box::pin(show(call)),
};

pub(super) const STOP: Command = Command {
    words: "broadcast stop",
    arguments: &[Argument::word("id", Kind::Word("ID"))],
    right: Right::Admin,
    help: "Stops a broadcast: whoever is not on the way to get it gets none. What leaves within the next seconds cannot be taken back.",
    examples: &["broadcast stop 812"],
    run: |call| Box::pin(stop(call)),
};

async fn broadcast(call: Call) -> Result<Outcome, LedgerError> {
    let named = call.arguments.one("to").unwrap_or_default();
    let names: Vec<&str> =
        named.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.len() > MOST {
        return Ok(Outcome::Refused(format!("That is more than {MOST} teams and groups.")));
    }
    let mut to = Vec::new();
    for name in names {
        match audience(&call, name).await? {
            Ok(audience) if to.contains(&audience) => {}
            Ok(audience) => to.push(audience),
            Err(sentence) => return Ok(Outcome::Refused(sentence)),
        }
    }
    if to.is_empty() {
        return Ok(Outcome::Refused("Name a team or a group.".into()));
    }
    let template = call.arguments.one("template").unwrap_or_default().to_owned();
    let variables = pairs(call.arguments.all("variables"));
    Ok(Outcome::Operation(Operation::Broadcast { to, template, variables }))
}

async fn list(call: Call) -> Result<Outcome, LedgerError> {
    let page = match call.page(PAGE) {
        Ok(page) => page,
        Err(answer) => return Ok(answer),
    };
    let found = call.desk.ledger.broadcasts(None, page.saturating_mul(PAGE) + 1).await?;
    let shown: Vec<&Broadcast> =
        found.iter().skip(((page - 1) * PAGE) as usize).take(PAGE as usize).collect();
    if shown.is_empty() {
        return Ok(Outcome::Answer("There was no broadcast lately.".into()));
    }
    let mut text = String::new();
    for one in shown {
        let _ = writeln!(text, "• {}: {}", heading(one), progress(one));
    }
    if found.len() > (page * PAGE) as usize {
        let _ = write!(text, "There are more: add `--page {}`.", page + 1);
    }
    text.truncate(text.trim_end().len());
    Ok(Outcome::Answer(text))
}

async fn show(call: Call) -> Result<Outcome, LedgerError> {
    Ok(match meant(&call).await? {
        Ok(one) => Outcome::Answer(format!("{}: {}", heading(&one), told(&one))),
        Err(sentence) => Outcome::Refused(sentence),
    })
}

async fn stop(call: Call) -> Result<Outcome, LedgerError> {
    let one = match meant(&call).await? {
        Ok(one) => one,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    if one.ended.is_some() || one.stopped.is_some() {
        return Ok(Outcome::Refused(format!("It is over: {}", progress(&one))));
    }
    let said = format!(
        "Stopped: \"{}\" goes to nobody else. {} have not left, of {}.",
        one.name, one.account.pending, one.total
    );
    let change = BroadcastChange::Stop { event: one.event, by: call.by.to_string() };
    Ok(Outcome::Change(Change::Broadcast(change), said))
}

/// The broadcast that a command is about; or a sentence.
async fn meant(call: &Call) -> Result<Result<Broadcast, String>, LedgerError> {
    let id = call.arguments.one("id").unwrap_or_default();
    let found = match id.parse() {
        Ok(number) => call.desk.ledger.broadcast(number).await?,
        Err(_) => None,
    };
    Ok(found.ok_or_else(|| {
        format!(
            "There is no broadcast under this ID. `{} broadcast list` shows them.",
            call.prefix()
        )
    }))
}

/// `812, "team_notice" since 2027-01-05T09:00:00Z by slack:U0123ABC, on its way`
fn heading(one: &Broadcast) -> String {
    let by = one.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let state = match (one.ended, &one.stopped) {
        (None, None) => ", on its way".to_owned(),
        (Some(_), None) => String::new(),
        (_, Some(by)) => format!(", stopped by {by}"),
    };
    format!("{}, \"{}\" since {:.0}{by}{state}", one.event, one.name, one.at)
}

/// The team or the group of this name.
async fn audience(call: &Call, named: &str) -> Result<Result<Audience, String>, LedgerError> {
    let (kind, name) = match named.split_once(':') {
        Some((kind @ ("team" | "group"), name)) => (Some(kind), name.trim()),
        _ => (None, named),
    };
    let team = match kind {
        Some("group") => None,
        _ => team(call, name).await.map_err(|error| LedgerError::Unusable(error.to_string()))?,
    };
    let groups = match kind {
        Some("team") => Vec::new(),
        _ => call.desk.ledger.find_groups(name, 2).await?,
    };
    Ok(match (team, groups.as_slice()) {
        (Some(team), []) => Ok(Audience::Team(team)),
        (None, [group]) => Ok(Audience::Group(group.info.place.clone())),
        (Some(_), _) => Err(format!(
            "\"{name}\" is a team and the beginning of a group: write team:{name} or group:{name}."
        )),
        (None, []) => Err(format!(
            "There is no team or group \"{name}\". `{0} group list` shows the groups, `{0} contact find TEAM` the contacts of a team.",
            call.prefix()
        )),
        (None, _) => Err(format!("\"{name}\" can mean several groups: write more of its name.")),
    })
}

/// The team of exactly this name, in whatever case.
async fn team(call: &Call, name: &str) -> Result<Option<String>, StoreError> {
    let wanted = name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    // In order, so that the one that is no longer than what is looked for comes first.
    let found = call.desk.contacts.store().teams(&wanted, 1).await?;
    Ok(found.into_iter().next().filter(|team| *team == wanted))
}
