//! A Slack room is read from its floor, which only a list raises.

use super::*;

fn said(ordinal: u64, order: Order) -> Entry {
    entry(&room(), ordinal, &conversation(), order)
}

async fn read_from(ledger: &Ledger) -> Option<u64> {
    ledger.read_from(&room()).await.unwrap().unwrap().ordinal
}

#[tokio::test]
async fn a_room_is_read_from_what_a_list_confirmed_and_not_from_its_newest_event() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    ledger.begin(&room(), Cursor { ordinal: Some(10), last: None }).await.unwrap();
    assert_eq!(read_from(&ledger).await, Some(10));
    for ordinal in [11, 13] {
        ledger.accept(vec![said(ordinal, Order::Arrival)]).await.unwrap();
    }
    assert_eq!(ledger.cursor(&room()).await.unwrap().unwrap().ordinal, Some(13));
    assert_eq!(read_from(&ledger).await, Some(10));
    ledger.confirm(&room(), 13).await.unwrap();
    ledger.confirm(&room(), 12).await.unwrap();
    assert_eq!(read_from(&ledger).await, Some(13));
    // A room that begins anew has nothing to be confirmed.
    ledger.begin_anew(&room(), Cursor { ordinal: Some(20), last: None }).await.unwrap();
    assert_eq!(read_from(&ledger).await, Some(20));
}

#[tokio::test]
async fn what_was_overtaken_is_marked_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    ledger.begin(&room(), Cursor { ordinal: Some(10), last: None }).await.unwrap();
    for ordinal in [11, 13] {
        ledger.accept(vec![said(ordinal, Order::Arrival)]).await.unwrap();
    }
    ledger.hold(vec![room()], 0).await.unwrap();
    assert!(!ledger.is_settled(&room()).await.unwrap());
    ledger.accept(vec![said(14, Order::Arrival)]).await.unwrap();
    ledger.accept(vec![said(12, Order::Held)]).await.unwrap();
    release(&ledger, &room(), None).await;
    assert!(ledger.is_settled(&room()).await.unwrap());
    let waiting = ledger.waiting(&Lane::of(conversation()), 10).await.unwrap();
    let overtaken: Vec<bool> = waiting.iter().map(|delivery| delivery.overtaken).collect();
    assert_eq!(overtaken, [false, false, true, false]);
}

#[tokio::test]
async fn it_is_known_which_keys_never_came() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    let (came, never) = (said(11, Order::Arrival), said(12, Order::Arrival));
    let keys = vec![came.event.key.clone(), never.event.key.clone()];
    ledger.accept(vec![came]).await.unwrap();
    let unknown = ledger.unknown(Network::Slack, keys).await.unwrap();
    assert_eq!(unknown.into_iter().collect::<Vec<_>>(), [never.event.key]);
}
