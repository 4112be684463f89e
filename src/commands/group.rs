//! `group …`

use partyline_core::Place;

use super::{Call, Command, Outcome};
use crate::ledger::{Change, LinkChange};
use crate::operations::Operation;
use crate::policy::Right;

pub(super) const LINK: Command = Command {
    words: "group link",
    usage: "GROUP [ROOM]",
    takes: 1..=2,
    flags: &[],
    right: Right::Admin,
    help: "Ties a conversation to this room (or to ROOM): what is said in one is said in the other.",
    example: "group link CH0123456789abcdef0123456789abcdef",
    run: |call| Box::pin(async move { Ok(link(&call)) }),
};

pub(super) const UNLINK: Command = Command {
    words: "group unlink",
    usage: "",
    takes: 0..=0,
    flags: &[],
    right: Right::Admin,
    help: "Unties this room from its conversation. Nothing is deleted.",
    example: "group unlink",
    run: |call| Box::pin(async move { Ok(unlink(&call)) }),
};

fn link(call: &Call) -> Outcome {
    let words = &call.arguments.words;
    let room = match words.get(1) {
        None => call.room.clone(),
        Some(text) => match text.parse::<Place>() {
            Ok(room) if !room.is_conversation() => room,
            Ok(_) => {
                return Outcome::Answer("ROOM must be a Slack channel or a Matrix room.".into());
            }
            Err(error) => return Outcome::Answer(format!("{error}.")),
        },
    };
    if call.desk.networks.get(room.network()).is_none() {
        return Outcome::Answer(format!(
            "{} is not configured here, so nothing can be linked to {room}.",
            room.network()
        ));
    }
    Outcome::Operation(Operation::Link {
        reference: words[0].clone(),
        room,
        by: call.by.to_string(),
    })
}

fn unlink(call: &Call) -> Outcome {
    let prefix = call.desk.prefix(call.room.network());
    let Some(conversation) = call.desk.links.conversation(&call.room) else {
        return Outcome::Answer(format!(
            "This room is tied to no conversation. `{prefix} group link CH…` ties it to one."
        ));
    };
    if call.desk.fixed.contains(&call.room) {
        return Outcome::Answer(format!(
            "The link to {} stands in the configuration ([[links]]): take it out there.",
            conversation.id()
        ));
    }
    Outcome::Change(
        Change::Link(LinkChange::Untie { room: call.room.clone() }),
        format!(
            "This room is no longer tied to {}. `{prefix} group link {}` ties it again.",
            conversation.id(),
            conversation.id()
        ),
    )
}
