//! Phones: windows, receipts, STOP, phones that are off.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use partyline_core::ManualClock;
use partyline_twilio::simulator::{
    Happening, NewMember, Options, ReceiptStatus, Simulator, seeded_templates,
};

use crate::support::{Receiver, SMS, SOON, Twilio, WHATSAPP};

fn receipts(simulator: &Simulator, group: &str) -> Vec<(ReceiptStatus, u32)> {
    let newest = simulator.messages(group).pop().expect("a message");
    newest.receipts.iter().map(|one| (one.status, one.error_code)).collect()
}

#[tokio::test]
async fn the_window_closes_after_a_day_and_then_takes_templates_only() {
    let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
    let twilio = Twilio::with(Options { clock: clock.clone(), ..Options::default() }).await;
    let (group, phones) = twilio.group(2).await;
    clock.advance(SignedDuration::from_hours(23));
    phones[1].say(&group, "Still here").await.expect("said");
    clock.advance(SignedDuration::from_hours(2));

    let path = format!("~/Conversations/{group}/Messages");
    let (status, _) = twilio.post(&path, &[("Body", "News")]).await;
    assert_eq!(status, 201);
    // Member 1 last wrote 25 hours ago, member 2 two hours ago.
    let right = [(ReceiptStatus::Failed, 63016), (ReceiptStatus::Delivered, 0)];
    assert_eq!(receipts(&twilio.simulator, &group), right);
    assert_eq!(phones[0].inbox_len(), 1);

    let template = &seeded_templates()[0].sid;
    let form = [("ContentSid", template.as_str()), ("ContentVariables", "{\"1\":\"Ann\"}")];
    let (status, made) = twilio.post(&path, &form).await;
    assert_eq!((status, &made["content_sid"]), (201, &template.as_str().into()));
    assert_eq!(phones[0].inbox()[1].body, "Ann has news for you. Answer this message to join in.");
    // A template that WhatsApp has not approved does not help.
    let pending = seeded_templates()[2].sid.clone();
    twilio.post(&path, &[("ContentSid", pending.as_str())]).await;
    assert_eq!(receipts(&twilio.simulator, &group)[0], (ReceiptStatus::Failed, 63016));

    phones[0].say(&group, "Thanks").await.expect("said");
    twilio.post(&path, &[("Body", "More")]).await;
    assert_eq!(receipts(&twilio.simulator, &group)[0], (ReceiptStatus::Delivered, 0));
}

#[tokio::test]
async fn a_phone_that_is_off_gets_its_messages_when_it_goes_on() {
    let twilio = Twilio::start().await;
    let hooks = Receiver::start().await;
    let (group, phones) = twilio.group(2).await;
    twilio.simulator.set_webhook_url(Some(&hooks.url));
    twilio.simulator.set_webhook_filters(&["onDeliveryUpdated"]);
    phones[1].switch(false);
    phones[0].say(&group, "Hello").await.expect("said");
    assert_eq!(receipts(&twilio.simulator, &group), [(ReceiptStatus::Sent, 0)]);
    assert_eq!(phones[1].inbox_len(), 0);

    phones[1].switch(true);
    phones[1].read_all();
    twilio.simulator.idle().await;
    assert_eq!(receipts(&twilio.simulator, &group), [(ReceiptStatus::Read, 0)]);
    assert_eq!(phones[1].inbox()[0].body, "Hello");
    let told: Vec<String> =
        hooks.of("onDeliveryUpdated").iter().map(|form| form["Status"].clone()).collect();
    assert_eq!(told, ["sent", "delivered", "read"]);
}

#[tokio::test]
async fn stop_holds_until_start() {
    let twilio = Twilio::start().await;
    let group = twilio.simulator.create_conversation("Team").await.expect("conversation");
    let member = NewMember::new("+14155550101", SMS);
    let phone = twilio.simulator.add_phone(&group, member).await.expect("member");
    let path = format!("~/Conversations/{group}/Messages");

    phone.say(&group, " stop ").await.expect("said");
    twilio.post(&path, &[("Body", "News")]).await;
    assert_eq!(receipts(&twilio.simulator, &group), [(ReceiptStatus::Failed, 21610)]);
    assert_eq!(twilio.simulator.participants(&group).len(), 1);

    phone.say(&group, "START").await.expect("said");
    twilio.post(&path, &[("Body", "More")]).await;
    assert_eq!(receipts(&twilio.simulator, &group), [(ReceiptStatus::Delivered, 0)]);
    let bodies: Vec<String> = phone.inbox().into_iter().map(|item| item.body).collect();
    assert!(bodies[0].contains("unsubscribed") && bodies[1].contains("re-subscribed"));
    assert_eq!(bodies[2], "More");
}

