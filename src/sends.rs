//! What goes to one phone alone, and the erasure of whoever owns it: never both at a time.
//!
//! A send takes a moment between the question whether it is still owed and the note of how it ended.
//! What an erasure did in that moment would be sent to somebody who is gone, or stand in the ledger after
//! all.

use std::hash::{BuildHasher, RandomState};

use partyline_core::{Address, Place};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How many people's sends are told apart: an erasure keeps one in so many waiting.
const SHARES: usize = 64;

/// Lets sends to a person and their erasure go one after the other.
#[derive(Debug)]
pub struct Sends {
    shares: [RwLock<()>; SHARES],
    hasher: RandomState,
}

/// A send to a phone that is on its way.
pub type Way<'a> = RwLockReadGuard<'a, ()>;

impl Default for Sends {
    fn default() -> Self {
        Self { shares: std::array::from_fn(|_| RwLock::default()), hasher: RandomState::new() }
    }
}

impl Sends {
    /// Held from before it is asked whether something is owed to a phone until it is written down how
    /// that ended. Nothing for a place that is no phone.
    pub async fn one_to(&self, place: &Place) -> Option<Way<'_>> {
        let (_, address) = place.as_phone()?;
        Some(self.share(&address).read().await)
    }

    /// Held while somebody is erased; what is on its way to them is waited for.
    pub async fn none_to(&self, who: &Address) -> RwLockWriteGuard<'_, ()> {
        self.share(who).write().await
    }

    fn share(&self, who: &Address) -> &RwLock<()> {
        let hash = self.hasher.hash_one(who.contact_key());
        &self.shares[usize::try_from(hash % SHARES as u64).unwrap_or_default()]
    }
}
