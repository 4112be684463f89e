//! The store in sled: the suite of all stores, and what is particular to this one.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::FileExt;
use std::path::Path;

use proptest::prelude::*;

use super::super::conformance::{contact, suite};
use super::*;

const CACHE: u64 = 8 << 20;

fn open(folder: &Path) -> SledContacts {
    SledContacts::open(folder, CACHE).expect("the store opens")
}

#[tokio::test]
async fn it_does_what_every_store_does() {
    let folder = tempfile::tempdir().unwrap();
    suite(&open(folder.path())).await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.put(vec![contact("+14155550100", "Maya", Some("day"))]).await.unwrap();
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.count().await.unwrap(), 1);
    assert_eq!(store.find("may", 1).await.unwrap()[0].key, "+14155550100");
    assert_eq!(store.get_now("+14155550100").unwrap().unwrap().name, "Maya");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_all_get_their_answers() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()));
    let puts = (0..64).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let key = format!("+1415555{n:04}");
            store.put(vec![contact(&key, "Somebody", Some("all"))]).await.unwrap();
            assert!(store.get(&key).await.unwrap().is_some());
        })
    });
    for put in puts.collect::<Vec<_>>() {
        put.await.unwrap();
    }
    assert_eq!(store.count().await.unwrap(), 64);
    assert_eq!(store.in_team("all", None, 100).await.unwrap().len(), 64);
}

#[test]
fn an_open_store_is_refused_with_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path());
    let error = SledContacts::open(folder.path(), CACHE).err().expect("a fault").to_string();
    assert!(error.contains("open in another process"), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn a_folder_that_cannot_be_used_is_refused_with_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    let error = SledContacts::open(&file, CACHE).err().expect("a fault").to_string();
    assert!(error.contains("cannot be opened"), "{error}");
}

/// Makes a store of some size, spoils its file, and gives what is said when it is opened again.
async fn opened_after(spoil: impl FnOnce(std::fs::File, u64)) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let many = (0..5000).map(|n| contact(&format!("+1415555{n:04}"), "Somebody", None));
    store.put(many.collect()).await.unwrap();
    drop(store);
    let db = std::fs::OpenOptions::new().write(true).open(folder.path().join("db")).unwrap();
    let size = db.metadata().unwrap().len();
    spoil(db, size);
    SledContacts::open(folder.path(), CACHE).err().map(|error| error.to_string())
}

fn insert(blocks: &Blocks, key: &[u8], value: &[u8]) {
    let mut edit = blocks.edit();
    edit.insert(key, value).unwrap();
    blocks.tree().apply_batch(edit.batch().unwrap()).unwrap();
}

fn keys(blocks: &Blocks) -> BTreeSet<Vec<u8>> {
    blocks.range(Bound::Unbounded).map(|entry| entry.unwrap().0).collect()
}

fn noise(length: u64) -> Vec<u8> {
    (0..length).map(|n| (n * 31 % 251) as u8).collect()
}

#[tokio::test]
async fn damage_is_told_and_never_taken_for_an_empty_store() {
    assert_eq!(opened_after(|_, _| {}).await, None);
    let all = opened_after(|db, size| db.write_all_at(&noise(size), 0).unwrap()).await;
    let nothing = opened_after(|db, _| db.set_len(0).unwrap()).await;
    for told in [all, nothing] {
        let told = told.expect("a fault");
        assert!(told.contains("damaged: restore a backup"), "{told}");
    }
}

#[tokio::test]
async fn a_contact_that_cannot_be_read_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let both = ["+14155550100", "+14155550101"].map(|key| contact(key, "Somebody", None));
    store.put(both.to_vec()).await.unwrap();
    insert(&store.trees().unwrap().contacts, b"+14155550100", b"{\"key\":");
    let error = store.get("+14155550100").await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }));
    assert!(!error.to_string().contains("+14155550100"), "{error}");
    assert_eq!(store.page(None, 10).await.unwrap().len(), 1);
    assert_eq!(store.find("some", 10).await.unwrap().len(), 1);
    store.put(vec![contact("+14155550100", "Again", None)]).await.unwrap();
    assert_eq!(store.find("again", 10).await.unwrap().len(), 1);
    assert_eq!(store.count().await.unwrap(), 2);
}

