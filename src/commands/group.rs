//! `group …`: what is there, what it is called, which room it is tied to.

use std::fmt::Write as _;

use partyline_core::{ConversationChange, ConversationState, Place};

use super::{Argument, Call, Command, Kind, Outcome};
use crate::ledger::{Change, Group, GroupFilter, GroupSort, LedgerError, LinkChange};
use crate::operations::Operation;
use crate::policy::Right;

/// Groups on a page of the list.
const PAGE: u32 = 20;

const GROUP: Argument = Argument::word("group", Kind::Group).maybe();

pub(super) const LIST: Command = Command {
    words: "group list",
    arguments: &[
        Argument::flag("state", Kind::Choice(&["active", "inactive", "closed"])),
        Argument::flag("search", Kind::Text),
        Argument::flag("sort", Kind::Choice(&["name", "created", "updated"])),
        Argument::switch("desc"),
        Argument::flag("page", Kind::Word("NUMBER")),
    ],
    right: Right::Everybody,
    help: "Shows the groups, by name or otherwise, all or those with TEXT in their name. Whoever is no administrator sees the groups that they manage, and those of the rooms that they are in.",
    examples: &["group list", "group list --search spring --sort updated --desc"],
    run: |call| Box::pin(list(call)),
};

pub(super) const SHOW: Command = Command {
    words: "group show",
    arguments: &[GROUP],
    right: Right::Member,
    help: "Shows what is known of a group: its names, its state, its rooms, what waits for it.",
    examples: &["group show", "group show \"Spring launch\""],
    run: |call| Box::pin(show(call)),
};

pub(super) const RENAME: Command = Command {
    words: "group rename",
    arguments: &[GROUP, Argument::word("name", Kind::Name)],
    right: Right::Manager,
    help: "Gives a group another name.",
    examples: &[
        "group rename \"Summer launch\"",
        "group rename \"Spring launch\" \"Summer launch\"",
    ],
    run: |call| Box::pin(async move { Ok(rename(&call).unwrap_or_else(|answer| answer)) }),
};

pub(super) const DESCRIBE: Command = Command {
    words: "group describe",
    arguments: &[GROUP, Argument::word("text", Kind::Text)],
    right: Right::Manager,
    help: "Says what a group is for. An empty TEXT (\"\") takes that away.",
    examples: &["group describe \"Everything about the launch in May\""],
    run: |call| Box::pin(async move { Ok(describe(&call).unwrap_or_else(|answer| answer)) }),
};

pub(super) const LINK: Command = Command {
    words: "group link",
    arguments: &[
        Argument::word("group", Kind::Group),
        Argument::word("room", Kind::Room).maybe(),
        Argument::flag("replaces", Kind::Room),
    ],
    right: Right::Admin,
    help: "Ties a group to this room (or to ROOM): what is said in one is said in the other. With --replaces, it takes the place of another room of the group, and gets what waits for that.",
    examples: &["group link \"Spring launch\"", "group link CH0123456789abcdef0123456789abcdef"],
    run: |call| Box::pin(async move { Ok(link(&call).unwrap_or_else(|answer| answer)) }),
};

pub(super) const UNLINK: Command = Command {
    words: "group unlink",
    arguments: &[Argument::word("room", Kind::Room).maybe()],
    right: Right::Admin,
    help: "Unties this room (or ROOM) from its group. Nothing is deleted.",
    examples: &["group unlink"],
    run: |call| Box::pin(async move { Ok(unlink(&call)) }),
};

async fn list(call: Call) -> Result<Outcome, LedgerError> {
    let arguments = &call.arguments;
    let page = match call.page(PAGE) {
        Ok(page) => page,
        Err(answer) => return Ok(answer),
    };
    let filter = GroupFilter {
        state: arguments.one("state").map(|state| match state {
            "active" => ConversationState::Active,
            "inactive" => ConversationState::Inactive,
            _ => ConversationState::Closed,
        }),
        search: arguments.one("search").map(ToOwned::to_owned),
        sort: match arguments.one("sort") {
            Some("created") => GroupSort::Created,
            Some("updated") => GroupSort::Updated,
            _ => GroupSort::Name,
        },
        descending: arguments.has("desc"),
        only: crate::roles::sight(&call.desk, &call.by, &call.room).await?,
    };
    let (groups, total) = call.desk.ledger.groups(&filter, (page - 1) * PAGE, PAGE).await?;
    let prefix = call.prefix();
    let all = GroupFilter { only: filter.only.clone(), ..GroupFilter::default() };
    if groups.is_empty() {
        return Ok(Outcome::Answer(if total > 0 {
            format!("There are {total} groups, and none on page {page}.")
        } else if all.only.is_some() && filter == all {
            "There is no group that you may see: you manage none, and are in no group's room."
                .to_owned()
        } else if filter == all {
            format!("There is no group yet. `{prefix} group create \"Spring launch\"` makes one.")
        } else {
            "No group is like that. `group list` shows all.".to_owned()
        }));
    }
    let mut text = String::new();
    for group in &groups {
        let _ = writeln!(text, "• {}", row(&call, group));
    }
    let shown = u64::from((page - 1) * PAGE) + groups.len() as u64;
    if shown < total {
        let _ = write!(text, "{shown} of {total}: add `--page {}` for more.", page + 1);
    }
    text.truncate(text.trim_end().len());
    Ok(Outcome::Answer(text))
}

