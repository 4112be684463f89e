//! How the work on a delivery ended, and the writing down of it.

use partyline_core::{Backoff, Failure, MessageId, Place, Sent};

use super::{Lanes, notice, outcome};
use crate::crash::{Point, point};
use crate::fates;
use crate::ledger::Delivery;

/// How the work on a delivery ended.
pub(super) enum End {
    /// With how many of those behind it.
    Sent(Sent, usize),
    /// A look-up showed that it had been sent, with how many of those behind it.
    Found(Sent, usize),
    Parked(Failure),
    /// It is not owed here any more: whoever it was for was erased meanwhile, or another room took this one's place.
    Gone,
    /// The program is stopping; the delivery stays where it is.
    Stopped,
}

impl End {
    /// How many of those that wait ended so.
    pub(super) const fn count(&self) -> usize {
        match self {
            Self::Sent(_, count) | Self::Found(_, count) => *count,
            Self::Parked(_) | Self::Gone => 1,
            Self::Stopped => 0,
        }
    }

    const fn point(&self) -> Point {
        match self {
            Self::Parked(_) => Point::LaneParked,
            Self::Sent(..) | Self::Found(..) | Self::Gone | Self::Stopped => Point::LaneSettled,
        }
    }
}

impl Lanes {
    /// Writes down how it ended, until that is durable. False when the program is stopping: the
    /// next start looks the delivery up.
    pub(super) async fn note(&self, ended: &[Delivery], end: End) -> bool {
        let delivery = &ended[0];
        let mut backoff = Backoff::default();
        loop {
            let noted = match &end {
                End::Sent(sent, _) | End::Found(sent, _) => {
                    self.ledger.settle_together(ended, sent.clone()).await
                }
                End::Parked(failure) => {
                    point(Point::LanePark);
                    self.ledger.park(delivery, failure, notice::is_due(delivery)).await
                }
                End::Gone => {
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
            End::Gone | End::Stopped => {}
        }
    }
}
