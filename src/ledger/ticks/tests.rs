//! Receipts and what they come to.

use partyline_core::{Action, Event, EventKey, Happening, Sent};
use proptest::prelude::*;

use super::super::tests::{conversation, entry, open, room};
use super::super::{Entry, Lane, Order, StoredParticipant};
use super::*;

fn receipt(message: &str, status: ReceiptStatus) -> Entry {
    let mut entry = entry(&conversation(), 0, &room(), Order::Arrival);
    entry.owed.clear();
    entry.event = Event {
        key: EventKey::new(format!("DY1/{status:?}")),
        place: conversation(),
        at: Timestamp::UNIX_EPOCH,
        ordinal: None,
        happening: Happening::Receipt {
            message: MessageId::new(message),
            participant: Some("MB1".to_owned()),
            status,
            error: None,
        },
    };
    entry
}

/// Something that was said in the room and stands in the conversation as IM9.
async fn said(ledger: &Ledger, early: &[ReceiptStatus]) {
    let from_room = entry(&room(), 7, &conversation(), Order::Arrival);
    ledger.accept(vec![from_room]).await.unwrap();
    let waiting = ledger.waiting(&Lane::of(conversation()), 1).await.unwrap();
    for status in early {
        ledger.accept(vec![receipt("IM9", *status)]).await.unwrap();
    }
    let sent = Sent { id: Some(MessageId::new("IM9")), ordinal: Some(1) };
    ledger.settle(&waiting[0], sent).await.unwrap();
}

/// All news that there is, due or not.
async fn news(ledger: &Ledger) -> Vec<TickNews> {
    ledger
        .threads
        .write(|writing| writing.connection.execute("UPDATE ticks SET due = 0 WHERE due > 0", []))
        .await
        .unwrap();
    ledger.tick_news(10).await.unwrap()
}

#[tokio::test]
async fn news_that_comes_while_it_is_looked_at_is_looked_at_again() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    said(&ledger, &[]).await;
    ledger.accept(vec![receipt("IM9", ReceiptStatus::Sent)]).await.unwrap();
    let looked_at = news(&ledger).await.remove(0);
    assert_eq!(
        (&looked_at.place, looked_at.message.as_ref()),
        (&room(), Some(&MessageId::new("IM7")))
    );
    ledger.accept(vec![receipt("IM9", ReceiptStatus::Delivered)]).await.unwrap();
    let shown = Ticked { tick: Tick::Sent, handle: None };
    ledger.ticked(&looked_at, Some(Tick::Sent), Some(shown.clone()), None).await.unwrap();
    let again = news(&ledger).await;
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].receipts[0].status, ReceiptStatus::Delivered);
    assert_eq!(again[0].shown, Some(shown));
    ledger.ticked(&again[0], Some(Tick::Delivered), None, None).await.unwrap();
    assert_eq!(news(&ledger).await, []);
    assert_eq!(ledger.next_tick().await.unwrap(), None);
    let counts = ledger.tick_counts(&room(), Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(counts, [(Tick::Delivered, 1)]);
}

/// What was said in a room and went to one phone alone, in two parts.
#[tokio::test]
async fn what_went_to_a_phone_alone_has_its_receipts_by_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    let phone: Place = "twilio:+14155550000/+14155550101".parse().unwrap();
    let mut from_room = entry(&room(), 7, &phone, Order::Arrival);
    let second = Owed { action: Action::Notice { text: "2".into() }, ..from_room.owed[0].clone() };
    from_room.owed.push(second);
    let owed = ledger.accept(vec![from_room]).await.unwrap();
    assert_eq!(owed.wake, [Lane::of(phone.clone())]);
    let nobody = Happening::Receipt {
        message: MessageId::new("SM1"),
        participant: None,
        status: ReceiptStatus::Delivered,
        error: None,
    };
    let mut early = receipt("SM1", ReceiptStatus::Delivered);
    early.event = Event { place: phone.clone(), happening: nobody, ..early.event };
    ledger.accept(vec![early]).await.unwrap();
    for (delivery, id) in
        ledger.waiting(&Lane::of(phone.clone()), 2).await.unwrap().iter().zip(["SM1", "SM2"])
    {
        let sent = Sent { id: Some(MessageId::new(id)), ordinal: None };
        ledger.settle(delivery, sent).await.unwrap();
    }
    let sent = ledger.sent_to(&phone, 10).await.unwrap();
    assert_eq!(sent, ["SM2", "SM1"].map(MessageId::new));
    let news = news(&ledger).await.remove(0);
    assert_eq!((&news.place, &news.conversation), (&room(), &phone));
    let address = "+14155550101".to_owned();
    let member =
        Phone { participant: address.clone(), address: address.clone(), name: None, parts: 2 };
    assert_eq!(news.members, [member]);
    assert_eq!(news.receipts[0].participant, address);
    assert_eq!(crate::policy::tick(&news.members, &news.receipts), Some(Tick::Sent));
}

#[tokio::test]
async fn what_is_told_is_not_told_again() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    let maya = StoredParticipant {
        conversation: conversation(),
        sid: "MB1".into(),
        address: "whatsapp:+14155550101".parse().ok(),
        sender: None,
        name: None,
    };
    ledger.note_participants(vec![maya]).await.unwrap();
    said(&ledger, &[ReceiptStatus::Failed]).await;
    let looked_at = news(&ledger).await.remove(0);
    assert!(!looked_at.receipts[0].told);
    let told = looked_at.receipts.clone();
    ledger.tell_failed(looked_at.event, told, Vec::new(), Vec::new()).await.unwrap();
    // A repeat, or an older one, is no news.
    for status in [ReceiptStatus::Failed, ReceiptStatus::Sent] {
        let repeat = ledger.accept(vec![receipt("IM9", status)]).await.unwrap();
        assert_eq!((repeat.fresh, repeat.repeats, repeat.ticks), (0, 1, false));
    }
    assert!(news(&ledger).await[0].receipts[0].told);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn receipts_in_any_order_come_to_the_same(
        all in Just(vec![ReceiptStatus::Sent, ReceiptStatus::Delivered, ReceiptStatus::Read])
            .prop_shuffle(),
        early in 0usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let ledger = open(&folder);
            said(&ledger, &all[..early]).await;
            for status in &all[early..] {
                ledger.accept(vec![receipt("IM9", *status)]).await.unwrap();
            }
            let news = news(&ledger).await;
            assert_eq!(news.len(), 1);
            let statuses: Vec<_> = news[0].receipts.iter().map(|one| one.status).collect();
            assert_eq!(statuses, [ReceiptStatus::Read]);
        });
    }
}
