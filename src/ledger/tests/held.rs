//! What is held for members whose window is closed.

use partyline_core::ReceiptStatus;

use super::*;
use crate::policy::Window;

const MAYA: &str = "whatsapp:+14155550101";
const SENDER: &str = "whatsapp:+14155550000";

fn phone() -> Place {
    format!("twilio:{SENDER}/{MAYA}").parse().unwrap()
}

fn maya() -> StoredParticipant {
    StoredParticipant {
        conversation: conversation(),
        sid: "MB1".into(),
        address: MAYA.parse().ok(),
        sender: SENDER.parse().ok(),
        name: None,
    }
}

/// A ledger in which Maya is a member of the conversation, and was last heard then.
async fn scene(folder: &tempfile::TempDir, heard: Option<Timestamp>) -> Ledger {
    let ledger = open(folder);
    ledger.note_participants(vec![maya()]).await.unwrap();
    if let Some(at) = heard {
        wrote(&ledger, at).await;
    }
    ledger
}

/// Maya writes, as the classic webhook tells it.
async fn wrote(ledger: &Ledger, at: Timestamp) -> Accepted {
    let (address, sender) = (MAYA.parse().unwrap(), SENDER.parse().ok());
    let mut wrote = entry(&conversation(), 0, &room(), Order::Arrival);
    wrote.owed.clear();
    wrote.event.key = EventKey::new(format!("SM{at}"));
    wrote.event.at = at;
    wrote.event.ordinal = None;
    wrote.event.happening =
        Happening::Wrote { address, sender, name: None, content: Content::default() };
    ledger.accept(vec![wrote]).await.unwrap()
}

/// Something is said in the room now, and stands in the conversation as IM9.
async fn said(ledger: &Ledger) {
    let mut from_room = entry(&room(), 7, &conversation(), Order::Arrival);
    from_room.event.at = ledger.now();
    ledger.accept(vec![from_room]).await.unwrap();
    let waiting = ledger.waiting(&Lane::of(conversation()), 1).await.unwrap();
    let sent = Sent { id: Some(MessageId::new("IM9")), ordinal: Some(1) };
    ledger.settle(&waiting[0], sent).await.unwrap();
}

async fn receipt(ledger: &Ledger, status: ReceiptStatus, error: Option<u32>) -> Accepted {
    let mut receipt = entry(&conversation(), 0, &room(), Order::Arrival);
    receipt.owed.clear();
    receipt.event.key = EventKey::new(format!("DY1:{status:?}"));
    receipt.event.happening = Happening::Receipt {
        message: MessageId::new("IM9"),
        participant: Some("MB1".into()),
        status,
        error,
    };
    ledger.accept(vec![receipt]).await.unwrap()
}

async fn held(ledger: &Ledger) -> Option<(bool, Window)> {
    let held = ledger.held_for(&phone(), 10).await.unwrap()?;
    assert_eq!(held.messages.len(), 1);
    assert_eq!(held.messages[0].parts[0].message, MessageId::new("IM9"));
    assert_eq!(held.conversation, conversation());
    Some((held.messages[0].sure, held.window))
}

fn days_ago(ledger: &Ledger, days: i64) -> Timestamp {
    ledger.now() - jiff::SignedDuration::from_hours(24 * days)
}

#[tokio::test]
async fn what_is_expected_not_to_come_is_held_in_the_commit_and_what_came_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = scene(&folder, None).await;
    wrote(&ledger, days_ago(&ledger, 2)).await;
    said(&ledger).await;
    assert!(held(&ledger).await.is_some_and(|(sure, _)| !sure));
    assert_eq!(ledger.phones_held().await.unwrap(), [phone()]);
    // The reckoning was wrong: it is on her phone.
    receipt(&ledger, ReceiptStatus::Delivered, None).await;
    assert_eq!(held(&ledger).await, None);
    assert_eq!(ledger.phones_held().await.unwrap(), []);
}

