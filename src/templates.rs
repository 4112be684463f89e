//! The templates of Twilio's account: asked for once for all who wait, kept for a while, and of which
//! only those that the configuration allows are sent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use partyline_core::{Failure, Manage, Reason, Template};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::ledger::fold;

/// How long what Twilio told is good for.
const FRESH: Duration = Duration::from_secs(60);

/// What is known of the templates.
#[derive(Clone, Debug)]
enum Known {
    Nothing,
    These(Instant, Arc<Vec<Template>>),
    Failed(Instant, Failure),
}

/// The templates. Cheap to clone.
#[derive(Clone)]
pub struct Templates {
    manage: Option<Arc<dyn Manage>>,
    /// SIDs and folded names; none: all.
    allowed: Arc<Vec<String>>,
    known: Arc<watch::Sender<Known>>,
    asking: Arc<AtomicBool>,
}

/// A template, and what its variables are.
pub type Filled = (Template, BTreeMap<String, String>);

impl Templates {
    /// Those that this bridge tells, of which these (by SID or name) may be sent; all, where none is
    /// named.
    #[must_use]
    pub fn new(manage: Option<Arc<dyn Manage>>, allowed: &[String]) -> Self {
        let allowed = allowed.iter().map(|one| fold(one)).collect();
        let known = Arc::new(watch::Sender::new(Known::Nothing));
        Self { manage, allowed: Arc::new(allowed), known, asking: Arc::default() }
    }

    /// Whether the configuration allows it.
    #[must_use]
    pub fn allows(&self, template: &Template) -> bool {
        let of = [fold(&template.sid), fold(&template.name)];
        self.allowed.is_empty() || self.allowed.iter().any(|one| of.contains(one))
    }

    /// Those that Twilio told last, however long ago that is; none where it was not asked yet.
    #[must_use]
    pub fn known(&self) -> Arc<Vec<Template>> {
        match &*self.known.borrow() {
            Known::These(_, all) => all.clone(),
            Known::Nothing | Known::Failed(..) => Arc::default(),
        }
    }

    /// Asks for them, unless somebody does already. Whoever waits may go away meanwhile.
    pub fn ask(&self) {
        if self.asking.swap(true, Ordering::AcqRel) {
            return;
        }
        let (manage, known, asking) =
            (self.manage.clone(), self.known.clone(), self.asking.clone());
        tokio::spawn(async move {
            let told = match manage {
                Some(manage) => manage.templates().await,
                None => Ok(Vec::new()),
            };
            asking.store(false, Ordering::Release);
            known.send_replace(match told {
                Ok(all) => Known::These(Instant::now(), Arc::new(all)),
                Err(failure) => Known::Failed(Instant::now(), failure),
            });
        });
    }

    /// All of them, as Twilio told them within the last minute.
    ///
    /// # Errors
    /// Twilio could not be asked; with a verdict.
    pub async fn all(&self) -> Result<Arc<Vec<Template>>, Failure> {
        self.told_within(FRESH).await
    }

    /// All of them, as Twilio tells them now.
    ///
    /// # Errors
    /// As in [`Templates::all`].
    pub async fn anew(&self) -> Result<Arc<Vec<Template>>, Failure> {
        self.told_within(Duration::ZERO).await
    }

    async fn told_within(&self, span: Duration) -> Result<Arc<Vec<Template>>, Failure> {
        let begun = Instant::now();
        let mut known = self.known.subscribe();
        let fresh = |known: &Known| match known {
            Known::Nothing => false,
            Known::These(at, _) => at.elapsed() < span || *at >= begun,
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
            Known::Failed(_, failure) => Err(failure),
            Known::Nothing => Err(Failure::later(
                Reason::Unavailable,
                None,
                "Nobody asks for the templates any more.",
            )),
        }
    }
}

/// Whether WhatsApp has approved it.
#[must_use]
pub fn is_approved(template: &Template) -> bool {
    template.status.eq_ignore_ascii_case("approved")
}

