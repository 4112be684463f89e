//! Who wants messages: what is said in whatever order, and what is to be done then.

use partyline_core::{EventKey, Happening, MessageId, Network, ReceiptStatus, Speaker};
use proptest::prelude::*;

use super::super::StoredParticipant;
use super::super::tests::{conversation, entry, open, room};
use super::super::{Entry, Order};
use super::*;
use crate::ledger::Ledger;

const MAYA: &str = "whatsapp:+14155550101";

fn maya() -> Address {
    MAYA.parse().unwrap()
}

/// A word that Maya wrote in the conversation at this second.
fn word(wish: Wish, second: i64) -> Entry {
    let mut entry = entry(&conversation(), 0, &room(), Order::Arrival);
    entry.owed.clear();
    entry.plea = Some(Plea { what: wish, answer: Some("as you wish".into()) });
    entry.event.key = EventKey::new(format!("IM{second}"));
    entry.event.at = Timestamp::from_second(second).unwrap();
    entry.event.happening = Happening::Message {
        id: MessageId::new(format!("IM{second}")),
        speaker: Speaker::new(Network::Twilio, MAYA),
        content: partyline_core::Content::plain("a word"),
    };
    entry
}

async fn member(ledger: &Ledger) {
    let participant = StoredParticipant {
        conversation: conversation(),
        sid: "MB1".into(),
        address: Some(maya()),
        sender: Some("whatsapp:+14155550000".parse().unwrap()),
        name: None,
    };
    ledger.note_participants(vec![participant]).await.unwrap();
}

async fn holds(ledger: &Ledger) -> bool {
    !ledger.suppressed(vec![maya()]).await.unwrap().is_empty()
}

#[tokio::test]
async fn what_is_to_be_done_is_known_from_the_commit_on_and_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    member(&ledger).await;
    let accepted = ledger.accept(vec![word(Wish::Stop, 1)]).await.unwrap();
    let phone = Place::phone(&"whatsapp:+14155550000".parse().unwrap(), &maya());
    assert_eq!(accepted.wake, [super::super::Lane::of(phone)], "the answer");
    let (id, leaving) = accepted.optouts[0].clone();
    assert_eq!(leaving, [conversation()]);
    assert_eq!(ledger.optouts_open().await.unwrap(), [(id.clone(), leaving)]);
    // By SMS it is the same person.
    let sms = ledger.suppressed(vec!["+14155550101".parse().unwrap()]).await.unwrap();
    assert_eq!((sms.len(), sms[0].1.how), (1, How::Said));

    let work = ledger.optout_work(&id).await.unwrap();
    assert_eq!((work.sweep, work.how), (Some(maya()), Some(How::Said)));
    let told = vec![(room(), "gone".to_owned())];
    for expected in [1, 0] {
        let accepted = ledger.removed(&id, &work.leaving[0], told.clone()).await.unwrap();
        assert_eq!(accepted.wake.len(), expected);
    }
    ledger.swept(&id, Vec::new()).await.unwrap();
    assert!(ledger.optout_work(&id).await.unwrap().is_empty());

    ledger.accept(vec![word(Wish::Start, 2)]).await.unwrap();
    assert!(!holds(&ledger).await);
    let work = ledger.optout_work(&id).await.unwrap();
    assert_eq!((work.how, work.returning.len()), (None, 1));
    for expected in [1, 0] {
        let accepted = ledger.returned(&id, &work.returning[0], told.clone()).await.unwrap();
        assert_eq!(accepted.wake.len(), expected);
    }
    assert_eq!(ledger.optouts_open().await.unwrap(), []);
}

#[tokio::test]
async fn a_receipt_tells_it_only_by_the_codes_that_say_so() {
    for (code, how) in
        [(30003, None), (63016, None), (21610, Some(How::Carrier)), (63014, Some(How::Blocked))]
    {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(&folder);
        member(&ledger).await;
        let mut receipt = word(Wish::Stop, 1);
        receipt.plea = None;
        receipt.event.happening = Happening::Receipt {
            message: MessageId::new("IM1"),
            participant: Some("MB1".into()),
            status: ReceiptStatus::Failed,
            error: Some(code),
        };
        ledger.accept(vec![receipt]).await.unwrap();
        let found = ledger.suppressions(0, 10).await.unwrap();
        assert_eq!(found.first().map(|one| one.how), how, "{code}");
    }
}

/// The same where it comes before anybody knows whose phone it is, and after they have left.
#[tokio::test]
async fn a_receipt_tells_it_of_whoever_is_not_known_yet_or_no_more() {
    for known_later in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(&folder);
        if !known_later {
            member(&ledger).await;
            ledger.keep_participants(&conversation(), Vec::new()).await.unwrap();
        }
        let mut receipt = word(Wish::Stop, 1);
        receipt.plea = None;
        receipt.event.happening = Happening::Receipt {
            message: MessageId::new("IM1"),
            participant: Some("MB1".into()),
            status: ReceiptStatus::Undelivered,
            error: Some(21610),
        };
        let mut learned = ledger.accept(vec![receipt]).await.unwrap();
        if known_later {
            assert!(learned.optouts.is_empty());
            member(&ledger).await;
            let newest = ledger.newest_stray(&conversation()).await.unwrap().unwrap();
            learned = ledger.settle_strays(&conversation(), newest).await.unwrap();
        }
        assert_eq!(learned.optouts.len(), 1, "{known_later}");
        assert!(holds(&ledger).await);
        let since = ledger.suppressions(0, 10).await.unwrap()[0].since;
        assert_eq!(since, Timestamp::from_second(1).unwrap(), "since it failed");
    }
}

