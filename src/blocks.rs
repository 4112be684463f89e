//! Who is blocked, in memory: asked for each message from a phone, and before each that goes to one.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use partyline_core::{Address, Event, Happening};

use crate::ledger::{BlockChange, Ledger, LedgerError};

/// Rows that are read at once.
const PAGE: u32 = 500;

/// Who is blocked: what each is known by in the ledger.
pub struct Blocks {
    ledger: Ledger,
    ids: RwLock<HashSet<String>>,
}

impl Blocks {
    /// Those of this ledger.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn read(ledger: &Ledger) -> Result<Self, LedgerError> {
        let mut ids = HashSet::new();
        for page in 0.. {
            let found = ledger.blocks(page * PAGE, PAGE).await?;
            let last = found.len() < PAGE as usize;
            ids.extend(found.into_iter().map(|block| block.id));
            if last {
                break;
            }
        }
        Ok(Self { ledger: ledger.clone(), ids: RwLock::new(ids) })
    }

    /// Takes over a change that the ledger has.
    pub fn change(&self, change: &BlockChange) {
        let mut ids = self.ids.write().unwrap_or_else(PoisonError::into_inner);
        match change {
            BlockChange::Block { address, .. } => ids.insert(self.ledger.person_id(address)),
            BlockChange::Unblock(address) => ids.remove(&self.ledger.person_id(address)),
            BlockChange::PutBack(_) => false,
        };
    }

    /// Whether nobody is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Whether somebody is, by whichever channel.
    #[must_use]
    pub fn has(&self, address: &Address) -> bool {
        let ids = self.ids.read().unwrap_or_else(PoisonError::into_inner);
        !ids.is_empty() && ids.contains(&self.ledger.person_id(address))
    }

    /// Whether somebody wrote this who is.
    #[must_use]
    pub fn wrote(&self, event: &Event) -> bool {
        let address = match &event.happening {
            Happening::Message { speaker, .. } => speaker.address(),
            Happening::Wrote { address, .. } => Some(address.clone()),
            _ => None,
        };
        address.is_some_and(|address| self.has(&address))
    }
}
