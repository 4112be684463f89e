//! An ordered map in a sled tree, with many entries in each of sled's.
//!
//! sled puts at most sixteen entries on a page, however small they are, and keeps about 400 bytes in
//! memory for each page, read or not: a million contacts with what finds them were 150 MiB of it. So
//! neighbours stand together in a block of about a KiB, and sled knows of the blocks alone.
//!
//! A block's own key is not above the first of its entries, and above all entries of the block before; the
//! first block has the empty key. An entry is: how many bytes of its key are those of the entry
//! before, how many others follow, how long the value is (2 bytes each, little-endian), and these
//! bytes. Entries never move to a block before theirs, so whoever reads on while another writes
//! misses nothing that was there.

use std::collections::BTreeMap;
use std::ops::Bound;

use metrics::counter;
use sled::{Batch, Error, IVec, Tree};

/// Where a block is parted, in bytes. Larger ones are fewer, and cost more to read and to change.
const LARGE: usize = 1024;

/// A key and its value.
pub(super) type Entry = (Vec<u8>, Vec<u8>);

/// The map.
#[derive(Clone)]
pub(super) struct Blocks(Tree);

impl Blocks {
    pub(super) const fn new(tree: Tree) -> Self {
        Self(tree)
    }

    /// The value under this key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let Some((_, block)) = self.block_of(key)? else { return Ok(None) };
        let mut found = None;
        read(&block, |entry, value| {
            if entry == key {
                found = Some(value.to_vec());
            }
            entry < key
        });
        Ok(found)
    }

    /// The entries from here on, in order.
    pub(super) fn range(&self, from: Bound<&[u8]>) -> Entries<'_> {
        let from = from.map(<[u8]>::to_vec);
        Entries { blocks: self, from, block: None, read: Vec::new().into_iter(), over: false }
    }

    /// The entries whose keys begin so, in order.
    pub(super) fn beginning<'a>(
        &'a self,
        prefix: &'a [u8],
    ) -> impl Iterator<Item = Result<Entry, Error>> + 'a {
        let entries = self.range(Bound::Included(prefix));
        entries.take_while(move |entry| !matches!(entry, Ok((key, _)) if !key.starts_with(prefix)))
    }

    /// Blocks that cannot be read to their end.
    pub(super) fn torn(&self) -> impl Iterator<Item = Result<IVec, Error>> + '_ {
        self.0.iter().filter_map(|entry| match entry {
            Ok((key, block)) => (!read(&block, |_, _| true)).then_some(Ok(key)),
            Err(error) => Some(Err(error)),
        })
    }

    /// Begins a change. Nobody else may change the map until it is applied.
    pub(super) const fn edit(&self) -> Edit<'_> {
        Edit { blocks: self, changed: BTreeMap::new() }
    }

    /// sled's tree.
    pub(super) const fn tree(&self) -> &Tree {
        &self.0
    }

    /// The block in which this key stands, if it is there.
    fn block_of(&self, key: &[u8]) -> Result<Option<(IVec, IVec)>, Error> {
        self.0.range(..=key).next_back().transpose()
    }
}

/// The entries of a map, in order.
pub(super) struct Entries<'a> {
    blocks: &'a Blocks,
    /// What is still to come: from the last one that was given, once there was one.
    from: Bound<Vec<u8>>,
    block: Option<IVec>,
    read: std::vec::IntoIter<Entry>,
    over: bool,
}

