//! The directory of groups.

use std::sync::Arc;

use jiff::Timestamp;
use partyline_core::SystemClock;

use super::*;

fn info(number: u8, name: &str, updated: i64) -> ConversationInfo {
    ConversationInfo {
        place: Place::conversation(&format!("CH{number:032x}")),
        name: Some(name.to_owned()),
        unique_name: Some(format!("unique-{number}")),
        description: None,
        created_by: None,
        state: ConversationState::Active,
        created: None,
        updated: Timestamp::from_second(updated).ok(),
    }
}

async fn ledger(groups: &[ConversationInfo]) -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&folder.path().join("ledger.db"), Arc::new(SystemClock)).unwrap();
    let notes = groups.iter().map(|one| GroupChange::Note(Box::new(one.clone()))).collect();
    ledger.change_groups(notes).await.unwrap();
    (folder, ledger)
}

async fn names(ledger: &Ledger, reference: &str) -> Vec<String> {
    let found = ledger.find_groups(reference, 9).await.unwrap();
    found.iter().map(|group| group.name().to_owned()).collect()
}

#[tokio::test]
async fn a_group_is_found_by_every_name_it_has() {
    let all = [info(1, "Spring Launch", 1), info(2, "Spring", 1), info(3, "Übung 100%", 1)];
    let (_folder, ledger) = ledger(&all).await;
    for (reference, found) in [
        ("CH00000000000000000000000000000001", vec!["Spring Launch"]),
        ("unique-2", vec!["Spring"]),
        (" spring  launch ", vec!["Spring Launch"]),
        ("spring", vec!["Spring"]),
        ("spr", vec!["Spring", "Spring Launch"]),
        ("übung", vec!["Übung 100%"]),
        ("unique-", vec!["Spring", "Spring Launch", "Übung 100%"]),
        ("%", vec![]),
        ("", vec![]),
    ] {
        assert_eq!(names(&ledger, reference).await, found, "{reference}");
    }
    assert!(ledger.is_group("SPRING").await.unwrap());
    assert!(!ledger.is_group("spr").await.unwrap());
}

#[tokio::test]
async fn what_is_older_changes_nothing() {
    let (_folder, ledger) = ledger(&[info(1, "New", 20)]).await;
    let late = GroupChange::Note(Box::new(info(1, "Old", 10)));
    ledger.change_groups(vec![late]).await.unwrap();
    assert_eq!(names(&ledger, "unique-1").await, ["New"]);
}

#[tokio::test]
async fn a_list_is_filtered_and_sorted() {
    let all = [info(1, "b", 3), info(2, "A", 1), info(3, "c launch", 2)];
    let (_folder, ledger) = ledger(&all).await;
    let list = async |filter: GroupFilter| {
        let (groups, total) = ledger.groups(&filter, 0, 2).await.unwrap();
        let names: Vec<_> = groups.iter().map(|group| group.name().to_owned()).collect();
        (names.join(" "), total)
    };
    assert_eq!(list(GroupFilter::default()).await, ("A b".into(), 3));
    let sort = GroupSort::Updated;
    let filter = GroupFilter { sort, descending: true, ..GroupFilter::default() };
    assert_eq!(list(filter).await, ("b c launch".into(), 3));
    let search = Some("LAUNCH".to_owned());
    let filter = GroupFilter { search, ..GroupFilter::default() };
    assert_eq!(list(filter).await, ("c launch".into(), 1));
    let state = Some(ConversationState::Closed);
    let filter = GroupFilter { state, ..GroupFilter::default() };
    assert_eq!(list(filter).await, (String::new(), 0));
    let only = Some(vec![info(2, "", 0).place, info(3, "", 0).place, info(9, "", 0).place]);
    let filter = GroupFilter { only, ..GroupFilter::default() };
    assert_eq!(list(filter).await, ("A c launch".into(), 2));
}

#[tokio::test]
async fn a_listing_shows_what_is_new_and_what_is_gone() {
    let (_folder, ledger) =
        ledger(&[info(1, "same", 1), info(2, "old", 1), info(3, "gone", 1)]).await;
    let listing = ledger.next_listing().await.unwrap();
    let listed = vec![info(1, "same", 1), info(2, "new", 2), info(4, "more", 1)];
    let changed = ledger.note_listed(listed, listing, |_| true).await.unwrap();
    assert_eq!(changed, [(info(2, "old", 1), info(2, "new", 2))], "it goes through intake");
    assert_eq!(names(&ledger, "more").await, ["more"]);
    let began = Timestamp::from_second(100).unwrap();
    let gone = ledger.unlisted(listing, began).await.unwrap();
    assert_eq!(gone, [info(3, "gone", 1).place]);
}
