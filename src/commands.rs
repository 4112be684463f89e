//! Commands: what people type behind `/wa` and `!wa`.
//!
//! Each command is a row of [`TABLE`]: its words, arguments, right, help and example stand in one
//! place, for Slack and Matrix alike. A command reads and answers, or it names an
//! [`Operation`]; it never calls a platform itself.

mod archive;
mod audit;
mod block;
mod broadcast;
mod contact;
mod create;
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
mod window;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::tz::TimeZone;
use partyline_core::{
    Address, AnswerTo, Button, Clock, CommandLine, Given, Lateness, Network, PersonId, Place,
};

use crate::alerts::Board;
use crate::blocks::Blocks;
use crate::config::{Country, Inbox};
use crate::contacts::Contacts;
use crate::invitations::Invitations;
use crate::ledger::{Change, Group, Ledger, LedgerError};
use crate::links::Links;
use crate::moderation::Moderation;
use crate::networks::Networks;
use crate::operations::Operation;
use crate::policy::{Right, Standing, may};
use crate::templates::Templates;
pub(crate) use contact::suggestion;
pub(crate) use create::{addresses, can_be_tied};
use grammar::Leading;
pub use grammar::{Argument, Arguments, Count, GrammarError, Kind, Stands, Word, parse_words};
pub(crate) use group::{members, state_in_words};
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

/// What a command is given.
pub struct Call {
    /// What it may look at.
    pub desk: Arc<Desk>,
    /// The room in which it was given.
    pub room: Place,
    /// Who gave it.
    pub by: PersonId,
    /// What that person is called there.
    pub name: Option<String>,
    /// Where the answer goes.
    pub answer: AnswerTo,
    /// The group that is meant, where the command is about one.
    pub group: Option<Group>,
    /// What is known of whoever gave it, in regard to that group.
    pub standing: Standing,
    /// Its arguments.
    pub arguments: Arguments,
}

impl Call {
    /// The conversation of the group that is meant, where one is.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.group.as_ref().map(|group| &group.info.place)
    }

    /// What stands before a command in this room.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.desk.prefix(self.room.network())
    }

    /// The page that `--page` names, of pages of `rows` rows; the first where none is named.
    ///
    /// # Errors
    /// The answer to one that is no number.
    pub fn page(&self, rows: u32) -> Result<u32, Outcome> {
        match self.arguments.one("page").unwrap_or("1").parse::<u32>() {
            Ok(page) => Ok(page.clamp(1, u32::MAX / rows)),
            Err(_) => Err(Outcome::Refused(
                "--page takes a number: --page 2 shows what comes after the first page.".into(),
            )),
        }
    }

    /// The group that the command is about: of a row whose argument it is, it is there.
    ///
    /// # Errors
    /// The answer to a command without one.
    pub fn group(&self) -> Result<&Group, Outcome> {
        self.group.as_ref().ok_or_else(|| Outcome::Refused(find::no_group(self.prefix())))
    }
}

/// What a command comes to.
#[derive(Debug)]
pub enum Outcome {
    /// This answer, and nothing else.
    Answer(String),
    /// Nothing was done: what is wrong with what was asked.
    Refused(String),
    /// Nothing was done yet: it is asked whether it is to be. What stands in the text can be typed,
    /// and where the platform has buttons, pressed.
    Question(String, Vec<Button>),
    /// Nothing was done: who asked may not ask for it.
    Denied(String),
    /// This answer, and a change of what the ledger keeps.
    Change(Change, String),
    /// Steps on the platforms, which end in an answer.
    Operation(Operation),
    /// The directory does not know this group. Once the platform was asked for it, the command is
    /// to be carried out again.
    LookUp(String),
}

