//! The ledger's promises: once, in order, and still there after a start.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use partyline_core::{
    Action, Content, Cursor, Event, EventKey, Happening, MessageId, Network, Place, RoomChange,
    Sent, Speaker, SystemClock,
};
use proptest::prelude::*;

use super::*;

mod broadcasts;
mod floors;
mod held;
mod inbox;
mod missed;

const CONVERSATION: &str = "twilio:CH0123456789abcdef0123456789abcdef";

pub(super) fn conversation() -> Place {
    CONVERSATION.parse().unwrap()
}

pub(super) fn room() -> Place {
    "slack:C1".parse().unwrap()
}

pub(super) fn open(folder: &tempfile::TempDir) -> Ledger {
    Ledger::open(&folder.path().join("ledger.db"), Arc::new(SystemClock)).unwrap()
}

pub(super) fn entry(place: &Place, index: u64, to: &Place, order: Order) -> Entry {
    let id = MessageId::new(format!("IM{index}"));
    let speaker = Speaker::new(place.network(), "whatsapp:+14155550100");
    let content = Content::plain(format!("{index}"));
    let event = Event {
        key: EventKey::new(format!("{place}/IM{index}")),
        place: place.clone(),
        at: Timestamp::UNIX_EPOCH,
        ordinal: Some(index),
        happening: Happening::Message { id, speaker: speaker.clone(), content: content.clone() },
    };
    Entry {
        raw: Bytes::from_static(b"raw"),
        owed: vec![Owed {
            to: to.clone(),
            from: place.clone(),
            speaker: Some(speaker),
            at: Timestamp::UNIX_EPOCH,
            action: Action::Post {
                origin: Network::Twilio,
                name: String::new(),
                picture: None,
                content,
                part: None,
            },
        }],
        ..Entry::alone(event, "test", order)
    }
}

async fn counted(ledger: &Ledger, index: u64) -> Accepted {
    ledger.accept(vec![entry(&conversation(), index, &room(), Order::Counted)]).await.unwrap()
}

async fn waiting(ledger: &Ledger) -> Vec<String> {
    ledger
        .waiting(&Lane::of(room()), 1000)
        .await
        .unwrap()
        .into_iter()
        .map(|delivery| match &delivery.owed.action {
            Action::Post { content, .. } => content.text.plain.clone(),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// No message is too late.
const NO_LIMIT: Limit = Limit { age: Duration::MAX, messages: usize::MAX, fresh: Duration::ZERO };

async fn release_all(ledger: &Ledger, place: &Place, through: Through) -> Accepted {
    let telling = Telling::default();
    ledger.release_missed(place, through, NO_LIMIT, telling, |_, _| String::new()).await.unwrap()
}

/// Everything, or up to an ordinal.
pub(super) async fn release(ledger: &Ledger, place: &Place, through: Option<u64>) -> Accepted {
    let through = match through {
        Some(ordinal) => Through::Ordinal(ordinal),
        None => Through::Hold(ledger.hold_on(place).await.unwrap()),
    };
    release_all(ledger, place, through).await
}

#[tokio::test]
async fn a_repeat_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    assert_eq!(counted(&ledger, 1).await.fresh, 1);
    let again = counted(&ledger, 1).await;
    assert_eq!((again.fresh, again.repeats), (0, 1));
    assert!(again.wake.is_empty());
    assert_eq!(waiting(&ledger).await, ["1"]);
}

#[tokio::test]
async fn what_comes_too_early_waits_for_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    counted(&ledger, 1).await;
    let early = counted(&ledger, 4).await;
    assert_eq!(early.gaps, [conversation()]);
    counted(&ledger, 3).await;
    assert_eq!(waiting(&ledger).await, ["1"]);
    assert!(ledger.holds(&conversation()).await.unwrap());
    let filled = counted(&ledger, 2).await;
    assert_eq!(filled.wake, [Lane::of(room())]);
    assert_eq!(waiting(&ledger).await, ["1", "2", "3", "4"]);
    assert!(!ledger.holds(&conversation()).await.unwrap());
}

#[tokio::test]
async fn a_number_that_does_not_exist_is_given_up_after_a_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    counted(&ledger, 1).await;
    counted(&ledger, 3).await;
    counted(&ledger, 4).await;
    counted(&ledger, 6).await;
    release(&ledger, &conversation(), Some(3)).await;
    assert_eq!(waiting(&ledger).await, ["1", "3", "4"]);
    assert_eq!(ledger.cursor(&conversation()).await.unwrap().unwrap().ordinal, Some(4));
    release(&ledger, &conversation(), None).await;
    assert_eq!(waiting(&ledger).await, ["1", "3", "4", "6"]);
}