/// The window is open for 24 hours and closed from their end on, to the millisecond.
#[tokio::test]
async fn a_window_closes_after_exactly_a_day() {
    #[derive(Debug)]
    struct Still(Timestamp);
    impl Clock for Still {
        fn now(&self) -> Timestamp {
            self.0
        }
    }
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let day = jiff::SignedDuration::from_hours(24);
    for (more, is_held) in [(-1, false), (0, true), (1, true)] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        let ledger = Ledger::open(&file, Arc::new(Still(now))).unwrap();
        ledger.note_participants(vec![maya()]).await.unwrap();
        wrote(&ledger, now - day - jiff::SignedDuration::from_millis(more)).await;
        said(&ledger).await;
        assert_eq!(held(&ledger).await.is_some(), is_held, "a day and {more} ms");
    }
}

#[tokio::test]
async fn whoever_wrote_within_a_day_or_never_is_tried() {
    for heard in [Some(0), None] {
        let folder = tempfile::tempdir().unwrap();
        let ledger = scene(&folder, None).await;
        if let Some(days) = heard {
            wrote(&ledger, days_ago(&ledger, days)).await;
        }
        said(&ledger).await;
        assert_eq!(held(&ledger).await, None);
    }
}

#[tokio::test]
async fn what_a_receipt_refuses_is_held_once_and_not_again_once_it_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = scene(&folder, None).await;
    said(&ledger).await;
    let refused = receipt(&ledger, ReceiptStatus::Failed, Some(63016)).await;
    assert_eq!(refused.phones, [phone()]);
    let (sure, window) = held(&ledger).await.unwrap();
    assert!(sure && window.heard.is_none() && window.refused.is_some());
    // Neither a repeat nor what another part's receipt says begins it anew.
    let number = ledger.held_for(&phone(), 10).await.unwrap().unwrap().messages[0].number;
    let after = ledger.now() + jiff::SignedDuration::from_secs(5);
    assert_eq!(wrote(&ledger, after).await.phones, [phone()]);
    ledger.release_held(&phone(), vec![number], (Vec::new(), false)).await.unwrap();
    receipt(&ledger, ReceiptStatus::Undelivered, Some(63016)).await;
    assert_eq!(held(&ledger).await, None);
}

/// What was held was sent to the phone alone, and the window had closed: it waits as it was sent.
#[tokio::test]
async fn what_is_refused_at_the_phone_is_held_again_and_sent_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = scene(&folder, None).await;
    said(&ledger).await;
    receipt(&ledger, ReceiptStatus::Failed, Some(63016)).await;
    wrote(&ledger, ledger.now()).await;
    let number = ledger.held_for(&phone(), 10).await.unwrap().unwrap().messages[0].number;
    let action = Action::Notice { text: "what you missed".into() };
    let from = conversation();
    let owed = Owed { to: phone(), from, speaker: None, at: ledger.now(), action };
    let lane = Lane::of(phone());
    for (again, id) in [(false, "SM1"), (true, "SM2")] {
        let what = if again { Vec::new() } else { vec![(number, owed.clone())] };
        let released = ledger.release_held(&phone(), vec![number], (what, false)).await.unwrap();
        assert_eq!(released.wake, std::slice::from_ref(&lane));
        assert_eq!(ledger.held_for(&phone(), 10).await.unwrap(), None);
        let waiting = ledger.waiting(&lane, 10).await.unwrap();
        assert_eq!((waiting.len(), &*waiting[0].owed), (1, &owed));
        let sent = Sent { id: Some(MessageId::new(id)), ordinal: None };
        ledger.settle(&waiting[0], sent).await.unwrap();
        let mut refused = entry(&phone(), 0, &room(), Order::Arrival);
        refused.owed.clear();
        refused.event.happening = Happening::Receipt {
            message: MessageId::new(id),
            participant: None,
            status: ReceiptStatus::Failed,
            error: Some(63016),
        };
        let refused = ledger.accept(vec![refused]).await.unwrap();
        assert_eq!(refused.phones, [phone()]);
        let held = ledger.held_for(&phone(), 10).await.unwrap().unwrap();
        assert!(held.messages[0].sure && held.messages[0].again);
        let open = held.window.openness(partyline_core::Channel::WhatsApp, ledger.now());
        assert_eq!(open, crate::policy::Openness::Closed);
        assert_eq!(ledger.sent_to(&phone(), 10).await.unwrap(), [], "it reached nobody");
    }
    // Given up, it is sent no more.
    let later = ledger.now() + jiff::SignedDuration::from_secs(60);
    let expired = ledger.held_since(later, 10).await.unwrap().remove(0);
    ledger.give_up_held(&expired, later, Vec::new()).await.unwrap();
    let released = ledger.release_held(&phone(), vec![number], (Vec::new(), false)).await.unwrap();
    assert_eq!((released.wake, ledger.waiting(&lane, 10).await.unwrap()), (vec![], vec![]));
}

