//! Members whose WhatsApp window is closed: invited once to write, and given what was held for them
//! when they do.
//!
//! What is said goes to the group's conversation in any case; Twilio gives it to those whose window is
//! open, and its receipts say for whom it failed. Of the others the ledger keeps what they missed
//! (`src/ledger/held.rs`). For each phone with something held there is one task: while the window is
//! closed it sees to the invitation; once somebody wrote, what is not sure is looked up at Twilio, and
//! what did not come goes to their phone alone, in order, from the sender that they know. Each of these
//! is one commit, and goes out by the phone's own lane.

mod compose;

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use partyline_core::{Action, Address, Backoff, Channel, Lateness, Network, Place, Speaker, Text};
use tokio_util::sync::CancellationToken;

use crate::contacts::Contacts;
use crate::crash::{Point, point};
use crate::fates::{self, Unlearned};
use crate::intake::Wakers;
use crate::invitations::{Invitations, NoInvitation};
use crate::ledger::{
    Expired, HeldMessage, HeldPart, HeldPhone, Ledger, LedgerError, Owed, SPEAKERS,
};
use crate::links::Links;
use crate::networks::Networks;
use crate::policy::Openness;

/// What is read of one phone at a time.
const AT_ONCE: u32 = 500;
/// Phones that are given up in one round.
const ROUND: u32 = 100;
/// How long before a start a message's hooks may have met nobody, and how many messages are asked about.
const LATELY: SignedDuration = SignedDuration::from_mins(10);
const NEWEST: u32 = 200;
/// The longest pause before it is looked at what was held for too long.
const LOOK: Duration = Duration::from_secs(600);

/// Sees to what is held.
pub struct Windows {
    /// What is held for whom, and when each member was last heard.
    pub ledger: Ledger,
    /// Which rooms are told.
    pub links: Arc<Links>,
    /// Who is asked what came.
    pub networks: Networks,
    /// How people are called.
    pub contacts: Contacts,
    /// How members are invited.
    pub invitations: Invitations,
    /// Who is woken by what leaves.
    pub wakers: Wakers,
    /// How often it is asked whether WhatsApp takes a template again.
    pub asked_again: Duration,
    /// How long something is held.
    pub hold_for: Duration,
    /// More messages than this go as a digest.
    pub digest_after: usize,
    /// How times are told.
    pub lateness: Lateness,
}

/// Why a phone could not be seen to; it is tried again.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Unlearned(#[from] Unlearned),
    #[error(transparent)]
    Invitation(#[from] NoInvitation),
}

