//! Commands: what people type behind `/wa` and `!wa`.
//!
//! Each command is a row of [`TABLE`]: its words, arguments, right, help and example stand in one
//! place, for Slack and Matrix alike. A command reads and answers, or it names an
//! [`Operation`](crate::operations::Operation); it never calls a platform itself.

mod archive;
mod audit;
mod block;
mod broadcast;
mod call;
mod carry;
mod contact;
mod create;
mod desk;
mod dm;
mod find;
mod grammar;
mod group;
mod help;
mod inbox;
mod member;
mod mute;
mod notify;
mod optout;
#[cfg(test)]
mod permissions;
mod queue;
mod role;
mod schedule;
mod status;
mod subject;
mod window;

use std::future::Future;
use std::pin::Pin;

use crate::ledger::LedgerError;
use crate::policy::Right;
pub use call::{Call, Outcome};
pub(crate) use carry::denial;
pub use carry::{Carried, carry_out, misspelt};
pub(crate) use contact::suggestion;
pub(crate) use create::{addresses, can_be_tied};
pub use desk::Desk;
pub use grammar::{Argument, Arguments, Count, GrammarError, Kind, Stands, Word, parse_words};
pub(crate) use group::{members, state_in_words};
pub(crate) use help::explained;
pub(crate) use window::in_words as window_in_words;

/// A row of the table.
pub struct Command {
    /// The words that name it: `group link`.
    pub words: &'static str,
    /// What it takes. A group that may be left out stands first: then the room's own is meant.
    pub arguments: &'static [Argument],
    /// Who may give it.
    pub right: Right,
    /// What it does, in a sentence.
    pub help: &'static str,
    /// Examples that work, without the prefix; the first is shown where something is wrong.
    pub examples: &'static [&'static str],
    run: fn(Call) -> Running,
}

impl Command {
    /// What stands behind the words, in the notation of the documentation.
    #[must_use]
    pub fn usage(&self) -> String {
        self.arguments.iter().map(Argument::usage).collect::<Vec<_>>().join(" ")
    }

    /// Whether it can change anything: then it is in the audit.
    #[must_use]
    pub fn changes(&self) -> bool {
        let verb = self.words.rsplit(' ').next().unwrap_or(self.words);
        !READING.contains(&verb)
    }
}

/// What the commands are called that change nothing.
const READING: &[&str] =
    &["list", "show", "find", "export", "data", "audit", "status", "window", "help", "blocked"];

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.words)
    }
}

type Running = Pin<Box<dyn Future<Output = Result<Outcome, LedgerError>> + Send>>;

/// All commands, in the order in which `help` shows them.
pub static TABLE: &[Command] = &[
    create::CREATE,
    group::LIST,
    group::SHOW,
    group::RENAME,
    group::DESCRIBE,
    archive::ARCHIVE,
    archive::UNARCHIVE,
    archive::DELETE,
    group::LINK,
    group::UNLINK,
    member::ADD,
    member::VERIFY,
    member::REMOVE,
    member::LIST,
    window::WINDOW,
    window::TEMPLATE,
    mute::MUTE,
    mute::UNMUTE,
    notify::NOTIFY,
    notify::LIST,
    notify::SHOW,
    dm::DM,
    broadcast::BROADCAST,
    broadcast::LIST,
    broadcast::SHOW,
    broadcast::STOP,
    contact::ADD,
    contact::CHANGE,
    contact::SHOW,
    contact::FIND,
    contact::REMOVE,
    contact::IMPORT,
    contact::EXPORT,
    contact::NOTE,
    contact::DATA,
    contact::ERASE,
    inbox::LIST,
    inbox::CLOSE,
    inbox::OPEN,
    inbox::ASSIGN,
    block::BLOCK,
    block::UNBLOCK,
    block::BLOCKED,
    optout::LIST,
    optout::ADD,
    optout::CLEAR,
    optout::EXPORT,
    queue::LIST,
    queue::RETRY,
    queue::DROP,
    queue::AGAIN,
    role::GRANT,
    role::REVOKE,
    role::LIST,
    schedule::SCHEDULE,
    schedule::LIST,
    schedule::CANCEL,
    audit::AUDIT,
    status::STATUS,
    help::HELP,
];

/// The row of these words.
pub(crate) fn row(words: &str) -> Option<&'static Command> {
    TABLE.iter().find(|command| command.words == words)
}

/// The row that a line names, with nothing behind its words.
pub(crate) fn without_arguments(line: &str) -> Option<&'static Command> {
    let words = parse_words(line).ok()?;
    let (command, rest) = find(&words)?;
    (!words.is_empty() && rest.is_empty()).then_some(command)
}

/// Checks one argument by itself; the error is a sentence.
pub(crate) fn check(command: &Command, name: &str, value: &str) -> Result<(), String> {
    let argument = command.arguments.iter().find(|argument| argument.name == name);
    let Some(argument) = argument else { return Err(format!("There is no \"{name}\" here.")) };
    argument.kind.check(value).map(drop).map_err(|error| error.to_string())
}

/// The row that a line's first words name, and the words behind them. Nothing at all is `help`.
fn find(words: &[Word]) -> Option<(&'static Command, &[Word])> {
    if words.is_empty() {
        return Some((&help::HELP, words));
    }
    TABLE
        .iter()
        .filter_map(|command| {
            let named: Vec<&str> = command.words.split(' ').collect();
            let matches = named.len() <= words.len()
                && named
                    .iter()
                    .zip(words)
                    .all(|(name, word)| name.eq_ignore_ascii_case(&word.text));
            matches.then(|| (command, &words[named.len()..]))
        })
        .max_by_key(|(command, _)| command.words.len())
}