/// A group in a line of the list.
fn row(call: &Call, group: &Group) -> String {
    let mut row = format!("{}: {}", group.name(), state_in_words(group.info.state));
    if group.members > 0 {
        let _ = write!(row, ", {}", members(group.members));
    }
    let rooms = call.desk.links.others(&group.info.place);
    if !rooms.is_empty() {
        let rooms: Vec<String> = rooms.iter().map(Place::to_string).collect();
        let _ = write!(row, ", in {}", rooms.join(" and "));
    }
    let _ = write!(row, " ({})", group.info.place.id());
    row
}

/// `1 member`, `12 members`.
pub(crate) fn members(count: impl Into<u64>) -> String {
    let count = count.into();
    if count == 1 { "1 member".into() } else { format!("{count} members") }
}

pub(crate) const fn state_in_words(state: ConversationState) -> &'static str {
    match state {
        ConversationState::Initializing => "being made",
        ConversationState::Active => "active",
        ConversationState::Inactive => "inactive",
        ConversationState::Closed => "closed",
        ConversationState::Removed => "deleted",
    }
}

async fn show(call: Call) -> Result<Outcome, LedgerError> {
    let group = match call.group() {
        Ok(group) => group,
        Err(answer) => return Ok(answer),
    };
    let info = &group.info;
    let mut text = format!("{}: {}\n", group.name(), state_in_words(info.state));
    if let Some(description) = &info.description {
        let _ = writeln!(text, "{description}");
    }
    let _ = write!(text, "SID {}", info.place.id());
    if let Some(unique) = &info.unique_name {
        let _ = write!(text, ", unique name {unique}");
    }
    text.push('\n');
    if let Some(created) = info.created {
        let by = info.created_by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
        let _ = writeln!(text, "Made {}{by}", created.strftime("%Y-%m-%d %H:%M UTC"));
    }
    let prefix = call.prefix();
    match group.members {
        0 => drop(writeln!(
            text,
            "Members: `{prefix} member list {}` asks for them",
            info.place.id()
        )),
        count => drop(writeln!(
            text,
            "{}: `{prefix} member list {}` shows them",
            members(count),
            info.place.id()
        )),
    }
    let rooms = call.desk.links.others(&info.place);
    if rooms.is_empty() {
        let _ = writeln!(
            text,
            "Tied to no room: `{prefix} group link {}` ties it to this one",
            info.place.id()
        );
    }
    for place in std::iter::once(&info.place).chain(&rooms) {
        let (waiting, parked) = call.desk.ledger.place_counts(place).await?;
        let what = if *place == info.place { "the phones".to_owned() } else { place.to_string() };
        let _ = writeln!(text, "For {what}: {waiting} waiting, {parked} failed");
    }
    text.truncate(text.trim_end().len());
    Ok(Outcome::Answer(text))
}

fn rename(call: &Call) -> Result<Outcome, Outcome> {
    let group = call.group()?;
    let name = call.arguments.one("name").unwrap_or_default();
    if group.info.name.as_deref() == Some(name) {
        return Err(Outcome::Refused(format!("The group is called \"{name}\" already.")));
    }
    Ok(Outcome::Operation(Operation::Change {
        group: group.info.place.clone(),
        change: ConversationChange { name: Some(name.to_owned()), ..ConversationChange::default() },
        answer: format!("\"{}\" is called \"{name}\" now.", group.name()),
    }))
}

fn describe(call: &Call) -> Result<Outcome, Outcome> {
    let group = call.group()?;
    let text = call.arguments.one("text").unwrap_or_default();
    let answer = if text.is_empty() {
        format!("\"{}\" has no description any more.", group.name())
    } else {
        format!("\"{}\" is described as: {text}", group.name())
    };
    Ok(Outcome::Operation(Operation::Change {
        group: group.info.place.clone(),
        change: ConversationChange {
            description: Some(text.to_owned()),
            ..ConversationChange::default()
        },
        answer,
    }))
}

fn link(call: &Call) -> Result<Outcome, Outcome> {
    let group = call.group()?;
    let room = call.arguments.one("room").and_then(|room| room.parse().ok());
    let room: Place = room.unwrap_or_else(|| call.room.clone());
    if call.desk.networks.get(room.network()).is_none() {
        return Err(Outcome::Refused(format!(
            "{} is not configured here, so nothing can be linked to {room}.",
            room.network()
        )));
    }
    Ok(Outcome::Operation(Operation::Link {
        reference: group.info.place.id().to_owned(),
        room,
        by: call.by.to_string(),
        replaces: call.arguments.one("replaces").and_then(|room| room.parse().ok()),
    }))
}

fn unlink(call: &Call) -> Outcome {
    let prefix = call.prefix();
    let room = call.arguments.one("room").and_then(|room| room.parse().ok());
    let room: Place = room.unwrap_or_else(|| call.room.clone());
    let Some(conversation) = call.desk.links.conversation(&room) else {
        return Outcome::Refused(format!(
            "This room is tied to no group. `{prefix} group link GROUP` ties it to one."
        ));
    };
    if call.desk.fixed.contains(&room) {
        return Outcome::Refused(format!(
            "The link to {} stands in the configuration ([[links]]): take it out there.",
            conversation.id()
        ));
    }
    Outcome::Change(
        Change::Link(LinkChange::Untie { room }),
        format!(
            "This room is no longer tied to {}. `{prefix} group link {}` ties it again.",
            conversation.id(),
            conversation.id()
        ),
    )
}
