//! `notify` and `template …`: messages that WhatsApp has approved.

use super::create::pairs;
use super::{Argument, Call, Command, Kind, Outcome};
use crate::operations::Operation;
use crate::policy::Right;

pub(super) const NOTIFY: Command = Command {
    words: "notify",
    arguments: &[
        Argument::word("group", Kind::Group).maybe(),
        Argument::word("template", Kind::Template),
        Argument::word("variables", Kind::Pair).any(),
        Argument::switch("yes"),
    ],
    right: Right::Manager,
    help: "Sends a template to every member of a group, also to those who have not written for a day, in the language of each (the contact's metadata `language`). What it says is shown first; --yes sends it.",
    examples: &[
        "notify team_notice 1=\"The launch team\"",
        "notify \"Spring launch\" appointment_reminder 1=Maya 2=\"Monday at nine\" --yes",
    ],
    run: |call| Box::pin(async move { Ok(notify(&call).unwrap_or_else(|answer| answer)) }),
};

pub(super) const LIST: Command = Command {
    words: "template list",
    arguments: &[],
    right: Right::Member,
    help: "Shows the templates, and which of them WhatsApp has approved.",
    examples: &["template list"],
    run: |_| Box::pin(async move { Ok(Outcome::Operation(Operation::ListTemplates)) }),
};

pub(super) const SHOW: Command = Command {
    words: "template show",
    arguments: &[Argument::word("template", Kind::Template)],
    right: Right::Member,
    help: "Shows what a template says, and its variables.",
    examples: &["template show team_notice"],
    run: |call| {
        let template = call.arguments.one("template").unwrap_or_default().to_owned();
        Box::pin(async move { Ok(Outcome::Operation(Operation::ShowTemplate(template))) })
    },
};

fn notify(call: &Call) -> Result<Outcome, Outcome> {
    let group = call.group()?.info.place.clone();
    let template = call.arguments.one("template").unwrap_or_default().to_owned();
    let variables = pairs(call.arguments.all("variables"));
    Ok(Outcome::Operation(Operation::Notify { group, template, variables }))
}
