//! What is told twice is said once: by the Messaging webhook, and by a conversation.

use partyline_core::{Address, Link};
use proptest::sample::Index;
use tempfile::TempDir;

use super::*;
use crate::policy::Wish;

const MAYA: &str = "whatsapp:+14155550101";
const SENDER: &str = "whatsapp:+14155550000";

fn thread() -> Place {
    "slack:C1/1.5".parse().unwrap()
}

/// Something happens on the way of Maya's messages.
#[derive(Clone, Copy, Debug)]
enum Happens {
    /// The webhook tells her nth message.
    Webhook(u64),
    /// The conversation tells it, as the message of this index in it.
    Conversation(u64, u64),
    /// Whoever waits to be let in is.
    LetIn,
    /// The bridge learns that she is in the conversation.
    Learned,
    /// The bridge ends, and starts again.
    Killed,
}

/// Words that repeat.
fn words(message: u64) -> &'static str {
    ["hello", "are you there?"][usize::try_from(message % 2).unwrap()]
}

fn telling(happens: Happens, ledger: &Ledger, words: fn(u64) -> &'static str) -> Option<Entry> {
    let (message, place) = match happens {
        Happens::Webhook(message) => {
            (message, Place::conversation("CH9999456789abcdef0123456789abcdef"))
        }
        Happens::Conversation(message, _) => (message, conversation()),
        Happens::LetIn | Happens::Learned | Happens::Killed => return None,
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
        Happens::Conversation(_, index) => {
            let speaker = Speaker::new(Network::Twilio, MAYA);
            let id = MessageId::new(format!("IM{message}"));
            entry.event.happening = Happening::Message { id, speaker, content };
            entry.event.ordinal = Some(index);
            entry.order = Order::Counted;
            entry.unlinked = true;
        }
        _ => {
            let (address, sender) = (MAYA.parse().unwrap(), SENDER.parse().ok());
            entry.event.happening = Happening::Wrote { address, sender, name: None, content };
        }
    }
    Some(entry)
}

async fn let_in(ledger: &Ledger) {
    for stranger in ledger.strangers(100).await.unwrap() {
        ledger.let_in(&stranger, Some(&conversation()), None).await.unwrap();
    }
}

async fn learn(ledger: &Ledger) {
    let maya = StoredParticipant {
        conversation: conversation(),
        sid: "MB1".into(),
        address: MAYA.parse::<Address>().ok(),
        sender: SENDER.parse().ok(),
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
            (None, _) => learn(&ledger).await,
        }
    }
    ledger
}

/// What stands in the thread in the end.
async fn said(ledger: &Ledger) -> Vec<String> {
    let_in(ledger).await;
    let link = Link { conversation: conversation(), room: thread() };
    ledger.inbox_release(&link).await.unwrap();
    let waiting = ledger.waiting(&Lane::of(thread()), 1000).await.unwrap();
    let words = waiting.into_iter().map(|delivery| match &delivery.owed.action {
        Action::Post { content, .. } => content.text.plain.clone(),
        other => panic!("{other:?}"),
    });
    words.collect()
}

/// The webhook tells all of six messages, the conversation those from one on, each of them in order;
/// how the two come in between each other, and when strangers are let in, is as it may be.
fn courses() -> impl Strategy<Value = Vec<Happens>> {
    let others = prop::collection::vec((any::<Index>(), 0..3u8), 0..6);
    (0u64..=6, any::<u64>(), others).prop_map(|(from, order, others)| {
        let mut webhooks = (0..6).map(Happens::Webhook).peekable();
        let mut tellings =
            (from..6).map(|message| Happens::Conversation(message, message - from)).peekable();
        let mut course = Vec::new();
        for bit in 0.. {
            let first = order >> (bit % 64) & 1 == 0;
            let next = match (webhooks.peek(), tellings.peek()) {
                (None, None) => break,
                (Some(_), _) if first => webhooks.next(),
                (_, Some(_)) if !first => tellings.next(),
                _ => None,
            };
            course.extend(next);
            if bit > 200 {
                course.extend(webhooks.by_ref().chain(tellings.by_ref()));
            }
        }
        // She comes into the conversation by its being made for her first words; be it by Twilio,
        // which has it tell them.
        for (at, what) in others {
            let at = at.index(course.len() + 1);
            let first = course.iter().position(|one| matches!(one, Happens::Webhook(0)));
            let least = if from == 0 { 0 } else { first.map_or(0, |first| first + 1) };
            match what {
                0 => course.insert(at.max(least).min(course.len()), Happens::Learned),
                1 => course.insert(at, Happens::LetIn),
                _ => course.insert(at, Happens::Killed),
            }
        }
        course
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_told_by_both_ways_is_said_once_in_whichever_order(course in courses()) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut said = runtime.block_on(async {
            said(&happen(&folder, &course, words, None).await).await
        });
        said.sort();
        let mut wanted: Vec<&str> = (0..6).map(words).collect();
        wanted.sort_unstable();
        prop_assert_eq!(said, wanted, "{:?}", course);
    }

    #[test]
    fn what_is_asked_for_by_both_ways_is_answered_once_in_whichever_order(course in courses()) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answers = runtime.block_on(async {
            let plea = Plea { what: Wish::Help, answer: Some("Write STOP.".into()) };
            let asking = |message| if message % 2 == 0 { "help" } else { "info" };
            let ledger = happen(&folder, &course, asking, Some(&plea)).await;
            // Whoever is to be answered once it is known by which sender.
            learn(&ledger).await;
            if let Some(newest) = ledger.newest_stray(&conversation()).await.unwrap() {
                ledger.settle_strays(&conversation(), newest).await.unwrap();
            }
            let phone = Place::phone(&SENDER.parse().unwrap(), &MAYA.parse().unwrap());
            ledger.waiting(&Lane::of(phone), 1000).await.unwrap().len()
        });
        prop_assert_eq!(answers, 6, "{:?}", course);
    }
}
