//! Sends templates to many people: a few at a time, with a line that shows how far it is, and an
//! account at the end.
//!
//! Who is still to get it stands in the ledger (`ledger/broadcasts.rs`). Here is only the pace: so
//! many a second in all, and no more on their way at a time than soon leave, so that an outage piles
//! nothing up and what else goes to phones finds room.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use partyline_core::MessageId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::commands::Desk;
use crate::crash::{Point, point};
use crate::intake::Wakers;
use crate::ledger::{Account, Broadcast, LedgerError, Owed};

/// Broadcasts that go on at a time; the others wait for their turn.
const AT_ONCE: u32 = 16;

/// How often it is looked what can go.
const ROUND: Duration = Duration::from_millis(500);

/// The most that are on their way of one broadcast, in rounds.
const AHEAD: u64 = 10;

/// How often it is shown how far it is (Slack takes some 50 changes a minute).
const SHOWN: Duration = Duration::from_secs(3);

/// The longest that a platform is waited for to show it.
const SHOWING: Duration = Duration::from_secs(5);

/// The most reasons that an account names.
const REASONS: usize = 5;

/// Works on broadcasts until it is stopped: at most `per_second` people in all.
pub async fn keep(desk: Arc<Desk>, wakers: Wakers, per_second: u32, stop: CancellationToken) {
    let round = (u64::from(per_second) * ROUND.as_millis() as u64 / 1000).max(1);
    let keeper = Keeper { desk, wakers, round };
    let mut shown = HashMap::new();
    while !stop.is_cancelled() {
        let wait = match keeper.round(&mut shown).await {
            Ok(true) => ROUND,
            // The next one begins with a command.
            Ok(false) => Duration::MAX,
            Err(error) => {
                tracing::error!("broadcasts could not be worked on; trying again: {error}");
                ROUND * 4
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = keeper.desk.broadcast.notified() => {}
            () = stop.cancelled() => {}
        }
    }
}

struct Keeper {
    desk: Arc<Desk>,
    wakers: Wakers,
    /// How many get theirs in a round.
    round: u64,
}

/// When the progress of a broadcast was shown last, and what.
type Shown = HashMap<i64, (Instant, Account)>;

impl Keeper {
    /// One round; whether anything is left to do.
    async fn round(&self, shown: &mut Shown) -> Result<bool, LedgerError> {
        let open = self.desk.ledger.broadcasts(AT_ONCE).await?;
        shown.retain(|event, _| open.iter().any(|one| one.event == *event));
        let mut left = self.round;
        for broadcast in &open {
            let account = &broadcast.account;
            if account.pending == 0 && account.waiting == 0 {
                self.end(broadcast).await?;
                continue;
            }
            let room = (self.round * AHEAD).saturating_sub(account.waiting);
            let count = left.min(room).min(account.pending);
            if count > 0 {
                left -= count;
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                let accepted = self.desk.ledger.owe_recipients(broadcast.event, count).await?;
                point(Point::BroadcastOwed);
                metrics::counter!("partyline_broadcast_recipients_total").increment(count.into());
                self.wakers.wake(accepted);
            }
            self.show(broadcast, shown).await?;
        }
        Ok(!open.is_empty())
    }

    async fn show(&self, broadcast: &Broadcast, shown: &mut Shown) -> Result<(), LedgerError> {
        let now = Instant::now();
        let due = match shown.get(&broadcast.event) {
            Some((at, before)) => now - *at >= SHOWN && *before != broadcast.account,
            // What is over at once needs no progress.
            None => {
                shown.insert(broadcast.event, (now, broadcast.account.clone()));
                false
            }
        };
        if !due {
            return Ok(());
        }
        shown.insert(broadcast.event, (now, broadcast.account.clone()));
        let text = format!("\"{}\" is on its way: {}", broadcast.name, progress(broadcast));
        if let Some(message) = self.revise(broadcast, &text).await
            && broadcast.shown.as_ref() != Some(&message)
        {
            self.desk.ledger.broadcast_shown(broadcast.event, &message).await?;
        }
        Ok(())
    }

    /// Shows a text in place of the progress. That it could not be shown does no harm.
    async fn revise(&self, broadcast: &Broadcast, text: &str) -> Option<MessageId> {
        let powers = self.desk.networks.get(broadcast.answer.place.network())?;
        let revise = powers.revise.as_deref()?;
        let showing = revise.show(&broadcast.answer, text, broadcast.shown.as_ref());
        match tokio::time::timeout(SHOWING, showing).await {
            Ok(Ok(message)) => Some(message),
            Ok(Err(failure)) => {
                tracing::debug!("the progress of a broadcast is not shown: {failure}");
                None
            }
            Err(_) => None,
        }
    }

    async fn end(&self, broadcast: &Broadcast) -> Result<(), LedgerError> {
        let text = format!("\"{}\" has left: {}", broadcast.name, told(broadcast));
        if broadcast.shown.is_some() {
            self.revise(broadcast, &text).await;
        }
        let account = Owed::answer(&broadcast.answer, self.desk.clock.now(), text);
        let accepted = self.desk.ledger.end_broadcast(broadcast.event, account).await?;
        self.wakers.wake(accepted);
        Ok(())
    }
}

/// `412 of 1000 sent, 3 refused, 2 suppressed.`
fn progress(broadcast: &Broadcast) -> String {
    let account = &broadcast.account;
    let mut text = format!("{} of {} sent", account.sent, broadcast.total);
    let counts = [(account.refusals(), "refused"), (account.suppressed, "suppressed")];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        let _ = write!(text, ", {count} {what}");
    }
    text + "."
}

/// The account at the end, with why those did not get it who did not.
fn told(broadcast: &Broadcast) -> String {
    let mut text = progress(broadcast);
    let mut reasons: Vec<(&String, &u64)> = broadcast.account.refused.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (why, count) in reasons.iter().take(REASONS) {
        let _ = write!(text, "\n• {count}: {why}");
    }
    if reasons.len() > REASONS {
        let _ = write!(text, "\n• {} more reasons: `queue list` has them", reasons.len() - REASONS);
    }
    if broadcast.account.refusals() > 0 {
        text.push_str("\n`queue retry ID` sends one again.");
    }
    text
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use partyline_core::{AnswerTo, Place};

    use super::*;

    #[test]
    fn the_account_says_what_became_of_everybody() {
        let refused = [("Not on WhatsApp.".to_owned(), 3), ("Blocked.".to_owned(), 1)].into();
        let account = Account { pending: 0, waiting: 0, sent: 994, suppressed: 2, refused };
        let place: Place = "slack:C1".parse().expect("a place");
        let broadcast = Broadcast {
            event: 1,
            answer: AnswerTo { place, handle: String::new() },
            name: "team_notice".into(),
            total: 1000,
            shown: None,
            at: Timestamp::UNIX_EPOCH,
            account,
        };
        assert_eq!(
            told(&broadcast),
            "994 of 1000 sent, 4 refused, 2 suppressed.\n• 3: Not on WhatsApp.\n• 1: Blocked.\n`queue retry ID` sends one again."
        );
    }
}
