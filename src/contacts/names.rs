//! The names in use, in memory: what a person is called, answered in microseconds.
//!
//! Sources, in this order: the contact store, the participant's attributes, the WhatsApp profile
//! name, the number. Everything here is bounded; what falls out is read again from the store, or
//! learned again from the next event.

pub(super) mod number;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use metrics::{counter, gauge};
use partyline_core::{Address, Contact, Place, Speaker};
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, UnitWeighter};
use url::Url;

use super::stranger::clean;
use super::{Change, ContactStore, PAGE_LIMIT, StoreError};

/// What somebody is called. `Debug` shows nothing of it: it can be a phone number.
#[derive(Clone, PartialEq, Eq)]
pub struct Named {
    /// The name to show: one line, without signs that cannot be seen; the number, where there is none.
    pub name: String,
    /// A picture to show beside it.
    pub picture: Option<Url>,
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Named").finish_non_exhaustive()
    }
}

impl Named {
    const fn bare(name: String) -> Self {
        Self { name, picture: None }
    }
}

/// What people are called, from memory: contacts, participants' attributes and WhatsApp names, at most
/// `contacts.names_in_memory` of each.
pub struct Names {
    store: Arc<dyn ContactStore>,
    limit: usize,
    /// By contact key; `None` where the store has no such contact.
    contacts: Cache<String, Option<Arc<Named>>, UnitWeighter, DefaultHashBuilder, Watcher>,
    /// Whether the whole store was read into `contacts`.
    loaded: AtomicBool,
    /// Whether something has fallen out of `contacts` for want of room.
    fell_out: Arc<AtomicBool>,
    /// What participants' attributes say, by conversation and address.
    members: Cache<(Place, Address), Arc<str>>,
    /// What people call themselves on WhatsApp, by contact key.
    profiles: Cache<String, Arc<str>>,
}

/// Notes that something fell out of the cache. It is told under the lock of the cache, so that
/// whoever misses what fell out sees the note.
#[derive(Clone)]
struct Watcher(Arc<AtomicBool>);

impl<K, V> Lifecycle<K, V> for Watcher {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: K, _: V) {
        self.0.store(true, Ordering::Release);
    }
}

impl Names {
    /// Names in front of a store, at most `limit` from each source. Nothing is read yet.
    #[must_use]
    pub fn new(store: Arc<dyn ContactStore>, limit: usize) -> Self {
        let fell_out = Arc::new(AtomicBool::new(false));
        let estimate = limit.min(1000);
        // The cache is in shards that fill up unevenly: some room above the limit keeps it whole.
        let capacity = (limit + limit / 4) as u64;
        Self {
            store,
            limit,
            contacts: Cache::with(
                estimate,
                capacity,
                UnitWeighter,
                DefaultHashBuilder::default(),
                Watcher(fell_out.clone()),
            ),
            loaded: AtomicBool::new(false),
            fell_out,
            members: bounded(estimate, limit),
            profiles: bounded(estimate, limit),
        }
    }