#[tokio::test]
async fn an_unreachable_phone_fails_with_its_code() {
    let twilio = Twilio::start().await;
    let (group, phones) = twilio.group(2).await;
    phones[1].set_unreachable(Some(63003));
    phones[0].say(&group, "Hello").await.expect("said");
    assert_eq!(receipts(&twilio.simulator, &group), [(ReceiptStatus::Failed, 63003)]);
    phones[1].set_unreachable(Some(30003));
    phones[0].say(&group, "Hello").await.expect("said");
    assert_eq!(receipts(&twilio.simulator, &group), [(ReceiptStatus::Undelivered, 30003)]);
}

#[tokio::test]
async fn a_direct_message_reaches_the_phone_and_its_callback() {
    let twilio = Twilio::start().await;
    let hooks = Receiver::start().await;
    let phone = twilio.simulator.phone("+14155550101");
    let path = format!("/2010-04-01/Accounts/{}/Messages.json", twilio.options.account_sid);
    let form = [
        ("From", SMS),
        ("To", phone.address()),
        ("Body", "Hello"),
        ("StatusCallback", hooks.url.as_str()),
    ];
    let (status, made) = twilio.post(&path, &form).await;
    assert_eq!((status, &made["status"]), (201, &"queued".into()));
    hooks.wait_for(2).await;
    let told: Vec<String> =
        hooks.all().iter().map(|one| one.form["MessageStatus"].clone()).collect();
    assert_eq!(told, ["sent", "delivered"]);
    assert_eq!(phone.inbox()[0].body, "Hello");
    let sid = made["sid"].as_str().expect("a SID");
    let (_, one) = twilio.get(&path.replace(".json", &format!("/{sid}.json"))).await;
    assert_eq!(one["status"], "delivered");

    // WhatsApp outside the window: taken, then failed.
    let form = [("From", WHATSAPP), ("To", "whatsapp:+14155550101"), ("Body", "Hello")];
    let (status, made) = twilio.post(&path, &form).await;
    assert_eq!(status, 201);
    let sid = made["sid"].as_str().expect("a SID");
    let (_, one) = twilio.get(&path.replace(".json", &format!("/{sid}.json"))).await;
    assert_eq!((&one["status"], &one["error_code"]), (&"failed".into(), &63016.into()));
}

#[tokio::test]
async fn files_come_and_go() {
    let twilio = Twilio::start().await;
    let (group, phones) = twilio.group(1).await;
    let up = twilio
        .request(http::Method::POST, "~/Media?Filename=cat.png")
        .header("Content-Type", "image/png")
        .body(&b"not really a cat"[..])
        .send()
        .await
        .expect("an answer");
    assert_eq!(up.status(), 201);
    let media: serde_json::Value = up.json().await.expect("JSON");
    let sid = media["sid"].as_str().expect("a SID");
    let path = format!("~/Conversations/{group}/Messages");
    let (status, made) = twilio.post(&path, &[("MediaSid", sid)]).await;
    assert_eq!((status, &made["media"][0]["filename"]), (201, &"cat.png".into()));
    assert_eq!(made["body"], serde_json::Value::Null);
    assert_eq!(phones[0].inbox()[0].media[0].content_type, "image/png");
    let (status, again) = twilio.post(&path, &[("MediaSid", sid)]).await;
    assert_eq!((status, &again["code"]), (400, &50508.into()));

    let (_, one) = twilio.get(&format!("~/Media/{sid}")).await;
    let free = one["links"]["content_direct_temporary"].as_str().expect("an address");
    let bytes = reqwest::get(free).await.expect("an answer").bytes().await.expect("bytes");
    assert_eq!(&bytes[..], b"not really a cat");
}

#[tokio::test]
async fn subscribers_hear_what_happens() {
    let twilio = Twilio::start().await;
    let (group, phones) = twilio.group(2).await;
    let mut heard = twilio.simulator.subscribe();
    phones[0].say(&group, "Hello").await.expect("said");
    let mut names = Vec::new();
    while names.len() < 4 {
        let next = tokio::time::timeout(SOON, heard.recv()).await.expect("in time");
        names.push(match next.expect("a happening") {
            Happening::Message(_) => "message",
            Happening::Receipt { receipt, .. } => receipt.status.as_str(),
            Happening::PhoneReceived { .. } => "phone",
            _ => "other",
        });
    }
    assert_eq!(names, ["message", "sent", "phone", "delivered"]);
}

#[tokio::test]
async fn only_so_many_messages_are_kept() {
    let twilio = Twilio::with(Options { keep_messages: 3, ..Options::default() }).await;
    let (group, phones) = twilio.group(2).await;
    for number in 0..5 {
        phones[0].say(&group, number.to_string()).await.expect("said");
    }
    let kept: Vec<u64> = twilio.simulator.messages(&group).iter().map(|one| one.index).collect();
    assert_eq!(kept, [2, 3, 4]);
    assert_eq!((phones[1].inbox_len(), twilio.simulator.message_count(&group)), (3, 5));
}
