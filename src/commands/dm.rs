//! `dm`: a conversation with one person alone.

use partyline_core::Place;

use super::create::pairs;
use super::find::person;
use super::{Argument, Call, Command, Kind, Outcome};
use crate::ledger::LedgerError;
use crate::operations::{Direct, Operation};
use crate::policy::Right;

pub(super) const DM: Command = Command {
    words: "dm",
    arguments: &[
        Argument::word("who", Kind::Who),
        Argument::word("text", Kind::Text).maybe(),
        Argument::flag("template", Kind::Template),
        Argument::flag("set", Kind::Pair).any(),
        Argument::flag("room", Kind::Room),
        Argument::switch("yes"),
    ],
    right: Right::Manager,
    help: "Writes to one person alone. Answers come into their thread in the inbox; or to ROOM, for example a thread (slack:C0123ABC/1712345678.000100); without an inbox, to this room, if it is tied to nothing.",
    examples: &[
        "dm \"Maya Lopez\" \"Are you well?\"",
        "dm +14155550100 --template appointment_reminder 1=Maya 2=\"Monday at nine\" --yes",
    ],
    run: |call| Box::pin(async move { Ok(dm(&call).await?.unwrap_or_else(Outcome::Refused)) }),
};

async fn dm(call: &Call) -> Result<Result<Outcome, String>, LedgerError> {
    let arguments = &call.arguments;
    let text = arguments.one("text").filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let template =
        arguments.one("template").map(|one| (one.to_owned(), pairs(arguments.all("set"))));
    match (&text, &template) {
        (None, None) => {
            return Ok(Err("There is nothing to send: write TEXT, or --template.".into()));
        }
        (Some(_), Some(_)) => {
            return Ok(Err("Either TEXT is sent or a template, not both.".into()));
        }
        (Some(_), None) if arguments.has("set") => {
            return Ok(Err(
                "--set fills the variables of a template: name it with --template.".into()
            ));
        }
        _ => {}
    }
    let who = match person(&call.desk, arguments.one("who").unwrap_or_default()).await? {
        Ok(person) => person.address,
        Err(sentence) => return Ok(Err(sentence)),
    };
    let room: Option<Place> = arguments.one("room").and_then(|room| room.parse().ok());
    Ok(Ok(Outcome::Operation(Operation::Direct(Box::new(Direct {
        who,
        text,
        template,
        room,
        by: call.by.clone(),
    })))))
}
