//! Keeps the directory of groups true: the whole list is read from the platform at the start and
//! now and then, page by page, for what no hook told. What changed about a linked group goes
//! through intake, so that its rooms are told; the rest is noted at once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::SignedDuration;
use partyline_core::{
    ConversationInfo, ConversationState, Cursor, Event, EventKey, Failure, Groups, Happening,
    Incoming, Intake, Network, Place, Reason, Verdict,
};
use sha2::{Digest, Sha256};

use crate::intake::{Door, Wakers};
use crate::ledger::{GroupChange, Ledger, LedgerError};
use crate::links::Links;

/// Between two pages of 100: a list of 10,000 groups takes half a minute and little of the
/// platform's rate.
const PACE: Duration = Duration::from_millis(250);

/// How often a page is asked for before the rest waits for the next round.
const TRIES: u32 = 6;

/// A group that was changed within this time before a listing may be missing in it.
const LAG: SignedDuration = SignedDuration::from_mins(1);

/// Reads the list of groups.
pub struct Directory {
    ledger: Ledger,
    links: Arc<Links>,
    door: Door,
    groups: Arc<dyn Groups>,
    /// Where there is an inbox, whoever writes in a conversation that is tied to nothing is read.
    inbox: Option<Wakers>,
}

/// Why a listing was broken off.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Platform(Failure),
    #[error("{0}")]
    Ledger(String),
}

impl From<LedgerError> for Broken {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error.to_string())
    }
}

impl Directory {
    /// A reader of this platform's groups.
    #[must_use]
    pub const fn new(
        ledger: Ledger,
        links: Arc<Links>,
        door: Door,
        groups: Arc<dyn Groups>,
        inbox: Option<Wakers>,
    ) -> Self {
        Self { ledger, links, door, groups, inbox }
    }

    /// Reads the whole list now and `every` so often. Never returns.
    pub async fn keep(self, every: Duration) {
        let mut first = true;
        loop {
            match self.list().await {
                Ok(()) => {
                    metrics::counter!("partyline_group_lists_total", "outcome" => "read")
                        .increment(1);
                    self.read_untied(first).await;
                    first = false;
                }
                Err(broken) => {
                    metrics::counter!("partyline_group_lists_total", "outcome" => "broken")
                        .increment(1);
                    tracing::warn!("the list of groups could not be read to its end: {broken}");
                }
            }
            tokio::time::sleep(every).await;
        }
    }

    /// Has conversations read that are tied to nothing and may be the inbox's: those that are new, the
    /// others once after the start, and where Twilio does not call, all of them now and then.
    async fn read_untied(&self, first: bool) {
        let Some(wakers) = &self.inbox else { return };
        let mut untied = match self.ledger.inbox_untied().await {
            Ok(untied) => untied,
            Err(error) => {
                tracing::error!(%error, "it is not known which conversations are tied to nothing");
                return;
            }
        };
        untied.retain(|one| !self.links.knows(&one.conversation));
        for one in untied.iter().filter(|one| one.new || (first && one.read)) {
            if one.new
                && let Err(error) = self.ledger.begin(&one.conversation, Cursor::default()).await
            {
                tracing::error!(place = %one.conversation, %error, "a new conversation is read later");
                continue;
            }
            wakers.reads.wake(one.conversation.clone());
        }
        if let Some(polls) = &wakers.polls {
            polls.ask_untied(untied.into_iter().map(|one| one.conversation).collect());
        }
    }

    async fn list(&self) -> Result<(), Broken> {
        let listing = self.ledger.next_listing().await?;
        let began = self.ledger.now();
        let mut next: Option<String> = None;
        loop {
            let page = self.page(next.as_deref()).await?;
            let links = Arc::clone(&self.links);
            let followed = move |place: &Place| links.knows(place);
            let changed = self.ledger.note_listed(page.conversations, listing, followed).await?;
            for (before, info) in changed {
                self.tell(listed(&before, info)).await?;
            }
            next = page.next;
            if next.is_none() {
                break;
            }
            tokio::time::sleep(PACE).await;
        }
        let before = began.saturating_sub(LAG).unwrap_or(began);
        for place in self.ledger.unlisted(listing, before).await? {
            self.missing(place).await?;
            tokio::time::sleep(PACE).await;
        }
        Ok(())
    }

    async fn page(&self, after: Option<&str>) -> Result<partyline_core::ConversationPage, Broken> {
        let mut pause = Duration::from_secs(1);
        for _ in 1..TRIES {
            let failure = match self.groups.list(after).await {
                Ok(page) => return Ok(page),
                Err(failure) => failure,
            };
            let asked = match failure.verdict {
                Verdict::Never => return Err(Broken::Platform(failure)),
                Verdict::Later(wait) => wait.unwrap_or_default(),
                Verdict::Unknown => Duration::ZERO,
            };
            tokio::time::sleep(pause.max(asked)).await;
            pause *= 2;
        }
        self.groups.list(after).await.map_err(Broken::Platform)
    }

    /// A group that the list does not show any more: looked for by itself, before it is taken for
    /// gone.
    async fn missing(&self, place: Place) -> Result<(), Broken> {
        match self.groups.conversation(place.id()).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.reason == Reason::NoSuchPlace => {
                if self.links.knows(&place) {
                    return self.tell(removed(place, self.ledger.now())).await;
                }
                Ok(self.ledger.change_groups(vec![GroupChange::Forget(place)]).await?)
            }
            Err(failure) => Err(Broken::Platform(failure)),
        }
    }

    async fn tell(&self, event: Event) -> Result<(), Broken> {
        let (network, raw) = (Network::Twilio, Bytes::new());
        let incoming = Incoming { network, via: "list", raw, events: vec![event] };
        self.door.accept(incoming).await.map_err(|error| Broken::Ledger(error.to_string()))?;
        Ok(())
    }
}

/// A change that a listing shows. What it was and what it is now make the key: a list tells times in
/// whole seconds only, and a second can hold several changes.
fn listed(before: &ConversationInfo, info: ConversationInfo) -> Event {
    let updated = info.updated.or(info.created).unwrap_or_default();
    let mut hash = Sha256::new();
    for one in [before, &info] {
        hash.update(serde_json::to_vec(one).unwrap_or_default());
    }
    let change: String = hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    Event {
        key: EventKey::new(format!("{}:listed:{change}", info.place.id())),
        place: info.place.clone(),
        at: updated,
        ordinal: None,
        happening: Happening::Conversation {
            state: info.state,
            name: info.name.clone(),
            info: Some(Box::new(info)),
        },
    }
}

/// As the hook would have told it, under the hook's key.
fn removed(place: Place, now: jiff::Timestamp) -> Event {
    Event {
        key: EventKey::new(format!("{}:onConversationRemoved", place.id())),
        place,
        at: now,
        ordinal: None,
        happening: Happening::Conversation {
            state: ConversationState::Removed,
            name: None,
            info: None,
        },
    }
}