#[tokio::test]
async fn a_newer_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.trees().unwrap().meta.insert(index::VERSION, &99u64.to_be_bytes()).unwrap();
    drop(store);
    let told = SledContacts::open(folder.path(), CACHE).err().expect("a fault").to_string();
    assert!(told.contains("newer partyline (version 99, this one knows 2)"), "{told}");
}

/// sled lets go of its lock a moment after the last handle is gone.
fn sleds_own(folder: &Path) -> sled::Db {
    let began = std::time::Instant::now();
    loop {
        match sled::open(folder) {
            Ok(db) => return db,
            Err(error) => assert!(began.elapsed().as_secs() < 20, "{error}"),
        }
        std::thread::yield_now();
    }
}

/// A store as version 1 left it, each entry one of sled's.
fn old_store(folder: &Path, contacts: &[Contact]) -> sled::Db {
    let db = sleds_own(folder);
    let [of_contacts, of_names, of_teams, meta] =
        ["contacts", "names", "teams", "meta"].map(|name| db.open_tree(name).unwrap());
    for contact in contacts {
        let json = serde_json::to_vec(contact).unwrap();
        of_contacts.insert(contact.key.as_bytes(), json).unwrap();
        for entry in index::names(contact) {
            of_names.insert(entry, &[]).unwrap();
        }
        index::team(contact).map(|entry| of_teams.insert(entry, &[]).unwrap());
    }
    meta.insert(index::COUNT, &(contacts.len() as u64).to_be_bytes()).unwrap();
    db
}

fn many() -> Vec<Contact> {
    let one = |n: usize| {
        let team = (!n.is_multiple_of(3)).then(|| format!("Team {}", n % 7));
        contact(
            &format!("+1415555{n:04}"),
            &format!("Maya {} Lopez", n * 7919 % 2000),
            team.as_deref(),
        )
    };
    (0..2000).map(one).collect()
}

#[tokio::test]
async fn a_store_of_version_1_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    // The first had none written down.
    drop(old_store(folder.path(), &many()));
    // A kill while it is brought up to date leaves it half done.
    let db = old_store(folder.path(), &[]);
    db.open_tree("meta").unwrap().insert(index::COUNT, &2000u64.to_be_bytes()).unwrap();
    db.open_tree("meta").unwrap().insert(index::VERSION, &1u64.to_be_bytes()).unwrap();
    db.open_tree(migrate::NAMES).unwrap().insert("", "half of it").unwrap();
    drop(db);
    for _ in 0..2 {
        let store = open(folder.path());
        assert!(store.examine(false).unwrap().is_none());
        assert_eq!(store.count().await.unwrap(), 2000);
        let all = many();
        for some in all.chunks(1000) {
            assert_eq!(store.page(Some(&some[0].key), 999).await.unwrap(), some[1..]);
        }
        assert_eq!(store.find("lopez", 1000).await.unwrap().len(), 1000);
        assert_eq!(store.find("maya 1711 l", 9).await.unwrap().len(), 1);
        assert_eq!(store.teams("", 9).await.unwrap().len(), 7);
        assert_eq!(store.trees().unwrap().contacts.tree().name(), migrate::CONTACTS.as_bytes());
    }
    let names = sleds_own(folder.path()).tree_names();
    assert!(!names.iter().any(|name| name == b"contacts"), "{names:?}");
}

#[tokio::test]
async fn disorder_in_the_trees_is_found_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let ravi = contact("+14155550101", "Ravi Anand", Some("day"));
    store.put(vec![contact("+14155550100", "Maya", None), ravi.clone()]).await.unwrap();
    assert!(store.examine(false).unwrap().is_none());
    insert(&store.trees().unwrap().contacts, b"+14155550102", b"{\"key\":");
    insert(&store.trees().unwrap().names, &index::entry("nobody", "+14155550199"), &[]);
    insert(&store.trees().unwrap().names, &index::entry("ravioli", "+14155550101"), &[]);
    let trees = store.trees().unwrap();
    let mut edit = trees.teams.edit();
    edit.remove(&index::team(&ravi).unwrap()).unwrap();
    trees.teams.tree().apply_batch(edit.batch().unwrap()).unwrap();
    drop(trees);
    store.trees().unwrap().meta.insert(index::COUNT, &7u64.to_be_bytes()).unwrap();
    let expected = Disorder { unreadable: 1, unfound: 1, stray: 2, miscounted: 5 };
    assert_eq!(store.examine(false).unwrap(), expected);
    assert_eq!(store.examine(true).unwrap(), expected);
    drop(store);
    let store = open(folder.path());
    assert!(store.examine(false).unwrap().is_none());
    assert_eq!(store.count().await.unwrap(), 2);
    assert_eq!(store.in_team("day", None, 9).await.unwrap(), [ravi]);
    assert!(store.find("ravioli", 9).await.unwrap().is_empty());
}

