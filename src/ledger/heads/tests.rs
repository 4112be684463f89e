//! What memory has of a lane is what the ledger holds, whatever came in between.

use partyline_core::{Failure, MessageId, Reason, Sent};
use proptest::prelude::*;

use super::super::tests::{conversation, entry, open, release, room};
use super::super::{Change, Lane, Ledger, Order, QueueChange, Selection, parked};
use super::{LONG, MANY};

/// What is done to the lane of the conversation.
#[derive(Clone, Debug)]
enum Step {
    /// So many come in at once.
    Come(u64),
    /// So many come in, held, and are let go together.
    LetGo(u64),
    /// The first so many are sent.
    Send(usize),
    /// The first is parked.
    Park,
    /// What is parked is sent again.
    Retry,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1u64..5).prop_map(Step::Come),
        1 => (LONG as u64 - 2..LONG as u64 + 8).prop_map(Step::Come),
        1 => (1u64..5).prop_map(Step::LetGo),
        4 => (1usize..LONG).prop_map(Step::Send),
        1 => Just(Step::Park),
        1 => Just(Step::Retry),
    ];
    proptest::collection::vec(step, 1..20)
}

fn lane() -> Lane {
    Lane::of(conversation())
}

async fn come(ledger: &Ledger, next: &mut u64, count: u64, order: Order) {
    for _ in 0..count {
        *next += 1;
        ledger.accept(vec![entry(&room(), *next, &conversation(), order)]).await.unwrap();
    }
}

/// Sends the first so many, in twos; a lane asks until nothing is left.
async fn send(ledger: &Ledger, count: usize) -> Vec<i64> {
    let mut sent = Vec::new();
    while sent.len() < count {
        let heads = ledger.heads(&lane(), 2).await.unwrap();
        if heads.is_empty() {
            break;
        }
        for delivery in heads {
            let id = MessageId::new(format!("IMsent{}", delivery.number));
            // Without a number in the conversation's count, which is not what is tested here.
            ledger.settle(&delivery, Sent { id: Some(id), ordinal: None }).await.unwrap();
            sent.push(delivery.number);
        }
    }
    sent
}

async fn step(ledger: &Ledger, next: &mut u64, step: &Step) {
    match step {
        Step::Come(count) => come(ledger, next, *count, Order::Arrival).await,
        Step::LetGo(count) => {
            come(ledger, next, *count, Order::Held).await;
            release(ledger, &room(), None).await;
        }
        Step::Send(count) => drop(send(ledger, *count).await),
        Step::Park => {
            if let Some(head) = ledger.heads(&lane(), 1).await.unwrap().first() {
                let failure = Failure::never(Reason::Refused, "No.");
                ledger.park(head, &failure, false).await.unwrap();
            }
        }
        Step::Retry => {
            let retry = Change::Queue(QueueChange::Retry(Selection::All));
            ledger
                .threads
                .write(move |writing| {
                    let Change::Queue(retry) = &retry else { unreachable!() };
                    parked::apply(writing, retry, &mut super::super::Accepted::default())
                })
                .await
                .unwrap();
        }
    }
}

fn numbers(deliveries: &[super::super::Delivery]) -> Vec<i64> {
    deliveries.iter().map(|delivery| delivery.number).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn heads_are_the_first_that_wait(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let ledger = open(&folder);
            let mut next = 0;
            // Something that waited before the start.
            come(&ledger, &mut next, 3, Order::Arrival).await;
            assert_eq!(ledger.lanes_waiting().await.unwrap(), [lane()]);
            for one in &steps {
                step(&ledger, &mut next, one).await;
                let waiting = numbers(&ledger.waiting(&lane(), 1000).await.unwrap());
                let heads = numbers(&ledger.heads(&lane(), 1000).await.unwrap());
                assert!(waiting.starts_with(&heads), "{heads:?} of {waiting:?}");
                assert_eq!(heads.is_empty(), waiting.is_empty());
            }
            let waiting = numbers(&ledger.waiting(&lane(), 1000).await.unwrap());
            assert_eq!(send(&ledger, usize::MAX).await, waiting);
            let queues = ledger.heads.lock();
            assert!(queues.lanes.is_empty(), "an idle lane costs nothing");
            assert_eq!(queues.entered, 0);
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_comes_while_the_lane_works_leaves_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    ledger.lanes_waiting().await.unwrap();
    let mut coming = tokio::task::JoinSet::new();
    for start in 0..8 {
        let ledger = ledger.clone();
        coming.spawn(async move {
            let mut next = start * 1000;
            come(&ledger, &mut next, 60, Order::Arrival).await;
        });
    }
    let mut sent = Vec::new();
    while sent.len() < 8 * 60 {
        sent.extend(send(&ledger, usize::MAX).await);
        tokio::task::yield_now().await;
    }
    coming.join_all().await;
    let in_order: Vec<i64> = ledger
        .threads
        .read(|connection| {
            connection
                .prepare("SELECT id FROM deliveries ORDER BY position, id")?
                .query_map([], |row| row.get(0))?
                .collect()
        })
        .await
        .unwrap();
    assert_eq!(sent, in_order);
}

#[tokio::test]
async fn memory_is_bounded_and_what_is_not_in_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    ledger.lanes_waiting().await.unwrap();
    let places = MANY / LONG + 2;
    let place =
        |number: usize| format!("slack:C{number}").parse::<partyline_core::Place>().unwrap();
    let entries = (0..places).flat_map(|number| {
        (0..=LONG as u64).map(move |index| {
            let mut entry = entry(&conversation(), index, &place(number), Order::Arrival);
            entry.event.key = partyline_core::EventKey::new(format!("{number}/{index}"));
            entry
        })
    });
    ledger.accept(entries.collect()).await.unwrap();
    assert!(ledger.heads.lock().entered <= MANY);
    for number in [0, places - 1] {
        let lane = Lane::of(place(number));
        let heads = ledger.heads(&lane, 32).await.unwrap();
        assert_eq!(heads, ledger.waiting(&lane, 32).await.unwrap());
    }
}
