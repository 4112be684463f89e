//! Templates in forms: searched by name, each with its variables as fields.
//!
//! Twilio tells them slowly, page by page, while a form must be there at once. So they are asked for
//! when a form is opened, once for all who wait, and kept for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use partyline_core::{Choice, Field, FieldKind, Network, Template};
use tokio::sync::watch;
use tokio::time::Instant;

use super::create::field;
use crate::commands::Desk;
use crate::ledger::fold;

/// The field in which one is chosen.
pub(super) const TEMPLATE: &str = "template";

/// What the names of its variables' fields begin with.
pub(super) const SET: &str = "set.";

/// How long what Twilio told is good for.
const FRESH: Duration = Duration::from_secs(60);

/// How long is waited for the variables of one that was chosen.
const PATIENCE: Duration = Duration::from_secs(15);

/// The longest value of a variable: what WhatsApp takes in all is 1024 characters.
const VALUE: u16 = 1024;

/// The most variables that are asked for; WhatsApp approves far fewer.
const VARIABLES: usize = 40;

/// What is known of the templates.
#[derive(Clone, Debug)]
enum Known {
    Nothing,
    These(Instant, Arc<Vec<Template>>),
    Failed(Instant, String),
}

/// The templates of Twilio's account.
pub(super) struct Templates {
    desk: Arc<Desk>,
    known: Arc<watch::Sender<Known>>,
    asking: Arc<AtomicBool>,
}

impl Templates {
    pub(super) fn new(desk: Arc<Desk>) -> Self {
        let known = Arc::new(watch::Sender::new(Known::Nothing));
        Self { desk, known, asking: Arc::default() }
    }

    /// Asks for them, unless somebody does already. Whoever waits may go away meanwhile.
    fn ask(&self) {
        if self.asking.swap(true, Ordering::AcqRel) {
            return;
        }
        let (desk, known, asking) = (self.desk.clone(), self.known.clone(), self.asking.clone());
        tokio::spawn(async move {
            let manage = desk.networks.get(Network::Twilio).and_then(|one| one.manage.clone());
            let told = match manage {
                Some(manage) => manage.templates().await.map_err(|failure| failure.sentence),
                None => Ok(Vec::new()),
            };
            asking.store(false, Ordering::Release);
            known.send_replace(match told {
                Ok(all) => Known::These(Instant::now(), Arc::new(all)),
                Err(sentence) => Known::Failed(Instant::now(), sentence),
            });
        });
    }

    /// All of them, as Twilio told them lately.
    async fn all(&self) -> Result<Arc<Vec<Template>>, String> {
        let begun = Instant::now();
        let mut known = self.known.subscribe();
        let fresh = |known: &Known| match known {
            Known::Nothing => false,
            Known::These(at, _) => at.elapsed() < FRESH || *at >= begun,
            Known::Failed(at, _) => *at >= begun,
        };
        if !fresh(&known.borrow()) {
            self.ask();
        }
        let told = match known.wait_for(fresh).await {
            Ok(known) => known.clone(),
            Err(_) => Known::Nothing,
        };
        match told {
            Known::These(_, all) => Ok(all),
            Known::Failed(_, sentence) => Err(sentence),
            Known::Nothing => Err("Nobody asks for the templates any more.".into()),
        }
    }

    /// Those that may be sent, with this in their names.
    pub(super) async fn choices(&self, text: &str) -> Vec<Choice> {
        let all = self.all().await.unwrap_or_else(|why| {
            tracing::warn!("a form has no templates to choose from: {why}");
            Arc::default()
        });
        let wanted = fold(text);
        let mut found: Vec<&Template> = all
            .iter()
            .filter(|one| one.status.eq_ignore_ascii_case("approved"))
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
            self.ask();
            return vec![search];
        };
        let all = tokio::time::timeout(PATIENCE, self.all()).await;
        let all = all.unwrap_or_else(|_| Err("Twilio took too long to tell it.".into()));
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
