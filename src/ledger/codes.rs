//! Codes that were sent to people who are to be added to a group, until they are told.

use partyline_core::{Address, Place, SentCode};
use rusqlite::{OptionalExtension, params};

use super::{Ledger, LedgerError, from_json, to_json};

/// No code is good for so long (Twilio: 24 hours at the most), in milliseconds.
const OVER: i64 = 24 * 60 * 60 * 1000;

/// A code that was sent to somebody who is to be added once they tell it, within 24 hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwaitedCode {
    /// The sender that the member is to be behind, where one was named.
    pub sender: Option<Address>,
    /// The code that was sent, as the Verify service knows it.
    pub sent: SentCode,
}

impl Ledger {
    /// A code was sent to somebody who is to be added to this group.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn await_code(
        &self,
        group: &Place,
        address: &Address,
        awaited: AwaitedCode,
    ) -> Result<(), LedgerError> {
        let (group, address, now) = (group.to_string(), address.to_string(), self.now_ms());
        self.threads
            .write(move |writing| {
                let connection = writing.connection;
                connection
                    .prepare_cached("DELETE FROM codes WHERE at < ?1")?
                    .execute([now - OVER])?;
                connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO codes (conversation, address, sender, sent, at)
                         VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![
                        group,
                        address,
                        awaited.sender.as_ref().map(Address::as_str),
                        to_json(&awaited.sent)?,
                        now
                    ])
                    .map(drop)
            })
            .await
    }

    /// The code that is awaited from somebody for this group.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn awaited_code(
        &self,
        group: &Place,
        address: &Address,
    ) -> Result<Option<AwaitedCode>, LedgerError> {
        let (group, address) = (group.to_string(), address.to_string());
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT sender, sent FROM codes WHERE conversation = ?1 AND address = ?2",
                    )?
                    .query_row([group, address], |row| {
                        let sender: Option<String> = row.get(0)?;
                        let sent: String = row.get(1)?;
                        let sender = sender.and_then(|sender| sender.parse().ok());
                        Ok(AwaitedCode { sender, sent: from_json(&sent)? })
                    })
                    .optional()
            })
            .await
    }

    /// No code is awaited from somebody for this group any more.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn forget_code(&self, group: &Place, address: &Address) -> Result<(), LedgerError> {
        let (group, address) = (group.to_string(), address.to_string());
        self.threads
            .write(move |writing| {
                writing
                    .connection
                    .prepare_cached("DELETE FROM codes WHERE conversation = ?1 AND address = ?2")?
                    .execute([&group, &address])
                    .map(drop)
            })
            .await
    }
}
