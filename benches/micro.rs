//! The parts by themselves: what the ledger, a name, a hook, a route and a command cost.
//!
//! `cargo bench --bench micro`. What all of them make together is `--bench relay`.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use divan::Bencher;
use divan::counter::ItemsCount;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use partyline::commands::{Word, parse_words};
use partyline::contacts::{ContactStore, Contacts, SledContacts};
use partyline::ledger::{
    Entry, GroupChange, GroupFilter, GroupSort, Lane, Ledger, Order, StoredParticipant,
};
use partyline::links::Links;
use partyline::policy::{Named, Window, audience, shut_out};
use partyline::route::{Limits, Route, route};
use partyline_core::{
    Address, Clock, Contact, Content, ConversationInfo, ConversationState, Event, EventKey,
    Happening, Link, MessageId, Network, Place, Sent, Speaker, SystemClock, Text,
};
use partyline_twilio::simulator::sign;
use partyline_twilio::{Config, Received, Twilio, Webhook};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const CONVERSATION: &str = "CH0123456789abcdef0123456789abcdef";
const MEMBER: &str = "whatsapp:+14155550101";
const TOKEN: &str = "12345";
const PATH: &str = "/webhooks/twilio";
/// Groups, where it could matter how many there are.
const GROUPS: usize = 10_000;

fn main() {
    divan::main();
}

/// An event comes in, is read as a delivery, and is settled: two durable commits. With 64 at a
/// time they share them.
#[divan::bench(args = [1, 64], sample_count = 50, sample_size = 4)]
fn ledger_accept_and_settle(bencher: Bencher<'_, '_>, at_a_time: usize) {
    let folder = TempDir::new().expect("a folder");
    let runtime = Runtime::new().expect("a runtime");
    let ledger = Ledger::open(&folder.path().join("ledger.db"), Arc::new(SystemClock));
    let ledger = ledger.expect("a ledger");
    let links = links(at_a_time);
    let next = AtomicU64::new(0);
    bencher.counter(ItemsCount::new(at_a_time)).bench_local(|| {
        let through = (0..at_a_time).map(|group| {
            let entry = entry(&links, group, next.fetch_add(1, Ordering::Relaxed));
            through(&ledger, entry)
        });
        runtime.block_on(join_all(through))
    });
}

async fn through(ledger: &Ledger, entry: Entry) {
    let lane = entry.owed[0].lane();
    let message = entry.event.key.as_str().replace("IM", "TS");
    ledger.accept(vec![entry]).await.expect("accepted");
    let waiting = ledger.waiting(&Lane::clone(&lane), 1).await.expect("read");
    let sent = Sent { id: Some(MessageId::new(message)), ordinal: None };
    ledger.settle(&waiting[0], sent).await.expect("settled");
}

/// What a member is called, from memory.
#[divan::bench]
fn name_resolve_now(bencher: Bencher<'_, '_>) {
    let (_folder, _runtime, contacts) = contacts();
    let speaker = Speaker::new(Network::Twilio, MEMBER);
    let place = Place::conversation(CONVERSATION);
    bencher.bench(|| contacts.names().resolve_now(black_box(&speaker), &place));
}

/// A contact by the beginning of a name, among so many: the first twenty.
#[divan::bench(args = [10_000, 1_000_000], sample_count = 100)]
fn contact_find_among(bencher: Bencher<'_, '_>, many: u32) {
    let (_folder, runtime, store) = crowd(many);
    let mut turn = 0;
    bencher.bench_local(|| {
        turn = (turn + 7919) % many;
        let prefix = format!("{turn:06}");
        let found = runtime.block_on(store.find(black_box(&prefix), 20)).expect("found");
        assert!(!found.is_empty());
    });
}

/// What somebody is called who is in the store and not in memory, among so many.
#[divan::bench(args = [10_000, 1_000_000], sample_count = 100)]
fn contact_get_among(bencher: Bencher<'_, '_>, many: u32) {
    let (_folder, runtime, store) = crowd(many);
    let mut turn = 0;
    bencher.bench_local(|| {
        turn = (turn + 7919) % many;
        let key = format!("+1415{turn:07}");
        assert!(runtime.block_on(store.get(black_box(&key))).expect("read").is_some());
    });
}