/// The same word, as the Messaging webhook tells it.
fn wrote(wish: Wish, second: i64) -> Entry {
    let mut entry = word(wish, second);
    entry.event.key = EventKey::new(format!("SM{second}:wrote"));
    entry.event.place = Place::new(Network::Twilio, "IS1122334455667788990011223344aabb");
    entry.event.happening = Happening::Wrote {
        address: maya(),
        sender: "whatsapp:+14155550000".parse().ok(),
        name: None,
        content: partyline_core::Content::plain("a word"),
    };
    entry
}

/// What Maya is sent, by the sender that she wrote to.
async fn answers(ledger: &Ledger) -> usize {
    let phone = Place::phone(&"whatsapp:+14155550000".parse().unwrap(), &maya());
    ledger.waiting(&super::super::Lane::of(phone), 10).await.unwrap().len()
}

/// Of whom the conversation does not tell by which sender they are served: whatever else tells it, they
/// are answered by that, once.
#[tokio::test]
async fn whose_sender_is_not_known_is_answered_by_the_one_they_wrote_to() {
    for wish in [Wish::Stop, Wish::Help] {
        for asked_first in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let ledger = open(&folder);
            ledger.accept(vec![word(wish, 1)]).await.unwrap();
            assert_eq!((answers(&ledger).await, holds(&ledger).await), (0, wish == Wish::Stop));
            if asked_first {
                // Nobody of that address is in the conversation any more.
                let newest = ledger.newest_stray(&conversation()).await.unwrap().unwrap();
                ledger.settle_strays(&conversation(), newest).await.unwrap();
                assert_eq!(answers(&ledger).await, 0);
            }
            for _ in 0..2 {
                ledger.accept(vec![wrote(wish, 1)]).await.unwrap();
                assert_eq!(answers(&ledger).await, 1, "{wish:?}");
            }
            member(&ledger).await;
            if let Some(newest) = ledger.newest_stray(&conversation()).await.unwrap() {
                ledger.settle_strays(&conversation(), newest).await.unwrap();
            }
            assert_eq!(answers(&ledger).await, 1, "{wish:?}");
        }
    }
}

/// Who has left before anybody knew them there is answered by the sender that they wrote to last.
#[tokio::test]
async fn who_has_left_is_answered_by_the_sender_that_they_wrote_to_last() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    let mut before = wrote(Wish::Help, 1);
    before.plea = None;
    ledger.accept(vec![before]).await.unwrap();
    // It is something else, said long after that.
    ledger.accept(vec![word(Wish::Stop, 1000)]).await.unwrap();
    assert_eq!(answers(&ledger).await, 0);
    let newest = ledger.newest_stray(&conversation()).await.unwrap().unwrap();
    ledger.settle_strays(&conversation(), newest).await.unwrap();
    assert_eq!(answers(&ledger).await, 1);
}

/// The word as the sender's log of messages has it: its time is in whole seconds.
fn listed(wish: Wish, second: i64) -> Entry {
    let mut entry = Entry { via: "list", ..wrote(wish, second) };
    entry.event.key = EventKey::new(format!("SM{second}{wish:?}:wrote"));
    entry
}

/// A STOP that the webhook lost and the log has is of its second, whenever it is read: a START that was told
/// counts where it was written in a later one.
#[tokio::test]
async fn a_lost_word_is_of_its_time_and_on_a_tie_messages_end() {
    let told = |millis: i64| {
        let mut start = wrote(Wish::Start, 5);
        start.event.key = EventKey::new("SMstart:wrote");
        start.event.at = Timestamp::from_millisecond(millis).unwrap();
        start
    };
    for (start, stop, ends) in [
        (told(5300), 4, false),
        (told(5300), 5, true),
        (told(5300), 6, true),
        (listed(Wish::Start, 5), 5, true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(&folder);
        ledger.accept(vec![start]).await.unwrap();
        ledger.accept(vec![listed(Wish::Stop, stop)]).await.unwrap();
        assert_eq!(holds(&ledger).await, ends, "{stop}");
        // What is told live comes behind all that was read.
        let mut again = told(6500);
        again.event.key = EventKey::new("SMagain:wrote");
        ledger.accept(vec![again]).await.unwrap();
        assert!(!holds(&ledger).await, "{stop}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Words may come in whatever order, by whichever way, and more than once; the one that was said last
    /// holds.
    #[test]
    fn the_last_word_holds(
        words in prop::collection::vec(any::<bool>(), 1..6),
        course in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let ledger = open(&folder);
            let said = |number: usize, by_log: bool| {
                let wish = if words[number] { Wish::Stop } else { Wish::Start };
                let second = i64::try_from(number).unwrap() + 1;
                let mut entry = if by_log { listed(wish, second) } else { word(wish, second) };
                if let Happening::Message { content, .. } | Happening::Wrote { content, .. } =
                    &mut entry.event.happening
                {
                    // By its words each is known when it is told again.
                    *content = partyline_core::Content::plain(format!("word {number}"));
                }
                entry
            };
            let told = course.iter().map(|(at, by_log)| (at.index(words.len()), *by_log));
            // In the end all have come, the last of them first.
            let rest = (0..words.len()).rev().map(|number| (number, false));
            for (count, (number, by_log)) in told.chain(rest).enumerate() {
                let mut entry = said(number, by_log);
                entry.event.key = EventKey::new(format!("{count}/{}", entry.event.key.as_str()));
                ledger.accept(vec![entry]).await.unwrap();
            }
            prop_assert_eq!(holds(&ledger).await, words.last() == Some(&true));
            Ok(())
        })?;
    }
}
