//! What was missed: let go in order, skipped where it is too late, told where it is lost.

use super::*;

/// What waits for the room, in order.
async fn said(ledger: &Ledger) -> Vec<String> {
    let owed = ledger.waiting(&Lane::of(room()), 1000).await.unwrap();
    let words = |action: &Action| match action {
        Action::Post { content, .. } => content.text.plain.clone(),
        Action::Notice { text } | Action::Answer { text, .. } => text.plain.clone(),
        other => panic!("{other:?}"),
    };
    owed.into_iter().map(|delivery| words(&delivery.owed.action)).collect()
}

/// Messages of so many people, one a minute, of which the newest is so many minutes old.
async fn missed(ledger: &Ledger, messages: u64, people: u64, newest: i64) {
    let now = ledger.now();
    let entries = (1..=messages).map(|index| {
        let mut entry = entry(&conversation(), index, &room(), Order::Held);
        let minutes = newest + i64::try_from(messages - index).unwrap();
        entry.event.at = now - jiff::SignedDuration::from_mins(minutes);
        if let Happening::Message { speaker, .. } = &mut entry.event.happening {
            *speaker = Speaker::new(Network::Twilio, format!("+1415555{}", index % people));
        }
        entry
    });
    ledger.accept(entries.collect()).await.unwrap();
}

fn lines(skipped: &Skipped, to: &Place) -> String {
    format!("{} of {}, {} follow, to {to}", skipped.messages, skipped.people, skipped.follow)
}

#[tokio::test]
async fn what_comes_too_late_is_skipped_with_a_summary_and_can_be_had() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    ledger.begin(&conversation(), Cursor { ordinal: Some(0), last: None }).await.unwrap();
    missed(&ledger, 100, 3, 0).await;
    // All 100 are younger than the age; 90 are not fresh, of which the newest 20 go.
    let limit = Limit {
        age: Duration::from_secs(86_400),
        messages: 20,
        fresh: Duration::from_secs(9 * 60 + 30),
    };
    let through = Through::Ordinal(100);
    let telling = Telling::default();
    ledger
        .release_missed(&conversation(), through.clone(), limit, telling.clone(), lines)
        .await
        .unwrap();
    // Once more, as after a crash whose commit was made: nothing is told or skipped twice.
    ledger.release_missed(&conversation(), through, limit, telling, lines).await.unwrap();
    let lane = Lane::of(room());
    let sent = ledger.waiting(&lane, 100).await.unwrap();
    let Action::Notice { text } = &sent[0].owed.action else { panic!("{:?}", sent[0]) };
    assert_eq!(text.plain, format!("70 of 3, 20 follow, to {}", room()));
    let expected: Vec<String> = (71..=100).map(|n| n.to_string()).collect();
    assert_eq!(said(&ledger).await[1..], expected);
    assert_eq!(ledger.cursor(&conversation()).await.unwrap().unwrap().ordinal, Some(100));
    assert_eq!(ledger.counts().await.unwrap().skipped, 70);
    let left = ledger.skipped(None, 10).await.unwrap();
    assert_eq!(left, [Left { to: room(), count: 70 }]);
}

#[tokio::test]
async fn what_is_older_than_the_limit_is_skipped_however_little_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    ledger.begin(&conversation(), Cursor { ordinal: Some(0), last: None }).await.unwrap();
    missed(&ledger, 5, 1, 58).await;
    let limit =
        Limit { age: Duration::from_secs(3600), messages: 20, fresh: Duration::from_secs(60) };
    ledger
        .release_missed(&conversation(), Through::Ordinal(5), limit, Telling::default(), lines)
        .await
        .unwrap();
    assert_eq!(said(&ledger).await[1..], ["4", "5"]);
}

#[tokio::test]
async fn a_place_that_could_not_be_read_is_told_of_once_and_read_again_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    ledger.begin(&conversation(), Cursor { ordinal: Some(3), last: None }).await.unwrap();
    counted(&ledger, 9).await;
    let lost = Telling { to: vec![room()], lost: Some("9 follows a hole".into()), again: true };
    for _ in 0..2 {
        let hold = Through::Hold(ledger.hold_on(&conversation()).await.unwrap());
        ledger.release_missed(&conversation(), hold, NO_LIMIT, lost.clone(), lines).await.unwrap();
    }
    let owed = ledger.waiting(&Lane::of(room()), 10).await.unwrap();
    assert_eq!(owed.len(), 2, "one notice, and 9");
    assert_eq!(ledger.cursor(&conversation()).await.unwrap().unwrap().ordinal, Some(9));
    let from = ledger.read_from(&conversation()).await.unwrap().unwrap();
    assert_eq!(from.ordinal, Some(3));
    assert_eq!(ledger.places_with_holes().await.unwrap(), [conversation()]);
    // Read at last, it is whole again.
    release(&ledger, &conversation(), Some(9)).await;
    assert_eq!(ledger.places_with_holes().await.unwrap(), []);
    let from = ledger.read_from(&conversation()).await.unwrap().unwrap();
    assert_eq!(from.ordinal, Some(9));
}

/// The first hook that comes of a conversation that was never read may have overtaken a lost one.
#[tokio::test]
async fn in_a_conversation_that_is_tied_and_unread_the_first_to_come_waits() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    ledger.note_tied(vec![conversation()]).await.unwrap();
    let since = ledger.tied_since(&conversation()).await.unwrap();
    assert!(since.is_some());
    let accepted = counted(&ledger, 1).await;
    assert_eq!((accepted.gaps, accepted.wake), (vec![conversation()], vec![]));
    assert_eq!(ledger.cursor(&conversation()).await.unwrap(), None);
    // Read: it begins before the first, and the lost one is there.
    ledger.begin(&conversation(), Cursor::default()).await.unwrap();
    ledger.accept(vec![entry(&conversation(), 0, &room(), Order::Held)]).await.unwrap();
    release(&ledger, &conversation(), Some(1)).await;
    assert_eq!(said(&ledger).await, ["0", "1"]);
    // It is tied since then, however often that is noted; and anew once it was tied to nothing.
    ledger.note_tied(vec![conversation()]).await.unwrap();
    assert_eq!(ledger.tied_since(&conversation()).await.unwrap(), since);
    ledger.forget_cursors(|_| false).await.unwrap();
    assert_eq!(ledger.tied_since(&conversation()).await.unwrap(), None);
}
