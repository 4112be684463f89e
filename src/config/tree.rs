//! The configuration as it was written: a tree of values, each knowing where it was given, from
//! the TOML file with the environment laid over it.

use std::collections::BTreeMap;

use toml::de::{DeInteger, DeTable, DeValue};

use super::fault::{Fault, Origin};

/// The keys of a table.
pub(super) type Table = BTreeMap<String, Node>;

/// A value, and where it was given.
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) at: Origin,
}

/// A value as far as the configuration has a use for it. Values from the environment are text.
pub(super) enum Value {
    Text(String),
    Number(i64),
    List(Vec<Node>),
    Table(Table),
    /// Of a kind that no key takes: what TOML calls it.
    Other(&'static str),
}

impl Value {
    /// What it is, in a sentence.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Number(_) => "a number",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// Reads the file's text, as far as it can be read: every error of syntax is a fault, and what
/// stands around it is still looked at.
pub(super) fn parse(text: &str, faults: &mut Vec<Fault>) -> Table {
    let (table, errors) = DeTable::parse_recoverable(text);
    let lines = Lines::of(text);
    faults.extend(errors.iter().map(|error| Fault {
        key: String::new(),
        origin: error.span().map(|span| Origin::Line(lines.line(span.start))),
        wrong: format!("this is not TOML: {}", error.message()),
        remedy: if error.message() == "duplicate key" {
            "It stands further up already: leave one of the two out".to_owned()
        } else {
            "Write key = \"text\" or key = number, and [section] before a section's keys".to_owned()
        },
    }));
    read_table(table.get_ref(), &|at| Origin::Line(lines.line(at)))
}

/// Reads a list as TOML writes it, out of an environment variable.
pub(super) fn parse_list(text: &str, at: &Origin) -> Option<Vec<Node>> {
    let value = DeValue::parse(text).ok()?;
    match read_value(value.get_ref(), &|_| at.clone()) {
        Value::List(list) => Some(list),
        _ => None,
    }
}

fn read_table(table: &DeTable<'_>, origin: &dyn Fn(usize) -> Origin) -> Table {
    table
        .iter()
        .map(|(key, value)| {
            let value = read_value(value.get_ref(), origin);
            (key.get_ref().to_string(), Node { value, at: origin(key.span().start) })
        })
        .collect()
}

fn read_value(value: &DeValue<'_>, origin: &dyn Fn(usize) -> Origin) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            read_integer(number).map_or(Value::Other("a number that is too large"), Value::Number)
        }
        DeValue::Array(items) => {
            let node = |item: &toml::Spanned<DeValue<'_>>| Node {
                value: read_value(item.get_ref(), origin),
                at: origin(item.span().start),
            };
            Value::List(items.iter().map(node).collect())
        }
        DeValue::Table(table) => Value::Table(read_table(table, origin)),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Boolean(_) => Value::Other("true or false"),
        DeValue::Datetime(_) => Value::Other("a date or time"),
    }
}

fn read_integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// Where the lines of a text end, as every value of ten thousand links is told its line.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line of a byte, counted from 1.
    fn line(&self, at: usize) -> usize {
        1 + self.0.partition_point(|&end| end < at)
    }
}

/// What every variable of ours begins with.
const PREFIX: &str = "PARTYLINE_";

/// Lays the environment over the tree: `PARTYLINE_TWILIO__AUTH_TOKEN` is `twilio.auth_token`, and
/// `PARTYLINE_LINKS` is the list of links. Variables without `__` are not the configuration's
/// (`PARTYLINE_CONFIG`, say), and one that is set but empty counts as not set, as container tools
/// pass it.
pub(super) fn overlay(
    tree: &mut Table,
    environment: impl Iterator<Item = (String, String)>,
    faults: &mut Vec<Fault>,
) {
    for (name, text) in environment {
        let Some(path) = name.strip_prefix(PREFIX).filter(|_| !text.is_empty()) else { continue };
        let path = path.to_lowercase();
        let at = Origin::Env(name.clone());
        if path == "links" {
            match parse_list(&text, &at) {
                Some(links) => {
                    tree.insert(path, Node { value: Value::List(links), at });
                }
                None => faults.push(Fault {
                    key: path,
                    origin: Some(at),
                    wrong: "this is not a list of links".to_owned(),
                    remedy: "Write [{conversation = \"CH…\", rooms = [\"slack:C0123ABC\"]}]"
                        .to_owned(),
                }),
            }
            continue;
        }
        let Some((section, key)) = path.split_once("__") else { continue };
        let section = tree
            .entry(section.to_owned())
            .or_insert_with(|| Node { value: Value::Table(Table::new()), at: at.clone() });
        // A section that is no table is a fault of the file's, told when the section is read.
        if let Value::Table(keys) = &mut section.value {
            keys.insert(key.to_owned(), Node { value: Value::Text(text), at });
        }
    }
}