/// The whole answer to onMessageAdd: signature, form, name, the changed body.
#[divan::bench]
fn hook_on_message_add(bencher: Bencher<'_, '_>) {
    let (_folder, _runtime, contacts) = contacts();
    let twilio = twilio();
    let (headers, body) = hook();
    bencher.bench(|| {
        let webhook = Webhook { path_and_query: PATH, headers: &headers, body: &body };
        let Ok(Received::MessageAdd(message)) = twilio.receive(&webhook) else {
            panic!("not understood")
        };
        let named = contacts.names().resolve_now(&message.speaker, &message.conversation);
        twilio.answer(&named.expect("a contact").name, &message)
    });
}

/// Where a message goes, among ten thousand groups.
#[divan::bench]
fn route_message(bencher: Bencher<'_, '_>) {
    let links = links(GROUPS);
    let event = event(GROUPS / 2, 1);
    let limits: Limits = [(Network::Slack, 40_000)].into();
    bencher.bench(|| route(black_box(&event), &links, &limits));
}

/// To whom of a group of fifty, half of whom have not written for a day, a post does not come.
#[divan::bench]
fn window_shut_out_of_fifty(bencher: Bencher<'_, '_>) {
    let now = Timestamp::from_second(1_800_000_000).expect("a time");
    let members: Vec<(Address, Window)> = (0..50)
        .map(|number| {
            let address = format!("whatsapp:+141555501{number:02}").parse().expect("an address");
            let heard = now - SignedDuration::from_hours(if number % 2 == 0 { 1 } else { 30 });
            (address, Window { heard: Some(heard), refused: None })
        })
        .collect();
    bencher.bench(|| {
        let members = members.iter().enumerate();
        let members = members.map(|(at, (address, window))| (address, *window, at));
        shut_out(black_box(members), now)
    });
}

/// Who gets a broadcast to so many contacts, by which sender: half of them are in groups.
#[divan::bench(args = [10_000, 100_000], sample_count = 10, sample_size = 1)]
fn broadcast_plan(bencher: Bencher<'_, '_>, people: usize) {
    let folder = TempDir::new().expect("a folder");
    let runtime = Runtime::new().expect("a runtime");
    let ledger = Ledger::open(&folder.path().join("ledger.db"), Arc::new(SystemClock));
    let ledger = ledger.expect("a ledger");
    let senders = ["whatsapp:+14155550000", "whatsapp:+14155550001"];
    let pool: Vec<Address> = senders.map(|one| one.parse().expect("an address")).to_vec();
    let key = |number: usize| format!("+1415{:07}", 5_560_000 + number);
    let known = (0..people).step_by(2).map(|number| StoredParticipant {
        conversation: place(number / 20),
        sid: format!("MB{number:032x}"),
        address: format!("whatsapp:{}", key(number)).parse().ok(),
        sender: Some(pool[number / 2 % 2].clone()),
        name: None,
    });
    runtime.block_on(ledger.note_participants(known.collect())).expect("noted");
    let named: Vec<Named> = (0..people).map(|number| Named::Contact(key(number))).collect();
    bencher.bench_local(|| {
        let keys = named.iter().map(|one| one.key().to_owned()).collect();
        let met = runtime.block_on(ledger.met(keys)).expect("read");
        let audience = audience(black_box(&named), &pool, &met);
        assert_eq!(audience.readers.len(), people);
    });
}

/// A command line into words.
#[divan::bench]
fn command_parse() -> Vec<Word> {
    let line = r#"contact add +14155550101 "Maya Lopez" --team Sales --meta badge=17"#;
    parse_words(black_box(line)).expect("words")
}

/// A page of the list of ten thousand groups: by name, and those with a word in their name.
#[divan::bench(args = ["", "launch 99"], sample_count = 50, sample_size = 4)]
fn groups_list(bencher: Bencher<'_, '_>, search: &str) {
    let (_folder, runtime, ledger) = directory();
    let search = (!search.is_empty()).then(|| search.to_owned());
    let filter = GroupFilter { search, sort: GroupSort::Updated, ..GroupFilter::default() };
    bencher.bench_local(|| runtime.block_on(ledger.groups(&filter, 0, 20)).expect("a page"));
}

/// A group among ten thousand, by the beginning of its name.
#[divan::bench(sample_count = 50, sample_size = 20)]
fn group_find(bencher: Bencher<'_, '_>) {
    let (_folder, runtime, ledger) = directory();
    bencher.bench_local(|| {
        runtime.block_on(ledger.find_groups("spring launch 98", 9)).expect("found")
    });
}

