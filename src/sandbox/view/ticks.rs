//! How far a message came on the phones: from Twilio's receipts.

use std::collections::BTreeMap;

use partyline_twilio::simulator::{Message, Receipt, ReceiptStatus};

use super::Sources;
use crate::policy;
use crate::sandbox::cast::owner;

/// How far it came, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sandbox) enum Mark {
    /// It will not come.
    Failed,
    /// The bridge has it, or does not even have it yet.
    Waiting,
    /// Twilio gave it to the carrier.
    Sent,
    /// It is on the phone.
    Delivered,
    /// It was read.
    Read,
}

impl Mark {
    /// The word, for people and for the style.
    pub(in crate::sandbox) const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }

    const fn of(status: ReceiptStatus) -> Self {
        match status {
            ReceiptStatus::Sent => Self::Sent,
            ReceiptStatus::Delivered => Self::Delivered,
            ReceiptStatus::Read => Self::Read,
            ReceiptStatus::Failed | ReceiptStatus::Undelivered => Self::Failed,
        }
    }
}

/// How far a message came with one person, and why not further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Ticks {
    /// How far; of several parts the worst.
    pub(in crate::sandbox) mark: Mark,
    /// Why it failed.
    pub(in crate::sandbox) why: Option<String>,
}

/// By number in the cast: how far these messages (the parts of one) came on each phone.
pub(super) fn of<'a>(
    sources: &Sources<'_>,
    messages: impl Iterator<Item = &'a Message>,
) -> BTreeMap<usize, Ticks> {
    let mut all: BTreeMap<usize, Ticks> = BTreeMap::new();
    for receipt in messages.flat_map(|message| &message.receipts) {
        let Some(member) = sources.members.get(receipt.participant_sid.as_str()) else { continue };
        let ticks = Ticks { mark: Mark::of(receipt.status), why: why(receipt) };
        match all.get_mut(member) {
            Some(before) if before.mark <= ticks.mark => {}
            Some(before) => *before = ticks,
            None => drop(all.insert(*member, ticks)),
        }
    }
    all
}

/// What a receipt's error code says to a person.
fn why(receipt: &Receipt) -> Option<String> {
    let code = Some(receipt.error_code).filter(|code| *code != 0)?;
    Some(format!("{code}: {}", policy::why(Some(code))))
}

/// The ticks in words: `Ben: delivered, Aiko: sent`.
pub(super) fn in_words(ticks: &BTreeMap<usize, Ticks>) -> String {
    let words: Vec<String> = ticks
        .iter()
        .map(|(member, ticks)| format!("{}: {}", owner(*member).short, ticks.mark.word()))
        .collect();
    words.join(", ")
}
