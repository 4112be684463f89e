//! A platform that cannot be read for longer than the tries last, and a ledger that takes some writes
//! and not others, with the time moved.

use std::collections::VecDeque;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::tz::TimeZone;
use partyline_core::{
    Action, Content, Cursor, Deliver, Event, EventKey, Failure, Happening, Incoming, Intake,
    Lateness, Link, MessageId, Outgoing, Proof, ReadBack, Reason, Sent, Speaker, SystemClock,
    WatchState,
};
use tokio_util::task::TaskTracker;

use super::*;
use crate::alerts::Signs;
use crate::blocks::Blocks;
use crate::config::{Answers, Inbox, Mention, Optout};
use crate::contacts::{Contacts, SledContacts};
use crate::intake::{Late, Rules as Treatment};
use crate::ledger::{Lane, Limit};
use crate::moderation::Moderation;
use crate::networks::Powers;
use crate::policy::Words;

/// A conversation's list, and whether it can be read.
#[derive(Default)]
struct Platform {
    list: Mutex<Vec<Event>>,
    /// What the next readings fail with.
    failures: Mutex<VecDeque<Failure>>,
    readings: std::sync::atomic::AtomicU32,
}

impl Platform {
    fn readings(&self) -> u32 {
        self.readings.load(std::sync::atomic::Ordering::SeqCst)
    }
}

#[async_trait]
impl ReadBack for Platform {
    async fn read_back(&self, _: &Place, after: Option<&Cursor>) -> Result<Vec<Incoming>, Failure> {
        self.readings.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if let Some(failure) = self.failures.lock().unwrap().pop_front() {
            return Err(failure);
        }
        let after = after.and_then(|cursor| cursor.ordinal);
        let list = self.list.lock().unwrap();
        Ok(list.iter().filter(|event| event.ordinal > after).cloned().map(piece).collect())
    }
}

#[async_trait]
impl Deliver for Platform {
    fn limit(&self) -> usize {
        1000
    }

    async fn send(&self, _: &Outgoing) -> Result<Sent, Failure> {
        Err(Failure::never(Reason::Refused, "Nothing is sent here."))
    }

    async fn find(&self, _: &Outgoing) -> Result<Option<Sent>, Failure> {
        Ok(None)
    }
}

#[async_trait]
impl Watch for Platform {
    fn state(&self) -> WatchState {
        WatchState { inbound: Proof::Proved, outbound: Proof::Proved }
    }

    async fn probe(&self) -> Result<(), Failure> {
        Ok(())
    }
}

fn conversation() -> Place {
    "twilio:CH0123456789abcdef0123456789abcdef".parse().unwrap()
}

fn room() -> Place {
    "slack:C1".parse().unwrap()
}

fn said(index: u64) -> Event {
    let id = MessageId::new(format!("IM{index}"));
    let speaker = Speaker::new(Network::Twilio, "whatsapp:+14155550100");
    let content = Content::plain(format!("p{index}"));
    Event {
        key: EventKey::new(id.as_str()),
        place: conversation(),
        at: partyline_core::Clock::now(&SystemClock),
        ordinal: Some(index),
        happening: Happening::Message { id, speaker, content },
    }
}

fn piece(event: Event) -> Incoming {
    let raw = Bytes::from_static(b"raw");
    Incoming { network: Network::Twilio, via: "list", raw, events: vec![event] }
}

struct World {
    folder: tempfile::TempDir,
    ledger: Ledger,
    door: Door,
    platform: Arc<Platform>,
    wakers: Wakers,
    catch_up: Arc<CatchUp>,
}

