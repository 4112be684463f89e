//! Whether Twilio's webhooks lead to the bridge, and having them do so.
//!
//! It is the service's own webhooks that are set; the account's call for every service
//! (<https://www.twilio.com/docs/conversations/conversations-webhooks>). Where only the latter are
//! right, nothing is wrong either: what comes by both is relayed once.

use partyline_core::{Failure, Reason};
use url::Url;

use crate::client::ServiceWebhooksChange;
use crate::wire::rest::ServiceWebhooks;
use crate::{Ingest, Twilio};

/// The daemon's route for the webhooks of Conversations.
pub const ROUTE: &str = "/webhooks/twilio";

/// What the bridge cannot do without: the messages, the names before them on phones, and who is in
/// a group. "Events not configured here will not fire" (Twilio's description of `Filters`).
pub const NEEDED: [&str; 5] = [
    "onMessageAdd",
    "onMessageAdded",
    "onParticipantAdded",
    "onParticipantUpdated",
    "onParticipantRemoved",
];

/// What it stores besides. [`Twilio::set_up_webhooks`] asks for it; that it is left out is no fault.
pub const STORED: [&str; 7] = [
    "onMessageUpdated",
    "onMessageRemoved",
    "onConversationAdded",
    "onConversationUpdated",
    "onConversationRemoved",
    "onConversationStateUpdated",
    "onDeliveryUpdated",
];

/// One thing that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Difference {
    /// Who is asked before something happens is somebody else, or nobody.
    Before(Option<String>),
    /// Who is told after is somebody else, or nobody.
    After(Option<String>),
    /// It does not call by POST, which is what signatures are checked of.
    Method(String),
    /// These events are left out.
    Events(Vec<&'static str>),
}

impl Difference {
    /// What is wrong, to be read behind "Twilio's webhooks of service IS…: ".
    fn in_words(&self) -> String {
        let instead = |found: &Option<String>| match found {
            Some(url) => format!("calls {}, not this bridge", shown(url)),
            None => "is not set".to_owned(),
        };
        match self {
            Self::Before(found) => format!(
                "the pre-event address {}, so members do not see who writes",
                instead(found)
            ),
            Self::After(found) => {
                format!("the post-event address {}, so no message arrives here", instead(found))
            }
            Self::Method(found) => format!("they call by {found}, not by POST"),
            Self::Events(missing) => format!("the events {} are left out", missing.join(", ")),
        }
    }

    /// What setting it up changes.
    fn as_change(&self, address: &str) -> String {
        let before = |found: &Option<String>| found.as_deref().map_or("not set".to_owned(), shown);
        match self {
            Self::Before(found) => format!("pre-event address: {} → {address}", before(found)),
            Self::After(found) => format!("post-event address: {} → {address}", before(found)),
            Self::Method(found) => format!("method: {found} → POST"),
            Self::Events(missing) => format!("events added: {}", missing.join(", ")),
        }
    }
}

/// What of these webhooks is not as it must be for the bridge at `address`, with these events.
fn differences(
    found: &ServiceWebhooks,
    address: &Url,
    events: impl IntoIterator<Item = &'static str>,
) -> Vec<Difference> {
    let leads_here = |url: &Option<String>| url.as_deref().is_some_and(|url| is_same(url, address));
    let given = |url: &Option<String>| url.clone().filter(|url| !url.is_empty());
    let mut all = Vec::new();
    if !leads_here(&found.pre_webhook_url) {
        all.push(Difference::Before(given(&found.pre_webhook_url)));
    }
    if !leads_here(&found.post_webhook_url) {
        all.push(Difference::After(given(&found.post_webhook_url)));
    }
    if let Some(method) = &found.method
        && !method.eq_ignore_ascii_case("post")
    {
        all.push(Difference::Method(method.clone()));
    }
    let missing: Vec<&str> = events
        .into_iter()
        .filter(|event| !found.filters.iter().any(|filter| filter.as_str() == *event))
        .collect();
    if !missing.is_empty() {
        all.push(Difference::Events(missing));
    }
    all
}

/// All events that the bridge has a use for.
fn wished() -> impl Iterator<Item = &'static str> {
    NEEDED.into_iter().chain(STORED)
}

/// An address without what may be a secret in it.
fn shown(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return "something that is no address".to_owned() };
    url.set_query(None);
    url.set_fragment(None);
    // Fails where there can be no user in it anyway.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url.to_string()
}

/// Whether an address is this one, whatever its query says.
fn is_same(text: &str, address: &Url) -> bool {
    Url::parse(text).is_ok_and(|mut url| {
        url.set_query(None);
        url.set_fragment(None);
        url == *address
    })
}

impl Twilio {
    /// The address that Twilio must call; `None` where the bridge reads lists instead.
    fn webhook_address(&self) -> Option<Url> {
        let base = self.config.public_url.as_ref()?.as_str().trim_end_matches('/');
        (self.config.ingest == Ingest::Webhook).then(|| format!("{base}{ROUTE}").parse().ok())?
    }

