//! `group archive`, `group unarchive`, `group delete`.

use partyline_core::{Button, ConversationState, Press};

use super::{Argument, Call, Command, Kind, Outcome};
use crate::ledger::{Group, fold};
use crate::operations::Operation;
use crate::policy::Right;

const GROUP: Argument = Argument::word("group", Kind::Group).maybe();

pub(super) const ARCHIVE: Command = Command {
    words: "group archive",
    arguments: &[GROUP, Argument::flag("tell", Kind::Text)],
    right: Right::Manager,
    help: "Puts a group and its rooms away, and tells its members TEXT first. Nothing is deleted.",
    examples: &[
        "group archive --tell \"We are done here. Thank you!\"",
        "group archive \"Spring launch\"",
    ],
    run: |call| Box::pin(async move { Ok(archive(&call).unwrap_or_else(|answer| answer)) }),
};

pub(super) const UNARCHIVE: Command = Command {
    words: "group unarchive",
    arguments: &[GROUP],
    right: Right::Manager,
    help: "Brings a group back that was archived, with its rooms.",
    examples: &["group unarchive \"Spring launch\""],
    run: |call| Box::pin(async move { Ok(unarchive(&call).unwrap_or_else(|answer| answer)) }),
};

pub(super) const DELETE: Command = Command {
    words: "group delete",
    arguments: &[GROUP, Argument::word("name", Kind::Name).maybe()],
    right: Right::Admin,
    help: "Deletes a group at Twilio with all that was said in it, for good. It is asked once more.",
    examples: &["group delete", "group delete \"Spring launch\" \"Spring launch\""],
    run: |call| Box::pin(async move { Ok(delete(&call).unwrap_or_else(|answer| answer)) }),
};

fn archive(call: &Call) -> Result<Outcome, Outcome> {
    let group = call.group()?;
    match group.info.state {
        ConversationState::Closed => {
            return Err(Outcome::Refused(format!(
                "\"{}\" is closed for good at Twilio, so there is nothing to archive.",
                group.name()
            )));
        }
        ConversationState::Inactive if !group.rooms.is_empty() => {
            return Err(Outcome::Refused(format!("\"{}\" is archived already.", group.name())));
        }
        _ => {}
    }
    free(call, group)?;
    let tell = call.arguments.one("tell").map(ToOwned::to_owned);
    Ok(Outcome::Operation(Operation::Archive { group: Box::new(group.clone()), tell }))
}

fn unarchive(call: &Call) -> Result<Outcome, Outcome> {
    let group = call.group()?;
    match group.info.state {
        ConversationState::Inactive => {}
        ConversationState::Closed => {
            return Err(Outcome::Refused(format!(
                "\"{}\" is closed at Twilio, and that is for good. `{} group create` makes a new one.",
                group.name(),
                call.prefix()
            )));
        }
        _ if !group.rooms.is_empty() => {}
        _ => {
            return Err(Outcome::Refused(format!("\"{}\" is not archived.", group.name())));
        }
    }
    Ok(Outcome::Operation(Operation::Unarchive(Box::new(group.clone()))))
}

fn delete(call: &Call) -> Result<Outcome, Outcome> {
    let group = call.group()?;
    free(call, group)?;
    let prefix = call.prefix();
    let (name, sid) = (group.name(), group.info.place.id());
    let again = format!("`{prefix} group delete {sid} \"{name}\"`");
    match call.arguments.one("name") {
        Some(repeated) if fold(repeated) == fold(name) => {
            Ok(Outcome::Operation(Operation::Delete(Box::new(group.clone()))))
        }
        Some(repeated) => Err(Outcome::Refused(format!(
            "\"{repeated}\" is not the name of this group, which is \"{name}\". Nothing was deleted; {again} does it."
        ))),
        None => {
            let words = ["group", "delete", sid, name].map(ToOwned::to_owned).to_vec();
            Err(Outcome::Question(
                format!(
                    "This deletes \"{name}\" with all that was said in it at Twilio, for good. To do so, repeat its name: {again}. `{prefix} group archive {sid}` only puts it away."
                ),
                vec![
                    Button { label: "Delete it".into(), danger: true, press: Press::Give(words) },
                    Button {
                        label: "Keep it".into(),
                        danger: false,
                        press: Press::Say(format!("\"{name}\" stays. Nothing was deleted.")),
                    },
                ],
            ))
        }
    }
}

/// A link of the configuration cannot be untied by a command.
fn free(call: &Call, group: &Group) -> Result<(), Outcome> {
    let rooms = call.desk.links.others(&group.info.place);
    match rooms.iter().find(|room| call.desk.fixed.contains(room)) {
        None => Ok(()),
        Some(room) => Err(Outcome::Refused(format!(
            "\"{}\" is tied to {room} by the configuration ([[links]]): take that out there first.",
            group.name()
        ))),
    }
}
