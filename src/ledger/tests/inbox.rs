//! What is told twice is said once: by the Messaging webhook, and by a conversation.

use std::collections::VecDeque;

use partyline_core::{Address, Link};
use proptest::sample::Index;
use tempfile::TempDir;

use super::*;
use crate::policy::Wish;

const MAYA: &str = "whatsapp:+14155550101";
/// Two of our numbers, each with a conversation and a thread of its own.
const SENDERS: [&str; 2] = ["whatsapp:+14155550000", "whatsapp:+14155550001"];

fn place_of(sender: usize) -> Place {
    Place::conversation(&format!("CH000{sender}456789abcdef0123456789abcdef"))
}

fn thread(sender: usize) -> Place {
    format!("slack:C1/1.{sender}").parse().unwrap()
}

/// Something happens on the way of Maya's messages.
#[derive(Clone, Copy, Debug)]
enum Happens {
    /// The webhook tells her nth message, to this sender.
    Webhook(u64, usize),
    /// The conversation with that sender tells it, as the message of this index in it.
    Conversation(u64, usize, u64),
    /// Whoever waits to be let in is.
    LetIn,
    /// The bridge learns that she is in the conversation with this sender.
    Learned(usize),
    /// The bridge ends, and starts again.
    Killed,
}

/// Words that repeat.
fn words(message: u64) -> &'static str {
    ["hello", "are you there?"][usize::try_from(message % 2).unwrap()]
}

fn telling(happens: Happens, ledger: &Ledger, words: fn(u64) -> &'static str) -> Option<Entry> {
    let (message, sender, place) = match happens {
        Happens::Webhook(message, sender) => {
            (message, sender, Place::conversation("CH9999456789abcdef0123456789abcdef"))
        }
        Happens::Conversation(message, sender, _) => (message, sender, place_of(sender)),
        Happens::LetIn | Happens::Learned(_) | Happens::Killed => return None,
    };
    let mut entry = entry(&place, message, &room(), Order::Arrival);
    let content = Content::plain(words(message));
    entry.inbox = true;
    entry.event.at = ledger.now();
    entry.event.ordinal = None;
    if let Action::Post { content: said, .. } = &mut entry.owed[0].action {
        *said = content.clone();
    }
    match happens {
        Happens::Conversation(_, _, index) => {
            let speaker = Speaker::new(Network::Twilio, MAYA);
            let id = MessageId::new(format!("IM{message}"));
            entry.event.happening = Happening::Message { id, speaker, content };
            entry.event.ordinal = Some(index);
            entry.order = Order::Counted;
            entry.unlinked = true;
        }
        _ => {
            let (address, sender) = (MAYA.parse().unwrap(), SENDERS[sender].parse().ok());
            entry.event.happening = Happening::Wrote { address, sender, name: None, content };
        }
    }
    Some(entry)
}

async fn let_in(ledger: &Ledger) {
    loop {
        let strangers = ledger.strangers(100).await.unwrap();
        if strangers.is_empty() {
            return;
        }
        for stranger in strangers {
            let sender = SENDERS.iter().position(|one| *one == stranger.sender.as_str()).unwrap();
            ledger.let_in(&stranger, Some(&place_of(sender)), None).await.unwrap();
        }
    }
}

async fn learn(ledger: &Ledger, sender: usize) {
    let maya = StoredParticipant {
        conversation: place_of(sender),
        sid: format!("MB{sender}"),
        address: MAYA.parse::<Address>().ok(),
        sender: SENDERS[sender].parse().ok(),
        name: None,
    };
    ledger.note_participants(vec![maya]).await.unwrap();
}

/// Has it happen, with these words, and with what a message asks for; the ledger as it is then.
async fn happen(
    folder: &TempDir,
    course: &[Happens],
    words: fn(u64) -> &'static str,
    plea: Option<&Plea>,
) -> Ledger {
    let mut ledger = open(folder);
    for one in course {
        match (telling(*one, &ledger, words), one) {
            (Some(mut entry), _) => {
                entry.plea = plea.cloned();
                ledger.accept(vec![entry]).await.unwrap();
            }
            (None, Happens::LetIn) => let_in(&ledger).await,
            (None, Happens::Killed) => {
                drop(ledger);
                ledger = reopen(folder).await;
            }
            (None, Happens::Learned(sender)) => learn(&ledger, *sender).await,
            (None, _) => unreachable!("it tells something"),
        }
    }
    ledger
}

