//! Tells whoever spoke how far it came: a tick on the message, and a remark beside it where
//! somebody does not get it.
//!
//! Receipts change rows in the ledger and nothing else. A little after the first news of a message
//! all that is known of it is looked at together, so that thousands of receipts are a few ticks.
//! What a person must know goes through the ledger's lanes as any message, in the commit that notes
//! that it was told: once, whatever happens. A tick is only shown: it follows from what is known,
//! so it can be repeated, and is given up where a platform will not have it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use partyline_core::{
    Action, Button, Failure, MessageId, Network, Place, Press, Seldom, Speaker, Text, Tick, Ticked,
    Verdict,
};
use tokio_util::sync::CancellationToken;

use crate::contacts::Names;
use crate::forms::{GROUP, INVITATION};
use crate::intake::Wakers;
use crate::invitations::{Invitations, Standing};
use crate::ledger::{Ledger, LedgerError, Owed, Receipt, TickNews, Waiting};
use crate::links::Links;
use crate::networks::Networks;
use crate::policy::{is_failure, is_out_of_reach, may_come_later, tick, told, waiting};

/// Messages that are looked at together.
const AT_ONCE: u32 = 50;
/// Members for whom one remark has a button each.
const HELPED: usize = 5;
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

    /// Tells the people in the rooms whom a message does not reach, and for whom it is held, of whom
    /// they do not know yet. False where that is to be tried again: it does not stand in a room yet.
    async fn tell(&self, news: &TickNews) -> Result<bool, LedgerError> {
        let new = news.receipts.iter().filter(|receipt| is_failure(receipt) && !receipt.told);
        let new: Vec<_> = new.cloned().collect();
        let waiting: Vec<_> = news.waiting.iter().filter(|one| !one.told).cloned().collect();
        if new.is_empty() && waiting.is_empty() {
            return Ok(true);
        }
        let is_young = self.ledger.now().duration_since(news.at) <= GIVEN_UP;
        let rooms = || self.links.others(&news.place);
        if news.place.is_conversation()
            && news.copies.is_empty()
            && is_young
            && !rooms().is_empty()
            && news.message.is_some()
        {
            return Ok(false);
        }
        let (mut lines, mut buttons) = (Vec::new(), Vec::new());
        if !waiting.is_empty() {
            let (line, button) = self.waiting(news).await?;
            lines.push(line);
            buttons.extend(button);
        }
        if !new.is_empty() {
            lines.push(self.failed(news, &new).await);
            for remedy in self.remedies(news, &new).await? {
                lines.extend(remedy.words);
                buttons.push(remedy.button);
            }
        }
        let text = Text::plain(lines.join("\n"));
        let notices = self.beside(news, &text, &buttons);
        metrics::counter!("partyline_failures_told_total").increment(new.len() as u64);
        let accepted = self.ledger.tell_failed(news.event, new, waiting, notices).await?;
        self.wakers.wake(accepted);
        Ok(true)
    }

    /// Who will get it once they write; and, where nothing invites them to, what chooses something.
    async fn waiting(&self, news: &TickNews) -> Result<(String, Option<Button>), LedgerError> {
        let mut names = Vec::with_capacity(news.waiting.len());
        for one in &news.waiting {
            let mut known = news.members.iter().chain(&news.departed);
            let member = known.find(|phone| phone.address == one.address);
            let name = member.and_then(|phone| phone.name.clone());
            names.push(self.called(news, &one.address, name).await);
        }
        let standing = self.invitations.standing(&news.conversation).await?;
        let how = match &standing {
            Standing::Goes(_) => None,
            Standing::Off => Some("no invitation is set that asks them to: `group template TEMPLATE` sets one (`template list` shows them).".to_owned()),
            Standing::Refused { name, status } => Some(format!("their invitation \"{name}\" cannot be sent, since WhatsApp's word on it is \"{status}\": `group template TEMPLATE` sets another one (`template list` shows them).")),
        };
        // Whoever said it on a phone is a member, too, and has it.
        let author = news.members.iter().any(|one| Some(&one.address) == news.speaker.as_ref());
        let others = news.members.len() - usize::from(author);
        let mut line = waiting(&names, others.max(names.len()), how.as_deref());
        if let Standing::Goes(Some(says)) = standing {
            line.push_str(&format!("\nThe invitation says: {says}"));
        }
        let group = vec![news.conversation.id().to_owned()];
        let choose = how.map(|_| Button {
            label: "Choose an invitation".to_owned(),
            danger: false,
            press: Press::Open {
                form: INVITATION.to_owned(),
                values: [(GROUP.to_owned(), group)].into(),
            },
        });
        Ok((line, choose))
    }

    /// What can be done for those whom it does not reach, some of them.
    async fn remedies(&self, news: &TickNews, new: &[Receipt]) -> Result<Vec<Remedy>, LedgerError> {
        let group = &news.conversation;
        if group.is_phone() || self.ledger.correspondent(group).await?.is_some() {
            return Ok(Vec::new());
        }
        let mut found: BTreeMap<&str, Option<u32>> = BTreeMap::new();
        let can_be_helped =
            |one: &&Receipt| is_out_of_reach(one.error) || may_come_later(one.error);
        for receipt in new.iter().filter(can_be_helped) {
            let member = news.members.iter().find(|one| one.participant == receipt.participant);
            found.extend(member.map(|one| (one.address.as_str(), receipt.error)));
        }
        let mut remedies = Vec::new();
        for (address, code) in found.into_iter().take(HELPED) {
            let name = self.called(news, address, None).await;
            remedies.push(match is_out_of_reach(code) {
                true => Remedy::take_out(group, address, &name),
                false => Remedy::send_again(group, news.event, address, &name),
            });
        }
        Ok(remedies)
    }

    /// Whom it does not reach, and why.
    async fn failed(&self, news: &TickNews, new: &[Receipt]) -> String {
        let mut seen = HashSet::new();
        let mut failed = Vec::new();
        for receipt in new.iter().filter(|receipt| seen.insert(receipt.participant.as_str())) {
            failed.push((self.name(news, &receipt.participant).await, receipt.error));
        }
        let whose = match &news.speaker {
            Some(address) if news.place.is_conversation() => {
                Some(self.called(news, address, None).await)
            }
            _ => None,
        };
        told(whose.as_deref(), &failed)
    }

    /// What the rooms are owed, so that this stands beside the message; as a notice, where it has
    /// none.
    fn beside(&self, news: &TickNews, text: &Text, buttons: &[Button]) -> Vec<Owed> {
        let owed = |to: &Place, about: Option<MessageId>, thread: Option<MessageId>| Owed {
            to: to.clone(),
            from: news.conversation.clone(),
            speaker: None,
            // The message's own time: by it the remark is looked up, whatever our clock says.
            at: news.at,
            action: match about {
                Some(about) => {
                    Action::Remark { about, thread, text: text.clone(), buttons: buttons.to_vec() }
                }
                None => Action::Notice { text: text.clone() },
            },
        };
        match (news.place.is_conversation(), &news.message) {
            (false, about) => vec![owed(&news.place, about.clone(), news.thread.clone())],
            (true, Some(_)) => news
                .copies
                .iter()
                .map(|(room, copy)| owed(room, Some(copy.clone()), None))
                .collect(),
            (true, None) => {
                self.links.others(&news.place).iter().map(|room| owed(room, None, None)).collect()
            }
        }
    }

    /// What a participant is called.
    async fn name(&self, news: &TickNews, participant: &str) -> String {
        let mut known = news.members.iter().chain(&news.departed);
        match known.find(|phone| phone.participant == participant) {
            Some(phone) => self.called(news, &phone.address, phone.name.clone()).await,
            None => "somebody who has left".to_owned(),
        }
    }

    async fn called(&self, news: &TickNews, address: &str, name: Option<String>) -> String {
        let speaker = Speaker { name, ..Speaker::new(Network::Twilio, address) };
        self.names.resolve(&speaker, &news.conversation).await.name
    }
}

