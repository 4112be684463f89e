//! Sends templates to many people: a few at a time, with a line that shows how far it is, and an
//! account at the end.
//!
//! Who is still to get it stands in the ledger (`ledger/broadcasts.rs`). Here is only the pace: so
//! many a second in all, and no more on their way at a time than soon leave, so that an outage piles
//! nothing up and what else goes to phones finds room.
//!
//! What failed on a phone is known by its receipt, some seconds after it was sent. So the account waits
//! for the receipts of the last ones, for half a minute at most. What fails later, within the hour, is put
//! into the account, every ten minutes at most; where it cannot be changed, it is given again.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use partyline_core::{MessageId, Network};
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

/// How long the account waits for the last receipts.
const RECEIPTS: Duration = Duration::from_secs(30);

/// How long after its end a broadcast's receipts are still counted, and how often.
const LATER: SignedDuration = SignedDuration::from_hours(1);
const RECOUNTED: Duration = Duration::from_secs(600);

/// How often it is looked for them.
const LOOKED: Duration = Duration::from_secs(1);

/// The most reasons that an account names.
const REASONS: usize = 5;

/// Works on broadcasts until it is stopped: at most `per_second` people in all.
pub async fn keep(desk: Arc<Desk>, wakers: Wakers, per_second: u32, stop: CancellationToken) {
    let round = (u64::from(per_second) * ROUND.as_millis() as u64 / 1000).max(1);
    let keeper = Keeper { desk, wakers, round };
    let mut paces = HashMap::new();
    while !stop.is_cancelled() {
        let wait = match keeper.round(&mut paces).await {
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

/// Counts again what became of broadcasts that are over, and tells of what failed since. Runs until it is
/// dropped.
pub async fn recount(desk: Arc<Desk>, wakers: Wakers) {
    let mut ticks = tokio::time::interval(RECOUNTED);
    loop {
        ticks.tick().await;
        if let Err(error) = amend(&desk, &wakers).await {
            tracing::error!(
                "broadcasts that are over could not be counted again; it is tried again: {error}"
            );
        }
    }
}

async fn amend(desk: &Desk, wakers: &Wakers) -> Result<(), LedgerError> {
    let since = desk.clock.now().saturating_sub(LATER).unwrap_or_default();
    for (given, account) in desk.ledger.broadcasts_in_doubt(since).await? {
        if account == given.account {
            continue;
        }
        let failed = |account: &Account| account.refusals() + account.suppressed;
        let more = failed(&account).saturating_sub(failed(&given.account));
        let now = Broadcast { account, ..given.clone() };
        // A change that is made twice is one.
        let told = if more > 0 && !reword(desk, &now, more).await? {
            answer(desk, &now, again(&now, more))
        } else {
            None
        };
        point(Point::BroadcastReworded);
        wakers.wake(desk.ledger.amend_broadcast(&given, &now.account, told).await?);
    }
    Ok(())
}

/// Changes the account that was given into this one; whether it could be changed.
async fn reword(desk: &Desk, broadcast: &Broadcast, more: u64) -> Result<bool, LedgerError> {
    let Some(given) = desk.ledger.broadcast_account(broadcast).await? else { return Ok(false) };
    let counted = desk.clock.now().strftime("%H:%M UTC");
    let text = format!("{}\nCounted again at {counted}: {}.", account(broadcast), late(more));
    let changed = revise(desk, broadcast, &text, Some(&given)).await.is_some();
    if changed && broadcast.shown.is_some() {
        revise(desk, broadcast, &account(broadcast), broadcast.shown.as_ref()).await;
    }
    Ok(changed)
}

/// Shows a text in place of this message, where there is one; `None` where it could not be shown.
async fn revise(
    desk: &Desk,
    broadcast: &Broadcast,
    text: &str,
    before: Option<&MessageId>,
) -> Option<MessageId> {
    let powers = desk.networks.get(broadcast.answer.place.network())?;
    let showing = powers.revise.as_deref()?.show(&broadcast.answer, text, before);
    match tokio::time::timeout(SHOWING, showing).await {
        Ok(Ok(message)) => Some(message),
        Ok(Err(failure)) => {
            tracing::debug!("how far a broadcast is is not shown: {failure}");
            None
        }
        Err(_) => None,
    }
}

/// What whoever gave a broadcast is told of it; nothing where a program asks for it.
fn answer(desk: &Desk, broadcast: &Broadcast, text: String) -> Option<Owed> {
    let asked = broadcast.answer.place.network() == Network::Operator;
    (!asked).then(|| Owed::answer(&broadcast.answer, desk.clock.now(), text))
}

/// The account of a broadcast of which more failed since it was given.
fn again(broadcast: &Broadcast, more: u64) -> String {
    format!("{}, as is known by now. {}", late(more), account(broadcast))
}

/// How many more failed.
fn late(more: u64) -> String {
    format!("{more} more {} did not arrive", if more == 1 { "copy" } else { "copies" })
}

struct Keeper {
    desk: Arc<Desk>,
    wakers: Wakers,
    /// How many get theirs in a round.
    round: u64,
}

/// How one broadcast goes, as far as only memory has to know.
struct Pace {
    broadcast: Broadcast,
    /// The first of its deliveries that may still be on its way.
    behind: i64,
    /// Since when nothing of it is left to be sent.
    left: Option<Instant>,
    /// When it was counted last, and what the account was that was shown last.
    counted: Instant,
    shown: Account,
}

impl Pace {
    fn new(broadcast: Broadcast) -> Self {
        let shown = broadcast.account.clone();
        Self { broadcast, behind: 0, left: None, counted: Instant::now(), shown }
    }
}

impl Keeper {
    /// One round; whether anything is left to do.
    async fn round(&self, paces: &mut HashMap<i64, Pace>) -> Result<bool, LedgerError> {
        let open = self.desk.ledger.open_broadcast_numbers(AT_ONCE).await?;
        paces.retain(|event, _| open.contains(event));
        let mut left = self.round;
        for event in &open {
            if !paces.contains_key(event) {
                let Some(broadcast) = self.desk.ledger.broadcast(*event).await? else { continue };
                paces.insert(*event, Pace::new(broadcast));
            }
            let Some(pace) = paces.get_mut(event) else { continue };
            self.work(pace, &mut left).await?;
        }
        Ok(!open.is_empty())
    }

    /// Owes the next of one broadcast theirs, of at most `left` in this round; shows how far it is;
    /// ends it.
    async fn work(&self, pace: &mut Pace, left: &mut u64) -> Result<(), LedgerError> {
        let (ledger, event) = (&self.desk.ledger, pace.broadcast.event);
        let (waiting, first) = ledger.broadcast_waiting(event, pace.behind).await?;
        pace.behind = first.unwrap_or(pace.behind);
        let room = (self.round * AHEAD).saturating_sub(waiting);
        let count = (*left).min(room);
        if count > 0 {
            let most = u32::try_from(count).unwrap_or(u32::MAX);
            let (accepted, owed) = ledger.owe_recipients(event, most).await?;
            if owed > 0 {
                point(Point::BroadcastOwed);
                *left -= owed;
                metrics::counter!("partyline_broadcast_recipients_total").increment(owed);
                self.wakers.wake(accepted);
            } else if waiting == 0 {
                return self.settle(pace).await;
            }
        }
        pace.left = None;
        if pace.counted.elapsed() >= SHOWN {
            self.count(pace).await?;
            self.show(pace).await?;
        }
        Ok(())
    }

    /// Nothing is left to be sent: the account is given once the phones have told what became of it.
    async fn settle(&self, pace: &mut Pace) -> Result<(), LedgerError> {
        if pace.left.is_some() && pace.counted.elapsed() < LOOKED {
            return Ok(());
        }
        self.count(pace).await?;
        let account = &pace.broadcast.account;
        if account.pending > 0 || account.waiting > 0 {
            // Something that was parked is sent again.
            pace.behind = 0;
            return Ok(());
        }
        let since = *pace.left.get_or_insert_with(Instant::now);
        if account.unsure == 0 || since.elapsed() >= RECEIPTS {
            return self.end(&pace.broadcast).await;
        }
        Ok(())
    }

    async fn count(&self, pace: &mut Pace) -> Result<(), LedgerError> {
        if let Some(broadcast) = self.desk.ledger.broadcast(pace.broadcast.event).await? {
            pace.broadcast = broadcast;
        }
        pace.counted = Instant::now();
        Ok(())
    }

    async fn show(&self, pace: &mut Pace) -> Result<(), LedgerError> {
        let broadcast = &pace.broadcast;
        if pace.shown == broadcast.account {
            return Ok(());
        }
        pace.shown = broadcast.account.clone();
        let text = format!("\"{}\" is on its way: {}", broadcast.name, progress(broadcast));
        // That it could not be shown does no harm.
        if let Some(message) = revise(&self.desk, broadcast, &text, broadcast.shown.as_ref()).await
            && broadcast.shown.as_ref() != Some(&message)
        {
            self.desk.ledger.broadcast_shown(broadcast.event, &message).await?;
        }
        Ok(())
    }

    async fn end(&self, broadcast: &Broadcast) -> Result<(), LedgerError> {
        let text = account(broadcast);
        if broadcast.shown.is_some() {
            revise(&self.desk, broadcast, &text, broadcast.shown.as_ref()).await;
        }
        let told = answer(&self.desk, broadcast, text);
        let ledger = &self.desk.ledger;
        let accepted = ledger.end_broadcast(broadcast.event, &broadcast.account, told).await?;
        self.wakers.wake(accepted);
        Ok(())
    }
}

/// `412 of 1000 sent, 3 refused, 2 suppressed.`
pub(crate) fn progress(broadcast: &Broadcast) -> String {
    let account = &broadcast.account;
    let mut text = format!("{} of {} sent", account.sent, broadcast.total);
    let counts = [
        (account.waiting, "on their way"),
        (account.refusals(), "refused"),
        (account.suppressed, "suppressed"),
        (account.stopped, "not sent because it was stopped"),
    ];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        let _ = write!(text, ", {count} {what}");
    }
    text + "."
}

/// The account as it is given.
fn account(broadcast: &Broadcast) -> String {
    format!("\"{}\" has left: {}", broadcast.name, told(broadcast))
}

/// The account, with why those did not get it who did not.
pub(crate) fn told(broadcast: &Broadcast) -> String {
    let account = &broadcast.account;
    let mut text = progress(broadcast);
    let mut reasons: Vec<(&String, &u64)> = account.refused.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (why, count) in reasons.iter().take(REASONS) {
        let _ = write!(text, "\n• {count}: {why}");
    }
    if reasons.len() > REASONS {
        let _ = write!(text, "\n• {} more reasons: `queue list` has them", reasons.len() - REASONS);
    }
    if account.refusals() > 0 {
        text.push_str(
            "\n`queue list` has those that Twilio did not take; `queue retry ID` sends one again.",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use partyline_core::{AnswerTo, Place};

    use super::*;

    fn broadcast(account: Account) -> Broadcast {
        let place: Place = "slack:C1".parse().expect("a place");
        Broadcast {
            event: 1,
            answer: AnswerTo { place, handle: String::new() },
            by: None,
            name: "team_notice".into(),
            total: 1000,
            shown: None,
            at: Timestamp::UNIX_EPOCH,
            ended: None,
            stopped: None,
            account,
        }
    }

    #[test]
    fn the_account_says_what_became_of_everybody() {
        let refused = [("Not on WhatsApp.".to_owned(), 3), ("Blocked.".to_owned(), 1)].into();
        let account = Account { sent: 994, suppressed: 2, refused, ..Account::default() };
        assert_eq!(
            told(&broadcast(account)),
            "994 of 1000 sent, 4 refused, 2 suppressed.\n• 3: Not on WhatsApp.\n• 1: Blocked.\n`queue list` has those that Twilio did not take; `queue retry ID` sends one again."
        );
    }

    #[test]
    fn the_progress_says_what_is_on_its_way_and_what_was_stopped() {
        let account = Account { sent: 40, waiting: 7, pending: 953, ..Account::default() };
        assert_eq!(progress(&broadcast(account)), "40 of 1000 sent, 7 on their way.");
        let account = Account { sent: 47, stopped: 953, ..Account::default() };
        assert_eq!(
            progress(&broadcast(account)),
            "47 of 1000 sent, 953 not sent because it was stopped."
        );
    }
}