    /// Reads the whole store, where it is no larger than the limit; called before anybody changes
    /// a contact.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn load(&self) -> Result<(), StoreError> {
        if self.store.count().await? > self.limit as u64 {
            return Ok(());
        }
        let mut after: Option<String> = None;
        loop {
            let page = self.store.page(after.as_deref(), PAGE_LIMIT).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            for contact in page {
                let (key, named) = shown(contact);
                self.contacts.insert(key, Some(named));
            }
        }
        self.loaded.store(true, Ordering::Release);
        self.measure();
        Ok(())
    }

    /// Whether memory holds every contact, so that a miss is an answer. Asked after the miss.
    fn is_complete(&self) -> bool {
        self.loaded.load(Ordering::Acquire) && !self.fell_out.load(Ordering::Acquire)
    }

    /// What somebody is called, from memory alone. `None` where that is in doubt, because the
    /// store must be asked: then [`Names::resolve`] knows it, and the next time memory does.
    #[must_use]
    pub fn resolve_now(&self, speaker: &Speaker, place: &Place) -> Option<Named> {
        let Some(address) = speaker.address() else {
            return speaker.name.as_deref().and_then(clean).map(Named::bare);
        };
        match self.contacts.get(address.contact_key()) {
            Some(Some(named)) => Some(Named::clone(&named)),
            Some(None) => Some(self.without_contact(speaker, &address, place)),
            None if self.is_complete() => Some(self.without_contact(speaker, &address, place)),
            None => None,
        }
    }

    /// What somebody is called; reads the store where memory does not know. When the store fails,
    /// the other sources answer, and the failure is logged and counted.
    pub async fn resolve(&self, speaker: &Speaker, place: &Place) -> Named {
        if let Some(named) = self.resolve_now(speaker, place) {
            return named;
        }
        let Some(address) = speaker.address() else {
            return Named::bare(clean(&speaker.id.id).unwrap_or_else(|| "Somebody".to_owned()));
        };
        match self.read(address.contact_key()).await {
            Some(named) => Named::clone(&named),
            None => self.without_contact(speaker, &address, place),
        }
    }

    /// Notes the name in a participant's attributes; `None` where there is none any more.
    pub fn learn_member(&self, conversation: &Place, address: &Address, name: Option<&str>) {
        let key = (conversation.clone(), address.clone());
        match name.and_then(clean) {
            Some(name) => self.members.insert(key, name.into()),
            None => drop(self.members.remove(&key)),
        }
    }

    /// Forgets a participant who left.
    pub fn forget_member(&self, conversation: &Place, address: &Address) {
        self.learn_member(conversation, address, None);
    }

    /// Notes what somebody calls themselves on WhatsApp; whether that is a name which memory did
    /// not have.
    pub fn learn_profile(&self, address: &Address, name: &str) -> bool {
        let key = address.contact_key();
        let Some(name) = clean(name) else {
            self.profiles.remove(key);
            return false;
        };
        if self.profiles.get(key).is_some_and(|known| *known == *name) {
            return false;
        }
        self.profiles.insert(key.to_owned(), name.into());
        true
    }

    /// Takes over WhatsApp names that were written down, by contact key.
    pub fn recall_profiles(&self, profiles: Vec<(String, String)>) {
        for (key, name) in profiles {
            if let Some(name) = clean(&name) {
                self.profiles.insert(key, name.into());
            }
        }
    }

    /// How many names of a source are held at most.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// What somebody calls themselves on WhatsApp, as far as it is known: a suggestion, which no
    /// name that a person gave gives way to.
    #[must_use]
    pub fn profile(&self, address: &Address) -> Option<String> {
        self.profiles.get(address.contact_key()).map(|name| name.to_string())
    }

    /// What is suggested as somebody's name: what they call themselves on WhatsApp, as long as they
    /// are no contact. Reads the store where memory does not know.
    pub async fn suggestion(&self, address: &Address) -> Option<String> {
        let profile = self.profile(address)?;
        let key = address.contact_key();
        let contact = match self.contacts.get(key) {
            Some(known) => known,
            None if self.is_complete() => None,
            None => self.read(key).await,
        };
        contact.is_none().then_some(profile)
    }

    /// Takes over a change of the store.
    pub(super) fn refresh(&self, change: &Change) {
        match change {
            // Also replaces what a reader that is under way would put here from before.
            Change::Put(contact) => {
                let (key, named) = shown(Contact::clone(contact));
                self.contacts.insert(key, Some(named));
            }
            Change::Removed(key) if self.is_complete() => {
                self.contacts.remove(key);
            }
            Change::Removed(key) => self.contacts.insert(key.clone(), None),
        }
        self.measure();
    }

    /// Reads a contact through the cache; concurrent readers of one key share a read.
    async fn read(&self, key: &str) -> Option<Arc<Named>> {
        let guard = match self.contacts.get_value_or_guard_async(key).await {
            Ok(found) => return found,
            Err(guard) => guard,
        };
        match self.store.get(key).await {
            Ok(contact) => {
                let named = contact.map(|contact| shown(contact).1);
                // Fails where the contact was changed meanwhile: then what is there is newer.
                let _ = guard.insert(named.clone());
                named
            }
            Err(error) => {
                counter!("partyline_contacts_failures_total").increment(1);
                tracing::warn!(%error, "a name could not be looked up");
                None
            }
        }
    }

    fn without_contact(&self, speaker: &Speaker, address: &Address, place: &Place) -> Named {
        let attributes = || {
            let key = (place.clone(), address.clone());
            self.members.get(&key).map(|name| name.to_string())
        };
        let profile = || self.profiles.get(address.contact_key()).map(|name| name.to_string());
        let name = speaker
            .name
            .as_deref()
            .and_then(clean)
            .or_else(attributes)
            .or_else(profile)
            .unwrap_or_else(|| number::in_words(address));
        Named::bare(name)
    }

    fn measure(&self) {
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        gauge!("partyline_names_in_memory").set(self.contacts.len() as f64);
    }
}

fn bounded<K: Eq + std::hash::Hash>(estimate: usize, limit: usize) -> Cache<K, Arc<str>> {
    Cache::with(
        estimate,
        limit as u64,
        UnitWeighter,
        DefaultHashBuilder::default(),
        quick_cache::sync::DefaultLifecycle::default(),
    )
}

fn shown(contact: Contact) -> (String, Arc<Named>) {
    (contact.key, Arc::new(Named { name: contact.name, picture: contact.picture }))
}
