//! `broadcast`: a template to everybody in teams and groups, each of them alone.

use super::create::pairs;
use super::{Argument, Call, Command, Kind, Outcome};
use crate::contacts::StoreError;
use crate::ledger::LedgerError;
use crate::operations::{Audience, Operation};
use crate::policy::Right;

/// The most teams and groups at a time.
const MOST: usize = 50;

pub(super) const BROADCAST: Command = Command {
    words: "broadcast",
    arguments: &[
        Argument::word("to", Kind::Targets),
        Argument::word("template", Kind::Template),
        Argument::word("variables", Kind::Pair).any(),
    ],
    right: Right::Admin,
    help: "Sends a template to everybody in teams and groups, to each person alone and once.",
    examples: &[
        "broadcast Sales team_notice 1=\"The launch team\"",
        "broadcast Sales,\"group:Spring launch\" team_notice 1=\"The launch team\"",
    ],
    run: |call| Box::pin(broadcast(call)),
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