impl World {
    /// A conversation that was read up to its message 1, tied to a room.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger.db"), Arc::new(SystemClock)).unwrap();
        let store = SledContacts::open(&folder.path().join("contacts"), 8 << 20).unwrap();
        let contacts = Contacts::open(Arc::new(store), 100).await.unwrap();
        let links = Arc::new(Links::new());
        links.tie(Link { conversation: conversation(), room: room() }).unwrap();
        let wakers = Wakers::new(&TaskTracker::new());
        let lateness = Lateness { after: Duration::from_secs(300), zone: TimeZone::UTC };
        let day = Duration::from_secs(86_400);
        let limit = Limit { age: day, messages: 500, fresh: lateness.after };
        let answers = Answers {
            confirmation: String::new(),
            welcome: String::new(),
            help: String::new(),
            by_sms: false,
        };
        let moderation = Moderation::new(
            crate::policy::Rules::default(),
            Words::default(),
            lateness.clone(),
            vec![],
        );
        let treatment = Treatment {
            late: Late { limit, lateness },
            optout: Optout { words: Words::default(), answers },
            inbox: Inbox { room: None, mention: Mention::Nobody },
            moderation: Arc::new(moderation),
            blocks: Arc::new(Blocks::read(&ledger).await.unwrap()),
        };
        let platform = Arc::<Platform>::default();
        let powers = Powers { called: true, ..Powers::of(&platform) };
        let networks = Networks::new([(Network::Twilio, powers)]);
        let door = Door::new(
            ledger.clone(),
            links.clone(),
            contacts.names().clone(),
            networks.limits(),
            wakers.clone(),
            Arc::new(Signs::default()),
            treatment,
        );
        ledger.begin(&conversation(), Cursor { ordinal: Some(1), last: None }).await.unwrap();
        ledger.lanes_waiting().await.unwrap();
        let guard = Guard::uncounted(ledger.clone());
        let catch_up = CatchUp::new(
            door.clone(),
            ledger.clone(),
            links,
            networks,
            wakers.clone(),
            CancellationToken::new(),
            Rules { guard, gap_wait: Duration::from_millis(10), inbox: None },
        );
        let reading = catch_up.clone();
        wakers.reads.runs(move |place| {
            let reading = reading.clone();
            async move { reading.run(&place).await }
        });
        Self { folder, ledger, door, platform, wakers, catch_up }
    }

    /// What is owed to the room, in order.
    async fn owed(&self) -> Vec<String> {
        let waiting = self.ledger.waiting(&Lane::of(room()), 100).await.unwrap();
        let words = waiting.into_iter().map(|one| match &one.owed.action {
            Action::Post { content, .. } => content.text.plain.clone(),
            Action::Notice { text } => text.plain.clone(),
            other => panic!("{other:?}"),
        });
        words.collect()
    }

    /// Waits until this holds, in whatever time that takes by the moved clock.
    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let patience = std::time::Instant::now();
        while !holds().await {
            assert!(patience.elapsed().as_secs() < 60, "{what}: {:?}", self.owed().await);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

fn out_of_reach() -> Failure {
    Failure::later(Reason::Unavailable, None, "Twilio is out of reach.")
}

/// An hour's outage: what was said is read as soon as it is over, and nobody is told that something is
/// missing, because nothing is.
#[tokio::test(start_paused = true)]
async fn a_platform_that_is_down_for_long_is_read_once_it_is_back_and_nobody_is_alarmed() {
    let world = World::new().await;
    *world.platform.list.lock().unwrap() = vec![said(2), said(3)];
    *world.platform.failures.lock().unwrap() = vec![out_of_reach(); 120].into();
    world.wakers.reads.wake(conversation());
    world.until("it is read", async || world.owed().await.len() == 2).await;
    assert_eq!(world.owed().await, ["p2", "p3"]);
    assert_eq!(world.platform.readings(), 121);
}

/// What waits behind something that is missing waits for so many tries and not for ever.
#[tokio::test(start_paused = true)]
async fn what_waits_behind_a_hole_goes_after_some_tries_and_the_hole_is_told_and_read_later() {
    let world = World::new().await;
    *world.platform.list.lock().unwrap() = vec![said(2), said(3)];
    *world.platform.failures.lock().unwrap() =
        vec![out_of_reach(); usize::try_from(TRIES).unwrap()].into();
    world.door.accept(piece(said(3))).await.unwrap();
    world.until("it is let go", async || world.owed().await.len() == 2).await;
    let owed = world.owed().await;
    assert!(owed[0].contains("may be missing") && owed[1] == "p3", "{owed:?}");
    let tending = tokio::spawn(world.catch_up.clone().tend());
    world.until("it is read later", async || world.owed().await.len() == 3).await;
    assert_eq!(world.owed().await[2], "p2");
    world.catch_up.stop.cancel();
    tending.await.unwrap();
}

/// A disk with room for a small commit and not for a large one: what is held goes in the end, but not
/// as if nothing had been missing before it.
#[tokio::test(start_paused = true)]
async fn what_was_read_and_could_not_be_stored_is_read_again_however_long_that_takes() {
    let world = World::new().await;
    *world.platform.list.lock().unwrap() = vec![said(2), said(3)];
    let file = rusqlite::Connection::open(world.folder.path().join("ledger.db")).unwrap();
    file.busy_timeout(Duration::from_secs(10)).unwrap();
    file.execute_batch(
        "CREATE TRIGGER full BEFORE INSERT ON events WHEN NEW.key = 'IM2'
         BEGIN SELECT RAISE(ABORT, 'no room'); END",
    )
    .unwrap();
    world.door.accept(piece(said(3))).await.unwrap();
    let tried = async || world.platform.readings() >= TRIES && world.owed().await.len() > 1;
    world.until("it is let go", tried).await;
    assert!(world.owed().await[0].contains("may be missing"), "{:?}", world.owed().await);
    file.execute_batch("DROP TRIGGER full").unwrap();
    let tending = tokio::spawn(world.catch_up.clone().tend());
    let there = async || world.owed().await.contains(&"p2".to_owned());
    world.until("it is found", there).await;
    assert_eq!(world.owed().await.iter().filter(|text| text.starts_with('p')).count(), 2);
    world.catch_up.stop.cancel();
    tending.await.unwrap();
}
