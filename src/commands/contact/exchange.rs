//! `contact import`, `contact export`: a small file can be pasted; where large ones go, and whole address
//! books, is told. A room is no place for those: everybody in it would have the numbers.

use super::{Argument, Call, Command, Kind, Outcome};
use crate::operations::Operation;
use crate::policy::Right;

pub(in super::super) const IMPORT: Command = Command {
    words: "contact import",
    arguments: &[Argument::word("file", Kind::File).maybe(), Argument::switch("dry-run")],
    right: Right::Admin,
    help: "Takes contacts over from a small file (CSV or vCard), pasted as a code block; --dry-run only says what would change. Without one, says how to take over a large file.",
    examples: &[
        "contact import --dry-run ```\nnumber,name,team\n+14155550100,Maya Lopez,Sales\n```",
        "contact import",
    ],
    run: |call| Box::pin(async move { Ok(import(&call)) }),
};

fn import(call: &Call) -> Outcome {
    match call.arguments.one("file") {
        Some(file) => Outcome::Operation(Operation::Import {
            file: file.to_owned(),
            dry_run: call.arguments.has("dry-run"),
        }),
        None => Outcome::Refused(IMPORTING.to_owned()),
    }
}

pub(in super::super) const EXPORT: Command = Command {
    words: "contact export",
    arguments: &[Argument::word("format", Kind::Choice(&["csv", "vcard"])).maybe()],
    right: Right::Admin,
    help: "Says how to get the contacts as a file (CSV or vCard).",
    examples: &["contact export"],
    run: |_| Box::pin(async { Ok(Outcome::Answer(EXPORTING.to_owned())) }),
};

const IMPORTING: &str = "Paste a small file as a code block behind the command, between ``` and ```. A \
    large one does not go through a room: on the bridge's machine, `partyline contacts import FILE \
    --dry-run` says what would change, and without --dry-run changes it; over the network, POST \
    /api/v1/contacts/import does the same. A CSV file names its columns in the first line: number, \
    name, team, and whatever else you keep.";

const EXPORTING: &str = "Files do not go through a room: everybody in it would have the numbers. On \
    the bridge's machine, `partyline contacts export FILE` writes them (--format vcard for vCard); \
    over the network, GET /api/v1/contacts/export does the same.";
