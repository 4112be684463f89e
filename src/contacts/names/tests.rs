//! Names, over a real store.

use std::path::Path;

use super::super::conformance::contact;
use super::super::{Contacts, SledContacts};
use super::*;

const PHONE: &str = "whatsapp:+14155550100";

async fn open(folder: &Path, limit: usize, stored: usize) -> Contacts {
    let store = Arc::new(SledContacts::open(folder, 8 << 20).unwrap());
    let many = (0..stored).map(|n| contact(&format!("+4930{n:07}"), &format!("Person {n}"), None));
    store.put(many.collect()).await.unwrap();
    Contacts::open(store, limit).await.unwrap()
}

fn speaker(address: &str) -> Speaker {
    Speaker::new(partyline_core::Network::Twilio, address)
}

fn place() -> Place {
    Place::conversation("CH0123456789abcdef0123456789abcdef")
}

fn now(contacts: &Contacts, address: &str) -> Option<String> {
    contacts.names().resolve_now(&speaker(address), &place()).map(|named| named.name)
}

#[tokio::test]
async fn the_sources_come_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let contacts = open(folder.path(), 100, 0).await;
    let names = contacts.names();
    let address: Address = PHONE.parse().unwrap();
    assert_eq!(now(&contacts, PHONE).unwrap(), "+1 415-555-0100");
    names.learn_profile(&address, "maya 🌻");
    assert_eq!(now(&contacts, PHONE).unwrap(), "maya 🌻");
    names.learn_member(&place(), &address, Some("Maya of\nAttributes"));
    assert_eq!(now(&contacts, PHONE).unwrap(), "Maya of Attributes");
    let elsewhere = Place::conversation("CH00000000000000000000000000000000");
    let there = names.resolve_now(&speaker(PHONE), &elsewhere).unwrap();
    assert_eq!(there.name, "maya 🌻", "attributes are of one conversation");
    let mut came = speaker(PHONE);
    came.name = Some("Maya of the event".into());
    assert_eq!(names.resolve_now(&came, &place()).unwrap().name, "Maya of the event");

    let mut maya = contact("+14155550100", "Maya Lopez", None);
    maya.picture = Some("https://pictures.test/maya.png".parse().unwrap());
    contacts.store().put(vec![maya.clone()]).await.unwrap();
    let named = names.resolve_now(&came, &place()).unwrap();
    assert_eq!((named.name.as_str(), named.picture), ("Maya Lopez", maya.picture));

    contacts.store().remove("+14155550100").await.unwrap();
    names.forget_member(&place(), &address);
    names.learn_profile(&address, " ");
    assert_eq!(now(&contacts, PHONE).unwrap(), "+1 415-555-0100");
}

#[tokio::test]
async fn while_all_fit_no_name_is_in_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let contacts = open(folder.path(), 1000, 1000).await;
    for n in 0..1000 {
        let name = now(&contacts, &format!("+4930{n:07}"));
        assert_eq!(name, Some(format!("Person {n}")));
    }
    assert!(now(&contacts, PHONE).is_some());
    let known = contacts.names().contacts.len();
    contacts.names().resolve(&speaker("+14155550199"), &place()).await;
    assert_eq!(contacts.names().contacts.len(), known, "strangers push nobody out");
}

#[tokio::test]
async fn what_memory_does_not_know_is_in_doubt_until_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let contacts = open(folder.path(), 100, 101).await;
    assert_eq!(now(&contacts, "+49300000007"), None);
    assert_eq!(now(&contacts, PHONE), None);
    let named = contacts.names().resolve(&speaker("+49300000007"), &place()).await;
    assert_eq!(named.name, "Person 7");
    contacts.names().resolve(&speaker(PHONE), &place()).await;
    assert_eq!(now(&contacts, "+49300000007").unwrap(), "Person 7");
    assert_eq!(now(&contacts, PHONE).unwrap(), "+1 415-555-0100", "an absence is known as well");

    contacts.store().put(vec![contact("+14155550100", "Maya", None)]).await.unwrap();
    assert_eq!(now(&contacts, PHONE).unwrap(), "Maya");
    contacts.store().remove("+14155550100").await.unwrap();
    assert_eq!(now(&contacts, PHONE).unwrap(), "+1 415-555-0100");
}

#[tokio::test]
async fn growing_past_the_limit_brings_doubt_and_no_wrong_name() {
    let folder = tempfile::tempdir().unwrap();
    let contacts = open(folder.path(), 100, 50).await;
    let many = (0..1000).map(|n| contact(&format!("+4420{n:07}"), &format!("Later {n}"), None));
    contacts.store().put(many.collect()).await.unwrap();
    let mut doubts = 0;
    for n in 0..1000 {
        match now(&contacts, &format!("+4420{n:07}")) {
            Some(name) => assert_eq!(name, format!("Later {n}")),
            None => doubts += 1,
        }
    }
    assert!(doubts >= 800, "{doubts} in doubt, of 1050 contacts with room for 125");
    let named = contacts.names().resolve(&speaker("+49300000001"), &place()).await;
    assert_eq!(named.name, "Person 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_change_is_acknowledged_nobody_reads_the_old_name() {
    let folder = tempfile::tempdir().unwrap();
    let contacts = open(folder.path(), 100, 200).await;
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let contacts = contacts.clone();
            tokio::spawn(async move {
                for _ in 0..2000 {
                    contacts.names().resolve(&speaker(PHONE), &place()).await;
                }
            })
        })
        .collect();
    for n in 0..50 {
        let name = format!("Maya {n}");
        contacts.store().put(vec![contact("+14155550100", &name, None)]).await.unwrap();
        assert_eq!(contacts.names().resolve(&speaker(PHONE), &place()).await.name, name);
    }
    for reader in readers {
        reader.await.unwrap();
    }
    assert_eq!(contacts.names().resolve(&speaker(PHONE), &place()).await.name, "Maya 49");
}

#[tokio::test]
async fn people_of_the_rooms_are_called_what_their_network_calls_them() {
    let folder = tempfile::tempdir().unwrap();
    let contacts = open(folder.path(), 100, 0).await;
    let mut ravi = Speaker::new(partyline_core::Network::Slack, "U0123ABC");
    assert!(contacts.names().resolve_now(&ravi, &place()).is_none());
    assert_eq!(contacts.names().resolve(&ravi, &place()).await.name, "U0123ABC");
    ravi.name = Some("Ravi".into());
    assert_eq!(contacts.names().resolve_now(&ravi, &place()).unwrap().name, "Ravi");
    assert_eq!(now(&contacts, "client:zoe").unwrap(), "zoe");
}

#[tokio::test]
async fn a_store_that_is_closed_can_be_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), 100, 1).await);
    assert_eq!(open(folder.path(), 100, 1).await.store().count().await.unwrap(), 1);
}
