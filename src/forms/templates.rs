//! Templates in forms: searched by name, each with its variables as fields.
//!
//! Twilio tells them slowly, page by page, while a form must be there at once. So they are asked for
//! when a form is opened, and are mostly there when somebody chooses.

use std::sync::Arc;
use std::time::Duration;

use partyline_core::{Choice, Field, FieldKind, Template};

use super::create::field;
use crate::commands::Desk;
use crate::ledger::fold;
use crate::templates::{Templates, is_approved};

/// The field in which one is chosen.
pub(super) const TEMPLATE: &str = "template";

/// What the names of its variables' fields begin with.
pub(super) const SET: &str = "set.";

/// How long is waited for the variables of one that was chosen.
const PATIENCE: Duration = Duration::from_secs(15);

/// The longest value of a variable: what WhatsApp takes in all is 1024 characters.
const VALUE: u16 = 1024;

/// The most variables that are asked for; WhatsApp approves far fewer.
const VARIABLES: usize = 40;

/// The templates of Twilio's account, as fields.
pub(super) struct Fields(Templates);

impl Fields {
    pub(super) fn new(desk: &Desk) -> Self {
        Self(desk.templates.clone())
    }

    /// Those that may be sent, with this in their names.
    pub(super) async fn choices(&self, text: &str) -> Vec<Choice> {
        let all = self.0.all().await.unwrap_or_else(|failure| {
            tracing::warn!("a form has no templates to choose from: {failure}");
            Arc::default()
        });
        let wanted = fold(text);
        let mut found: Vec<&Template> = all
            .iter()
            .filter(|one| is_approved(one) && self.0.allows(one))
            .filter(|one| fold(&one.name).contains(&wanted))
            .collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        found
            .into_iter()
            .map(|one| Choice::new(one.sid.as_str(), format!("{} ({})", one.name, one.language)))
            .collect()
    }

    /// The fields of a template: which one, and the variables of the one that was chosen.
    pub(super) async fn fields(&self, chosen: Option<&str>, optional: bool) -> Vec<Field> {
        let mut search = Field {
            hint: Some("WhatsApp takes it from whoever has not written for a day as well.".into()),
            optional,
            reloads: true,
            ..field(TEMPLATE, "Template that invites the members", FieldKind::Search)
        };
        let Some(chosen) = chosen else {
            // So that they are there when the menu is opened.
            self.0.ask();
            return vec![search];
        };
        let all = tokio::time::timeout(PATIENCE, self.0.all()).await;
        let all = match all {
            Ok(all) => all.map_err(|failure| failure.sentence),
            Err(_) => Err("Twilio took too long to tell it.".into()),
        };
        let template = match &all {
            Ok(all) => all.iter().find(|one| one.sid == chosen),
            Err(_) => None,
        };
        let Some(template) = template else {
            let why = all.err().unwrap_or_else(|| "Twilio has it no more.".into());
            search.hint = Some(format!("Its variables are not known: {why} Choose it once more."));
            return vec![search];
        };
        search.hint = Some(format!("It says: {}", template.body));
        let variables = template.variables.iter().take(VARIABLES).map(|(name, example)| Field {
            hint: Some(format!("For example: {example}")),
            ..field(&format!("{SET}{name}"), &format!("{{{{{name}}}}}"), FieldKind::Line(VALUE))
        });
        std::iter::once(search).chain(variables).collect()
    }
}