impl Windows {
    /// Goes on with every phone for which something is held, and with those that come.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn start(self: Arc<Self>, stop: CancellationToken) -> Result<(), LedgerError> {
        let held = self.ledger.phones_held().await?;
        let (windows, wakers) = (Arc::clone(&self), self.wakers.clone());
        wakers.phones.runs(move |phone| {
            let (windows, stop) = (Arc::clone(&windows), stop.clone());
            async move {
                stop.run_until_cancelled(windows.run(&phone)).await;
            }
        });
        for phone in held {
            self.wakers.phones.wake(phone);
        }
        Ok(())
    }

    /// Looks up what became of the newest messages of the run before this one: the hooks that told of
    /// it may have met nobody. What cannot be looked up now stays unknown.
    pub async fn make_up(self: Arc<Self>) {
        // Where no hooks tell of it, the ledger has what is still to be asked.
        if self.wakers.inquiries.is_some() {
            return;
        }
        let since = self.ledger.now().saturating_sub(LATELY).unwrap_or_default();
        let newest = match self.ledger.untold_since(since, NEWEST).await {
            Ok(newest) => newest,
            Err(error) => {
                tracing::error!(%error, "what became of the newest messages is not looked up");
                return;
            }
        };
        for (place, message) in newest {
            match fates::learn(&self.networks, &self.ledger, &place, &message).await {
                Ok(learned) => self.wakers.wake(learned.accepted),
                Err(why) => {
                    tracing::warn!("what became of the newest messages is not looked up: {why}");
                    return;
                }
            }
        }
    }

    /// Asks what became of what went to phones, where Twilio does not call. Runs until it is dropped.
    pub async fn inquire(self: Arc<Self>) {
        if let Some(inquiries) = &self.wakers.inquiries {
            inquiries.run(&self.networks, &self.ledger, &self.wakers).await;
        }
    }

    /// Has those invited for whom something is held, once WhatsApp takes a template again that it did not take
    /// before. Runs until it is dropped.
    pub async fn make_good(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.asked_again).await;
            match self.invitations.taken_again().await {
                Ok(false) => {}
                Ok(true) => match self.ledger.phones_held().await {
                    Ok(held) => held.into_iter().for_each(|phone| self.wakers.phones.wake(phone)),
                    Err(error) => {
                        tracing::error!(%error, "whoever is to be invited by now is so with the next message");
                    }
                },
                Err(failure) => {
                    tracing::warn!(
                        "it is asked later whether WhatsApp takes the invitations again: {failure}"
                    );
                }
            }
        }
    }

    /// Gives up what was held for too long, again and again. Runs until it is dropped.
    pub async fn expire(self: Arc<Self>) {
        let pause = (self.hold_for / 10).clamp(Duration::from_millis(100), LOOK);
        loop {
            if let Err(error) = self.give_up().await {
                tracing::error!(%error, "what was held for too long could not be given up; tried again");
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn run(&self, phone: &Place) {
        let mut backoff = Backoff::default();
        loop {
            match self.see_to(phone).await {
                Ok(()) => return,
                Err(trouble) => {
                    tracing::warn!(?phone, "what is held for somebody is seen to later: {trouble}");
                    tokio::time::sleep(backoff.wait()).await;
                }
            }
        }
    }

    /// Does what is to be done for a phone now.
    async fn see_to(&self, phone: &Place) -> Result<(), Trouble> {
        // By SMS, what did not come is sent once more because somebody asked for it.
        let channel = phone.as_phone().map_or(Channel::WhatsApp, |(_, owner)| owner.channel());
        while let Some(held) = self.ledger.held_for(phone, AT_ONCE).await? {
            match held.window.openness(channel, self.ledger.now()) {
                Openness::Until(_) | Openness::Always => self.release(phone, held).await?,
                Openness::Closed | Openness::Unknown => {
                    if held.invited.is_none() {
                        self.invite(phone, &held.conversation).await?;
                    }
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Invites the owner of a phone, where the group has an invitation.
    async fn invite(&self, phone: &Place, conversation: &Place) -> Result<(), Trouble> {
        let Some((_, address)) = phone.as_phone() else { return Ok(()) };
        let speaker = Speaker::new(Network::Twilio, address.as_str());
        let member = self.called(&speaker, conversation).await;
        let Some(action) = self.invitations.to(conversation, &address, &member).await? else {
            return Ok(());
        };
        let owed = Owed {
            to: phone.clone(),
            from: conversation.clone(),
            speaker: None,
            at: self.ledger.now(),
            action,
        };
        let accepted = self.ledger.invite(phone, conversation, owed).await?;
        point(Point::HeldInvited);
        if !accepted.wake.is_empty() {
            metrics::counter!("partyline_invitations_total").increment(1);
        }
        self.wakers.wake(accepted);
        Ok(())
    }

    /// Lets go what is held, as far as it did not come.
    async fn release(&self, phone: &Place, held: HeldPhone) -> Result<(), Trouble> {
        let Some(held) = self.looked_up(phone, held).await? else { return Ok(()) };
        let numbers = held.messages.iter().map(|one| one.number).collect();
        let fresh: Vec<_> = held.messages.into_iter().filter(|one| !one.again).collect();
        let digest = fresh.len() > self.digest_after;
        let owed = if digest {
            count("digested", fresh.len());
            self.digest(phone, &held.conversation, &fresh).await
        } else {
            count("released", fresh.len());
            self.one_by_one(phone, &fresh)
        };
        let accepted = self.ledger.release_held(phone, numbers, (owed, digest)).await?;
        point(Point::HeldReleased);
        self.wakers.wake(accepted);
        Ok(())
    }

    /// What is held, once Twilio was asked what became of all of which that is not known. Of what it
    /// does not say that it failed, nothing is held any more. (Should that be said later, it is held
    /// from then on.)
    async fn looked_up(
        &self,
        phone: &Place,
        held: HeldPhone,
    ) -> Result<Option<HeldPhone>, Trouble> {
        let is_open = |one: &HeldMessage| !one.sure || one.parts.iter().any(HeldPart::open);
        let asked: Vec<_> = held.messages.iter().filter(|one| !one.again && is_open(one)).collect();
        if asked.is_empty() {
            return Ok(Some(held));
        }
        for one in &asked {
            for part in one.parts.iter().filter(|part| part.open()) {
                let (place, message) = (&one.conversation, &part.message);
                let learned = fates::learn(&self.networks, &self.ledger, place, message).await;
                self.wakers.wake(learned?.accepted);
            }
        }
        self.ledger.not_held(phone, asked.iter().map(|one| one.number).collect()).await?;
        Ok(self.ledger.held_for(phone, AT_ONCE).await?)
    }

    /// Gives up what was held for too long, and tells the rooms.
    async fn give_up(&self) -> Result<(), LedgerError> {
        let span = SignedDuration::try_from(self.hold_for).unwrap_or(SignedDuration::MAX);
        let now = self.ledger.now();
        let before = now.saturating_sub(span).unwrap_or(now);
        for expired in self.ledger.held_since(before, ROUND).await? {
            let Some((_, address)) = expired.phone.as_phone() else { continue };
            let told = self.told_of(&expired, &address).await;
            count("given_up", usize::try_from(expired.messages).unwrap_or(usize::MAX));
            let accepted = self.ledger.give_up_held(&expired, before, told).await?;
            self.wakers.wake(accepted);
        }
        Ok(())
    }

    /// What the rooms are told of what was given up.
    async fn told_of(&self, expired: &Expired, address: &Address) -> Vec<Owed> {
        let speaker = Speaker::new(Network::Twilio, address.as_str());
        let name = self.called(&speaker, &expired.conversation).await;
        let mut names = Vec::new();
        for speaker in &expired.speakers {
            names.push(self.called(speaker, &expired.conversation).await);
        }
        let of = of_whom(&names);
        let what = match expired.messages {
            1 => format!("1 message{of} that was held for them was"),
            more => format!("{more} messages{of} that were held for them were"),
        };
        let text = format!(
            "{name} has not written for {}: {what} not delivered.",
            in_words(self.hold_for)
        );
        let notice = |room: Place| Owed {
            to: room,
            from: expired.conversation.clone(),
            speaker: None,
            at: self.ledger.now(),
            action: Action::Notice { text: Text::plain(text.clone()) },
        };
        self.links.others(&expired.conversation).into_iter().map(notice).collect()
    }

    /// What somebody is called now.
    async fn called(&self, speaker: &Speaker, place: &Place) -> String {
        let powers = self.networks.get(speaker.id.network);
        let Some(profiles) = powers.and_then(|powers| powers.profiles.as_ref()) else {
            return self.contacts.names().resolve(speaker, place).await.name;
        };
        let profile = profiles.profile(&speaker.id, place).await.ok();
        let known = profile.and_then(|profile| profile.name).or_else(|| speaker.name.clone());
        known.unwrap_or_else(|| speaker.id.id.clone())
    }
}

/// ` of Ada, Ben and others`; nothing where nobody is known.
fn of_whom(names: &[String]) -> String {
    let (shown, others) = match names.len() {
        SPEAKERS.. => (&names[..SPEAKERS - 1], true),
        _ => (names, false),
    };
    match shown {
        [] => String::new(),
        shown if others => format!(" of {} and others", shown.join(", ")),
        [one] => format!(" of {one}"),
        [first @ .., last] => format!(" of {} and {last}", first.join(", ")),
    }
}

/// A span as people say it, in its largest whole unit.
fn in_words(span: Duration) -> String {
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let seconds = span.as_secs().max(1);
    let fits = |(length, _): &&(u64, &str)| seconds.is_multiple_of(*length);
    let (length, unit) = units.iter().find(fits).unwrap_or(&(1, "second"));
    let count = seconds / length;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn count(outcome: &'static str, messages: usize) {
    metrics::counter!("partyline_held_messages_total", "outcome" => outcome)
        .increment(messages as u64);
}
