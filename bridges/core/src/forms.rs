//! Forms and buttons: what people fill in or press instead of typing, where a platform has such.
//!
//! The daemon says what is asked ([`Forms`]), a bridge shows it as its platform does. What was
//! filled in or pressed comes back as a command, and goes the way of one that was typed.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{MessageId, PersonId, Place};

/// Something that can be done by pressing it, under an answer or a card.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// What stands on it, at most 75 characters.
    pub label: String,
    /// Whether it destroys something.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub danger: bool,
    /// What pressing it does.
    pub press: Press,
}

/// What pressing a [`Button`] does.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Press {
    /// A command is given: its words and arguments, one by one.
    Give(Vec<String>),
    /// Nothing is done, and this is said in the place of the question.
    Say(String),
    /// A command is given each time, likewise; what the button stands under stays.
    Run(Vec<String>),
    /// The person is asked whether they are sure, by the platform itself; then likewise.
    Ask {
        /// What would happen, in a sentence.
        question: String,
        /// The command's words and arguments.
        words: Vec<String>,
    },
    /// A form is opened, in which this is filled in already; what the button stands under stays.
    Open {
        /// Which form ([`FormRequest::form`]).
        form: String,
        /// What is filled in, by the fields' names.
        values: BTreeMap<String, Vec<String>>,
    },
}

impl std::fmt::Debug for Button {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A command can hold names and numbers.
        f.debug_struct("Button").field("label", &self.label).finish_non_exhaustive()
    }
}

/// A form, as somebody has it before them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Its title. Bridges cut it to what their platform shows (Slack: 24 characters).
    pub title: String,
    /// What stands on the button that sends it off; without one, there is only something to read.
    pub submit: Option<String>,
    /// What stands above the fields.
    pub intro: Option<String>,
    /// What is asked.
    pub fields: Vec<Field>,
    /// What goes along unseen, by name, as if it had been filled in.
    pub unseen: BTreeMap<String, Vec<String>>,
}

/// Something that a [`Form`] asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name under which what was filled in comes back.
    pub name: String,
    /// What people read.
    pub label: String,
    /// An explanation below it.
    pub hint: Option<String>,
    /// How it is answered.
    pub kind: FieldKind,
    /// Whether it may stay empty.
    pub optional: bool,
    /// Whether the form changes with it: then it is asked for anew ([`Forms::form`]).
    pub reloads: bool,
    /// What stands in it at first.
    pub value: Option<String>,
}

/// How a [`Field`] is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A line of text, at most so many characters.
    Line(u16),
    /// Several lines, likewise.
    Lines(u16),
    /// One of these.
    Choice(Vec<Choice>),
    /// One of what is found by its beginning ([`Forms::find`]).
    Search,
    /// Several of these.
    SearchMany,
    /// One of the platform's rooms.
    Room,
}

/// Something to choose.
#[derive(Clone, PartialEq, Eq)]
pub struct Choice {
    /// What comes back, at most 150 characters.
    pub value: String,
    /// What people read; cut to 75 characters.
    pub label: String,
}

impl Choice {
    /// A choice of this value, under this label.
    #[must_use]
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into() }
    }
}

impl std::fmt::Debug for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It can be a person with a number.
        f.debug_struct("Choice").finish_non_exhaustive()
    }
}

/// Who has which form before them, where, and what was filled in so far.
#[derive(Clone, PartialEq, Eq)]
pub struct FormRequest {
    /// Which form: the words of a command, or the name of a shortcut.
    pub form: String,
    /// Who.
    pub by: PersonId,
    /// The person's name, if it came along.
    pub name: Option<String>,
    /// The room in which it was opened.
    pub room: Place,
    /// The message that it is about, where it was opened on one.
    pub message: Option<MessageId>,
    /// The thread of that message, as a room of its own, where the platform has such.
    pub thread: Option<Place>,
    /// What was filled in, by the fields' names; nothing at first.
    pub values: BTreeMap<String, Vec<String>>,
}

impl FormRequest {
    /// The value of a field that has one.
    #[must_use]
    pub fn one(&self, field: &str) -> Option<&str> {
        self.values.get(field)?.first().map(String::as_str)
    }
}

impl std::fmt::Debug for FormRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What was filled in holds names and numbers.
        f.debug_struct("FormRequest")
            .field("form", &self.form)
            .field("by", &self.by)
            .field("room", &self.room)
            .finish_non_exhaustive()
    }
}

/// What is wrong with what was filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field.
    pub field: String,
    /// What is wrong, in a sentence.
    pub sentence: String,
}

/// The command that a filled form is.
#[derive(Clone, PartialEq, Eq)]
pub struct FormCommand {
    /// Its words: `group create`.
    pub words: String,
    /// Its arguments, by name.
    pub arguments: BTreeMap<String, Vec<String>>,
}

/// The groups that somebody may see, a page of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// What stands above them.
    pub intro: String,
    /// The groups.
    pub groups: Vec<HomeGroup>,
    /// Which page it is, from 1.
    pub page: u32,
    /// Whether there is another one.
    pub more: bool,
    /// The forms that can be opened from here, by name and label.
    pub forms: Vec<Choice>,
}

/// A group of a [`Home`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeGroup {
    /// What it is called.
    pub name: String,
    /// What is known of it, in a line.
    pub about: String,
    /// Its rooms.
    pub rooms: Vec<Place>,
}

/// What the daemon asks and shows. Implemented by the daemon, called by bridges whose platforms
/// have forms. A platform waits three seconds at most, so that nothing here waits for another
/// platform but [`Forms::form`] and [`Forms::home`], for which there is time.
#[async_trait]
pub trait Forms: Send + Sync {
    /// The form that a command line asks for: one that needs arguments and has none.
    fn wanted(&self, line: &str) -> Option<String>;

    /// The form as it is with what was filled in so far. One that this person may not have says
    /// so, and nothing else.
    async fn form(&self, request: &FormRequest) -> Form;

    /// What can be chosen in a field, by the beginning of it.
    async fn find(&self, request: &FormRequest, field: &str, text: &str) -> Vec<Choice>;

    /// What is wrong with what was filled in, as far as that can be said at once.
    async fn check(&self, request: &FormRequest) -> Vec<Fault>;

    /// The command that it is.
    fn command(&self, request: &FormRequest) -> FormCommand;

    /// The groups that somebody may see.
    async fn home(&self, person: &PersonId, page: u32) -> Home;
}
