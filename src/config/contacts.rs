//! `[contacts]`: how much of the contact store is held in memory.

use super::section::{Noted, Section};

/// `[contacts]`.
#[derive(Clone, Copy, Debug)]
pub struct Contacts {
    /// Names held in memory. While the store holds no more contacts than this, all of them are,
    /// and no name is ever in doubt. A name takes about 200 bytes.
    pub names_in_memory: usize,
    /// The store's own cache, in MiB.
    pub cache_mib: u64,
}

impl Contacts {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let names_in_memory = section.number("names_in_memory", 10_000, 100..=10_000_000);
        let cache_mib = section.number("cache_mib", 8, 1..=4096);
        Ok(Self { names_in_memory: names_in_memory?, cache_mib: cache_mib? })
    }
}
