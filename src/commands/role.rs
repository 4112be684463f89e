//! `role …`: who may do what.

use std::fmt::Write as _;

use super::find::in_a_room;
use super::{Argument, Call, Command, Kind, Outcome};
use crate::ledger::{Change, LedgerError, Role, RoleChange};
use crate::policy::Right;

/// Grants on a page of the list.
const PAGE: u32 = 50;

const ARGUMENTS: &[Argument] = &[
    Argument::word("person", Kind::Person),
    Argument::word("role", Kind::Choice(&["admin", "manager"])),
    Argument::word("group", Kind::Group).maybe(),
];

pub(super) const GRANT: Command = Command {
    words: "role grant",
    arguments: ARGUMENTS,
    right: Right::Admin,
    help: "Lets somebody run everything (admin), or this room's group or GROUP (manager).",
    examples: &["role grant slack:U0123ABC manager CH0123456789abcdef0123456789abcdef"],
    run: |call| Box::pin(async move { change(&call, true).await }),
};

pub(super) const REVOKE: Command = Command {
    words: "role revoke",
    arguments: ARGUMENTS,
    right: Right::Admin,
    help: "Takes back what `role grant` granted.",
    examples: &["role revoke slack:U0123ABC admin"],
    run: |call| Box::pin(async move { change(&call, false).await }),
};

pub(super) const LIST: Command = Command {
    words: "role list",
    arguments: &[
        Argument::word("group", Kind::Group).maybe(),
        Argument::flag("page", Kind::Word("NUMBER")),
    ],
    right: Right::Manager,
    help: "Shows the administrators, and the managers of this room's group, of GROUP, or all.",
    examples: &["role list"],
    run: |call| Box::pin(list(call)),
};

async fn change(call: &Call, grant: bool) -> Result<Outcome, LedgerError> {
    let arguments = &call.arguments;
    let person = match in_a_room(arguments.one("person").unwrap_or_default()) {
        Ok(person) => person,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    let role = match (arguments.one("role"), call.place(), arguments.one("group")) {
        (Some("admin"), _, None) => Role::Admin,
        (Some("admin"), ..) => {
            return Ok(Outcome::Refused(
                "An administrator may run every group: leave the group out, or write manager."
                    .into(),
            ));
        }
        (_, Some(group), _) => Role::Manager(group.clone()),
        (_, None, _) => {
            return Ok(Outcome::Refused(
                "This room is tied to no group: name the group that they are to manage.".into(),
            ));
        }
    };
    let what = match &role {
        Role::Admin => "an administrator".to_owned(),
        Role::Manager(group) => format!("a manager of {}", group.id()),
    };
    let has = call.desk.ledger.has_role(&person, &role).await?;
    let sentence = match (grant, has) {
        (true, true) => format!("{person} is {what} already."),
        (true, false) => format!("{person} is {what} now."),
        (false, true) => format!("{person} is no longer {what}."),
        (false, false) if role == Role::Admin && call.desk.admins.contains(&person) => {
            return Ok(Outcome::Refused(format!(
                "{person} is {what} by the configuration (access.admins): take them out there."
            )));
        }
        (false, false) => {
            return Ok(Outcome::Refused(format!("{person} was not granted that.")));
        }
    };
    let change = if grant {
        RoleChange::Grant { person, role, by: call.by.to_string() }
    } else {
        RoleChange::Revoke { person, role }
    };
    Ok(Outcome::Change(Change::Role(change), sentence))
}

async fn list(call: Call) -> Result<Outcome, LedgerError> {
    let page = match call.page(PAGE) {
        Ok(page) => page,
        Err(answer) => return Ok(answer),
    };
    let mut text = String::new();
    for admin in call.desk.admins.iter().filter(|_| page == 1) {
        let _ = writeln!(text, "{admin}: administrator, by the configuration");
    }
    let from = (page - 1) * PAGE;
    let granted = call.desk.ledger.roles(call.place(), from, PAGE + 1).await?;
    for stored in granted.iter().take(PAGE as usize) {
        let role = match &stored.role {
            Role::Admin => "administrator".to_owned(),
            Role::Manager(group) => format!("manager of {}", group.id()),
        };
        let _ = writeln!(text, "{}: {role}, by {} ({:.0})", stored.person, stored.by, stored.at);
    }
    if granted.len() > PAGE as usize {
        let _ = write!(text, "There are more: add `--page {}`.", page + 1);
    }
    if text.is_empty() {
        text.push_str(match page {
            1 => "Nobody was granted anything.",
            _ => "Nobody else was granted anything.",
        });
    }
    text.truncate(text.trim_end().len());
    Ok(Outcome::Answer(text))
}
