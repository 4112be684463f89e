//! The doctor: what is wrong in the store's rows, and its mending.
//!
//! Looking is done beside a running daemon too; then the contacts, which sled opens for one process
//! only, are not looked at. Mending needs the store to itself.

use anyhow::Context;

use crate::contacts::{Disorder, SledContacts};
use crate::ledger::{self, Finding};
use crate::store::{Folder, NotHad};

/// The cache of a contact store that is read through once.
const CACHE_BYTES: u64 = 8 << 20;

/// What the doctor saw.
#[derive(Debug, Default)]
pub struct Report {
    /// What is wrong, or was before it was mended.
    pub findings: Vec<Finding>,
    /// The contacts were looked at.
    pub saw_contacts: bool,
}

/// Looks through a store, and mends it where `mend` says so.
///
/// # Errors
/// There is no store, it cannot be opened, or a daemon has it and it was to be mended.
pub fn examine(store: &Folder, mend: bool) -> anyhow::Result<Report> {
    let path = store.ledger();
    anyhow::ensure!(path.exists(), "There is no store in {} (store.url).", store.path().display());
    let lock = match store.lock() {
        Ok(lock) => Some(lock),
        Err(NotHad::InUse(_)) if !mend => None,
        Err(error) => return Err(error).context("The store cannot be mended"),
    };
    let mut findings = if mend { ledger::mend(&path)? } else { ledger::examine(&path)? };
    let saw_contacts = lock.is_some() && store.contacts().exists();
    if saw_contacts {
        let contacts = SledContacts::open(&store.contacts(), CACHE_BYTES)?;
        findings.extend(in_words(contacts.examine(mend)?));
    }
    Ok(Report { findings, saw_contacts })
}

fn in_words(disorder: Disorder) -> impl Iterator<Item = Finding> {
    let Disorder { unreadable, unfound, stray, miscounted } = disorder;
    [
        (unreadable, "contacts cannot be read", "removes them: they have to be added again"),
        (unfound, "contacts are not found by their name or team", "makes them found"),
        (stray, "names or teams lead to no such contact", "removes them"),
        (miscounted, "is by how many the number of contacts is wrong", "counts them"),
    ]
    .into_iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(count, what, mend)| Finding { what: format!("{count} {what}"), mend: Some(mend) })
}
