//! Contacts: who is behind an address.
//!
//! [`ContactStore`] is what keeps them; [`SledContacts`] keeps them in a folder of this machine.
//! [`Contacts`] is what the rest of the daemon uses: the store, and in front of it the
//! [`Names`] that are in use, held in memory and refreshed before a change is acknowledged.

#[cfg(test)]
mod conformance;
pub mod exchange;
pub mod import;
mod names;
mod sled;
mod stranger;

use std::sync::Arc;

use async_trait::async_trait;
use partyline_core::{Address, Contact, mask};

pub(crate) use self::names::number::in_words;
pub use self::names::{Named, Names};
pub use self::sled::{Disorder, SledContacts};

/// The longest name, and the longest team, in characters; a longer one is refused and not cut.
pub const NAME_LIMIT: usize = 256;

/// The largest contact as JSON, in bytes: what is kept about a person stays a note.
pub const CONTACT_LIMIT: usize = 16 * 1024;

/// The most contacts that one call gives.
pub const PAGE_LIMIT: usize = 1000;

/// Why the contact store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The contact itself is wrong: say so to whoever gave it.
    #[error("{0}")]
    Invalid(String),
    /// The store could not be opened.
    #[error("{0}")]
    Open(String),
    /// A contact is there and cannot be read.
    #[error("the contact {} cannot be read ({why}): add it again, or restore a backup", mask(key))]
    Damaged {
        /// Its key.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// The store failed; nothing that was asked for is certain to be kept.
    #[error("the contact store failed ({0}): look at the disk and its free space, then try again")]
    Failed(String),
}

/// A change to the contacts, told once it is durable.
#[derive(Clone, Debug)]
pub enum Change {
    /// This contact is there now.
    Put(Arc<Contact>),
    /// The contact under this key is gone.
    Removed(String),
}

/// Told of every change once it is durable, in the order of the changes, before whoever made it
/// gets an answer. Called on the store's own thread: it must not wait.
pub type Listener = Box<dyn Fn(&Change) + Send + Sync>;

/// Keeps contacts. A change is durable when the call returns.
#[async_trait]
pub trait ContactStore: Send + Sync {
    /// The contact under this key (see [`Address::contact_key`]).
    ///
    /// # Errors
    /// The store failed, or the contact is damaged.
    async fn get(&self, key: &str) -> Result<Option<Contact>, StoreError>;

    /// Keeps these contacts, each instead of the one under the same key before. Many are taken in
    /// steps: after an error, some of them may be kept, and giving all of them again is right.
    ///
    /// # Errors
    /// A contact is wrong (then none is kept), or the store failed.
    async fn put(&self, contacts: Vec<Contact>) -> Result<(), StoreError>;

    /// Removes the contact under this key; whether there was one.
    ///
    /// # Errors
    /// The store failed.
    async fn remove(&self, key: &str) -> Result<bool, StoreError>;

    /// Contacts of whose name some word begins with `prefix`, in whatever case; in the order of
    /// names, at most `limit` ([`PAGE_LIMIT`]).
    ///
    /// # Errors
    /// The store failed.
    async fn find(&self, prefix: &str, limit: usize) -> Result<Vec<Contact>, StoreError>;

    /// Contacts whose key begins with `prefix` (`+1415`), in the order of keys, at most `limit`
    /// ([`PAGE_LIMIT`]).
    ///
    /// # Errors
    /// The store failed.
    async fn with_key(&self, prefix: &str, limit: usize) -> Result<Vec<Contact>, StoreError>;