/// What is done to the store and to a plain map beside it.
#[derive(Clone, Debug)]
enum Step {
    Put { key: u8, name: String, team: Option<String> },
    Remove(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let name = "[abAÉ]{1,3}( [abAÉ]{1,2}){0,2}";
    prop_oneof![
        3 => (0..6u8, name, proptest::option::of("[xX]{1,2}"))
            .prop_map(|(key, name, team)| Step::Put { key, name, team }),
        1 => (0..6u8).prop_map(Step::Remove),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_trees_always_agree(steps in proptest::collection::vec(step(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        runtime.block_on(async {
            let store = open(folder.path());
            let mut model = BTreeMap::new();
            let full = |key: u8| format!("+1415555010{key}");
            for step in steps {
                match step {
                    Step::Put { key, name, team } => {
                        let contact = contact(&full(key), &name, team.as_deref());
                        store.put(vec![contact.clone()]).await.unwrap();
                        model.insert(full(key), contact);
                    }
                    Step::Remove(key) => {
                        let was = model.remove(&full(key)).is_some();
                        assert_eq!(store.remove(&full(key)).await.unwrap(), was);
                    }
                }
            }
            assert_eq!(store.count().await.unwrap(), model.len() as u64);
            let kept: Vec<_> = model.values().cloned().collect();
            assert_eq!(store.page(None, 100).await.unwrap(), kept);
            let entries: BTreeSet<_> = kept.iter().flat_map(index::names).collect();
            let in_tree = keys(&store.trees().unwrap().names);
            assert_eq!(in_tree, entries);
            let teams: BTreeSet<_> = kept.iter().filter_map(index::team).collect();
            let in_tree = keys(&store.trees().unwrap().teams);
            assert_eq!(in_tree, teams);
        });
    }
}

/// What was removed is in no file any more, and the rest is there.
#[tokio::test]
async fn a_scrubbed_store_holds_nothing_of_what_was_removed() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("contacts");
    let store = open(&place);
    let all: Vec<_> = (0..3000)
        .map(|number| contact(&format!("+1415555{number:04}"), &format!("Ravi {number}"), None))
        .collect();
    store.put(all).await.unwrap();
    let maya = contact("+442079460958", "Maya Quetzal", Some("Nightingales"));
    store.put(vec![maya]).await.unwrap();
    assert!(store.remove("+442079460958").await.unwrap());
    store.scrub().await.unwrap();
    for trace in ["442079460958", "Quetzal", "quetzal", "ightingales"] {
        assert!(!stands_in(folder.path(), trace), "{trace}");
    }
    assert_eq!(store.count().await.unwrap(), 3000);
    store.put(vec![contact("+442079460959", "Ben", None)]).await.unwrap();
    drop(store);
    let store = open(&place);
    assert_eq!(store.count().await.unwrap(), 3001);
    assert_eq!(store.find("ravi 2999", 9).await.unwrap().len(), 1);
    assert!(store.examine(false).unwrap().is_none());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Whether some file in a folder has this text in it.
fn stands_in(folder: &std::path::Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return stands_in(&path, text);
        }
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

/// A kill between the renames leaves a store that is opened, and nothing else.
#[tokio::test]
async fn a_scrub_that_was_interrupted_loses_nothing() {
    for (old, copy, is_there) in [(false, true, true), (true, true, false), (true, false, true)] {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("contacts");
        let store = open(&place);
        store.put(vec![contact("+14155550100", "Maya", None)]).await.unwrap();
        drop(store);
        if !is_there {
            std::fs::rename(&place, folder.path().join("contacts.copy")).unwrap();
        } else if copy {
            std::fs::create_dir(folder.path().join("contacts.copy")).unwrap();
        }
        if old {
            std::fs::create_dir(folder.path().join("contacts.old")).unwrap();
        }
        assert_eq!(open(&place).count().await.unwrap(), 1);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
