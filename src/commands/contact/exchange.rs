//! `contact import`, `contact export`: where files go. A room is no place for a file of numbers:
//! everybody in it would have them.

use super::{Argument, Command, Kind, Outcome};
use crate::policy::Right;

pub(in super::super) const IMPORT: Command = Command {
    words: "contact import",
    arguments: &[Argument::word("format", Kind::Choice(&["csv", "vcard"])).maybe()],
    right: Right::Admin,
    help: "Says how to take contacts over from a file (CSV or vCard).",
    examples: &["contact import"],
    run: |_| Box::pin(async { Ok(Outcome::Answer(IMPORTING.to_owned())) }),
};

pub(in super::super) const EXPORT: Command = Command {
    words: "contact export",
    arguments: &[Argument::word("format", Kind::Choice(&["csv", "vcard"])).maybe()],
    right: Right::Admin,
    help: "Says how to get the contacts as a file (CSV or vCard).",
    examples: &["contact export"],
    run: |_| Box::pin(async { Ok(Outcome::Answer(EXPORTING.to_owned())) }),
};

const IMPORTING: &str = "Files do not go through a room: everybody in it would have the numbers. On \
    the bridge's machine, `partyline contacts import FILE --dry-run` says what would change, and \
    without --dry-run changes it; over the network, POST /api/v1/contacts/import does the same. A \
    CSV file names its columns in the first line: number, name, team, and whatever else you keep.";

const EXPORTING: &str = "Files do not go through a room: everybody in it would have the numbers. On \
    the bridge's machine, `partyline contacts export FILE` writes them (--format vcard for vCard); \
    over the network, GET /api/v1/contacts/export does the same.";
