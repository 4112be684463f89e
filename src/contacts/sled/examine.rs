//! What can be wrong in a contact store, and how it is mended (`partyline doctor`).

use std::collections::BTreeSet;
use std::ops::Bound;

use partyline_core::Contact;

use super::super::StoreError;
use super::blocks::{Blocks, Edit};
use super::writer::Edits;
use super::{SledContacts, Trees, failed, index};

/// How many changes go into a flush: sled holds in memory what is not flushed.
const STEP: usize = 1000;

/// What was found in a contact store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disorder {
    /// Contacts that cannot be read.
    pub unreadable: u64,
    /// Contacts that their name or team does not lead to.
    pub unfound: u64,
    /// Names and teams that lead to no contact of that name or team.
    pub stray: u64,
    /// By how many the number that is written down is wrong.
    pub miscounted: u64,
}

impl Disorder {
    /// Nothing was found.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl SledContacts {
    /// Reads through the whole store, and mends it where `mend` says so: contacts that cannot be
    /// read are removed, and what leads to the others is made right. For a store that nobody else
    /// is using.
    ///
    /// # Errors
    /// The store failed; a mend can be done again.
    pub fn examine(&self, mend: bool) -> Result<Disorder, StoreError> {
        let mut found = Disorder::default();
        let trees = self.trees()?;
        let mut changes = Changes { mend, trees: &trees, edits: trees.edit(), count: 0 };
        let Trees { contacts, names, teams, meta } = &trees;
        for blocks in [contacts, names, teams] {
            found.unreadable += mend_blocks(blocks, mend)?;
        }
        let mut readable = 0;
        for entry in contacts.range(Bound::Unbounded) {
            let (key, value) = entry.map_err(failed)?;
            let Ok(contact) = serde_json::from_slice::<Contact>(&value) else {
                found.unreadable += 1;
                changes.make(|edits| edits.contacts.remove(&key))?;
                continue;
            };
            readable += 1;
            found.unfound += u64::from(lead_to(&contact, &mut changes)?);
        }
        for (of, tree) in [(Of::Names, names), (Of::Teams, teams)] {
            found.stray += strays(of, tree, &mut changes)?;
        }
        changes.apply()?;
        let counted = meta.get(index::COUNT).map_err(failed)?;
        let counted = counted.map_or(0, |count| index::read_count(&count));
        found.miscounted = counted.abs_diff(readable);
        if mend && found.miscounted > 0 {
            meta.insert(index::COUNT, &readable.to_be_bytes()).map_err(failed)?;
            meta.flush().map_err(failed)?;
        }
        Ok(found)
    }
}

/// Enters what leads to a contact, where it is missing; whether something was.
fn lead_to(contact: &Contact, changes: &mut Changes<'_>) -> Result<bool, StoreError> {
    let names = index::names(contact).into_iter().map(|entry| (Of::Names, entry));
    let team = index::team(contact).into_iter().map(|entry| (Of::Teams, entry));
    let mut missing = false;
    for (of, entry) in names.chain(team) {
        let tree = match of {
            Of::Names => &changes.trees.names,
            Of::Teams => &changes.trees.teams,
        };
        if tree.get(&entry).map_err(failed)?.is_none() {
            missing = true;
            changes.make(|edits| edits.of(of).insert(&entry, &[]))?;
        }
    }
    Ok(missing)
}

/// Removes entries that lead nowhere or to another name, and counts them.
fn strays(of: Of, tree: &Blocks, changes: &mut Changes<'_>) -> Result<u64, StoreError> {
    let mut strays = 0;
    for entry in tree.range(Bound::Unbounded) {
        let (entry, _) = entry.map_err(failed)?;
        let contact = match index::key_of(&entry) {
            Some(key) => changes.trees.contacts.get(&key).map_err(failed)?,
            None => None,
        };
        let contact = contact.and_then(|value| serde_json::from_slice::<Contact>(&value).ok());
        let right: BTreeSet<Vec<u8>> = contact
            .iter()
            .flat_map(|contact| index::names(contact).into_iter().chain(index::team(contact)))
            .collect();
        if !right.contains(&entry) {
            strays += 1;
            changes.make(|edits| edits.of(of).remove(&entry))?;
        }
    }
    Ok(strays)
}

/// Counts the blocks that cannot be read to their end, and cuts them off there.
fn mend_blocks(blocks: &Blocks, mend: bool) -> Result<u64, StoreError> {
    let mut torn = 0;
    for block in blocks.torn() {
        let block = block.map_err(failed)?;
        torn += 1;
        if mend {
            let mut edit = blocks.edit();
            edit.touch(&block).map_err(failed)?;
            blocks.tree().apply_batch(edit.batch().map_err(failed)?).map_err(failed)?;
        }
    }
    Ok(torn)
}

/// One of the two trees that lead to contacts.
#[derive(Clone, Copy)]
enum Of {
    Names,
    Teams,
}

impl<'a> Edits<'a> {
    const fn of(&mut self, of: Of) -> &mut Edit<'a> {
        match of {
            Of::Names => &mut self.names,
            Of::Teams => &mut self.teams,
        }
    }
}

/// Changes of a mend, applied and flushed in steps; none where nothing is to be mended.
struct Changes<'a> {
    mend: bool,
    trees: &'a Trees,
    edits: Edits<'a>,
    count: usize,
}

impl<'a> Changes<'a> {
    fn make(
        &mut self,
        change: impl FnOnce(&mut Edits<'a>) -> sled::Result<Option<Vec<u8>>>,
    ) -> Result<(), StoreError> {
        if !self.mend {
            return Ok(());
        }
        change(&mut self.edits).map_err(failed)?;
        self.count += 1;
        if self.count.is_multiple_of(STEP) { self.apply() } else { Ok(()) }
    }

    fn apply(&mut self) -> Result<(), StoreError> {
        if self.count == 0 {
            return Ok(());
        }
        std::mem::replace(&mut self.edits, self.trees.edit()).apply()?;
        // Flushes the whole store, all trees.
        self.trees.meta.flush().map(drop).map_err(failed)
    }
}
