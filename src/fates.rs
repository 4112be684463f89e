//! What became of messages, asked for: where the hooks that tell of it may have met nobody.

use bytes::Bytes;
use partyline_core::{
    Event, EventKey, Failure, Fate, Happening, MessageId, Network, Place, Verdict,
};

use crate::ledger::{Accepted, Entry, Ledger, LedgerError, Order};
use crate::networks::Networks;

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

/// Asks what became of a message in a conversation on each phone, and takes it as the receipts that a
/// hook would have told. A message that is not there any more has none.
///
/// # Errors
/// It could not be asked, or not be written down.
pub async fn learn(
    networks: &Networks,
    ledger: &Ledger,
    conversation: &Place,
    message: &MessageId,
) -> Result<Accepted, Unlearned> {
    let powers = networks.get(Network::Twilio);
    let Some(groups) = powers.and_then(|powers| powers.groups.clone()) else {
        return Ok(Accepted::default());
    };
    let fates = match groups.fates(conversation, message).await {
        Err(failure) if failure.verdict == Verdict::Never => Vec::new(),
        fates => fates?,
    };
    let receipts = fates.into_iter().map(|fate| receipt(ledger, conversation, message, fate));
    Ok(ledger.accept(receipts.collect()).await?)
}

fn receipt(ledger: &Ledger, conversation: &Place, message: &MessageId, fate: Fate) -> Entry {
    let event = Event {
        key: EventKey::new(format!("{message}:{}:looked up", fate.participant)),
        place: conversation.clone(),
        at: ledger.now(),
        ordinal: None,
        happening: Happening::Receipt {
            message: message.clone(),
            participant: Some(fate.participant),
            status: fate.status,
            error: fate.error,
        },
    };
    Entry {
        event,
        raw: Bytes::new(),
        via: "list",
        owed: Vec::new(),
        order: Order::Arrival,
        unlinked: false,
        group: None,
        tell: Vec::new(),
        plea: None,
        inbox: false,
        owner: None,
    }
}