/// A receipt that comes before anybody knows whose it is, or after they have left, means what it
/// would have meant.
#[tokio::test]
async fn whoever_is_not_known_yet_or_no_more_has_it_held_as_well() {
    for known_later in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(&folder);
        if !known_later {
            ledger.note_participants(vec![maya()]).await.unwrap();
            ledger.keep_participants(&conversation(), Vec::new()).await.unwrap();
        }
        said(&ledger).await;
        let mut learned = receipt(&ledger, ReceiptStatus::Failed, Some(63016)).await;
        if known_later {
            assert_eq!((&learned.strays[..], learned.ticks), (&[conversation()][..], false));
            assert_eq!(ledger.conversations_with_strays().await.unwrap(), [conversation()]);
            ledger.note_participants(vec![maya()]).await.unwrap();
            let newest = ledger.newest_stray(&conversation()).await.unwrap().unwrap();
            learned = ledger.settle_strays(&conversation(), newest).await.unwrap();
        }
        assert_eq!((&learned.phones[..], learned.ticks), (&[phone()][..], true));
        assert!(held(&ledger).await.is_some_and(|(sure, _)| sure), "{known_later}");
        assert_eq!(ledger.newest_stray(&conversation()).await.unwrap(), None);
    }
}

/// Nobody knows whose it was: people are told that it failed, and not before it was asked.
#[tokio::test]
async fn what_failed_for_somebody_whom_nobody_will_know_is_told_once_that_is_clear() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    said(&ledger).await;
    receipt(&ledger, ReceiptStatus::Failed, Some(63016)).await;
    let newest = ledger.newest_stray(&conversation()).await.unwrap().unwrap();
    let settled = ledger.settle_strays(&conversation(), newest).await.unwrap();
    assert!(settled.ticks && settled.phones.is_empty());
    assert_eq!(held(&ledger).await, None);
}

/// What waits for somebody who wants no more messages is not sent once they write.
#[tokio::test]
async fn who_opts_out_has_nothing_held() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = scene(&folder, None).await;
    said(&ledger).await;
    receipt(&ledger, ReceiptStatus::Failed, Some(63016)).await;
    assert!(held(&ledger).await.is_some());
    let mut other = entry(&conversation(), 0, &room(), Order::Arrival);
    other.owed.clear();
    other.event.happening = Happening::Receipt {
        message: MessageId::new("IM8"),
        participant: Some("MB1".into()),
        status: ReceiptStatus::Failed,
        error: Some(63014),
    };
    ledger.accept(vec![other]).await.unwrap();
    assert_eq!(held(&ledger).await, None);
}

#[tokio::test]
async fn somebody_is_invited_once_until_they_write() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = scene(&folder, Some(Timestamp::UNIX_EPOCH)).await;
    let action = Action::Template { sid: "HX1".into(), variables: Default::default() };
    let from = conversation();
    let owed = Owed { to: phone(), from, speaker: None, at: ledger.now(), action };
    let (phone, group) = (phone(), conversation());
    let invite = || ledger.invite(&phone, &group, owed.clone());
    assert_eq!(invite().await.unwrap().wake, [Lane::of(phone.clone())]);
    assert_eq!(invite().await.unwrap().wake, []);
    assert_eq!(ledger.waiting(&Lane::of(phone.clone()), 10).await.unwrap().len(), 1);
    wrote(&ledger, ledger.now() + jiff::SignedDuration::from_secs(5)).await;
    assert_eq!(invite().await.unwrap().wake, [Lane::of(phone.clone())]);
}