#[tokio::test]
async fn our_own_messages_leave_no_hole() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    counted(&ledger, 1).await;
    let from_room = entry(&room(), 7, &conversation(), Order::Arrival);
    ledger.accept(vec![from_room]).await.unwrap();
    let owed = ledger.waiting(&Lane::of(conversation()), 1).await.unwrap().remove(0);
    let sent = Sent { id: Some(MessageId::new("IMown")), ordinal: Some(2) };
    ledger.settle(&owed, sent).await.unwrap();
    assert!(counted(&ledger, 3).await.gaps.is_empty());
    assert_eq!(waiting(&ledger).await, ["1", "3"]);
}

#[tokio::test]
async fn what_is_held_survives_a_start_and_does_not_move_the_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    counted(&ledger, 1).await;
    counted(&ledger, 3).await;
    drop(ledger);
    let ledger = reopen(&folder).await;
    assert_eq!(ledger.places_held().await.unwrap(), [conversation()]);
    assert_eq!(ledger.cursor(&conversation()).await.unwrap().unwrap().ordinal, Some(1));
    counted(&ledger, 2).await;
    assert_eq!(waiting(&ledger).await, ["1", "2", "3"]);
}

/// The threads let the file go a moment after the last handle is dropped.
pub(super) async fn reopen(folder: &tempfile::TempDir) -> Ledger {
    loop {
        match Ledger::open(&folder.path().join("ledger.db"), Arc::new(SystemClock)) {
            Ok(ledger) => return ledger,
            Err(LedgerError::Locked(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_second_program_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let _ledger = open(&folder);
    let second = Ledger::open(&folder.path().join("ledger.db"), Arc::new(SystemClock));
    assert!(matches!(second, Err(LedgerError::Locked(path)) if path.ends_with("ledger.db")));
}

#[tokio::test]
async fn a_file_that_is_no_ledger_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ledger.db"), vec![7; 8192]).unwrap();
    let error = Ledger::open(&folder.path().join("ledger.db"), Arc::new(SystemClock)).err();
    assert!(matches!(error, Some(LedgerError::Damaged(_))), "{error:?}");
}

#[tokio::test]
async fn a_parked_delivery_lets_the_next_one_go_and_tells_somebody() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    counted(&ledger, 1).await;
    counted(&ledger, 2).await;
    let first = ledger.waiting(&Lane::of(room()), 1).await.unwrap().remove(0);
    let failure = partyline_core::Failure::never(
        partyline_core::Reason::PlaceClosed,
        "The channel is archived.",
    );
    let parked = ledger.park(&first, &failure, true).await.unwrap();
    assert_eq!(parked.failed, [Lane::of(room())]);
    assert_eq!(ledger.lanes_failed().await.unwrap(), [Lane::of(room())]);
    let words = |failed: &Failed| Owed {
        to: conversation(),
        from: room(),
        speaker: None,
        at: failed.at,
        action: Action::Notice { text: failed.sentence.as_str().into() },
    };
    let told = ledger.tell_given_up(&Lane::of(room()), words).await.unwrap();
    assert_eq!(told.wake, [Lane::of(conversation())]);
    // Once.
    assert!(ledger.lanes_failed().await.unwrap().is_empty());
    let again = ledger.tell_given_up(&Lane::of(room()), words).await.unwrap();
    assert_eq!(again.wake, []);
    assert_eq!(waiting(&ledger).await, ["2"]);
    let counts = ledger.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.parked, counts.lanes), (2, 1, 2));
    // Whoever sends it again looks first whether it was sent after all.
    let lane = Lane::of(room());
    assert!(!ledger.waiting(&lane, 1).await.unwrap()[0].again);
    ledger
        .threads
        .write(|writing| {
            let change = QueueChange::Retry(Selection::All);
            parked::apply(writing, &change, &mut Accepted::default())
        })
        .await
        .unwrap();
    let again = ledger.waiting(&lane, 2).await.unwrap();
    assert_eq!([again[0].again, again[1].again], [false, true]);
}

