//! What became of those who are to get a broadcast, counted.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::super::receipts::status;
use super::super::suppressions::How;
use crate::policy::why;
use partyline_core::ReceiptStatus;

/// The reason under which a delivery is parked to somebody who wants no messages.
const OPTED_OUT: &str = "opted_out";

/// What became of those who are to get it. Everybody is counted in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Nothing is owed to them yet.
    pub pending: u64,
    /// On their way: owed, and not taken by Twilio yet.
    pub waiting: u64,
    /// Sent, and not known to have failed since.
    pub sent: u64,
    /// Of those sent, how many have no last word yet: delivered, read or failed.
    pub unsure: u64,
    /// Not sent, or not delivered, because they want no messages.
    pub suppressed: u64,
    /// Refused by Twilio, or failed after it was sent: by why, the sentence that is told.
    pub refused: BTreeMap<String, u64>,
    /// Not sent, because somebody stopped it.
    pub stopped: u64,
}

impl Account {
    /// How many were refused in all.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// Counts what became of a broadcast's deliveries. What the plan left out is not among them.
pub(super) fn count(connection: &Connection, event: i64) -> Result<Account, rusqlite::Error> {
    let pending: i64 = connection
        .prepare_cached("SELECT count(*) FROM recipients WHERE event = ?1")?
        .query_row([event], |row| row.get(0))?;
    let mut account = Account { pending: pending.unsigned_abs(), ..Account::default() };
    // The lanes of phones have a sender in front of a slash.
    let mut rows = connection.prepare_cached(
        "SELECT state, coalesce(sentence, ''), count(*), coalesce(reason, '') FROM deliveries
         WHERE event = ?1 AND lane GLOB 'twilio:*/*' GROUP BY 1, 2, 4",
    )?;
    let mut rows = rows.query([event])?;
    while let Some(row) = rows.next()? {
        let count = row.get::<_, i64>(2)?.unsigned_abs();
        match row.get::<_, i64>(0)? {
            0 => account.waiting += count,
            1 => account.sent += count,
            _ if row.get::<_, String>(3)? == OPTED_OUT => account.suppressed += count,
            _ => *account.refused.entry(row.get(1)?).or_default() += count,
        }
    }
    learn(connection, event, &mut account)?;
    Ok(account)
}

/// Takes in what the phones' receipts say of what was sent.
fn learn(
    connection: &Connection,
    event: i64,
    account: &mut Account,
) -> Result<(), rusqlite::Error> {
    account.unsure = account.sent;
    let mut rows = connection.prepare_cached(
        "SELECT rank, error, count(*) FROM receipts WHERE event = ?1 GROUP BY 1, 2",
    )?;
    let mut rows = rows.query([event])?;
    while let Some(row) = rows.next()? {
        let status = status(row.get(0)?);
        let (error, count): (Option<u32>, i64) = (row.get(1)?, row.get(2)?);
        // A receipt can be there before its send has returned.
        let count = count.unsigned_abs().min(account.unsure);
        match status {
            ReceiptStatus::Sent => {}
            ReceiptStatus::Delivered | ReceiptStatus::Read => account.unsure -= count,
            ReceiptStatus::Undelivered | ReceiptStatus::Failed => {
                account.unsure -= count;
                account.sent -= count;
                match error.and_then(How::of_error) {
                    Some(_) => account.suppressed += count,
                    None => *account.refused.entry(why(error)).or_default() += count,
                }
            }
        }
    }
    Ok(())
}
