//! What a command takes: words, quotes, flags and lists, by the row's own description.
//!
//! Pure. Names of groups and people are texts here; `commands` looks them up.

mod argument;
mod kind;
mod words;

use std::collections::BTreeMap;

use rlibphonenumber::Region;

pub use argument::{Argument, Arguments, Count, Stands};
pub use kind::Kind;
pub(super) use words::is_quote;
pub use words::{Word, parse_words};

use super::Command;
use crate::policy::parse_address;

/// Checks arguments that a program gave by name against the command's row.
pub(super) fn named(
    command: &Command,
    given: &BTreeMap<String, Vec<String>>,
) -> Result<Arguments, GrammarError> {
    let mut arguments = Arguments::default();
    for (name, values) in given {
        let known = command.arguments.iter().find(|known| known.name == name);
        let known = known.ok_or_else(|| {
            GrammarError::Wrong(format!("There is no \"{}\" here.", kind::shown(name)))
        })?;
        if matches!(known.count, Count::One | Count::Maybe) && values.len() > 1 {
            return Err(GrammarError::TooMuch(name.clone(), "was given twice."));
        }
        for value in values {
            arguments.push(known.name, known.kind.check(value)?);
        }
    }
    let needed = |one: &&Argument| matches!(one.count, Count::One | Count::Some);
    match command.arguments.iter().filter(needed).find(|one| !arguments.has(one.name)) {
        Some(missing) => Err(GrammarError::Missing(missing.kind.label(missing.name))),
        None => Ok(arguments),
    }
}

/// What is wrong with a command line, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    /// A quotation that does not end.
    #[error("A quotation mark is missing its partner.")]
    Quote,
    /// Too long a line.
    #[error("That is longer than {0} characters.")]
    TooLong(usize),
    /// Fewer words than the command needs.
    #[error("Something is missing: {0}.")]
    Missing(String),
    /// More words than the command takes.
    #[error("\"{0}\" is one word too many. (Words that belong together stand in quotes.)")]
    Surplus(String),
    /// A flag that the command does not know.
    #[error("There is no --{0} here{1}")]
    Flag(String, String),
    /// A flag without its value.
    #[error("--{0} needs a value behind it.")]
    Value(String),
    /// A flag that takes no value, or one only, and was given more.
    #[error("--{0} {1}")]
    TooMuch(String, &'static str),
    /// A value that is not of its argument's kind.
    #[error("{0}")]
    Wrong(String),
}

/// The words behind a command, flags taken out.
#[derive(Clone, Debug)]
pub(super) struct Split {
    flags: Arguments,
    words: Vec<Word>,
}

/// Sorts the words behind a command into words and flags.
pub(super) fn split(command: &Command, words: &[Word]) -> Result<Split, GrammarError> {
    let mut split = Split { flags: Arguments::default(), words: Vec::new() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word.ends_flags() {
            match command.arguments.iter().find(|one| one.stands == Stands::Rest) {
                Some(rest) => {
                    let line = words::line(words.as_slice());
                    split.flags.push(rest.name, rest.kind.check(&line)?);
                }
                None => split.words.extend(words.cloned()),
            }
            break;
        }
        let Some(flag) = word.flag() else {
            split.words.push(word.clone());
            continue;
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        let known = known_flag(command, name)?;
        let given = match (known.stands, value) {
            (Stands::Switch, Some(_)) => {
                return Err(GrammarError::TooMuch(name.to_owned(), "takes no value."));
            }
            (Stands::Switch, None) => "yes".to_owned(),
            (_, Some(value)) => value,
            (_, None) => match words.next() {
                Some(value) if value.flag().is_none() && known.kind == Kind::Span => {
                    words::span(value, &mut words)
                }
                Some(value) if value.flag().is_none() => value.text.clone(),
                _ => return Err(GrammarError::Value(name.to_owned())),
            },
        };
        if known.count == Count::Maybe && split.flags.has(known.name) {
            return Err(GrammarError::TooMuch(name.to_owned(), "was given twice."));
        }
        split.flags.push(known.name, known.kind.check(&given)?);
    }
    take_variables(command, &mut split)?;
    Ok(split)
}

/// Beside a template, `k=v` is one of its variables: `dm WHO --template SID 1=Maya`.
fn take_variables(command: &Command, split: &mut Split) -> Result<(), GrammarError> {
    let is_set = |one: &&Argument| one.stands == Stands::Flag && one.kind == Kind::Pair;
    let set = command.arguments.iter().find(is_set).filter(|_| split.flags.has("template"));
    let Some(set) = set else { return Ok(()) };
    let is_pair = |word: &Word| kind::is_pair(&word.text);
    let (pairs, others) = std::mem::take(&mut split.words).into_iter().partition(is_pair);
    split.words = others;
    pairs.into_iter().try_for_each(|pair: Word| {
        split.flags.push(set.name, set.kind.check(&pair.text)?);
        Ok(())
    })
}

fn known_flag<'a>(command: &'a Command, name: &str) -> Result<&'a Argument, GrammarError> {
    let is_flag = |one: &&Argument| matches!(one.stands, Stands::Flag | Stands::Switch);
    let flags = || command.arguments.iter().filter(is_flag);
    let short: String = name.chars().take(40).collect();
    flags().find(|known| known.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let near = flags().find(|known| strsim::levenshtein(known.name, &short) <= 2);
        let hint = near.map_or(".".to_owned(), |near| format!(": did you mean --{}?", near.name));
        GrammarError::Flag(short.clone(), hint)
    })
}

