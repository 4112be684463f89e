//! Forms: what people fill in instead of typing, where a platform has forms (Slack).
//!
//! A form is a command with its arguments drawn as fields. What was filled in becomes the command's
//! arguments by name, and goes its way: the same grammar, the same rights, the same audit. Nothing
//! is decided here but what is asked.

mod adding;
mod create;
mod home;
mod inviting;
mod private;
mod templates;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use partyline_core::{
    AnswerTo, Choice, CommandLine, Fault, Form, FormCommand, FormRequest, Forms, Given, Home,
    PersonId,
};

use crate::commands::{self, Command, Desk, Outcome};
use crate::ledger::{AuditEntry, Ended, LedgerError};
use crate::policy::may;
use templates::Fields;

/// The forms of the commands.
pub struct CommandForms {
    desk: Arc<Desk>,
    templates: Fields,
}

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sheet {
    /// `group create`.
    Create,
    /// The shortcut on a message from a phone: `dm` to whoever wrote it.
    Private,
    /// The button on a card of the inbox: `member add` of whoever has written.
    AddToGroup,
    /// The button beside what is held while nothing invites members to write: `group template`.
    Invitation,
}

/// The form of `dm`: the shortcut's, and that of a card of the inbox.
pub(crate) const REPLY: &str = "reply_privately";
/// The form of `member add`, of a card.
pub(crate) const ADD_TO_GROUP: &str = "add_to_group";

/// The form of `group template`, and its field of the group.
pub(crate) const INVITATION: &str = "invitation";
pub(crate) use adding::GROUP;

/// What was filled into a field, as an argument of its command.
struct Filled {
    field: String,
    argument: &'static str,
    value: String,
}

impl Sheet {
    const ALL: [Self; 4] = [Self::Create, Self::Private, Self::AddToGroup, Self::Invitation];

    /// The name by which a bridge asks for it; of a shortcut, the one in its platform's manifest.
    const fn name(self) -> &'static str {
        match self {
            Self::Create => "group create",
            Self::Private => REPLY,
            Self::AddToGroup => ADD_TO_GROUP,
            Self::Invitation => INVITATION,
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sheet| sheet.name() == name)
    }

    /// The command that it is.
    const fn command(self) -> &'static str {
        match self {
            Self::Create => "group create",
            Self::Private => "dm",
            Self::AddToGroup => "member add",
            Self::Invitation => "group template",
        }
    }

    /// The argument of the command that a field fills in. What is about templates is the same in all.
    fn argument(self, request: &FormRequest, field: &str) -> Option<&'static str> {
        match (field, self) {
            (field, Self::AddToGroup) => adding::argument(field),
            (field, Self::Invitation) => inviting::argument(field),
            (templates::TEMPLATE, _) => Some("template"),
            (field, _) if field.starts_with(templates::SET) => Some("set"),
            (field, Self::Create) => create::argument(request, field),
            (field, Self::Private) => private::argument(field),
        }
    }

    fn filled(self, request: &FormRequest) -> Vec<Filled> {
        let mut filled = Vec::new();
        for (field, values) in &request.values {
            let Some(argument) = self.argument(request, field) else { continue };
            filled.extend(values.iter().map(|value| Filled {
                field: field.clone(),
                argument,
                value: match field.strip_prefix(templates::SET) {
                    Some(key) => format!("{key}={value}"),
                    None if field == create::CHANNEL => {
                        format!("{}:{value}", request.room.network())
                    }
                    None => value.clone(),
                },
            }));
        }
        filled
    }
}

/// A form in which there is only something to read.
fn said(title: &str, sentence: impl Into<String>) -> Form {
    Form { title: title.to_owned(), intro: Some(sentence.into()), ..Form::default() }
}

impl CommandForms {
    /// The forms of this desk's commands.
    #[must_use]
    pub fn new(desk: Arc<Desk>) -> Self {
        Self { templates: Fields::new(&desk), desk }
    }

    /// Whether this person may give the form's command here.
    async fn may(&self, request: &FormRequest, command: &Command) -> Result<bool, LedgerError> {
        let group = self.desk.links.conversation(&request.room);
        let standing =
            crate::roles::standing(&self.desk, &request.by, &request.room, group.as_ref()).await?;
        Ok(may(standing, command.right))
    }

    async fn draw(&self, request: &FormRequest) -> Result<Form, LedgerError> {
        let named = Sheet::named(&request.form);
        let Some((sheet, command)) =
            named.and_then(|sheet| Some((sheet, commands::row(sheet.command())?)))
        else {
            return Ok(said("No such form", "There is no such form any more."));
        };
        if !self.may(request, command).await? {
            let prefix = self.desk.prefix(request.room.network());
            let sentence = commands::denial(prefix, command.words, command.right);
            self.desk
                .ledger
                .audit(AuditEntry {
                    by: request.by.to_string(),
                    name: request.name.clone(),
                    from: request.room.clone(),
                    what: command.words.to_owned(),
                    conversation: self.desk.links.conversation(&request.room),
                    subject: String::new(),
                    ended: Ended::Denied,
                    said: sentence.clone(),
                })
                .await?;
            return Ok(said("Not for you", sentence));
        }
        match sheet {
            Sheet::Create => Ok(create::form(self, request).await),
            Sheet::Private => private::form(self, request).await,
            Sheet::AddToGroup => Ok(adding::form(self, request).await),
            Sheet::Invitation => Ok(inviting::form(self, request).await),
        }
    }

