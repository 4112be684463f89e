//! Lanes: what is owed to a place leaves in order, one after another, until it is settled.
//!
//! Only the head of a lane is ever under way. So after a start it is the heads alone of which
//! nobody knows whether they were sent before the program was killed; each is looked up before it
//! is sent. No mark has to be written down before a send. In a ledger that was restored from a
//! backup, everything of before the restore is looked up, not the heads alone. And should the ledger
//! have lost its newest pages (a log that was cut short), the first of what is read back tells: as long
//! as what is looked up is found, the next one is looked up too.

mod notice;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use partyline_core::{
    Action, Backoff, Clock, Failure, Lateness, MessageId, NAME_LIMIT, Outgoing, Place, Reason,
    Sent, Verdict,
};
use tokio_util::sync::CancellationToken;

use crate::blocks::Blocks;
use crate::contacts::Names;
use crate::crash::{Point, point};
use crate::fates;
use crate::intake::Wakers;
use crate::ledger::{Delivery, Lane, Ledger, LedgerError};
use crate::networks::{Networks, Powers};
use crate::optouts::refusal;
use crate::poison::{Guard, PANICS, Poison};
use crate::sends::Way;

/// How many deliveries of a lane are read at once: memory for each lane that is active.
const READ_AHEAD: u32 = 32;
/// How long an uncertain send is left alone before it is looked up: the platform may still be
/// working on it.
const SETTLING_TIME: Duration = Duration::from_secs(1);
/// How many of what went to a phone before are told apart from what is looked up there.
const KNOWN: u32 = 1000;
/// How often a delivery's look-up or a person's name is tried before a person must decide, or the
/// id stands for the name.
const NAME_TRIES: u32 = 3;

/// Sends what is owed.
pub struct Lanes {
    ledger: Ledger,
    networks: Networks,
    names: Arc<Names>,
    wakers: Wakers,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    care: Care,
    suspects: Mutex<HashSet<Lane>>,
    /// When this run began.
    started: Timestamp,
    /// Lanes that have come to what was said before this run. One entry a lane.
    reached: Mutex<HashSet<Lane>>,
}

/// How a delivery is treated that is late, will not go, or does harm.
pub struct Care {
    /// Watches over sends that panic or end the program.
    pub guard: Arc<Guard>,
    /// A delivery that could not be sent for this long is parked.
    pub give_up_after: Duration,
    /// From when on a message shows when it was said.
    pub lateness: Lateness,
    /// To whom nothing is sent.
    pub blocks: Arc<Blocks>,
}

/// How the work on a delivery ended.
enum End {
    /// With how many of those behind it.
    Sent(Sent, usize),
    /// A look-up showed that it had been sent, with how many of those behind it.
    Found(Sent, usize),
    Parked(Failure),
    /// It is owed no more: whoever it was for was erased meanwhile.
    Erased,
    /// The program is stopping; the delivery stays where it is.
    Stopped,
}

impl End {
    /// How many of those that wait ended so.
    const fn count(&self) -> usize {
        match self {
            Self::Sent(_, count) | Self::Found(_, count) => *count,
            Self::Parked(_) | Self::Erased => 1,
            Self::Stopped => 0,
        }
    }

    const fn point(&self) -> Point {
        match self {
            Self::Parked(_) => Point::LaneParked,
            Self::Sent(..) | Self::Found(..) | Self::Erased | Self::Stopped => Point::LaneSettled,
        }
    }
}

impl Lanes {
    /// Lanes over this ledger. Nothing is sent before [`Lanes::start`].
    #[must_use]
    pub fn new(
        ledger: Ledger,
        networks: Networks,
        names: Arc<Names>,
        wakers: Wakers,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
        care: Care,
    ) -> Arc<Self> {
        let (suspects, reached, started) = (Mutex::default(), Mutex::default(), clock.now());
        Arc::new(Self {
            ledger,
            networks,
            names,
            wakers,
            clock,
            stop,
            care,
            suspects,
            started,
            reached,
        })
    }

