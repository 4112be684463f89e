//! Reading one section: each key is asked for once, with what it must look like and what to do
//! when it does not. Whatever is wrong is noted and reading goes on, so that all faults are told
//! at once; what nobody asked for is an unknown key.

mod secret;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use super::fault::{Fault, Origin};
use super::forms;
use super::tree::{Node, Table, Value, parse_list};
pub(super) use secret::is_open;

/// A fault about this value has been noted: nothing more need be said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Noted;

/// A section while it is read.
pub(super) struct Section<'a> {
    path: String,
    left: Table,
    asked: BTreeMap<&'static str, Option<Origin>>,
    around: Around<'a>,
}

/// What stands around a section while it is read.
pub(super) struct Around<'a> {
    /// Everything that is wrong.
    pub(super) faults: &'a mut Vec<Fault>,
    /// What is allowed and still looks like an oversight.
    pub(super) warnings: &'a mut Vec<String>,
    /// The folder of the credentials that systemd hands over (`LoadCredential=`): a file for each,
    /// named as the key is (`twilio.auth_token`).
    pub(super) credentials: Option<&'a Path>,
}

impl<'a> Section<'a> {
    /// The section at `path` (`twilio`, `links[0]`). A missing one reads as an empty one.
    pub(super) fn new(path: String, node: Option<Node>, around: Around<'a>) -> Self {
        let left = match node {
            None => Table::new(),
            Some(Node { value: Value::Table(table), .. }) => table,
            Some(Node { value, at }) => {
                around.faults.push(Fault {
                    key: path.clone(),
                    origin: Some(at),
                    wrong: format!("a section is expected here, not {}", value.kind()),
                    remedy: format!("Write [{path}] on a line of its own, and its keys below it"),
                });
                Table::new()
            }
        };
        Self { path, left, asked: BTreeMap::new(), around }
    }

    /// Notes a fault of a key of this section.
    pub(super) fn fault(
        &mut self,
        key: &str,
        wrong: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Noted {
        let origin = self.asked.get(key).cloned().flatten();
        self.fault_at(key, origin, wrong, remedy)
    }

    fn fault_at(
        &mut self,
        key: &str,
        origin: Option<Origin>,
        wrong: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Noted {
        self.around.faults.push(Fault {
            key: format!("{}.{key}", self.path),
            origin,
            wrong: wrong.into(),
            remedy: remedy.into(),
        });
        Noted
    }

    fn take(&mut self, key: &'static str) -> Option<Node> {
        let node = self.left.remove(key);
        self.asked.insert(key, node.as_ref().map(|node| node.at.clone()));
        node
    }

    fn text(&mut self, key: &'static str, remedy: &str) -> Result<Option<String>, Noted> {
        match self.take(key) {
            None => Ok(None),
            Some(Node { value: Value::Text(text), .. }) => Ok(Some(text)),
            Some(Node { value, .. }) => Err(self.fault(
                key,
                format!("text in quotes is expected, not {}", value.kind()),
                remedy,
            )),
        }
    }

    /// A key that may be left out. `parse` says what is wrong with the text.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        remedy: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Noted> {
        let Some(text) = self.text(key, remedy)? else { return Ok(None) };
        forms::not_placeholder(&text)
            .and_then(|()| parse(text.trim()))
            .map(Some)
            .map_err(|wrong| self.fault(key, wrong, remedy))
    }

    /// A key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        remedy: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, Noted> {
        self.optional(key, remedy, parse)?.ok_or_else(|| self.fault(key, "it is missing", remedy))
    }

    /// A key that has a value of its own when it is left out.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: &str,
        remedy: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Noted> {
        match self.optional(key, remedy, &parse)? {
            Some(value) => Ok(value),
            None => parse(default).map_err(|wrong| self.fault(key, wrong, remedy)),
        }
    }

    /// A span of time within a range: `500 ms`, `2s`, `30 days`.
    pub(super) fn span(
        &mut self,
        key: &'static str,
        default: &str,
        range: RangeInclusive<Duration>,
    ) -> Result<Duration, Noted> {
        let remedy = format!("Write a span such as {default}");
        self.or(key, default, &remedy, forms::duration(*range.start(), *range.end()))
    }