#[tokio::test]
async fn bodies_are_forgotten_once_nothing_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    counted(&ledger, 1).await;
    counted(&ledger, 2).await;
    let first = ledger.waiting(&Lane::of(room()), 1).await.unwrap().remove(0);
    ledger.settle(&first, Sent { id: Some(MessageId::new("1.0")), ordinal: None }).await.unwrap();
    assert!(!ledger.forget(jiff::SignedDuration::from_secs(-1)).await.unwrap());
    let left: i64 = ledger
        .threads
        .read(|connection| {
            connection.query_row("SELECT count(*) FROM events WHERE raw IS NOT NULL", [], |row| {
                row.get(0)
            })
        })
        .await
        .unwrap();
    assert_eq!(left, 1, "the event that is still owed keeps its body");
    assert_eq!(counted(&ledger, 1).await.repeats, 1, "its key is still known");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However hooks come in, doubled and mixed up, what leaves is each once, in order.
    #[test]
    fn any_order_in_is_the_right_order_out(
        indices in proptest::collection::vec(1u64..24, 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let ledger = open(&folder);
            counted(&ledger, 0).await;
            for index in &indices {
                counted(&ledger, *index).await;
            }
            release(&ledger, &conversation(), None).await;
            let mut expected: Vec<u64> = indices.clone();
            expected.push(0);
            expected.sort_unstable();
            expected.dedup();
            let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
            assert_eq!(waiting(&ledger).await, expected);
        });
    }
}

#[tokio::test]
async fn a_room_that_is_read_back_holds_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    let from_room = |index, order| entry(&room(), index, &conversation(), order);
    let lane = Lane::of(conversation());
    ledger.accept(vec![from_room(1, Order::Arrival)]).await.unwrap();
    ledger.hold(vec![room()], 0).await.unwrap();
    ledger.accept(vec![from_room(9, Order::Arrival)]).await.unwrap();
    ledger.accept(vec![from_room(5, Order::Held), from_room(9, Order::Held)]).await.unwrap();
    assert_eq!(ledger.cursor(&room()).await.unwrap().unwrap().ordinal, Some(1));
    assert_eq!(ledger.waiting(&lane, 10).await.unwrap().len(), 1);
    release(&ledger, &room(), None).await;
    ledger.accept(vec![from_room(10, Order::Arrival)]).await.unwrap();
    let ids: Vec<_> = ledger
        .waiting(&lane, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|d| match &d.owed.action {
            Action::Post { content, .. } => content.text.plain.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids, ["1", "5", "9", "10"]);
    assert_eq!(ledger.cursor(&room()).await.unwrap().unwrap().ordinal, Some(10));
}

#[tokio::test]
async fn once_the_file_is_found_damaged_nothing_is_written_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    counted(&ledger, 1).await;
    let torn = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    let torn = rusqlite::Error::SqliteFailure(torn, None);
    let read = ledger.threads.read(move |_| Err::<(), _>(torn)).await;
    assert!(matches!(read, Err(LedgerError::Damaged(_))), "{read:?}");
    assert!(ledger.is_damaged());
    let entry = entry(&conversation(), 2, &room(), Order::Counted);
    let refused = ledger.accept(vec![entry]).await.unwrap_err();
    assert!(refused.to_string().contains("restore a backup"), "{refused}");
    // What is there can still be read.
    assert_eq!(waiting(&ledger).await, ["1"]);
}

#[tokio::test]
async fn a_room_that_is_held_again_while_it_is_read_stays_held() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    let from_room = |index, order| entry(&room(), index, &conversation(), order);
    ledger.accept(vec![from_room(1, Order::Arrival)]).await.unwrap();
    ledger.hold(vec![room()], 0).await.unwrap();
    let first = ledger.hold_on(&room()).await.unwrap();
    // The connection was lost once more: 2 was said after the first read-back had read, and 3 came
    // live on the second connection.
    ledger.hold(vec![room()], 0).await.unwrap();
    ledger.accept(vec![from_room(3, Order::Arrival)]).await.unwrap();
    release_all(&ledger, &room(), Through::Hold(first)).await;
    assert_eq!(ledger.cursor(&room()).await.unwrap().unwrap().ordinal, Some(1));
    let second = ledger.hold_on(&room()).await.unwrap();
    ledger.accept(vec![from_room(2, Order::Held)]).await.unwrap();
    release_all(&ledger, &room(), Through::Hold(second)).await;
    assert_eq!(ledger.cursor(&room()).await.unwrap().unwrap().ordinal, Some(3));
    assert_eq!(ledger.waiting(&Lane::of(conversation()), 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_place_that_was_empty_at_first_is_new_from_its_first_message() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    assert_eq!(ledger.cursor(&conversation()).await.unwrap(), None);
    ledger.begin(&conversation(), Cursor::default()).await.unwrap();
    assert_eq!(ledger.cursor(&conversation()).await.unwrap(), Some(Cursor::default()));
    // So the first message has its turn, and the one that overtook it waits for it.
    assert_eq!(counted(&ledger, 1).await.gaps, [conversation()]);
    assert!(waiting(&ledger).await.is_empty());
    counted(&ledger, 0).await;
    assert_eq!(waiting(&ledger).await, ["0", "1"]);
}

#[tokio::test]
async fn a_room_begins_where_the_bridge_comes_in() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    let joined = |key: &str| {
        let mut entry = entry(&room(), 0, &conversation(), Order::Arrival);
        entry.event.key = EventKey::new(key);
        entry.event.ordinal = None;
        entry.event.happening = Happening::Room { change: RoomChange::Joined };
        entry.owed.clear();
        entry
    };
    ledger.accept(vec![joined("$join")]).await.unwrap();
    assert_eq!(ledger.cursor(&room()).await.unwrap(), Some(Cursor::default()));
    // Put out and let in again, it goes on where it was.
    let said = entry(&room(), 5, &conversation(), Order::Arrival);
    ledger.accept(vec![said, joined("$again")]).await.unwrap();
    assert_eq!(ledger.cursor(&room()).await.unwrap().unwrap().ordinal, Some(5));
}