    /// Goes on with everything that waits in the ledger.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn start(self: &Arc<Self>) -> Result<(), LedgerError> {
        let waiting = self.ledger.lanes_waiting().await?;
        self.suspects().extend(waiting.iter().cloned());
        let lanes = Arc::clone(self);
        self.wakers.lanes.runs(move |lane| {
            let lanes = Arc::clone(&lanes);
            async move { lanes.run(&lane).await }
        });
        for lane in waiting {
            self.wakers.lanes.wake(lane);
        }
        Ok(())
    }

    fn reached(&self) -> std::sync::MutexGuard<'_, HashSet<Lane>> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn suspects(&self) -> std::sync::MutexGuard<'_, HashSet<Lane>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, lane: &Lane) {
        let mut trouble = Backoff::default();
        let mut suspect = self.suspects().remove(lane);
        loop {
            if self.stop.is_cancelled() {
                return;
            }
            let batch = match self.ledger.heads(lane, READ_AHEAD).await {
                Ok(batch) if batch.is_empty() => {
                    if suspect {
                        self.suspects().insert(lane.clone());
                    }
                    return;
                }
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(?lane, %error, "a lane could not read what it owes");
                    self.pause(trouble.wait()).await;
                    continue;
                }
            };
            let mut waiting = &batch[..];
            while let Some(first) = waiting.first() {
                // What was read back may have been sent by a run of which the ledger has lost the
                // newest pages: the first of it in a lane tells.
                suspect |= first.owed.at < self.started && self.reached().insert(lane.clone());
                let uncertain = suspect || first.former || first.again;
                let (end, _way) = self.work(waiting, uncertain).await;
                // Where the ledger's newest pages were lost, several were sent of which it does not
                // know: as long as one is found, the next one may have been sent too.
                suspect &= matches!(end, End::Found(..));
                let (ended, rest) = waiting.split_at(end.count());
                if matches!(end, End::Stopped) || !self.note(ended, end).await {
                    return;
                }
                waiting = rest;
            }
        }
    }

    /// Sends the first of what waits, and what goes together with it, however long it takes, unless
    /// it can never be sent. To a phone nothing else may be done before the end is noted.
    async fn work(&self, waiting: &[Delivery], mut uncertain: bool) -> (End, Option<Way<'_>>) {
        let delivery = &waiting[0];
        let network = delivery.owed.to.network();
        let Some(powers) = self.networks.get(network) else {
            let sentence =
                format!("There is no [{network}] section in the configuration any more.");
            return (End::Parked(Failure::never(Reason::NoSuchPlace, sentence)), None);
        };
        let mut backoff = Backoff::default();
        let mut panics = 0;
        loop {
            // Who has just opted out gets nothing more, not even what waited already.
            let nobody_leaves = self.wakers.leaving.nobody(&delivery.owed.to);
            self.stop.run_until_cancelled(nobody_leaves).await;
            if self.stop.is_cancelled() {
                return (End::Stopped, None);
            }
            let way = self.wakers.sends.one_to(&delivery.owed.to).await;
            let name = || format!("delivery {}", delivery.number);
            let attempt = self.attempt(powers, waiting, uncertain);
            let failure = match self.care.guard.attempt(name, attempt).await {
                Ok(Ok(end)) => return (end, way),
                Ok(Err(failure)) => failure,
                Err(poison) => {
                    panics += 1;
                    if poison == Poison::Deadly || panics == PANICS {
                        return (End::Parked(poisoned(poison)), way);
                    }
                    Failure::unknown(Reason::Poisoned, "The bridge failed on it.")
                }
            };
            let wait = match failure.verdict {
                Verdict::Never => return (End::Parked(failure), way),
                Verdict::Later(wait) => wait,
                Verdict::Unknown if failure.reason == Reason::Uncertain => {
                    return (End::Parked(failure), way);
                }
                Verdict::Unknown => {
                    uncertain = true;
                    Some(SETTLING_TIME)
                }
            };
            if self.too_old(delivery) {
                return (End::Parked(failure), way);
            }
            drop(way);
            let pause = backoff.at_least(wait);
            tracing::warn!(delivery = %delivery.id, place = ?delivery.owed.to,
                reason = failure.reason.as_str(), code = failure.code, wait_ms = pause.as_millis(),
                "not sent yet, trying again: {failure}");
            outcome(network, "retried");
            self.pause(pause).await;
        }
    }

    /// Sends the first once, and what goes together with it, each under the name that its speaker
    /// has now; looks it up before, where it may have been sent.
    async fn attempt(
        &self,
        powers: &Powers,
        waiting: &[Delivery],
        uncertain: bool,
    ) -> Result<End, Failure> {
        self.wanted(waiting).await?;
        if waiting[0].owed.to.is_phone() && !self.is_owed(&waiting[0]).await? {
            return Ok(End::Erased);
        }
        let most = powers.deliver.most_together().max(1);
        let mut outgoing: Vec<Outgoing> =
            waiting.iter().take(most).map(Delivery::outgoing).collect();
        let together = powers.deliver.together(&outgoing);
        for (delivery, outgoing) in waiting.iter().zip(&mut outgoing).take(together) {
            let (lateness, now) = (&self.care.lateness, self.clock.now());
            let overtaken = delivery.overtaken.then(|| lateness.told(outgoing.at, now));
            outgoing.late = overtaken.or_else(|| lateness.of(outgoing.at, now));
            self.name(delivery, outgoing).await;
        }
        // An answer to a command cannot be looked up, and one that comes twice does no harm.
        let repeatable = matches!(outgoing[0].action, Action::Answer { .. });
        if uncertain && !repeatable {
            self.add_known(&mut outgoing[0]).await?;
            self.find_or_send(powers, &outgoing).await
        } else {
            self.send(powers, &outgoing, false).await
        }
    }

    /// Nothing goes to a phone alone whose owner wants no messages, but the answer to themselves; and
    /// nothing into the inbox's conversation with somebody who is blocked. (A group that they are in is
    /// what they are taken out of.)
    async fn wanted(&self, waiting: &[Delivery]) -> Result<(), Failure> {
        let owed = &waiting[0].owed;
        let unknown = |error: LedgerError| {
            Failure::later(Reason::Unavailable, None, format!("It is sent later: {error}."))
        };
        let alone = match owed.to.as_phone() {
            Some((_, address)) => Some(address).filter(|_| owed.from != owed.to),
            None if owed.to.is_conversation() && !self.care.blocks.is_empty() => {
                let found = self.ledger.correspondent(&owed.to).await.map_err(unknown)?;
                found.filter(|address| self.care.blocks.has(address))
            }
            None => None,
        };
        let Some(address) = alone else { return Ok(()) };
        let found = self.ledger.suppressed(vec![address]).await.map_err(unknown)?;
        match found.first() {
            None => Ok(()),
            Some((_, suppression)) => {
                let sentence = format!("Whoever it was for {}.", refusal(suppression));
                Err(Failure::never(Reason::OptedOut, sentence))
            }
        }
    }

    /// Whether what goes to a phone alone is still owed: what waits for somebody who is erased is not.
    async fn is_owed(&self, delivery: &Delivery) -> Result<bool, Failure> {
        let later = |error| {
            Failure::later(Reason::Unavailable, None, format!("It is sent later: {error}."))
        };
        self.ledger.waits(delivery).await.map_err(later)
    }

    async fn send(
        &self,
        powers: &Powers,
        outgoing: &[Outgoing],
        again: bool,
    ) -> Result<End, Failure> {
        let started = Instant::now();
        point(Point::LaneSend);
        let result = powers.deliver.send_first(outgoing, again).await;
        point(Point::LaneSent);
        metrics::histogram!("partyline_send_seconds", "network" => outgoing[0].to.network().as_str())
            .record(started.elapsed());
        result.map(|(sent, count)| End::Sent(sent, count))
    }

    /// What goes to one phone carries no id: it is told which messages there are others.
    async fn add_known(&self, outgoing: &mut Outgoing) -> Result<(), Failure> {
        if !outgoing.to.is_phone() {
            return Ok(());
        }
        let known = self.ledger.sent_to(&outgoing.to, KNOWN).await;
        outgoing.known = known.map_err(|error| {
            Failure::later(Reason::Unavailable, None, format!("It is looked up later: {error}."))
        })?;
        Ok(())
    }

    async fn find_or_send(&self, powers: &Powers, outgoing: &[Outgoing]) -> Result<End, Failure> {
        match powers.deliver.find_first(outgoing).await {
            Ok(Some((sent, count))) => {
                point(Point::LaneFound);
                outcome(outgoing[0].to.network(), "found");
                Ok(End::Found(sent, count))
            }
            Ok(None) => self.send(powers, outgoing, true).await,
            Err(failure) if failure.verdict == Verdict::Unknown => {
                Err(Failure { reason: Reason::Uncertain, ..failure })
            }
            // A look-up that fails for now leaves it as uncertain as it was.
            Err(Failure { verdict: Verdict::Later(wait), reason, code, sentence }) => {
                Err(Failure { verdict: Verdict::Later(wait), reason, code, sentence })
            }
            Err(failure) => Err(failure),
        }
    }

    /// Puts the name and picture that the speaker has now on a post.
    async fn name(&self, delivery: &Delivery, outgoing: &mut Outgoing) {
        let Action::Post { name, picture, .. } = &mut outgoing.action else { return };
        let Some(speaker) = &delivery.owed.speaker else { return };
        let powers = self.networks.get(speaker.id.network);
        let Some(profiles) = powers.and_then(|powers| powers.profiles.as_ref()) else {
            let named = self.names.resolve(speaker, &delivery.owed.from).await;
            *name = cut(&named.name);
            *picture = named.picture;
            return;
        };
        let mut backoff = Backoff::default();
        for _ in 0..NAME_TRIES {
            match profiles.profile(&speaker.id, &delivery.owed.from).await {
                Ok(profile) => {
                    let known = profile.name.or_else(|| speaker.name.clone());
                    *name = cut(&known.unwrap_or_else(|| speaker.id.id.clone()));
                    *picture = profile.picture;
                    return;
                }
                Err(failure) if failure.verdict == Verdict::Never => break,
                Err(failure) => self.pause(backoff.at_least(wait_of(&failure))).await,
            }
        }
        // A message under an id is better than no message.
        *name = cut(speaker.name.as_deref().unwrap_or(&speaker.id.id));
    }

    fn too_old(&self, delivery: &Delivery) -> bool {
        let age = self.clock.now().duration_since(delivery.since);
        age.unsigned_abs() > self.care.give_up_after && age.is_positive()
    }

    /// Writes down how it ended, until that is durable. False when the program is stopping: the
    /// next start looks the delivery up.
    async fn note(&self, ended: &[Delivery], end: End) -> bool {
        let delivery = &ended[0];
        let mut backoff = Backoff::default();
        loop {
            let noted = match &end {
                End::Sent(sent, _) | End::Found(sent, _) => {
                    self.ledger.settle_together(ended, sent.clone()).await
                }
                End::Parked(failure) => {
                    point(Point::LanePark);
                    let notice = notice::of(delivery, failure);
                    self.ledger.park(delivery, failure, notice).await
                }
                End::Erased => {
                    self.ledger.is_gone(delivery);
                    return true;
                }
                End::Stopped => return false,
            };
            match noted {
                Ok(accepted) => {
                    point(end.point());
                    ended.iter().for_each(|delivery| self.tell(delivery, &end));
                    self.wakers.wake(accepted);
                    if let End::Found(Sent { id: Some(id), .. }, _) = &end {
                        self.learn_fate(&delivery.owed.to, id).await;
                    }
                    return true;
                }
                Err(error) => {
                    tracing::error!(delivery = %delivery.id, %error,
                        "what became of a delivery could not be written down; trying again");
                    if self.stop.is_cancelled() {
                        return false;
                    }
                    self.pause(backoff.wait()).await;
                }
            }
        }
    }

    /// Of what was sent before, the hooks may have met nobody: it is asked what became of it. What
    /// cannot be asked stays unknown, as where hooks are lost.
    async fn learn_fate(&self, place: &Place, message: &MessageId) {
        if place.is_room() {
            return;
        }
        match fates::learn(&self.networks, &self.ledger, place, message).await {
            Ok(learned) => self.wakers.wake(learned.accepted),
            Err(why) => tracing::warn!(?place, "what became of a message is not known: {why}"),
        }
    }

    fn tell(&self, delivery: &Delivery, end: &End) {
        let network = delivery.owed.to.network();
        match end {
            End::Sent(..) | End::Found(..) => {
                outcome(network, "sent");
                let took = self.clock.now().duration_since(delivery.since).unsigned_abs();
                metrics::histogram!("partyline_delivery_seconds", "network" => network.as_str())
                    .record(took);
            }
            End::Parked(failure) => {
                outcome(network, "parked");
                tracing::error!(delivery = %delivery.id, place = ?delivery.owed.to,
                    reason = failure.reason.as_str(), code = failure.code,
                    "parked, it will not be sent: {failure}");
            }
            End::Erased | End::Stopped => {}
        }
    }

    async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.stop.cancelled() => {}
        }
    }
}

fn poisoned(poison: Poison) -> Failure {
    Failure::unknown(
        Reason::Poisoned,
        format!(
            "It was given up because {poison}; nobody knows whether it was sent. Look whether it is there, and report the mistake with the bridge's log."
        ),
    )
}

fn wait_of(failure: &Failure) -> Option<Duration> {
    match failure.verdict {
        Verdict::Later(wait) => wait,
        Verdict::Never | Verdict::Unknown => None,
    }
}

fn outcome(network: partyline_core::Network, outcome: &'static str) {
    metrics::counter!("partyline_deliveries_total",
        "network" => network.as_str(), "outcome" => outcome)
    .increment(1);
}

fn cut(name: &str) -> String {
    name.chars().take(NAME_LIMIT).collect()
}
