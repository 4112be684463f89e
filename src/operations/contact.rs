//! Changes of the contacts. What was decided is in the ledger before the store is changed, so that after
//! a kill the same is done once more, and the audit says what was done.

use std::io::Cursor;

use partyline_core::{Address, Contact};
use serde::{Deserialize, Serialize};

use super::work::{Done, Stop, Work};
use crate::contacts::StoreError;
use crate::contacts::import::{ImportError, Rules, import as take_over};
use crate::ledger::{Change, LedgerError, SuppressionChange};

/// Lines of an import that are shown of each kind.
const SHOWN: usize = 20;

/// What becomes of a contact.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContactChange {
    /// It is kept like this.
    Put(Box<Contact>),
    /// The one under this key is forgotten.
    Remove(String),
}

impl std::fmt::Debug for ContactChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Put(_) => "Put",
            Self::Remove(_) => "Remove",
        })
    }
}

pub(super) async fn change(
    work: &Work<'_>,
    change: ContactChange,
    suppress: Option<Address>,
    answer: String,
) -> Result<Done, Stop> {
    let store = work.desk().contacts.store();
    let (number, changed) = match change {
        ContactChange::Put(contact) => (contact.key.clone(), store.put(vec![*contact]).await),
        ContactChange::Remove(key) => {
            let removed = store.remove(&key).await.map(drop);
            (key, removed)
        }
    };
    match changed {
        Ok(()) => {
            let by = work.line.by.to_string();
            let suppress = suppress.map(|address| SuppressionChange::Suppress { address, by });
            let changes = suppress.into_iter().map(Change::Suppression).collect();
            Ok(Done::changed(answer, changes).with("number", number))
        }
        Err(StoreError::Invalid(sentence)) => Ok(Done::said(format!("{sentence}."))),
        Err(error) => Err(failed(&error)),
    }
}

/// Takes contacts over from a file that came with the command.
pub(super) async fn import(work: &Work<'_>, file: String, dry_run: bool) -> Result<Done, Stop> {
    let desk = work.desk();
    let (region, now) = (*desk.region, desk.clock.now());
    let rules = Rules { format: None, dry_run, region, now };
    let store = desk.contacts.store().as_ref();
    match take_over(store, Cursor::new(file), rules, |_| {}).await {
        Ok(tally) => Ok(Done::answered(tally.in_words(dry_run, SHOWN)).with("tally", &tally)),
        Err(error @ ImportError::File(_)) => Ok(Done::said(format!("{error}."))),
        Err(ImportError::Store(error)) => Err(failed(&error)),
    }
}

pub(super) fn failed(error: &StoreError) -> Stop {
    Stop::Ledger(LedgerError::Unusable(error.to_string()))
}
