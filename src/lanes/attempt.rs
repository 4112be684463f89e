//! The work on the head of a lane: sent, or looked up before it is sent, again and again until there
//! is an end.

use std::time::{Duration, Instant};

use partyline_core::{Action, Backoff, Failure, Outgoing, Reason, Verdict};

use super::end::End;
use super::{Lanes, outcome};
use crate::crash::{Point, point};
use crate::ledger::{Delivery, LedgerError};
use crate::networks::Powers;
use crate::optouts::refusal;
use crate::poison::{PANICS, Poison};
use crate::sends::Way;

/// How long an uncertain send is left alone before it is looked up: the platform may still be
/// working on it.
const SETTLING_TIME: Duration = Duration::from_secs(1);
/// How many of what went to a phone before are told apart from what is looked up there.
const KNOWN: u32 = 1000;
/// A delivery is not given up before its lane has failed for so long: until then it may have waited only
/// because the daemon was down, or the clock may have jumped.
const TRIED_FOR: Duration = Duration::from_secs(600);

impl Lanes {
    /// Sends the first of what waits, and what goes together with it, however long it takes, unless
    /// it can never be sent. To a phone nothing else may be done before the end is noted. `failing`
    /// keeps since when nothing has gone.
    pub(super) async fn work(
        &self,
        waiting: &[Delivery],
        mut uncertain: bool,
        failing: &mut Option<tokio::time::Instant>,
    ) -> (End, Option<Way<'_>>) {
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
            if !self.ledger.is_first(&delivery.owed.lane(), delivery) {
                return (End::Gone, None);
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
            let tried = failing.get_or_insert_with(tokio::time::Instant::now).elapsed();
            if self.too_old(delivery, tried) {
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
            return Ok(End::Gone);
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
        if !uncertain {
            return self.send(powers, &outgoing, false).await;
        }
        self.add_known(&mut outgoing[0]).await?;
        match self.find_or_send(powers, &outgoing).await {
            // Most answers to commands cannot be looked up, and one that comes twice does no harm.
            Err(Failure { reason: Reason::Uncertain, .. })
                if matches!(outgoing[0].action, Action::Answer { .. }) =>
            {
                self.send(powers, &outgoing, false).await
            }
            end => end,
        }
    }

    /// Nothing goes to a phone alone whose owner wants no messages, but the answer to themselves; and
    /// nothing into the inbox's conversation with somebody who is blocked. (A group that they are in is
    /// what they are taken out of.)
    async fn wanted(&self, waiting: &[Delivery]) -> Result<(), Failure> {
        let owed = &waiting[0].owed;
        let alone = match owed.to.as_phone() {
            Some((_, address)) => Some(address).filter(|_| owed.from != owed.to),
            None if owed.to.is_conversation() && !self.care.blocks.is_empty() => {
                let found =
                    self.ledger.correspondent(&owed.to).await.map_err(|error| unread(&error))?;
                found.filter(|address| self.care.blocks.has(address))
            }
            None => None,
        };
        let Some(address) = alone else { return Ok(()) };
        let found = self.ledger.suppressed(vec![address]).await.map_err(|error| unread(&error))?;
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
        self.ledger.waits(delivery).await.map_err(|error| unread(&error))
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
            Err(failure) => Err(failure),
        }
    }

    fn too_old(&self, delivery: &Delivery, tried: Duration) -> bool {
        let patience = self.care.give_up_after;
        let age = self.clock.now().duration_since(delivery.since);
        age.is_positive() && age.unsigned_abs() > patience && tried >= patience.min(TRIED_FOR)
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

/// The failure of a send before which the ledger could not be asked.
fn unread(error: &LedgerError) -> Failure {
    Failure::later(Reason::Unavailable, None, format!("It is sent later: {error}."))
}
