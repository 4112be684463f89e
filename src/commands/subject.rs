//! A command's arguments as the audit shows them: no text, no file, no code, no value.

use std::collections::BTreeMap;

use super::{Arguments, Command, GrammarError, Kind, Word};

/// The words behind a row: of what is set to a value only what is set, of a code nothing.
pub(super) fn of_words(
    command: &Command,
    words: &[Word],
    arguments: &Result<Arguments, GrammarError>,
) -> String {
    let shown = words.iter().map(|word| match word.text.split_once('=') {
        _ if word.is_block => "…".to_owned(),
        Some((key, _)) => format!("{key}=…"),
        None => word.text.clone(),
    });
    let shown = shown.collect::<Vec<_>>().join(" ");
    let code = command.arguments.iter().find(|one| one.kind == Kind::Code);
    match (code, arguments) {
        (Some(code), Ok(arguments)) => match arguments.one(code.name) {
            Some(told) => shown.replace(told, "…"),
            None => shown,
        },
        _ => shown,
    }
}

/// The same of arguments by name; texts and files are not shown either.
pub(super) fn of_named(command: &Command, given: &BTreeMap<String, Vec<String>>) -> String {
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
