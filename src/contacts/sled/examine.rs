//! What can be wrong in a contact store, and how it is mended (`partyline doctor`).

use std::collections::BTreeSet;

use partyline_core::Contact;
use sled::Tree;

use super::super::StoreError;
use super::{SledContacts, failed, index};

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
        let mut changes = Changes { mend, store: self, count: 0 };
        let mut contacts = 0;
        for entry in &self.trees.contacts {
            let (key, value) = entry.map_err(failed)?;
            let Ok(contact) = serde_json::from_slice::<Contact>(&value) else {
                found.unreadable += 1;
                changes.apply(|| self.trees.contacts.remove(&key).map(drop))?;
                continue;
            };
            contacts += 1;
            found.unfound += u64::from(self.lead_to(&contact, &mut changes)?);
        }
        for tree in [&self.trees.names, &self.trees.teams] {
            found.stray += self.strays(tree, &mut changes)?;
        }
        let counted = self.trees.meta.get(index::COUNT).map_err(failed)?;
        let counted = counted.map_or(0, |count| index::read_count(&count));
        found.miscounted = counted.abs_diff(contacts);
        if found.miscounted > 0 {
            changes.apply(|| {
                self.trees.meta.insert(index::COUNT, &contacts.to_be_bytes()).map(drop)
            })?;
        }
        changes.flush()?;
        Ok(found)
    }

    /// Enters what leads to a contact, where it is missing; whether something was.
    fn lead_to(&self, contact: &Contact, changes: &mut Changes<'_>) -> Result<bool, StoreError> {
        let names = index::names(contact).into_iter().map(|entry| (&self.trees.names, entry));
        let team = index::team(contact).into_iter().map(|entry| (&self.trees.teams, entry));
        let mut missing = false;
        for (tree, entry) in names.chain(team) {
            if !tree.contains_key(&entry).map_err(failed)? {
                missing = true;
                changes.apply(|| tree.insert(&entry, &[]).map(drop))?;
            }
        }
        Ok(missing)
    }

    /// Removes entries that lead nowhere or to another name, and counts them.
    fn strays(&self, tree: &Tree, changes: &mut Changes<'_>) -> Result<u64, StoreError> {
        let mut strays = 0;
        for entry in tree.iter().keys() {
            let entry = entry.map_err(failed)?;
            let contact = match index::key_of(&entry) {
                Some(key) => self.trees.contacts.get(key).map_err(failed)?,
                None => None,
            };
            let contact = contact.and_then(|value| serde_json::from_slice::<Contact>(&value).ok());
            let right: BTreeSet<Vec<u8>> = contact
                .iter()
                .flat_map(|contact| index::names(contact).into_iter().chain(index::team(contact)))
                .collect();
            if !right.contains(&entry[..]) {
                strays += 1;
                changes.apply(|| tree.remove(&entry).map(drop))?;
            }
        }
        Ok(strays)
    }
}

/// Changes of a mend, flushed in steps; none where nothing is to be mended.
struct Changes<'a> {
    mend: bool,
    store: &'a SledContacts,
    count: usize,
}

impl Changes<'_> {
    fn apply(&mut self, change: impl FnOnce() -> sled::Result<()>) -> Result<(), StoreError> {
        if !self.mend {
            return Ok(());
        }
        change().map_err(failed)?;
        self.count += 1;
        if self.count.is_multiple_of(STEP) { self.flush() } else { Ok(()) }
    }

    fn flush(&self) -> Result<(), StoreError> {
        if !self.mend {
            return Ok(());
        }
        // Flushes the whole store, all trees.
        self.store.trees.meta.flush().map(drop).map_err(failed)
    }
}