    /// What is wrong with the webhooks that are set at Twilio, in a sentence with its remedy, if
    /// something is. Nothing is where the bridge reads lists instead.
    ///
    /// # Errors
    /// Twilio could not be asked.
    pub async fn webhook_fault(&self) -> Result<Option<String>, Failure> {
        let Some(address) = self.webhook_address() else { return Ok(None) };
        let wrong = differences(&self.client.service_webhooks().await?, &address, NEEDED);
        if wrong.is_empty() || self.account_calls(&address).await {
            return Ok(None);
        }
        let wrong: Vec<String> = wrong.iter().map(Difference::in_words).collect();
        Ok(Some(format!(
            "The webhooks of service {} at Twilio are not right: {}. `partyline setup \
             twilio-webhooks` sets them to {address}.",
            self.config.service_sid,
            wrong.join("; "),
        )))
    }

    /// Whether the account's webhooks, which call for all its services, are as they must be.
    async fn account_calls(&self, address: &Url) -> bool {
        let found = self.client.account_webhooks().await;
        found.is_ok_and(|found| differences(&found, address, NEEDED).is_empty())
    }

    /// Has the service's webhooks lead to the bridge; with `apply` off, only says what that would
    /// change. Events that somebody added stay. Safe to repeat: the second time changes nothing.
    /// Returns a line for each change.
    ///
    /// # Errors
    /// The bridge takes no webhooks, Twilio could not be asked, or it did not keep what was set.
    pub async fn set_up_webhooks(&self, apply: bool) -> Result<Vec<String>, Failure> {
        let Some(address) = self.webhook_address() else {
            return Err(Failure::never(
                Reason::Refused,
                "There is nothing to set up: with twilio.ingest = \"poll\" Twilio calls nobody.",
            ));
        };
        let found = self.client.service_webhooks().await?;
        let wrong = differences(&found, &address, wished());
        let changes = wrong.iter().map(|one| one.as_change(address.as_str())).collect();
        if wrong.is_empty() || !apply {
            return Ok(changes);
        }
        let mut filters = found.filters;
        filters.extend(wished().map(str::to_owned));
        filters.sort();
        filters.dedup();
        // An address of ours with a query of somebody's stays as it is.
        let keep = |url: Option<String>| match url {
            Some(url) if is_same(&url, &address) => url,
            _ => address.to_string(),
        };
        let change = ServiceWebhooksChange {
            pre_webhook_url: Some(keep(found.pre_webhook_url)),
            post_webhook_url: Some(keep(found.post_webhook_url)),
            filters,
        };
        let kept = self.client.update_service_webhooks(&change).await?;
        match differences(&kept, &address, wished()).first() {
            None => Ok(changes),
            Some(still) => Err(Failure::never(
                Reason::Refused,
                format!(
                    "Twilio took the change and did not keep it: {}. Set it in the Twilio \
                     console: Conversations, Services, Webhooks.",
                    still.in_words()
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(address: &str) -> ServiceWebhooks {
        ServiceWebhooks {
            pre_webhook_url: Some(address.to_owned()),
            post_webhook_url: Some(address.to_owned()),
            filters: NEEDED.map(str::to_owned).to_vec(),
            method: Some("POST".to_owned()),
        }
    }

    fn address() -> Url {
        "https://bridge.test/webhooks/twilio".parse().unwrap()
    }

    #[test]
    fn what_is_right_may_be_written_in_other_ways() {
        for url in [
            "https://bridge.test/webhooks/twilio",
            "https://BRIDGE.test:443/webhooks/twilio?tenant=1#rc=2",
        ] {
            assert_eq!(differences(&right(url), &address(), NEEDED), [], "{url}");
        }
        let mut unsaid = right("https://bridge.test/webhooks/twilio");
        unsaid.method = None;
        unsaid.filters.push("onUserAdded".into());
        assert_eq!(differences(&unsaid, &address(), NEEDED), []);
    }

    #[test]
    fn everything_that_is_wrong_is_named() {
        let mut found = right("https://user:hush@old.test/webhooks/twilio?key=hush");
        found.pre_webhook_url = Some(String::new());
        found.method = Some("GET".into());
        found.filters.retain(|event| event != "onMessageAdded");
        let wrong = differences(&found, &address(), NEEDED);
        assert_eq!(
            wrong,
            [
                Difference::Before(None),
                Difference::After(found.post_webhook_url.clone()),
                Difference::Method("GET".into()),
                Difference::Events(vec!["onMessageAdded"]),
            ]
        );
        let words: Vec<String> = wrong.iter().map(Difference::in_words).collect();
        assert!(words[0].contains("pre-event address is not set"), "{words:?}");
        assert!(words[1].contains("calls https://old.test/webhooks/twilio"), "{words:?}");
        assert!(!words[1].contains("hush"), "{words:?}");
        let other_path = right("https://bridge.test/webhooks/twilio/");
        assert_eq!(differences(&other_path, &address(), NEEDED).len(), 2);
    }
}