/// What can be done for somebody whom a message does not reach.
struct Remedy {
    /// How it is typed, where the reason does not say so already.
    words: Option<String>,
    button: Button,
}

impl Remedy {
    /// The number is taken out of the group.
    fn take_out(group: &Place, address: &str, name: &str) -> Self {
        let words = ["member", "remove", group.id(), address].map(str::to_owned).to_vec();
        let question = format!("{name} is taken out of the group, and gets nothing more of it.");
        let press = Press::Ask { question, words };
        Self {
            words: None,
            button: Button { label: format!("Take {name} out"), danger: true, press },
        }
    }

    /// It is sent once more, to this phone alone.
    fn send_again(group: &Place, event: i64, address: &str, name: &str) -> Self {
        let number = event.to_string();
        let words = ["queue", "again", group.id(), &number, address].map(str::to_owned).to_vec();
        let label = format!("Send it to {name} again");
        let key = address.rsplit(':').next().unwrap_or(address);
        Self {
            words: Some(format!("`queue again {number} {key}` sends it to {name} once more.")),
            button: Button { label, danger: false, press: Press::Run(words) },
        }
    }
}

fn count(news: &TickNews, tick: Tick, failure: Option<&Failure>) {
    metrics::counter!("partyline_ticks_total",
        "network" => news.place.network().as_str(), "tick" => tick.name(),
        "outcome" => failure.map_or("ok", |failure| failure.reason.as_str()))
    .increment(1);
}