/// Whether the group in front of the other words was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leading {
    /// It was, or the command takes none that could be left out.
    Given,
    /// It was left out: the room's group is meant.
    LeftOut,
    /// It was, if this names a group.
    IfGroup(String),
}

/// Whether the group that a command takes in front was given, as far as the number and the form
/// of the words tell.
pub(super) fn leading(command: &Command, split: &Split, region: Option<Region>) -> Leading {
    let mut arguments = command.arguments.iter().filter(|one| one.stands == Stands::Word);
    let optional = |one: &&Argument| one.kind == Kind::Group && one.count == Count::Maybe;
    if !arguments.next().as_ref().is_some_and(optional) {
        return Leading::Given;
    }
    let others: Vec<&Argument> = arguments.collect();
    let pairs = others.iter().any(|one| one.kind == Kind::Pair);
    let count = split.words.iter().filter(|word| !(pairs && kind::is_pair(&word.text))).count();
    let needed = |one: &&&Argument| matches!(one.count, Count::One | Count::Some);
    let least = others.iter().filter(needed).count();
    let most = others.iter().try_fold(0, |sum: usize, one| match one.count {
        _ if one.kind == Kind::Pair => Some(sum),
        // A text is all that is left of the line.
        _ if one.kind == Kind::Text => None,
        Count::One | Count::Maybe => Some(sum + 1),
        Count::Any | Count::Some => None,
    });
    let first = match split.words.first() {
        Some(first) if count > least => first,
        _ => return Leading::LeftOut,
    };
    if most.is_some_and(|most| count > most || (most == 1 && least == 0)) {
        // `group delete NAME`: what can be the group is the group.
        return Leading::Given;
    }
    let is_number = words::number_at(&split.words, |text| parse_address(text, region).is_ok());
    if first.separates() || is_number.is_some() || parse_address(&first.text, region).is_ok() {
        return Leading::LeftOut;
    }
    Leading::IfGroup(first.text.clone())
}

/// Gives the words to the row's arguments, each checked for its kind.
pub(super) fn bind(
    command: &Command,
    split: &Split,
    group_given: bool,
    region: Option<Region>,
) -> Result<Arguments, GrammarError> {
    let mut bound = split.flags.clone();
    let mut words = split.words.as_slice();
    let mut arguments =
        command.arguments.iter().filter(|one| one.stands == Stands::Word).peekable();
    while let Some(argument) = arguments.next() {
        if argument.kind == Kind::Group && argument.count == Count::Maybe && !group_given {
            continue;
        }
        let taken = take(argument, arguments.peek().is_none(), &mut words, region);
        if taken.is_empty() && matches!(argument.count, Count::One | Count::Some) {
            return Err(GrammarError::Missing(argument.kind.label(argument.name)));
        }
        for value in taken {
            bound.push(argument.name, argument.kind.check(&value)?);
        }
    }
    if let Some(surplus) = words.first() {
        return Err(GrammarError::Surplus(kind::shown(&surplus.text)));
    }
    match command.arguments.iter().find(|one| one.stands == Stands::Rest) {
        Some(rest) if !bound.has(rest.name) => Err(GrammarError::Missing(rest.usage())),
        _ => Ok(bound),
    }
}

/// Takes what belongs to an argument off the words: the last text is all that is left of the line.
fn take(
    argument: &Argument,
    last: bool,
    words: &mut &[Word],
    region: Option<Region>,
) -> Vec<String> {
    let is_whole = |text: &str| parse_address(text, region).is_ok();
    let texts = |words: &[Word]| words.iter().map(|word| word.text.clone()).collect::<Vec<_>>();
    match (argument.count, argument.kind) {
        _ if words.is_empty() => Vec::new(),
        (Count::Any | Count::Some, Kind::Who) => words::items(std::mem::take(words), is_whole),
        (Count::Any | Count::Some, _) => texts(std::mem::take(words)),
        (_, Kind::Text) if last => vec![texts(std::mem::take(words)).join(" ")],
        (_, Kind::Targets) => {
            let goes_on = |word: &&Word| word.text.ends_with(',');
            let count = (words.iter().take_while(goes_on).count() + 1).min(words.len());
            let (list, rest) = words.split_at(count);
            *words = rest;
            vec![texts(list).concat()]
        }
        (_, Kind::Number | Kind::Who) => {
            let (number, count) =
                words::number_at(words, is_whole).unwrap_or((words[0].text.clone(), 1));
            *words = &words[count..];
            vec![number]
        }
        _ => {
            let (first, rest) = (&words[0], &words[1..]);
            *words = rest;
            vec![first.text.clone()]
        }
    }
}

#[cfg(test)]
mod tests;