#[tokio::test]
async fn what_was_said_while_a_place_was_tied_to_nothing_is_not_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    let at = |last: &str| Cursor { ordinal: None, last: Some(MessageId::new(last)) };
    let (gone, tied) = ("matrix:!gone:hs".parse().unwrap(), "matrix:!tied:hs".parse().unwrap());
    for place in [&gone, &tied] {
        ledger.begin(place, at("$1")).await.unwrap();
        ledger.begin(place, at("$2")).await.unwrap();
        assert_eq!(ledger.cursor(place).await.unwrap(), Some(at("$1")));
    }
    let kept: Place = tied.clone();
    ledger.forget_cursors(move |place| *place == kept).await.unwrap();
    assert_eq!(ledger.cursor(&gone).await.unwrap(), None);
    assert_eq!(ledger.cursor(&tied).await.unwrap(), Some(at("$1")));
    ledger.begin_anew(&tied, at("$2")).await.unwrap();
    assert_eq!(ledger.cursor(&tied).await.unwrap(), Some(at("$2")));
}

#[tokio::test]
async fn what_may_have_been_sent_before_a_restore_is_looked_up_from_its_event_on() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    counted(&ledger, 1).await;
    let before = ledger.waiting(&Lane::of(room()), 1).await.unwrap().remove(0);
    assert!(!before.former);
    ledger
        .threads
        .write(|writing| {
            let now = SystemClock.now().to_string();
            let sql = "INSERT INTO meta (key, value) VALUES ('restored', ?1)";
            writing.connection.execute(sql, [now]).map(drop)
        })
        .await
        .unwrap();
    drop(ledger);
    let ledger = reopen(&folder).await;
    let mut young = entry(&conversation(), 2, &room(), Order::Counted);
    young.owed[0].at = SystemClock.now() + jiff::SignedDuration::from_hours(1);
    ledger.accept(vec![young]).await.unwrap();
    let waiting = ledger.waiting(&Lane::of(room()), 2).await.unwrap();
    let [former, later] = &waiting[..] else { panic!("{waiting:?}") };
    assert_eq!((former.former, later.former), (true, false));
    assert_eq!(former.id, before.id);
    assert!(former.outgoing().since < former.owed.at);
    assert_eq!(later.outgoing().since, later.since);
}

#[tokio::test]
async fn keys_are_forgotten_long_after_everything_else_and_never_of_what_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let start: Timestamp = "2026-11-01T12:00:00Z".parse().unwrap();
    let clock = Arc::new(partyline_core::ManualClock::new(start));
    let ledger = Ledger::open(&folder.path().join("ledger.db"), clock.clone()).unwrap();
    let day = jiff::SignedDuration::from_hours(24);
    for index in 1..=4 {
        counted(&ledger, index).await;
        clock.advance(day);
    }
    let owed = ledger.waiting(&Lane::of(room()), 10).await.unwrap();
    // The second stays open.
    for delivery in [&owed[0], &owed[2], &owed[3]] {
        let id = Some(MessageId::new(format!("1.{}", delivery.number)));
        ledger.settle(delivery, Sent { id, ordinal: None }).await.unwrap();
    }
    ledger.note_profile("+14155550100", "maya").await.unwrap();
    assert!(!ledger.forget_keys(day / 2).await.unwrap(), "bodies go first");
    assert_eq!(counted(&ledger, 1).await.repeats, 1);
    ledger.forget(day / 2).await.unwrap();
    // Of 1 and 2, which came more than two and a half days ago, 1 is settled.
    assert!(!ledger.forget_keys(day * 5 / 2).await.unwrap());
    let keys = |ledger: &Ledger| {
        let ledger = ledger.clone();
        async move {
            let read = |connection: &Connection| {
                let mut keys = connection.prepare("SELECT ordinal FROM events ORDER BY id")?;
                let keys = keys.query_map([], |row| row.get::<_, i64>(0))?;
                let sql = "SELECT count(*) FROM messages";
                let messages = connection.query_row(sql, [], |row| row.get::<_, i64>(0))?;
                Ok((keys.collect::<Result<Vec<_>, _>>()?, messages))
            };
            ledger.threads.read(read).await.unwrap()
        }
    };
    assert_eq!(keys(&ledger).await, (vec![2, 3, 4], 5));
    assert_eq!(ledger.profiles(10).await.unwrap().len(), 1);
    clock.advance(day * 400);
    ledger.forget_keys(day * 366).await.unwrap();
    assert_eq!(keys(&ledger).await, (vec![2], 1));
    assert!(ledger.profiles(10).await.unwrap().is_empty());
    // What was forgotten is not read again: the cursor stays.
    assert_eq!(ledger.cursor(&conversation()).await.unwrap().unwrap().ordinal, Some(4));
}

