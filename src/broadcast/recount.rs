//! What failed after a broadcast's account was given, within the hour: it is put into the account, every
//! ten minutes at most; where that cannot be changed, it is given again.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::account::{account, again, late};
use super::{answer, revise};
use crate::commands::Desk;
use crate::crash::{Point, point};
use crate::intake::Wakers;
use crate::ledger::{Account, Broadcast, LedgerError};

/// How long after its end a broadcast's receipts are still counted, and how often.
const LATER: SignedDuration = SignedDuration::from_hours(1);
const RECOUNTED: Duration = Duration::from_secs(600);

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