    async fn faults(&self, request: &FormRequest) -> Result<Vec<Fault>, LedgerError> {
        let Some(sheet) = Sheet::named(&request.form) else { return Ok(Vec::new()) };
        let Some(command) = commands::row(sheet.command()) else { return Ok(Vec::new()) };
        let mut faults = Vec::new();
        for Filled { field, argument, value } in sheet.filled(request) {
            let checked = match commands::check(command, argument, &value) {
                Err(sentence) => Err(sentence),
                Ok(()) if argument == "member" => {
                    commands::addresses(&self.desk, &value).await?.map(drop)
                }
                Ok(()) => Ok(()),
            };
            faults.extend(checked.err().map(|sentence| Fault { field, sentence }));
        }
        if sheet == Sheet::Create && request.one(create::NAME).is_none() {
            let (field, sentence) = (create::NAME.to_owned(), "A group needs a name.".to_owned());
            faults.push(Fault { field, sentence });
        }
        if !faults.is_empty() {
            return Ok(faults);
        }
        let FormCommand { words, arguments } = self.command(request);
        let line = CommandLine {
            line: words,
            given: Some(Given::Named(arguments)),
            by: request.by.clone(),
            name: request.name.clone(),
            answer: AnswerTo { place: request.room.clone(), handle: String::new() },
        };
        let room = request.room.clone();
        let carried = commands::carry_out(self.desk.clone(), room, &line, false).await?;
        // Whoever may not is told so by the command, and is in the audit by it.
        if let Outcome::Refused(sentence) = carried.outcome {
            let field = match sheet {
                Sheet::Create => create::ROOM,
                Sheet::Private if request.values.contains_key(private::TEXT) => private::TEXT,
                Sheet::Private | Sheet::Invitation => templates::TEMPLATE,
                Sheet::AddToGroup => GROUP,
            };
            faults.push(Fault { field: field.to_owned(), sentence });
        }
        Ok(faults)
    }
}

#[async_trait]
impl Forms for CommandForms {
    fn wanted(&self, line: &str) -> Option<String> {
        let command = commands::without_arguments(line)?;
        let sheet = Sheet::ALL.into_iter().find(|sheet| sheet.name() == command.words)?;
        Some(sheet.name().to_owned())
    }

    async fn form(&self, request: &FormRequest) -> Form {
        self.draw(request).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a form could not be drawn");
            said("Out of order", "The bridge cannot read its ledger just now: try again later.")
        })
    }

    async fn find(&self, request: &FormRequest, field: &str, text: &str) -> Vec<Choice> {
        let command = Sheet::named(&request.form).and_then(|sheet| commands::row(sheet.command()));
        let Some(command) = command else { return Vec::new() };
        if !self.may(request, command).await.unwrap_or(false) {
            return Vec::new();
        }
        match field {
            create::PEOPLE => create::people(&self.desk, text).await,
            GROUP => adding::groups(&self.desk, text).await,
            templates::TEMPLATE => self.templates.choices(text).await,
            _ => Vec::new(),
        }
    }

    async fn check(&self, request: &FormRequest) -> Vec<Fault> {
        self.faults(request).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a form could not be checked; its command is");
            Vec::new()
        })
    }

    fn command(&self, request: &FormRequest) -> FormCommand {
        let sheet = Sheet::named(&request.form);
        let mut arguments: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for one in sheet.map(|sheet| sheet.filled(request)).unwrap_or_default() {
            arguments.entry(one.argument.to_owned()).or_default().push(one.value);
        }
        // A form that is no longer there is a command that is not there.
        let words = sheet.map_or_else(|| request.form.clone(), |one| one.command().to_owned());
        FormCommand { words, arguments }
    }

    async fn home(&self, person: &PersonId, page: u32) -> Home {
        home::home(&self.desk, person, page).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a Home tab could not be drawn");
            let intro = "The bridge cannot read its ledger just now: open this tab again later.";
            Home { intro: intro.to_owned(), page: 1, ..Home::default() }
        })
    }
}

#[cfg(test)]
mod tests {
    use partyline_core::{Network, Place};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_of_a_command() {
        for sheet in Sheet::ALL {
            assert!(commands::row(sheet.command()).is_some(), "{sheet:?}");
            assert_eq!(Sheet::named(sheet.name()), Some(sheet));
        }
    }

    /// The shortcut stands in the manifest under the name that the daemon knows.
    #[test]
    fn the_manifest_has_the_shortcut() {
        let manifest = include_str!("../config/slack-manifest.yaml");
        let shortcut = format!("callback_id: {}\n", Sheet::Private.name());
        assert!(manifest.contains(&shortcut), "{shortcut}");
    }

    proptest! {
        #[test]
        fn whatever_is_filled_in_is_an_argument_of_the_command(
            fields in prop::collection::btree_map(
                "name|people|numbers|room|channel|group|template|set\\.\\PC{0,5}|who|text|\\PC{0,8}",
                prop::collection::vec("\\PC{0,20}", 1..3), 0..8),
        ) {
            for sheet in Sheet::ALL {
                let request = FormRequest {
                    form: sheet.name().into(),
                    by: PersonId::new(Network::Slack, "U1"),
                    name: None,
                    room: Place::new(Network::Slack, "C1"),
                    message: None,
                    thread: None,
                    values: fields.clone(),
                };
                let command = commands::row(sheet.command()).expect("a row");
                for one in sheet.filled(&request) {
                    let mut names = command.arguments.iter().map(|argument| argument.name);
                    prop_assert!(names.any(|name| name == one.argument), "{}", one.argument);
                    // One sentence or none, and no panic.
                    let _ = commands::check(command, one.argument, &one.value);
                }
            }
        }
    }
}
