//! How a delivery ends: it was sent, or it will not be.

use partyline_core::{Action, Failure, Sent, Verdict};
use rusqlite::params;

use super::cursors::place_id;
use super::failed::untold;
use super::held;
use super::inbox;
use super::inquiries;
use super::intake::{map_message, note_own};
use super::receipts::{self, Origin};
use super::suppressions;
use super::{Accepted, Delivery, Ledger, LedgerError};
use crate::crash::{Point, point};

impl Ledger {
    /// It was sent: [`Ledger::settle_together`] of one.
    ///
    /// # Errors
    /// Nothing was noted: the delivery still waits.
    pub async fn settle(&self, delivery: &Delivery, sent: Sent) -> Result<Accepted, LedgerError> {
        self.settle_together(std::slice::from_ref(delivery), sent).await
    }

    /// These were sent to their place, as one message. In a conversation, our message's number in
    /// its order is noted too, which can let go what waited for it, or show that something before
    /// it is missing.
    ///
    /// # Errors
    /// Nothing was noted: all of them still wait.
    pub async fn settle_together(
        &self,
        deliveries: &[Delivery],
        sent: Sent,
    ) -> Result<Accepted, LedgerError> {
        let Some(place) = deliveries.first().map(|delivery| delivery.owed.to.clone()) else {
            return Ok(Accepted::default());
        };
        let (now, first) = (self.now_ms(), self.inquires);
        let numbers: Vec<i64> = deliveries.iter().map(|delivery| delivery.number).collect();
        // A card of before there were buttons is a notice.
        let is_card =
            |one: &Delivery| matches!(one.owed.action, Action::Card { .. } | Action::Notice { .. });
        let card = deliveries.iter().any(is_card);
        let accepted = self
            .threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let mut origin = None;
                for number in &numbers {
                    let of: i64 = writing
                        .connection
                        .prepare_cached(
                            // What was held for a phone may be refused once more.
                            "UPDATE deliveries
                             SET state = 1, reason = NULL, sentence = NULL,
                                 owed = CASE WHEN ?2 AND EXISTS (SELECT 1 FROM held
                                     WHERE held.event = deliveries.event) THEN owed END
                             WHERE id = ?1 RETURNING event",
                        )?
                        .query_row(params![number, place.is_phone()], |row| row.get(0))?;
                    let Some(id) = &sent.id else { continue };
                    let row = place_id(writing, &place)?;
                    map_message(writing, row, id, of, Some(*number))?;
                    origin = Some(Origin { event: of, delivery: Some(*number) });
                }
                if let (Some(id), Some(of), false) = (&sent.id, origin, place.is_room()) {
                    receipts::claim(writing, &place, id, &of, now, &mut accepted)?;
                    if let Some(first) = first {
                        inquiries::expect(writing, (&place, id), (now, first), &mut accepted)?;
                    }
                }
                if let Some(id) = sent.id.as_ref().filter(|_| place.is_conversation()) {
                    note_own(writing, &place, id, sent.ordinal, now, &mut accepted)?;
                }
                if card && place.is_room() {
                    numbers
                        .iter()
                        .try_for_each(|number| inbox::sent(writing, *number, &mut accepted))?;
                }
                point(Point::LaneSettling);
                Ok(accepted)
            })
            .await?;
        for delivery in deliveries {
            self.heads.gone(&delivery.owed.lane(), delivery.number);
        }
        Ok(accepted)
    }

    /// It will not be sent, or nobody knows: it leaves its lane, with the reason, until somebody
    /// retries or drops it. Where the room that it came from must be told (`told`), that is noted in the same
    /// commit, for [`Ledger::tell_given_up`].
    ///
    /// # Errors
    /// Nothing was noted: the delivery still waits.
    pub async fn park(
        &self,
        delivery: &Delivery,
        failure: &Failure,
        told: bool,
    ) -> Result<Accepted, LedgerError> {
        let now = self.now_ms();
        let untold = told.then(|| untold(failure.verdict == Verdict::Unknown));
        let lane = delivery.owed.lane();
        let number = delivery.number;
        let reason = failure.reason.as_str();
        let (to, failure) = (delivery.owed.to.clone(), failure.clone());
        let accepted = self
            .threads
            .write(move |writing| {
                let event: i64 = writing
                    .connection
                    .prepare_cached(
                        "UPDATE deliveries SET state = 2, reason = ?2, sentence = ?3, untold = ?4
                         WHERE id = ?1 RETURNING event",
                    )?
                    .query_row(params![number, reason, failure.sentence, untold], |row| {
                        row.get(0)
                    })?;
                let failed = untold.map(|_| lane.clone()).into_iter().collect();
                let mut accepted = Accepted { failed, ..Accepted::default() };
                suppressions::refused(writing, &to, &failure, now, &mut accepted)?;
                held::invitation_failed(writing, event, &to)?;
                point(Point::LaneParking);
                Ok(accepted)
            })
            .await?;
        self.heads.gone(&delivery.owed.lane(), number);
        Ok(accepted)
    }
}