#[tokio::test]
async fn whatsapp_names_are_there_after_a_start_the_newest_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    ledger.note_profile("+14155550100", "maya").await.unwrap();
    ledger.note_profile("+14155550101", "ravi").await.unwrap();
    ledger.note_profile("+14155550101", "Ravi A").await.unwrap();
    drop(ledger);
    let ledger = reopen(&folder).await;
    let all = ledger.profiles(10).await.unwrap();
    let has = |key: &str, name: &str| all.contains(&(key.to_owned(), name.to_owned()));
    assert!(all.len() == 2 && has("+14155550100", "maya") && has("+14155550101", "Ravi A"));
    assert_eq!(ledger.profiles(1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_write_that_fails_takes_nothing_else_of_its_commit_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    ledger.lanes_waiting().await.unwrap();
    // The writer is kept busy until the others stand in its queue, so that one commit takes them.
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let busy = ledger.threads.write(move |_| {
        let _ = wait.recv();
        Ok(())
    });
    let failing = ledger.threads.write(|writing| {
        writing.connection.execute("UPDATE meta SET value = 'other'", [])?;
        Err::<(), _>(rusqlite::Error::InvalidQuery)
    });
    let then = async move { drop(go) };
    let (busy, first, failed, second, ()) =
        tokio::join!(biased; busy, counted(&ledger, 1), failing, counted(&ledger, 2), then);
    busy.unwrap();
    assert!(failed.is_err());
    assert_eq!((first.fresh, second.fresh), (1, 1));
    assert_eq!(waiting(&ledger).await, ["1", "2"]);
    assert_eq!(ledger.heads(&Lane::of(room()), 10).await.unwrap().len(), 2);
    let tag: String = ledger
        .threads
        .read(|connection| {
            connection.query_row("SELECT value FROM meta WHERE key = 'tag'", [], |row| row.get(0))
        })
        .await
        .unwrap();
    assert_ne!(tag, "other");
}

#[tokio::test]
async fn a_job_that_panics_takes_nothing_else_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    for _ in 0..4 {
        let written = ledger.threads.write(|writing| {
            writing.connection.execute("UPDATE meta SET value = 'changed'", [])?;
            assert!(writing.connection.is_autocommit(), "on purpose");
            Ok(())
        });
        let read = ledger.threads.read(|connection| {
            assert!(!connection.is_autocommit(), "on purpose");
            Ok(())
        });
        let (written, read, stored) = tokio::join!(written, read, counted(&ledger, 1));
        assert!(written.is_err(), "{written:?}");
        assert!(matches!(read, Err(LedgerError::Closed)), "{read:?}");
        assert_eq!(stored.fresh + stored.repeats, 1);
    }
    let changed = ledger.threads.read(|connection| {
        connection.query_row("SELECT count(*) FROM meta WHERE value = 'changed'", [], |row| {
            row.get::<_, i64>(0)
        })
    });
    assert_eq!(changed.await.unwrap(), 0);
}

/// No platform counts so far; but what comes is not ours to trust.
#[tokio::test]
async fn a_number_beyond_all_numbers_stops_no_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    for index in [u64::MAX, u64::MAX - 1, 7] {
        let accepted = ledger.accept(vec![entry(&conversation(), index, &room(), Order::Counted)]);
        let accepted = accepted.await.unwrap();
        assert_eq!((accepted.fresh, accepted.gaps), (1, vec![]), "{index}");
    }
    assert_eq!(ledger.waiting(&Lane::of(room()), 10).await.unwrap().len(), 3);
}
