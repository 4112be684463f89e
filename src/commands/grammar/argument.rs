//! What a command takes, as its row says it, and what it was given.

use std::collections::BTreeMap;

use super::kind::Kind;

/// One argument of a command.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// Its name: of a flag behind the dashes, of a word in the documentation.
    pub name: &'static str,
    /// What its values must look like.
    pub kind: Kind,
    /// Where in the line it stands.
    pub stands: Stands,
    /// How often it must, and may, be given.
    pub count: Count,
}

/// Where an argument stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// Among the words, in order.
    Word,
    /// Behind `--name`.
    Flag,
    /// It is `--name` itself, without a value.
    Switch,
    /// It is all that stands behind `--`, as it was typed.
    Rest,
}

/// How often an argument stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Once.
    One,
    /// Once or not at all.
    Maybe,
    /// Any number of times.
    Any,
    /// Once at least.
    Some,
}

impl Argument {
    /// A word that must be there.
    #[must_use]
    pub const fn word(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, stands: Stands::Word, count: Count::One }
    }

    /// A flag that may be there.
    #[must_use]
    pub const fn flag(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, stands: Stands::Flag, count: Count::Maybe }
    }

    /// A flag without a value.
    #[must_use]
    pub const fn switch(name: &'static str) -> Self {
        Self { name, kind: Kind::Text, stands: Stands::Switch, count: Count::Maybe }
    }

    /// All that stands behind `--`.
    #[must_use]
    pub const fn rest(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, stands: Stands::Rest, count: Count::One }
    }

    /// The same, but it may be missing.
    #[must_use]
    pub const fn maybe(self) -> Self {
        Self { count: Count::Maybe, ..self }
    }

    /// The same, any number of times.
    #[must_use]
    pub const fn any(self) -> Self {
        Self { count: Count::Any, ..self }
    }

    /// The same, once at least.
    #[must_use]
    pub const fn some(self) -> Self {
        Self { count: Count::Some, ..self }
    }

    /// As the documentation writes it: `[--member WHO]…`.
    #[must_use]
    pub fn usage(&self) -> String {
        let shown = match self.stands {
            Stands::Switch => format!("[--{}]", self.name),
            Stands::Rest => format!("-- {}", self.kind.label(self.name)),
            Stands::Flag => format!("[--{} {}]", self.name, self.kind.label(self.name)),
            Stands::Word if matches!(self.count, Count::Maybe | Count::Any) => {
                format!("[{}]", self.kind.label(self.name))
            }
            Stands::Word => self.kind.label(self.name),
        };
        let more = matches!(self.count, Count::Any | Count::Some);
        if more { format!("{shown}…") } else { shown }
    }
}

/// What stood behind a command's words, by the names of its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments(BTreeMap<&'static str, Vec<String>>);

impl Arguments {
    /// The value of an argument, the last one if it was given several times.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.last().map(String::as_str)
    }

    /// All values of an argument, in order.
    #[must_use]
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether it was given.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The same with one more value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.push(name, value.into());
        self
    }

    /// One more value of an argument.
    pub(super) fn push(&mut self, name: &'static str, value: String) {
        self.0.entry(name).or_default().push(value);
    }
}
