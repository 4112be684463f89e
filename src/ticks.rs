//! Tells whoever spoke how far it came: a tick on the message, and a remark beside it where
//! somebody does not get it.
//!
//! Receipts change rows in the ledger and nothing else. A little after the first news of a message
//! all that is known of it is looked at together, so that thousands of receipts are a few ticks.
//! What a person must know goes through the ledger's lanes as any message, in the commit that notes
//! that it was told: once, whatever happens. A tick is only shown: it follows from what is known,
//! so it can be repeated, and is given up where a platform will not have it.

mod remark;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use partyline_core::{Failure, Network, Seldom, Tick, Ticked, Verdict};
use tokio_util::sync::CancellationToken;

use crate::contacts::Names;
use crate::intake::Wakers;
use crate::invitations::Invitations;
use crate::ledger::{Ledger, LedgerError, TickNews, Waiting};
use crate::links::Links;
use crate::networks::Networks;
use crate::policy::tick;

/// Messages that are looked at together.
const AT_ONCE: u32 = 50;
/// The pause after the ledger could not be read.
const TROUBLED: Duration = Duration::from_secs(5);
/// The pause before a tick is tried again that a platform did not take, where it names none.
const LATER: SignedDuration = SignedDuration::from_secs(30);
/// A tick that could not be shown for so long is not shown.
const GIVEN_UP: SignedDuration = SignedDuration::from_hours(1);

/// Looks at the news.
pub struct Ticker {
    ledger: Ledger,
    links: Arc<Links>,
    networks: Networks,
    names: Arc<Names>,
    invitations: Invitations,
    wakers: Wakers,
    /// Whether ticks are shown. People are told of what failed in any case.
    shown: bool,
    refused: Seldom,
}

impl Ticker {
    /// One that shows ticks, or only tells of what failed.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        links: Arc<Links>,
        networks: Networks,
        names: Arc<Names>,
        invitations: Invitations,
        wakers: Wakers,
        shown: bool,
    ) -> Self {
        let refused = Seldom::new();
        Self { ledger, links, networks, names, invitations, wakers, shown, refused }
    }

    /// Looks at news whenever there is some, until the stop.
    pub async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(async {
            loop {
                let wait = match self.round().await {
                    Ok(wait) => wait,
                    Err(error) => {
                        tracing::error!(%error, "what became of messages could not be looked at");
                        Some(TROUBLED)
                    }
                };
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => self.wakers.ticks.notified().await,
                }
            }
        })
        .await;
    }

    /// Looks at what is due, and says how long to wait; without end where there is no news.
    async fn round(&self) -> Result<Option<Duration>, LedgerError> {
        // A network that asks to wait is not asked again for what else is due.
        let mut waiting: BTreeMap<Network, SignedDuration> = BTreeMap::new();
        let mut told: HashSet<(String, String)> = HashSet::new();
        for mut news in self.ledger.tick_news(AT_ONCE).await? {
            // What is looked at together was read before any of it was told.
            let key = |one: &Waiting| (one.address.clone(), one.sender.clone());
            news.waiting.iter_mut().for_each(|one| one.told |= told.contains(&key(one)));
            let unsaid = !self.tell(&news).await?;
            if !unsaid {
                told.extend(news.waiting.iter().map(key));
            }
            let tick = tick(&news.members, &news.receipts);
            let network = news.place.network();
            let shown = match waiting.get(&network) {
                Some(wait) => Err(*wait),
                None => self.show(&news, tick).await,
            };
            let (shown, again) = match shown {
                Ok(shown) => (shown, unsaid.then_some(LATER)),
                Err(wait) => {
                    waiting.insert(network, wait);
                    (news.shown.clone(), Some(wait))
                }
            };
            self.ledger.ticked(&news, tick, shown, again).await?;
        }
        let now = self.ledger.now();
        let next = self.ledger.next_tick().await?;
        Ok(next.map(|due| Duration::try_from(due.duration_since(now)).unwrap_or_default()))
    }

    /// Shows what a message comes to. What it shows then; or, where it is to be tried again, when.
    async fn show(
        &self,
        news: &TickNews,
        tick: Option<Tick>,
    ) -> Result<Option<Ticked>, SignedDuration> {
        let before = news.shown.as_ref();
        let on = news.message.as_ref().filter(|_| self.shown && news.place.is_room());
        let (Some(tick), Some(message)) = (tick, on) else { return Ok(news.shown.clone()) };
        if before.is_some_and(|before| before.tick == tick) {
            return Ok(news.shown.clone());
        }
        let powers = self.networks.get(news.place.network());
        let Some(ticks) = powers.and_then(|powers| powers.ticks.as_ref()) else {
            return Ok(None);
        };
        let done = ticks.tick(&news.place, message, tick, before).await;
        count(news, tick, done.as_ref().err());
        match done {
            Ok(ticked) => Ok(Some(ticked)),
            Err(failure) => {
                let old = self.ledger.now().duration_since(news.at) > GIVEN_UP;
                match failure.verdict {
                    Verdict::Later(wait) if !old => {
                        Err(wait.and_then(|wait| wait.try_into().ok()).unwrap_or(LATER))
                    }
                    Verdict::Unknown if !old => Err(LATER),
                    Verdict::Later(_) | Verdict::Unknown | Verdict::Never => {
                        if let Some(left_out) = self.refused.due(self.ledger.now()) {
                            tracing::warn!(place = %news.place, left_out,
                                reason = failure.reason.as_str(), code = failure.code,
                                "a tick is not shown: {failure}");
                        }
                        Ok(news.shown.clone())
                    }
                }
            }
        }
    }
}

fn count(news: &TickNews, tick: Tick, failure: Option<&Failure>) {
    metrics::counter!("partyline_ticks_total",
        "network" => news.place.network().as_str(), "tick" => tick.name(),
        "outcome" => failure.map_or("ok", |failure| failure.reason.as_str()))
    .increment(1);
}