    /// One of a few words; the first is the default.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Result<T, Noted> {
        let words: Vec<_> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let remedy = format!("Write {}", words.join(" or "));
        self.or(key, choices[0].0, &remedy, |text| {
            let found = choices.iter().find(|(word, _)| *word == text);
            found.map(|(_, choice)| *choice).ok_or_else(|| format!("\"{text}\" is not known here"))
        })
    }

    /// A whole number within a range.
    pub(super) fn number<T>(
        &mut self,
        key: &'static str,
        default: T,
        range: RangeInclusive<T>,
    ) -> Result<T, Noted>
    where
        T: Copy + PartialOrd + Display + TryFrom<i64> + FromStr,
    {
        self.optional_number(key, range).map(|number| number.unwrap_or(default))
    }

    /// A whole number within a range, which may be left out.
    pub(super) fn optional_number<T>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, Noted>
    where
        T: Copy + PartialOrd + Display + TryFrom<i64> + FromStr,
    {
        let (least, most) = (range.start(), range.end());
        let remedy = format!("Write a whole number from {least} to {most}, without quotes");
        let number = match self.take(key).map(|node| node.value) {
            None => return Ok(None),
            Some(Value::Number(number)) => T::try_from(number).ok(),
            // The environment knows text only.
            Some(Value::Text(text)) if matches!(self.asked[key], Some(Origin::Env(_))) => {
                text.trim().parse().ok()
            }
            Some(other) => {
                let wrong = format!("a number is expected, not {}", other.kind());
                return Err(self.fault(key, wrong, remedy));
            }
        };
        number
            .filter(|number| range.contains(number))
            .map(Some)
            .ok_or_else(|| self.fault(key, "the number is out of range", remedy))
    }

    /// A list of texts; empty where it is left out. From the environment, with commas between
    /// them, or as TOML writes it.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        remedy: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, Noted> {
        let items = match self.take(key) {
            None => return Ok(Vec::new()),
            Some(Node { value: Value::List(items), .. }) => items,
            Some(Node { value: Value::Text(text), at: at @ Origin::Env(_) }) => {
                parse_list(&text, &at).unwrap_or_else(|| split_commas(&text, &at))
            }
            Some(Node { value, .. }) => {
                let wrong = format!("a list in [ ] is expected, not {}", value.kind());
                return Err(self.fault(key, wrong, remedy));
            }
        };
        let mut read = Vec::with_capacity(items.len());
        let mut noted = None;
        for (index, Node { value, at }) in items.into_iter().enumerate() {
            let parsed = match &value {
                Value::Text(text) => forms::not_placeholder(text).and_then(|()| parse(text.trim())),
                other => Err(format!("text in quotes is expected, not {}", other.kind())),
            };
            match parsed {
                Ok(item) => read.push(item),
                Err(wrong) => {
                    let key = format!("{key}[{index}]");
                    noted = Some(self.fault_at(&key, Some(at), wrong, remedy));
                }
            }
        }
        noted.map_or(Ok(read), Err)
    }

    /// Ends the section: what nobody asked for is a fault. Gives the keys that were asked for.
    pub(super) fn finish(mut self) -> Vec<String> {
        let known: Vec<&str> = self.asked.keys().copied().collect();
        let path = self.path.clone();
        for (key, node) in std::mem::take(&mut self.left) {
            let remedy = match forms::nearest(&key, known.iter().copied()) {
                Some(near) => format!("Did you mean {path}.{near}? Otherwise take it out"),
                None => format!("Take it out: the keys of {path} are {}", known.join(", ")),
            };
            self.fault_at(&key, Some(node.at), "there is no such key", remedy);
        }
        known.into_iter().map(|key| format!("{path}.{key}")).collect()
    }
}

fn split_commas(text: &str, at: &Origin) -> Vec<Node> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| Node { value: Value::Text(item.to_owned()), at: at.clone() })
        .collect()
}
