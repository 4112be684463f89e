//! From a command line to what it comes to.

use std::sync::Arc;

use partyline_core::{CommandLine, Given, Place};
use rlibphonenumber::Region;

use super::grammar::{self, Leading};
use super::{
    Arguments, Call, Command, Desk, GrammarError, Outcome, Word, find, help, parse_words, row,
    subject,
};
use crate::ledger::LedgerError;
use crate::policy::{Right, may};

/// What a command line came to, and what the audit has to say of it.
#[derive(Debug)]
pub struct Carried {
    /// An answer, a refusal, or an operation that is still to be carried out.
    pub outcome: Outcome,
    /// The row that it named, where it named one.
    pub command: Option<&'static Command>,
    /// The group that it was about.
    pub group: Option<Place>,
    /// Its arguments, as the audit shows them.
    pub subject: String,
}

impl Carried {
    /// A line that names no row: nothing but this sentence comes of it.
    fn nothing(sentence: String) -> Self {
        Self {
            outcome: Outcome::Refused(sentence),
            command: None,
            group: None,
            subject: String::new(),
        }
    }
}

/// A line that names a row.
struct Named {
    command: &'static Command,
    /// Or what is wrong with them.
    arguments: Result<Arguments, GrammarError>,
    /// Them as the audit shows them.
    subject: String,
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
    let Named { command, arguments, subject } = match read(&desk, &room, line).await? {
        Ok(named) => named,
        Err(sentence) => return Ok(Carried::nothing(sentence)),
    };
    let group = match &arguments {
        Ok(arguments) => find::group_of(&desk, &room, command, arguments, looked_up).await?,
        Err(_) => Ok(None),
    };
    let names_group = |arguments| find::names_group(command, arguments);
    let about = match (&group, &arguments) {
        (Ok(Some(group)), _) => Some(group.info.place.clone()),
        (Err(_), Ok(arguments)) if names_group(arguments) => None,
        (_, arguments) => {
            let other = arguments.as_ref().ok().and_then(|arguments| arguments.one("room"));
            let other = other.and_then(|room| room.parse().ok());
            desk.links.conversation(other.as_ref().unwrap_or(&room))
        }
    };
    let standing = crate::roles::standing(&desk, &line.by, &room, about.as_ref()).await?;
    // Whoever names a group sees more than everybody may.
    let named = arguments.as_ref().is_ok_and(names_group);
    let right = if named { command.right.max(Right::Member) } else { command.right };
    let outcome = match (arguments, group) {
        _ if !may(standing, right) => {
            let prefix = desk.prefix(room.network());
            Outcome::Denied(denial(prefix, command.words, right))
        }
        (Err(error), _) => {
            Outcome::Refused(corrected(desk.prefix(room.network()), command, &error))
        }
        (_, Err(outcome)) => outcome,
        (Ok(arguments), Ok(group)) => {
            let by = line.by.clone();
            let (name, answer) = (line.name.clone(), line.answer.clone());
            (command.run)(Call { desk, room, by, name, answer, group, standing, arguments }).await?
        }
    };
    Ok(Carried { outcome, command: Some(command), group: about, subject })
}

/// The row and the arguments of a line, typed or given by a program; or the sentence for a line that
/// names none.
async fn read(
    desk: &Desk,
    room: &Place,
    line: &CommandLine,
) -> Result<Result<Named, String>, LedgerError> {
    let words = match &line.given {
        Some(Given::Named(given)) => {
            let Some(command) = row(&line.line) else {
                return Ok(Err(format!("There is no command \"{}\" yet.", line.line)));
            };
            let arguments = grammar::named(command, given);
            let subject = subject::of_named(command, given);
            return Ok(Ok(Named { command, arguments, subject }));
        }
        Some(Given::Words(words)) => words.iter().map(Word::handed_over).collect(),
        None => match parse_words(&line.line) {
            Ok(words) => words,
            Err(error) => return Ok(Err(error.to_string())),
        },
    };
    let Some((command, rest)) = find(&words) else {
        return Ok(Err(help::unknown(&words, desk.prefix(room.network()))));
    };
    let arguments = arguments(desk, room, command, rest).await?;
    let subject = subject::of_words(command, rest, &arguments);
    Ok(Ok(Named { command, arguments, subject }))
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

/// What is wrong with the form of a command that is handed over word by word, before anybody is
/// asked for it: a command that there is not, a flag that it does not know, words too few or too
/// many. Whether its values are right, and whether it names a group, only the daemon can tell.
///
/// # Errors
/// What is wrong, and how it is written.
pub fn misspelt(words: &[String], prefix: &str, region: Option<Region>) -> Result<(), String> {
    let words: Vec<Word> = words.iter().map(Word::handed_over).collect();
    let Some((command, rest)) = find(&words) else { return Err(help::unknown(&words, prefix)) };
    let bound = grammar::split(command, rest).and_then(|split| {
        let with_group = grammar::leading(command, &split, region) != Leading::LeftOut;
        grammar::bind(command, &split, with_group, region)
    });
    match bound {
        Ok(_) | Err(GrammarError::Wrong(_)) => Ok(()),
        Err(error) => Err(corrected(prefix, command, &error)),
    }
}

/// What whoever may not give a command is told.
pub(crate) fn denial(prefix: &str, words: &str, right: Right) -> String {
    format!("You may not use `{prefix} {words}`: it is for {}.", right.in_words())
}

/// What is wrong with a command's arguments, and how it is written.
fn corrected(prefix: &str, command: &Command, error: &GrammarError) -> String {
    format!(
        "{error} Write: `{prefix} {words} {}`, for example: `{prefix} {}`",
        command.usage(),
        command.examples[0],
        words = command.words,
    )
}
