//! What is held for members whose window is closed.

use partyline_core::{Address, ReceiptStatus};

use super::*;
use crate::policy::Window;

const MAYA: &str = "whatsapp:+14155550101";
const SENDER: &str = "whatsapp:+14155550000";

fn phone() -> Place {
    format!("twilio:{SENDER}/{MAYA}").parse().unwrap()
}

/// A ledger in which Maya is a member of the conversation, and was last heard then.
async fn scene(folder: &tempfile::TempDir, heard: Option<Timestamp>) -> Ledger {
    let ledger = open(folder);
    let address: Address = MAYA.parse().unwrap();
    let maya = StoredParticipant {
        conversation: conversation(),
        sid: "MB1".into(),
        address: Some(address.clone()),
        sender: SENDER.parse().ok(),
        name: None,
    };
    ledger.note_participants(vec![maya]).await.unwrap();
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
    assert_eq!(held.messages[0].messages, [MessageId::new("IM9")]);
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
    ledger.release_held(&phone(), vec![number], Vec::new()).await.unwrap();
    receipt(&ledger, ReceiptStatus::Undelivered, Some(63016)).await;
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
