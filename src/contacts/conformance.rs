//! What every contact store must do, as one suite that runs over each of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use partyline_core::Contact;

use super::{Change, ContactStore, StoreError};

/// A contact with this key, name and team.
pub(crate) fn contact(key: &str, name: &str, team: Option<&str>) -> Contact {
    Contact {
        key: key.to_owned(),
        name: name.to_owned(),
        team: team.map(str::to_owned),
        picture: None,
        meta: BTreeMap::new(),
        updated: Timestamp::UNIX_EPOCH,
    }
}

fn names(contacts: &[Contact]) -> Vec<&str> {
    contacts.iter().map(|contact| contact.name.as_str()).collect()
}

/// Runs the suite over an empty store, which it leaves filled.
pub(crate) async fn suite(store: &dyn ContactStore) {
    keeps_what_it_is_given(store).await;
    finds_by_name_and_team(store).await;
    refuses_what_is_wrong(store).await;
    pages_through_everything(store).await;
    tells_of_changes_in_their_order(store).await;
}

async fn keeps_what_it_is_given(store: &dyn ContactStore) {
    assert_eq!(store.count().await.unwrap(), 0);
    assert!(store.get("+14155550100").await.unwrap().is_none());

    let mut maya = contact("+14155550100", "Maya Lopez", Some("Night Shift"));
    maya.picture = Some("https://pictures.test/maya.png".parse().unwrap());
    maya.meta.insert("role".into(), "nurse".into());
    store.put(vec![maya.clone()]).await.unwrap();
    assert_eq!(store.get("+14155550100").await.unwrap(), Some(maya.clone()));
    assert_eq!(store.count().await.unwrap(), 1);

    // The same phone on WhatsApp is the same person, and the later one counts.
    maya.key = "whatsapp:+14155550100".into();
    maya.name = "  Maya \n Lopez-Ruiz ".into();
    maya.team = None;
    store.put(vec![contact("+14155550100", "Nobody", None), maya]).await.unwrap();
    let kept = store.get("+14155550100").await.unwrap().unwrap();
    assert_eq!((kept.name.as_str(), kept.team), ("Maya Lopez-Ruiz", None));
    assert_eq!(store.count().await.unwrap(), 1);
    assert!(store.in_team("night shift", None, 10).await.unwrap().is_empty());
    assert!(store.find("Nobody", 10).await.unwrap().is_empty());

    assert!(store.remove("+14155550100").await.unwrap());
    assert!(!store.remove("+14155550100").await.unwrap());
    assert!(store.get("+14155550100").await.unwrap().is_none());
    assert!(store.find("maya", 10).await.unwrap().is_empty());
    assert_eq!(store.count().await.unwrap(), 0);
}

async fn finds_by_name_and_team(store: &dyn ContactStore) {
    store
        .put(vec![
            contact("+14155550101", "Ravi Anand", Some("Day")),
            contact("+14155550102", "Ana Ana", Some("day")),
            contact("+14155550103", "Émile Day", Some("Daycare")),
            contact("client:ana", "Zoe", Some("Night")),
        ])
        .await
        .unwrap();
    assert_eq!(names(&store.find("ana", 10).await.unwrap()), ["Ana Ana", "Ravi Anand"]);
    assert_eq!(names(&store.find("ANA a", 10).await.unwrap()), ["Ana Ana"]);
    assert_eq!(names(&store.find("éMILE", 10).await.unwrap()), ["Émile Day"]);
    assert_eq!(store.find("", 10).await.unwrap().len(), 4);
    assert_eq!(store.find("", 3).await.unwrap().len(), 3);
    assert!(store.find("+1415", 10).await.unwrap().is_empty());

    assert_eq!(names(&store.with_key("+1415555010", 2).await.unwrap()), ["Ravi Anand", "Ana Ana"]);
    assert_eq!(names(&store.with_key("+14155550103", 9).await.unwrap()), ["Émile Day"]);
    assert!(store.with_key("+2", 9).await.unwrap().is_empty());
    assert_eq!(names(&store.in_team("DAY", None, 10).await.unwrap()), ["Ravi Anand", "Ana Ana"]);
    assert_eq!(names(&store.in_team("day", None, 1).await.unwrap()), ["Ravi Anand"]);
    assert_eq!(names(&store.in_team("day", Some("+14155550101"), 9).await.unwrap()), ["Ana Ana"]);
    assert!(store.in_team("da", None, 10).await.unwrap().is_empty());
    assert_eq!(store.teams("", 10).await.unwrap(), ["day", "daycare", "night"]);
    assert_eq!(store.teams("Day", 10).await.unwrap(), ["day", "daycare"]);
    assert_eq!(store.teams("", 2).await.unwrap(), ["day", "daycare"]);
}

async fn refuses_what_is_wrong(store: &dyn ContactStore) {
    let mut large = contact("+14155550109", "Large", None);
    large.meta.insert("note".into(), "x".repeat(super::CONTACT_LIMIT));
    for wrong in [
        contact("4155550100", "No country", None),
        contact("+14155550109", " ", None),
        contact("+14155550109", "a\0b", None),
        contact("+14155550109", "Nul", Some("a\0b")),
        contact("+14155550109", &"x".repeat(super::NAME_LIMIT + 1), None),
        large,
    ] {
        let right = contact("+14155550108", "Right", None);
        let error = store.put(vec![right, wrong]).await.unwrap_err();
        assert!(matches!(error, StoreError::Invalid(_)), "{error}");
        assert!(!error.to_string().contains("4155550109"), "{error}");
    }
    assert!(store.get("+14155550108").await.unwrap().is_none(), "none of them is kept");
}

async fn pages_through_everything(store: &dyn ContactStore) {
    let before = store.count().await.unwrap();
    let many = (0..1203).map(|n| contact(&format!("+4930{n:07}"), &format!("Person {n}"), None));
    store.put(many.collect()).await.unwrap();
    assert_eq!(store.count().await.unwrap(), before + 1203);

    let mut keys = Vec::new();
    let mut after = None;
    loop {
        let page = store.page(after.as_deref(), 500).await.unwrap();
        assert!(page.len() <= 500);
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        keys.extend(page.into_iter().map(|contact| contact.key));
    }
    assert_eq!(keys.len() as u64, before + 1203);
    assert!(keys.is_sorted());
    assert!(store.find("person", usize::MAX).await.unwrap().len() <= super::PAGE_LIMIT);
}

async fn tells_of_changes_in_their_order(store: &dyn ContactStore) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let note = told.clone();
    store.listen(Box::new(move |change| {
        note.lock().unwrap().push(match change {
            Change::Put(contact) => contact.name.clone(),
            Change::Removed(key) => key.clone(),
        });
    }));
    store.put(vec![contact("+15005550001", "First", None)]).await.unwrap();
    assert_eq!(*told.lock().unwrap(), ["First"]);
    store.put(vec![contact("+15005550001", "Second", None)]).await.unwrap();
    store.remove("+15005550001").await.unwrap();
    store.remove("+15005550001").await.unwrap();
    assert_eq!(*told.lock().unwrap(), ["First", "Second", "+15005550001"]);
}