/// What stands in the thread of this sender in the end, sorted.
async fn said(ledger: &Ledger, sender: usize) -> Vec<String> {
    let_in(ledger).await;
    let link = Link { conversation: place_of(sender), room: thread(sender) };
    ledger.inbox_release(&link).await.unwrap();
    let waiting = ledger.waiting(&Lane::of(thread(sender)), 1000).await.unwrap();
    let words = waiting.into_iter().map(|delivery| match &delivery.owed.action {
        Action::Post { content, .. } => content.text.plain.clone(),
        other => panic!("{other:?}"),
    });
    let mut words: Vec<String> = words.collect();
    words.sort();
    words
}

/// What each sender was written.
fn wanted(course: &[Happens], sender: usize) -> Vec<&'static str> {
    let written = course.iter().filter_map(|one| match one {
        Happens::Webhook(message, to) if *to == sender => Some(words(*message)),
        _ => None,
    });
    let mut wanted: Vec<&str> = written.collect();
    wanted.sort_unstable();
    wanted
}

/// The webhook tells all of six messages, each to one of so many senders; the conversations those from one
/// on, each of them in order. How they come in between each other, and when strangers are let in, is as it
/// may be.
fn courses(senders: usize) -> impl Strategy<Value = Vec<Happens>> {
    let others = prop::collection::vec((any::<Index>(), 0..3u8, 0..senders), 0..6);
    let to = prop::collection::vec(0..senders, 6);
    (prop::array::uniform2(0u64..=6), to, any::<u64>(), others).prop_map(
        |(from, to, order, others)| {
            let mut course = tellings(from, &to, order);
            // She comes into a conversation by its being made for her first words; be it by Twilio,
            // which has it tell them.
            for (at, what, sender) in others {
                let at = at.index(course.len() + 1);
                let first = course
                    .iter()
                    .position(|one| matches!(one, Happens::Webhook(_, to) if *to == sender));
                let least = if from[sender] == 0 { 0 } else { first.map_or(0, |first| first + 1) };
                match what {
                    0 => course.insert(at.max(least).min(course.len()), Happens::Learned(sender)),
                    1 => course.insert(at, Happens::LetIn),
                    _ => course.insert(at, Happens::Killed),
                }
            }
            course
        },
    )
}

/// What both ways tell of messages to these senders, in the order of these bits.
fn tellings(from: [u64; 2], to: &[usize], order: u64) -> Vec<Happens> {
    let mut indexes = [0; 2];
    let (mut webhooks, mut conversations) = (VecDeque::new(), VecDeque::new());
    for (message, sender) in (0..).zip(to.iter().copied()) {
        webhooks.push_back(Happens::Webhook(message, sender));
        if message >= from[sender] {
            conversations.push_back(Happens::Conversation(message, sender, indexes[sender]));
            indexes[sender] += 1;
        }
    }
    let mut course = Vec::new();
    for bit in 0..64 {
        let way = if order >> bit & 1 == 0 { &mut webhooks } else { &mut conversations };
        course.extend(way.pop_front());
    }
    course.extend(webhooks.into_iter().chain(conversations));
    course
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_told_by_both_ways_is_said_once_in_whichever_order(
        course in prop_oneof![courses(1), courses(2)],
    ) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let said = runtime.block_on(async {
            let ledger = happen(&folder, &course, words, None).await;
            [said(&ledger, 0).await, said(&ledger, 1).await]
        });
        let wanted = [0, 1].map(|sender| wanted(&course, sender));
        prop_assert_eq!(said, wanted, "{:?}", course);
    }

    #[test]
    fn what_is_asked_for_by_both_ways_is_answered_once_in_whichever_order(course in courses(1)) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answers = runtime.block_on(async {
            let plea = Plea { what: Wish::Help, answer: Some("Write STOP.".into()) };
            let asking = |message| if message % 2 == 0 { "help" } else { "info" };
            let ledger = happen(&folder, &course, asking, Some(&plea)).await;
            // Whoever is to be answered once it is known by which sender.
            learn(&ledger, 0).await;
            if let Some(newest) = ledger.newest_stray(&place_of(0)).await.unwrap() {
                ledger.settle_strays(&place_of(0), newest).await.unwrap();
            }
            let phone = Place::phone(&SENDERS[0].parse().unwrap(), &MAYA.parse().unwrap());
            ledger.waiting(&Lane::of(phone), 1000).await.unwrap().len()
        });
        prop_assert_eq!(answers, 6, "{:?}", course);
    }
}