impl Entries<'_> {
    /// Reads the next block; whether there was one.
    fn turn_over(&mut self) -> Result<bool, Error> {
        let next = match &self.block {
            Some(block) => self.blocks.0.get_gt(block)?,
            None => {
                let from = match &self.from {
                    Bound::Included(key) | Bound::Excluded(key) => &key[..],
                    Bound::Unbounded => &[],
                };
                match self.blocks.block_of(from)? {
                    Some(first) => Some(first),
                    None => self.blocks.0.first()?,
                }
            }
        };
        let Some((key, block)) = next else { return Ok(false) };
        let mut entries = Vec::new();
        // Of a block that was parted meanwhile, some have been given already.
        let is_wanted = |key: &[u8]| match &self.from {
            Bound::Included(from) => key >= &from[..],
            Bound::Excluded(from) => key > &from[..],
            Bound::Unbounded => true,
        };
        let whole = read(&block, |key, value| {
            if is_wanted(key) {
                entries.push((key.to_vec(), value.to_vec()));
            }
            true
        });
        if !whole {
            counter!("partyline_contacts_damaged_total").increment(1);
            tracing::error!(
                "a part of the contact store cannot be read: stop the daemon and run `partyline doctor`"
            );
        }
        self.block = Some(key);
        self.read = entries.into_iter();
        Ok(true)
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.over {
            if let Some(entry) = self.read.next() {
                if self.read.as_slice().is_empty() {
                    self.from = Bound::Excluded(entry.0.clone());
                }
                return Some(Ok(entry));
            }
            match self.turn_over() {
                Ok(more) => self.over = !more,
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// Changes of a map that are not applied yet.
pub(super) struct Edit<'a> {
    blocks: &'a Blocks,
    /// The blocks that are touched, as they will be.
    changed: BTreeMap<IVec, BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Edit<'_> {
    /// Puts a value under a key; gives the one before.
    pub(super) fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.entries_around(key)?.insert(key.to_vec(), value.to_vec()))
    }

    /// Removes what is under a key, and gives it.
    pub(super) fn remove(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.entries_around(key)?.remove(key))
    }

    /// Has the block in which this key would stand written anew.
    pub(super) fn touch(&mut self, key: &[u8]) -> Result<(), Error> {
        self.entries_around(key).map(drop)
    }

    /// What is to be written into sled's tree.
    pub(super) fn batch(self) -> Result<Batch, Error> {
        let mut batch = Batch::default();
        for (key, entries) in self.changed {
            if entries.is_empty() {
                batch.remove(key);
                continue;
            }
            let size: usize = entries.iter().map(|(key, value)| size(key, value)).sum();
            // Equal parts: what is added later finds room in each.
            let part = size / size.div_ceil(LARGE);
            let mut block = Block::default();
            let mut block_key = key;
            for (key, value) in &entries {
                if block.bytes.len() >= part {
                    batch.insert(block_key, std::mem::take(&mut block).bytes);
                    block_key = key[..].into();
                }
                block.push(key, value)?;
            }
            batch.insert(block_key, block.bytes);
        }
        Ok(batch)
    }

    fn entries_around(&mut self, key: &[u8]) -> Result<&mut BTreeMap<Vec<u8>, Vec<u8>>, Error> {
        let (block_key, block) = self.blocks.block_of(key)?.unwrap_or_default();
        Ok(self.changed.entry(block_key).or_insert_with(|| {
            let mut entries = BTreeMap::new();
            read(&block, |key, value| {
                entries.insert(key.to_vec(), value.to_vec());
                true
            });
            entries
        }))
    }
}

/// A block that is being filled.
#[derive(Default)]
struct Block {
    bytes: Vec<u8>,
    last: Vec<u8>,
}

impl Block {
    fn push(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let shared = self.last.iter().zip(key).take_while(|(one, other)| one == other).count();
        for length in [shared, key.len() - shared, value.len()] {
            let length = u16::try_from(length)
                .map_err(|_| Error::Unsupported("an entry longer than 64 KiB".to_owned()))?;
            self.bytes.extend_from_slice(&length.to_le_bytes());
        }
        self.bytes.extend_from_slice(&key[shared..]);
        self.bytes.extend_from_slice(value);
        self.last = key.to_vec();
        Ok(())
    }
}

/// What an entry takes at most.
const fn size(key: &[u8], value: &[u8]) -> usize {
    6 + key.len() + value.len()
}

/// Shows the entries of a block until it is told that it was enough. False where the block makes no
/// sense from somewhere on.
fn read(mut block: &[u8], mut show: impl FnMut(&[u8], &[u8]) -> bool) -> bool {
    let mut key = Vec::new();
    while !block.is_empty() {
        let Some((lengths, rest)) = block.split_first_chunk::<6>() else { return false };
        let length = |at| usize::from(u16::from_le_bytes([lengths[at], lengths[at + 1]]));
        let (shared, more) = (length(0), length(2));
        let Some((tail, rest)) = rest.split_at_checked(more) else { return false };
        let Some((value, rest)) = rest.split_at_checked(length(4)) else { return false };
        if shared > key.len() {
            return false;
        }
        key.truncate(shared);
        key.extend_from_slice(tail);
        if !show(&key, value) {
            return true;
        }
        block = rest;
    }
    true
}

#[cfg(test)]
mod tests;
