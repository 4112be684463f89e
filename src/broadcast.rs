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

mod account;
mod recount;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use partyline_core::{MessageId, Network};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::commands::Desk;
use crate::crash::{Point, point};
use crate::intake::Wakers;
use crate::ledger::{Account, Broadcast, LedgerError, Owed};

use account::account;
pub(crate) use account::{progress, told};
pub use recount::recount;

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

/// How often it is looked for them.
const LOOKED: Duration = Duration::from_secs(1);

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