fn directory() -> (TempDir, Runtime, Ledger) {
    let folder = TempDir::new().expect("a folder");
    let runtime = Runtime::new().expect("a runtime");
    let ledger = Ledger::open(&folder.path().join("ledger.db"), Arc::new(SystemClock));
    let ledger = ledger.expect("a ledger");
    let group = |number: usize| {
        GroupChange::Note(Box::new(ConversationInfo {
            place: place(number),
            name: Some(format!("Spring launch {number}")),
            unique_name: Some(format!("spring-launch-{number}")),
            description: Some("Everything about the launch".to_owned()),
            created_by: None,
            state: ConversationState::Active,
            created: None,
            updated: None,
        }))
    };
    runtime.block_on(ledger.change_groups((0..GROUPS).map(group).collect())).expect("noted");
    (folder, runtime, ledger)
}

fn place(group: usize) -> Place {
    Place::conversation(&format!("CH{group:032x}"))
}

fn links(groups: usize) -> Links {
    let links = Links::new();
    for group in 0..groups {
        let room = Place::new(Network::Slack, &format!("C{group:010}"));
        links.tie(Link { conversation: place(group), room }).expect("tied once");
    }
    links
}

fn event(group: usize, number: u64) -> Event {
    let id = format!("IM{number:032x}");
    Event {
        key: EventKey::new(id.as_str()),
        place: place(group),
        at: SystemClock.now(),
        ordinal: Some(number),
        happening: Happening::Message {
            id: MessageId::new(id),
            speaker: Speaker::new(Network::Twilio, MEMBER),
            content: Content { text: Text::plain("see you at ten"), ..Content::default() },
        },
    }
}

fn entry(links: &Links, group: usize, number: u64) -> Entry {
    let event = event(group, number);
    let Route::Keep { owed, unlinked } = route(&event, links, &Limits::default()) else {
        panic!("it is linked")
    };
    let raw = Bytes::from_static(&[b'x'; 600]);
    Entry {
        event,
        raw,
        via: "webhook",
        owed,
        once: None,
        order: Order::Arrival,
        unlinked,
        group: None,
        tell: Vec::new(),
        plea: None,
        inbox: false,
        owner: None,
    }
}

/// So many contacts, each called by a number.
fn crowd(many: u32) -> (TempDir, Runtime, SledContacts) {
    let folder = TempDir::new().expect("a folder");
    let runtime = Runtime::new().expect("a runtime");
    let store = SledContacts::open(folder.path(), 8 << 20).expect("a store");
    for from in (0..many).step_by(500) {
        let contacts = (from..many.min(from + 500)).map(|number| Contact {
            key: format!("+1415{number:07}"),
            name: format!("{number:06} Lopez"),
            team: None,
            picture: None,
            meta: [].into(),
            updated: SystemClock.now(),
        });
        runtime.block_on(store.put(contacts.collect())).expect("kept");
    }
    (folder, runtime, store)
}

fn contacts() -> (TempDir, Runtime, Contacts) {
    let folder = TempDir::new().expect("a folder");
    let runtime = Runtime::new().expect("a runtime");
    let contacts = runtime.block_on(async {
        let store = SledContacts::open(folder.path(), 8 << 20).expect("a store");
        let maya = Contact {
            key: MEMBER.to_owned(),
            name: "Maya Lopez".to_owned(),
            team: None,
            picture: None,
            meta: [].into(),
            updated: SystemClock.now(),
        };
        store.put(vec![maya]).await.expect("kept");
        Contacts::open(Arc::new(store), 10_000).await.expect("contacts")
    });
    (folder, runtime, contacts)
}

fn twilio() -> Twilio {
    let key = ("SK0123456789abcdef0123456789abcdef", "secret".into());
    let service = "IS0123456789abcdef0123456789abcdef";
    let config = Config {
        auth_token: Some(TOKEN.into()),
        public_url: Some("https://bridge.example.com".parse().expect("an address")),
        ..Config::new("AC0123456789abcdef0123456789abcdef", key, service)
    };
    Twilio::new(config, Arc::new(SystemClock)).expect("a bridge")
}

fn hook() -> (HeaderMap, Bytes) {
    let fields = [
        ("AccountSid", "AC0123456789abcdef0123456789abcdef"),
        ("Attributes", "{}"),
        ("Author", MEMBER),
        ("Body", "see you at ten"),
        ("ConversationSid", CONVERSATION),
        ("EventType", "onMessageAdd"),
        ("ParticipantSid", "MB0123456789abcdef0123456789abcdef"),
        ("Source", "WHATSAPP"),
    ];
    let signature = sign(TOKEN, &format!("https://bridge.example.com{PATH}"), &fields);
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut headers = HeaderMap::new();
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert("X-Twilio-Signature", signature.parse().expect("a header"));
    (headers, body.into())
}
