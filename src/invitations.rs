//! By which template members are invited to write, once their window is closed.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use partyline_core::{Action, Address, Contact, Failure, Place, Seldom, Verdict};
use serde::{Deserialize, Serialize};

use crate::config::WhatsApp;
use crate::contacts::Contacts;
use crate::ledger::{Ledger, LedgerError};
use crate::templates::{Templates, in_language, is_approved};

/// A template with its variables, in which `{group}` and `{member}` stand for names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The template's SID, `HX…`.
    pub sid: String,
    /// What its variables are, with `{group}` and `{member}` not yet filled in.
    pub variables: BTreeMap<String, String>,
}

/// How a group invites.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupInvitation {
    /// As the configuration says.
    #[default]
    Default,
    /// Not at all.
    Off,
    /// By a template of its own.
    Own(Invitation),
}

/// How it stands with the invitation of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// None is set.
    Off,
    /// WhatsApp does not take it.
    Refused {
        /// The template's name.
        name: String,
        /// WhatsApp's word on it: `paused`, `rejected`.
        status: String,
    },
    /// It is sent, and says this, where that is known; the member is not named.
    Goes(Option<String>),
}

/// Why an invitation could not be made.
#[derive(Debug, thiserror::Error)]
pub enum NoInvitation {
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Twilio could not be asked.
    #[error(transparent)]
    Platform(#[from] Failure),
}

/// Tells how members are invited. Cheap to clone.
#[derive(Clone)]
pub struct Invitations {
    ledger: Ledger,
    contacts: Contacts,
    templates: Templates,
    default: Option<Invitation>,
    language: Option<String>,
    /// The templates, by SID, by which somebody was to be invited and that WhatsApp did not take: those that
    /// groups name, in each language.
    refused: Arc<Mutex<HashSet<String>>>,
}

impl Invitations {
    /// As this configuration says, unless a group has an invitation of its own.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        contacts: Contacts,
        templates: Templates,
        config: &WhatsApp,
    ) -> Self {
        let default = config
            .reengagement_template
            .clone()
            .map(|sid| Invitation { sid, variables: config.reengagement_variables.clone() });
        let (language, refused) = (config.language.clone(), Arc::default());
        Self { ledger, contacts, templates, default, language, refused }
    }

    /// Whether WhatsApp takes a template by now by which somebody could not be invited in this run. Twilio is
    /// asked where there is one.
    ///
    /// # Errors
    /// Twilio could not be asked.
    pub async fn taken_again(&self) -> Result<bool, Failure> {
        if self.refused().is_empty() {
            return Ok(false);
        }
        let all = self.templates.anew().await?;
        let refused_still =
            |sid: &String| all.iter().any(|one| one.sid == *sid && !is_approved(one));
        let mut refused = self.refused();
        let before = refused.len();
        refused.retain(refused_still);
        Ok(refused.len() < before)
    }

    fn refused(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// By what the members of a group are invited; `None` where they are not.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn of(&self, group: &Place) -> Result<Option<Invitation>, LedgerError> {
        Ok(match self.ledger.invitation(group).await? {
            GroupInvitation::Default => self.default.clone(),
            GroupInvitation::Off => None,
            GroupInvitation::Own(own) => Some(own),
        })
    }

    /// How it stands with the invitation of a group, as far as its template is known by now.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn standing(&self, group: &Place) -> Result<Standing, LedgerError> {
        let Some(invitation) = self.of(group).await? else { return Ok(Standing::Off) };
        let all = self.templates.known();
        let Some(template) = all.iter().find(|one| one.sid == invitation.sid) else {
            return Ok(Standing::Goes(None));
        };
        let sent = in_language(&all, template, self.language.as_deref());
        if !is_approved(sent) {
            let (name, status) = (sent.name.clone(), sent.status.clone());
            return Ok(Standing::Refused { name, status });
        }
        let variables = self.filled(group, &invitation, "…").await?;
        Ok(Standing::Goes(Some(template.filled(&variables))))
    }

    /// The variables of an invitation, with the names in them.
    async fn filled(
        &self,
        group: &Place,
        invitation: &Invitation,
        member: &str,
    ) -> Result<BTreeMap<String, String>, LedgerError> {
        let name = self.ledger.group(group).await?.map(|group| group.name().to_owned());
        let name = name.unwrap_or_else(|| "the group".to_owned());
        let fill = |value: &String| value.replace("{group}", &name).replace("{member}", member);
        let variables = invitation.variables.iter();
        Ok(variables.map(|(key, value)| (key.clone(), fill(value))).collect())
    }

    /// The language that somebody is written to in, where one is known.
    pub async fn language(&self, address: &Address) -> Option<String> {
        let contact = self.contacts.store().get(address.contact_key()).await.ok().flatten();
        self.language_of(contact.as_ref())
    }

    /// The same of somebody whose contact is at hand.
    #[must_use]
    pub fn language_of(&self, contact: Option<&Contact>) -> Option<String> {
        let own = contact.and_then(|contact| contact.meta.get("language").cloned());
        own.filter(|one| !one.trim().is_empty()).or_else(|| self.language.clone())
    }

    /// What is sent to invite somebody, in their language; `None` where nothing is, because no
    /// invitation is set, or WhatsApp takes it no more.
    ///
    /// # Errors
    /// The ledger or Twilio could not be asked.
    pub async fn to(
        &self,
        group: &Place,
        address: &Address,
        member: &str,
    ) -> Result<Option<Action>, NoInvitation> {
        let Some(invitation) = self.of(group).await? else { return Ok(None) };
        let mut sid = invitation.sid.clone();
        match self.templates.all().await {
            Ok(all) => {
                if let Some(found) = all.iter().find(|one| one.sid == sid) {
                    let language = self.language(address).await;
                    let chosen = in_language(&all, found, language.as_deref());
                    if !is_approved(chosen) {
                        self.refused().insert(chosen.sid.clone());
                        static REFUSED: Seldom = Seldom::new();
                        if let Some(more) = REFUSED.due(self.ledger.now()) {
                            tracing::warn!(%group, template = chosen.sid, more,
                                "nobody is invited by it: WhatsApp's word on it is {}", chosen.status);
                        }
                        return Ok(None);
                    }
                    sid.clone_from(&chosen.sid);
                }
            }
            // Whoever may not read templates may still send one that is named.
            Err(failure) if failure.verdict == Verdict::Never => {}
            Err(failure) => return Err(failure.into()),
        }
        let variables = self.filled(group, &invitation, member).await?;
        Ok(Some(Action::Template { sid, variables }))
    }
}