/// The approved template of the same name in a language (`pt_BR`; where there is none, in `pt`); the
/// template itself where there is none of these, or none is wanted.
#[must_use]
pub fn in_language<'a>(
    all: &'a [Template],
    template: &'a Template,
    language: Option<&str>,
) -> &'a Template {
    let Some(language) = language else { return template };
    let tag = |text: &str| text.trim().replace('-', "_").to_lowercase();
    let wanted = tag(language);
    let short = wanted.split('_').next().unwrap_or_default().to_owned();
    let same = |one: &&Template| one.name == template.name && is_approved(one);
    let of =
        |test: &dyn Fn(&str) -> bool| all.iter().filter(same).find(|one| test(&tag(&one.language)));
    of(&|one| one == wanted)
        .or_else(|| of(&|one| one == short))
        .or_else(|| of(&|one| one.split('_').next() == Some(&*short)))
        .unwrap_or(template)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use async_trait::async_trait;
    use partyline_core::{
        Address, ConversationChange, ConversationInfo, Membership, NewConversation, Place,
    };

    use super::*;

    /// An account of which only the templates are asked: the first time one is not approved yet.
    #[derive(Default)]
    struct Account {
        asked: AtomicUsize,
    }

    fn not_asked<T>() -> Result<T, Failure> {
        Err(Failure::never(Reason::Unavailable, "Only templates are asked for here."))
    }

    #[async_trait]
    impl Manage for Account {
        async fn create(&self, _: &NewConversation) -> Result<ConversationInfo, Failure> {
            not_asked()
        }
        async fn change(
            &self,
            _: &Place,
            _: &ConversationChange,
        ) -> Result<ConversationInfo, Failure> {
            not_asked()
        }
        async fn delete(&self, _: &Place) -> Result<(), Failure> {
            not_asked()
        }
        async fn add_member(
            &self,
            _: &Place,
            _: &Address,
            _: Option<&Address>,
        ) -> Result<(), Failure> {
            not_asked()
        }
        async fn remove_member(&self, _: &Place, _: &str) -> Result<(), Failure> {
            not_asked()
        }
        async fn memberships(&self, _: &Address) -> Result<Vec<Membership>, Failure> {
            not_asked()
        }
        async fn templates(&self) -> Result<Vec<Template>, Failure> {
            let status = match self.asked.fetch_add(1, Ordering::Relaxed) {
                0 => "pending",
                _ => "approved",
            };
            Ok(vec![template("notice", "en", status)])
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_twilio_told_is_good_for_a_minute() {
        let account = Arc::new(Account::default());
        let templates = Templates::new(Some(account.clone()), &[]);
        for (wait, status, asked) in
            [(0, "pending", 1), (59, "pending", 1), (2, "approved", 2), (0, "approved", 2)]
        {
            tokio::time::advance(Duration::from_secs(wait)).await;
            let all = templates.all().await.expect("templates");
            assert_eq!(all[0].status, status, "after {wait} s more");
            assert_eq!(account.asked.load(Ordering::Relaxed), asked, "after {wait} s more");
        }
    }

    fn template(name: &str, language: &str, status: &str) -> Template {
        Template {
            sid: format!("HX{name}{language}"),
            name: name.into(),
            language: language.into(),
            category: None,
            status: status.into(),
            rejection: None,
            body: String::new(),
            variables: BTreeMap::new(),
        }
    }

    #[test]
    fn the_language_is_chosen_among_the_approved_of_one_name() {
        let all = [
            template("notice", "en", "approved"),
            template("notice", "pt_BR", "approved"),
            template("notice", "de", "rejected"),
            template("sale", "de", "approved"),
        ];
        let chosen = |language| in_language(&all, &all[0], language).language.as_str();
        assert_eq!(chosen(Some("pt-br")), "pt_BR");
        assert_eq!(chosen(Some("pt")), "pt_BR");
        assert_eq!(chosen(Some("en_GB")), "en");
        assert_eq!(chosen(Some("de")), "en");
        assert_eq!(chosen(None), "en");
    }

    #[test]
    fn what_is_not_named_in_the_configuration_is_not_allowed() {
        let named = Templates::new(None, &["Notice".to_owned()]);
        assert!(named.allows(&template("notice", "en", "approved")));
        assert!(!named.allows(&template("sale", "en", "approved")));
        assert!(Templates::new(None, &[]).allows(&template("sale", "en", "approved")));
    }
}