    /// Contacts whose team is `team`, in whatever case; in the order of keys, from after the key
    /// `after` on, at most `limit` ([`PAGE_LIMIT`]).
    ///
    /// # Errors
    /// The store failed.
    async fn in_team(
        &self,
        team: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Contact>, StoreError>;

    /// Teams that begin with `prefix`, in whatever case, lower-cased, in order, at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    async fn teams(&self, prefix: &str, limit: usize) -> Result<Vec<String>, StoreError>;

    /// Contacts in the order of keys, from after the key `after` on, at most `limit`
    /// ([`PAGE_LIMIT`]).
    ///
    /// # Errors
    /// The store failed.
    async fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<Contact>, StoreError>;

    /// Leaves nothing behind on the disk of what was removed. Takes as long as copying the store.
    ///
    /// # Errors
    /// The store failed; what was removed may still stand in its files.
    async fn scrub(&self) -> Result<(), StoreError>;

    /// How many there are; costs no scan.
    ///
    /// # Errors
    /// The store failed.
    async fn count(&self) -> Result<u64, StoreError>;

    /// Who is told of changes from now on; one listener, set once.
    fn listen(&self, listener: Listener);
}

/// The contacts as the daemon uses them: the store and the names in front of it.
#[derive(Clone)]
pub struct Contacts {
    store: Arc<dyn ContactStore>,
    names: Arc<Names>,
}

impl Contacts {
    /// Puts names in front of a store. While the store holds at most `names_in_memory` contacts,
    /// all their names are loaded here, and no name is in doubt after that.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn open(
        store: Arc<dyn ContactStore>,
        names_in_memory: usize,
    ) -> Result<Self, StoreError> {
        let names = Arc::new(Names::new(store.clone(), names_in_memory));
        // Weak, because the names hold the store.
        let refreshed = Arc::downgrade(&names);
        store.listen(Box::new(move |change| {
            if let Some(names) = refreshed.upgrade() {
                names.refresh(change);
            }
        }));
        names.load().await?;
        Ok(Self { store, names })
    }

    /// The names in use.
    #[must_use]
    pub fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// Contacts by the beginning of a number (`+1415…`, or digits of one in any writing), of words of
    /// a name, or of a team, at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn search(&self, text: &str, limit: usize) -> Result<Vec<Contact>, StoreError> {
        let text = text.trim();
        if let Some(number) = beginning_of_number(text) {
            return self.store.with_key(&number, limit).await;
        }
        let mut found = self.store.find(text, limit).await?;
        if found.len() < limit {
            self.add_by_words(text, limit, &mut found).await?;
        }
        for team in self.store.teams(text, limit).await? {
            if found.len() >= limit || text.is_empty() {
                break;
            }
            for contact in self.store.in_team(&team, None, limit).await? {
                if !found.iter().any(|one| one.key == contact.key) {
                    found.push(contact);
                }
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Adds those of whose name each word of a text begins a word, in whatever order: `lop may` is
    /// Maya Lopez. Among those whom its longest word finds, of whom so many are looked at as a page has.
    async fn add_by_words(
        &self,
        text: &str,
        limit: usize,
        found: &mut Vec<Contact>,
    ) -> Result<(), StoreError> {
        let text = text.to_lowercase();
        let words: Vec<&str> = text.split_whitespace().collect();
        let Some(longest) = words.iter().max_by_key(|word| word.len()) else { return Ok(()) };
        if words.len() < 2 {
            return Ok(());
        }
        for contact in self.store.find(longest, PAGE_LIMIT).await? {
            let name = contact.name.to_lowercase();
            let begins = |word: &&str| name.split_whitespace().any(|one| one.starts_with(*word));
            let known = found.iter().any(|one| one.key == contact.key);
            if found.len() < limit && !known && words.iter().all(begins) {
                found.push(contact);
            }
        }
        Ok(())
    }

    /// The store. What is changed there shows in the names at once.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn ContactStore> {
        &self.store
    }
}

/// The beginning of a contact's key, where a text is the beginning of a number in any writing.
#[must_use]
pub fn beginning_of_number(text: &str) -> Option<String> {
    let is_number = text.chars().all(|c| c.is_ascii_digit() || "+-() ./".contains(c));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (is_number && !digits.is_empty()).then(|| format!("+{digits}"))
}

/// Checks a contact before it is kept, and gives it as it is kept.
fn checked(mut contact: Contact) -> Result<Contact, StoreError> {
    let wrong = |what: String| Err(StoreError::Invalid(what));
    let address: Address = match contact.key.parse() {
        Ok(address) => address,
        Err(error) => return wrong(error.to_string()),
    };
    contact.key = address.contact_key().to_owned();
    contact.name = contact.name.split_whitespace().collect::<Vec<_>>().join(" ");
    contact.team = contact
        .team
        .map(|team| team.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|team| !team.is_empty());
    if contact.name.is_empty() {
        return wrong("A contact needs a name: contact add +14155550100 \"Maya Lopez\"".to_owned());
    }
    for (what, text) in [("name", Some(&contact.name)), ("team", contact.team.as_ref())] {
        let Some(text) = text else { continue };
        if text.chars().count() > NAME_LIMIT {
            return wrong(format!(
                "That {what} is longer than {NAME_LIMIT} characters: shorten it"
            ));
        }
        if text.chars().any(char::is_control) {
            return wrong(format!("That {what} has a control character in it: leave it out"));
        }
    }
    Ok(contact)
}
