//! The map against a plain one.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn blocks() -> (sled::Db, Blocks) {
    let db = sled::Config::new().temporary(true).open().unwrap();
    let tree = db.open_tree("entries").unwrap();
    (db, Blocks::new(tree))
}

fn apply(blocks: &Blocks, change: impl FnOnce(&mut Edit<'_>)) {
    let mut edit = blocks.edit();
    change(&mut edit);
    blocks.tree().apply_batch(edit.batch().unwrap()).unwrap();
}

fn entries(blocks: &Blocks, from: Bound<&[u8]>) -> Vec<Entry> {
    blocks.range(from).map(Result::unwrap).collect()
}

fn key(number: u16) -> Vec<u8> {
    format!("+1415{number:05}").into_bytes()
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u16, usize),
    Remove(u16),
    /// As one removal of many, so that blocks become empty.
    RemoveFrom(u16, u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..400u16, 0..700usize).prop_map(|(key, length)| Step::Insert(key, length)),
        2 => (0..400u16).prop_map(Step::Remove),
        1 => (0..400u16, 1..100u16).prop_map(|(from, many)| Step::RemoveFrom(from, many)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn it_is_a_map(edits in proptest::collection::vec(proptest::collection::vec(step(), 1..40), 1..12)) {
        let (_db, blocks) = blocks();
        let mut model = BTreeMap::new();
        for steps in edits {
            apply(&blocks, |edit| {
                for step in steps {
                    match step {
                        Step::Insert(number, length) => {
                            let (key, value) = (key(number), vec![b'v'; length]);
                            let before = model.insert(key.clone(), value.clone());
                            assert_eq!(edit.insert(&key, &value).unwrap(), before);
                        }
                        Step::Remove(number) => {
                            let before = model.remove(&key(number));
                            assert_eq!(edit.remove(&key(number)).unwrap(), before);
                        }
                        Step::RemoveFrom(from, many) => {
                            for number in from..from + many {
                                let before = model.remove(&key(number));
                                assert_eq!(edit.remove(&key(number)).unwrap(), before);
                            }
                        }
                    }
                }
            });
            let all: Vec<Entry> = model.clone().into_iter().collect();
            assert_eq!(entries(&blocks, Bound::Unbounded), all);
            for number in (0..400).step_by(37) {
                let key = key(number);
                assert_eq!(blocks.get(&key).unwrap(), model.get(&key).cloned());
                let behind: Vec<Entry> =
                    all.iter().filter(|(other, _)| *other > key).cloned().collect();
                assert_eq!(entries(&blocks, Bound::Excluded(&key)), behind);
                let prefix = &key[..key.len() - 1];
                let alike: Vec<Entry> =
                    all.iter().filter(|(other, _)| other.starts_with(prefix)).cloned().collect();
                let found: Vec<Entry> = blocks.beginning(prefix).map(Result::unwrap).collect();
                assert_eq!(found, alike);
            }
        }
    }

    #[test]
    fn bytes_that_are_no_block_do_no_harm(bytes: Vec<u8>) {
        let (_db, blocks) = blocks();
        blocks.tree().insert("", bytes.clone()).unwrap();
        let torn = blocks.torn().count();
        assert_eq!(torn == 0, read(&bytes, |_, _| true));
        // Written anew, it is what could be read of it.
        apply(&blocks, |edit| edit.touch(b"").unwrap());
        assert_eq!(blocks.torn().count(), 0);
    }
}

#[test]
fn neighbours_share_blocks_and_what_is_large_has_its_own() {
    let (_db, blocks) = blocks();
    apply(&blocks, |edit| {
        for number in 0..10_000 {
            edit.insert(&key(number), &[]).unwrap();
        }
    });
    let many = blocks.tree().len();
    assert!((40..=200).contains(&many), "{many} blocks");
    apply(&blocks, |edit| {
        for number in 0..10 {
            edit.insert(&key(20_000 + number), &[0; 16 * 1024]).unwrap();
        }
    });
    assert!(blocks.tree().len() >= many + 9, "{} blocks", blocks.tree().len());
}

#[test]
fn a_reader_passes_by_nothing_while_blocks_are_parted() {
    let (_db, blocks) = blocks();
    apply(&blocks, |edit| {
        for number in (0..2000).step_by(2) {
            edit.insert(&key(number), &[b'v'; 50]).unwrap();
        }
    });
    let mut seen = Vec::new();
    for entry in blocks.range(Bound::Unbounded) {
        let (found, _) = entry.unwrap();
        if seen.len().is_multiple_of(100) {
            // Between what was read and what comes, and before.
            apply(&blocks, |edit| {
                for number in (1..2000).step_by(20) {
                    edit.insert(&key(number + seen.len() as u16 / 100 * 2 % 20), &[b'w'; 300])
                        .unwrap();
                }
            });
        }
        seen.push(found);
    }
    assert!(seen.is_sorted_by(|one, other| one < other), "each once, in order");
    let expected: Vec<_> = (0..2000).step_by(2).map(key).collect();
    assert!(expected.iter().all(|key| seen.binary_search(key).is_ok()), "and all of them");
}
