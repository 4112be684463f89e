//! Commands: what people type behind `/wa` and `!wa`.
//!
//! Each command is a row of [`TABLE`]: its words, arguments, right, help and example stand in one
//! place, for Slack and Matrix alike. A command reads and answers, or it names an
//! [`Operation`]; it never calls a platform itself.

mod contact;
mod grammar;
mod group;
mod help;
mod queue;
mod status;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use partyline_core::{Clock, CommandLine, Network, PersonId, Place};

use crate::contacts::Contacts;
use crate::ledger::{Change, Ledger, LedgerError};
use crate::links::Links;
use crate::networks::Networks;
use crate::operations::Operation;
use crate::policy::{Right, may};
pub use grammar::{Arguments, parse_words};

/// A row of the table.
pub struct Command {
    /// The words that name it: `group link`.
    pub words: &'static str,
    /// What stands behind the words, in the notation of the documentation.
    pub usage: &'static str,
    /// How many words may stand there, flags aside.
    pub takes: std::ops::RangeInclusive<usize>,
    /// The flags that it knows; each takes a value.
    pub flags: &'static [&'static str],
    /// Who may give it.
    pub right: Right,
    /// What it does, in a sentence.
    pub help: &'static str,
    /// An example that works, without the prefix.
    pub example: &'static str,
    run: fn(Call) -> Running,
}

type Running = Pin<Box<dyn Future<Output = Result<Outcome, LedgerError>> + Send>>;

/// All commands, in the order in which `help` shows them.
pub static TABLE: &[Command] = &[
    group::LINK,
    group::UNLINK,
    contact::ADD,
    queue::LIST,
    queue::RETRY,
    queue::DROP,
    status::STATUS,
    help::HELP,
];

/// What a command is given.
pub struct Call {
    /// What it may look at.
    pub desk: Arc<Desk>,
    /// The room in which it was given.
    pub room: Place,
    /// Who gave it.
    pub by: PersonId,
    /// Its arguments.
    pub arguments: Arguments,
}

/// What a command comes to.
#[derive(Debug)]
pub enum Outcome {
    /// This answer, and nothing else.
    Answer(String),
    /// This answer, and a change of what the ledger keeps.
    Change(Change, String),
    /// Steps on the platforms, which end in an answer.
    Operation(Operation),
}

/// What commands may look at, and what they need to know.
pub struct Desk {
    /// The ledger.
    pub ledger: Ledger,
    /// The links in force.
    pub links: Arc<Links>,
    /// Rooms whose link stands in the configuration: no command unties them.
    pub fixed: Vec<Place>,
    /// The contacts.
    pub contacts: Contacts,
    /// The bridges.
    pub networks: Networks,
    /// Who may do everything.
    pub admins: Vec<PersonId>,
    /// The region of numbers in national format.
    pub region: Option<rlibphonenumber::Region>,
    /// What stands before a command: on Slack `/wa`, on Matrix `!wa`.
    pub prefixes: Vec<(Network, String)>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Desk {
    /// What stands before a command on this network.
    #[must_use]
    pub fn prefix(&self, network: Network) -> &str {
        self.prefixes
            .iter()
            .find(|(of, _)| *of == network)
            .map_or("/wa", |(_, prefix)| prefix.as_str())
    }
}

/// Carries out a command line: finds the row, asks whether this person may, checks the
/// arguments, runs it. Whatever is wrong is answered in a plain sentence, and nothing is changed.
///
/// # Errors
/// The ledger could not be read; the command is tried again.
pub async fn carry_out(
    desk: Arc<Desk>,
    room: Place,
    line: &CommandLine,
) -> Result<Outcome, LedgerError> {
    let prefix = desk.prefix(room.network()).to_owned();
    let words = match parse_words(&line.line) {
        Ok(words) => words,
        Err(error) => return Ok(Outcome::Answer(error.to_string())),
    };
    let Some((command, rest)) = find(&words) else {
        return Ok(Outcome::Answer(help::unknown(&words, &prefix)));
    };
    if !may(&line.by, command.right, &desk.admins) {
        return Ok(Outcome::Answer(format!(
            "You may not use `{prefix} {}`: it is for {}.",
            command.words,
            command.right.in_words()
        )));
    }
    match grammar::arguments(command, rest) {
        Ok(arguments) => (command.run)(Call { desk, room, by: line.by.clone(), arguments }).await,
        Err(error) => Ok(Outcome::Answer(format!(
            "{error} Write: `{prefix} {} {}`, for example: `{prefix} {}`",
            command.words, command.usage, command.example
        ))),
    }
}

/// The row that a line's first words name, and the words behind them. Nothing at all is `help`.
fn find(words: &[String]) -> Option<(&'static Command, &[String])> {
    if words.is_empty() {
        return Some((&help::HELP, words));
    }
    TABLE
        .iter()
        .filter_map(|command| {
            let named: Vec<&str> = command.words.split(' ').collect();
            let matches = named.len() <= words.len()
                && named.iter().zip(words).all(|(name, word)| name.eq_ignore_ascii_case(word));
            matches.then(|| (command, &words[named.len()..]))
        })
        .max_by_key(|(command, _)| command.words.len())
}
