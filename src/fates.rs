//! What became of messages, asked for: where the hooks that tell of it may have met nobody, or Twilio does
//! not call.

mod inquiries;

use partyline_core::{
    Event, EventKey, Failure, Fate, Happening, MessageId, Network, Place, ReceiptStatus, Verdict,
};

use crate::ledger::{Accepted, Entry, Ledger, LedgerError, Order};
use crate::networks::Networks;
pub use inquiries::Inquiries;

/// Why it is not known; it can be asked again.
#[derive(Debug, thiserror::Error)]
pub enum Unlearned {
    /// The ledger could not take it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The platform could not be asked.
    #[error(transparent)]
    Platform(#[from] Failure),
}

/// What was learned of a message.
#[derive(Debug, Default)]
pub struct Learned {
    /// What the ledger has to do because of it.
    pub accepted: Accepted,
    /// Nothing more will be said of it: it was read, or failed, wherever it went.
    pub ended: bool,
}

/// Asks what became of a message, in a conversation on each phone or on one phone alone, and takes it
/// as the receipts that a hook would have told. A message that is not there any more has none.
///
/// # Errors
/// It could not be asked, or not be written down.
pub async fn learn(
    networks: &Networks,
    ledger: &Ledger,
    place: &Place,
    message: &MessageId,
) -> Result<Learned, Unlearned> {
    let powers = networks.get(Network::Twilio);
    let Some(groups) = powers.and_then(|powers| powers.groups.clone()) else {
        return Ok(Learned::default());
    };
    let fates = match groups.fates(place, message).await {
        Err(failure) if failure.verdict == Verdict::Never => {
            return Ok(Learned { ended: true, ..Learned::default() });
        }
        fates => fates?,
    };
    let goes_on =
        |fate: &Fate| matches!(fate.status, ReceiptStatus::Sent | ReceiptStatus::Delivered);
    let ended = !fates.is_empty() && !fates.iter().any(goes_on);
    let receipts = fates.into_iter().map(|fate| receipt(ledger, place, message, fate));
    Ok(Learned { accepted: ledger.accept(receipts.collect()).await?, ended })
}

fn receipt(ledger: &Ledger, place: &Place, message: &MessageId, fate: Fate) -> Entry {
    let event = Event {
        key: EventKey::new(format!("{message}:{}:looked up", fate.participant)),
        place: place.clone(),
        at: ledger.now(),
        ordinal: None,
        happening: Happening::Receipt {
            message: message.clone(),
            // Of what went to one phone, nobody is named but the phone.
            participant: place.is_conversation().then_some(fate.participant),
            status: fate.status,
            error: fate.error,
        },
    };
    Entry::alone(event, "list", Order::Arrival)
}