/// What commands may look at, and what they need to know.
pub struct Desk {
    /// The ledger.
    pub ledger: Ledger,
    /// The links in force.
    pub links: Arc<Links>,
    /// Rooms whose link stands in the configuration: no command unties them.
    pub fixed: Vec<Place>,
    /// The templates.
    pub templates: Templates,
    /// How members are invited whose window is closed.
    pub invitations: Invitations,
    /// The contacts.
    pub contacts: Contacts,
    /// The bridges.
    pub networks: Networks,
    /// The pool of senders, in the order of the configuration.
    pub senders: Vec<Address>,
    /// Who may do everything.
    pub admins: Vec<PersonId>,
    /// The region of numbers in national format.
    pub region: Country,
    /// What stands before a command: on Slack `/wa`, on Matrix `!wa`.
    pub prefixes: Vec<(Network, String)>,
    /// How times are told.
    pub lateness: Lateness,
    /// What is wrong.
    pub alerts: Arc<Board>,
    /// Who is muted.
    pub moderation: Arc<Moderation>,
    /// Where people are answered who are in no group.
    pub inbox: Inbox,
    /// Who is blocked.
    pub blocks: Arc<Blocks>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Told when a command of the operator's has ended.
    pub ended: Arc<tokio::sync::Notify>,
    /// Told when a broadcast begins.
    pub broadcast: Arc<tokio::sync::Notify>,
    /// Told when something was scheduled or taken back.
    pub scheduled: Arc<tokio::sync::Notify>,
    /// The zone of times that name none.
    pub zone: TimeZone,
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

/// What a command line came to, and what the audit has to say of it.
#[derive(Debug)]
pub struct Carried {
    /// What it came to.
    pub outcome: Outcome,
    /// The row that it named, where it named one.
    pub command: Option<&'static Command>,
    /// The group that it was about.
    pub group: Option<Place>,
    /// Its arguments, as the audit shows them.
    pub subject: String,
}

/// Carries out a command line: finds the row, checks the arguments, looks the group up, asks
/// whether this person may, runs it. Whatever is wrong is answered in a plain sentence, and
/// nothing is changed; whoever may not learns nothing else. `looked_up` says that the platform was
/// asked for an unknown group already.
///
/// # Errors
/// The ledger could not be read; the command is tried again.
pub async fn carry_out(
    desk: Arc<Desk>,
    room: Place,
    line: &CommandLine,
    looked_up: bool,
) -> Result<Carried, LedgerError> {
    let prefix = desk.prefix(room.network()).to_owned();
    let nothing = |sentence: String| Carried {
        outcome: Outcome::Refused(sentence),
        command: None,
        group: None,
        subject: String::new(),
    };
    let (command, arguments, subject) = match &line.given {
        Some(Given::Named(given)) => {
            let Some(command) = row(&line.line) else {
                return Ok(nothing(format!("There is no command \"{}\" yet.", line.line)));
            };
            (command, grammar::named(command, given), shown(command, given))
        }
        typed => {
            let words = match typed {
                Some(Given::Words(words)) => Ok(words.iter().map(Word::handed_over).collect()),
                _ => parse_words(&line.line),
            };
            let words = match words {
                Ok(words) => words,
                Err(error) => return Ok(nothing(error.to_string())),
            };
            let Some((command, rest)) = find(&words) else {
                return Ok(nothing(help::unknown(&words, &prefix)));
            };
            let arguments = arguments(&desk, &room, command, rest).await?;
            let mut subject = subject(rest);
            let code = |one: &&Argument| one.kind == Kind::Code;
            if let Some(code) = command.arguments.iter().find(code)
                && let Ok(arguments) = &arguments
                && let Some(told) = arguments.one(code.name)
            {
                subject = subject.replace(told, "…");
            }
            (command, arguments, subject)
        }
    };
    let group = match &arguments {
        Ok(arguments) => find::group_of(&desk, &room, command, arguments, looked_up).await?,
        Err(_) => Ok(None),
    };
    let about = match (&group, &arguments) {
        (Ok(Some(group)), _) => Some(group.info.place.clone()),
        (Err(_), Ok(arguments)) if find::names_group(command, arguments) => None,
        (_, arguments) => {
            let other = arguments.as_ref().ok().and_then(|arguments| arguments.one("room"));
            let other = other.and_then(|room| room.parse().ok());
            desk.links.conversation(other.as_ref().unwrap_or(&room))
        }
    };
    let standing = crate::roles::standing(&desk, &line.by, &room, about.as_ref()).await?;
    // Whoever names a group sees more than everybody may.
    let names_group = |arguments| find::names_group(command, arguments);
    let named = arguments.as_ref().is_ok_and(names_group);
    let right = if named { command.right.max(Right::Member) } else { command.right };
    let outcome = match (arguments, group) {
        _ if !may(standing, right) => Outcome::Denied(denial(&prefix, command.words, right)),
        (Err(error), _) => Outcome::Refused(format!(
            "{error} Write: `{prefix} {} {}`, for example: `{prefix} {}`",
            command.words,
            command.usage(),
            command.examples[0]
        )),
        (_, Err(outcome)) => outcome,
        (Ok(arguments), Ok(group)) => {
            let by = line.by.clone();
            let (name, answer) = (line.name.clone(), line.answer.clone());
            (command.run)(Call { desk, room, by, name, answer, group, standing, arguments }).await?
        }
    };
    Ok(Carried { outcome, command: Some(command), group: about, subject })
}

/// What whoever may not give a command is told.
pub(crate) fn denial(prefix: &str, words: &str, right: Right) -> String {
    format!("You may not use `{prefix} {words}`: it is for {}.", right.in_words())
}

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

/// The arguments as the audit shows them: of what is set to a value, only what is set.
fn subject(words: &[Word]) -> String {
    let shown = words.iter().map(|word| match word.text.split_once('=') {
        _ if word.is_block => "…".to_owned(),
        Some((key, _)) => format!("{key}=…"),
        None => word.text.clone(),
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// The same of arguments by name; texts are not shown either.
fn shown(command: &Command, given: &BTreeMap<String, Vec<String>>) -> String {
    let kind =
        |name: &str| command.arguments.iter().find(|one| one.name == name).map(|one| one.kind);
    let mut text = String::new();
    for (name, values) in given {
        for value in values {
            let value = match (kind(name), value.split_once('=')) {
                (Some(Kind::Text | Kind::File | Kind::Code), _) => "…".to_owned(),
                (Some(Kind::Pair), Some((key, _))) => format!("{key}=…"),
                _ => value.clone(),
            };
            text.push_str(&format!("{name}: {value} "));
        }
    }
    text.trim_end().to_owned()
}

/// The arguments of a row, from the words behind it. Whether a word names a group is looked up
/// where the words alone do not tell.
async fn arguments(
    desk: &Desk,
    room: &Place,
    command: &Command,
    words: &[Word],
) -> Result<Result<Arguments, GrammarError>, LedgerError> {
    let split = match grammar::split(command, words) {
        Ok(split) => split,
        Err(error) => return Ok(Err(error)),
    };
    let group_given = match grammar::leading(command, &split, *desk.region) {
        Leading::Given => true,
        Leading::LeftOut => false,
        // In a room without a group, one has to be named.
        Leading::IfGroup(_) if desk.links.conversation(room).is_none() => true,
        Leading::IfGroup(text) => desk.ledger.is_group(&text).await?,
    };
    Ok(grammar::bind(command, &split, group_given, *desk.region))
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
