//! The inbox in a Matrix room: whoever writes has a thread in it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::hall::Hall;
use crate::support::{PATIENCE, SENDER, inbox};

/// The first event of a room that is like this.
async fn event(hall: &Hall, room: &str, like: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let history = hall.ravi.history(room).await;
        if let Some(event) = history.iter().find(|event| like(event)) {
            return event.clone();
        }
        let log = || hall.world.daemon.log();
        assert!(began.elapsed() < PATIENCE, "{:?}\n{}", hall.ravi.bodies(room).await, log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn body(event: &Value) -> &str {
    event["content"]["body"].as_str().unwrap_or_default()
}

/// A world whose inbox is a room, with that room; the daemon is not started.
async fn with_inbox() -> (Hall, String) {
    let mut hall = Hall::new().await;
    let room = hall.ravi.create_room(&[&hall.bot.id]).await;
    hall.bot.join(&room).await;
    let section = format!("\n[inbox]\nroom = \"matrix:{room}\"\n");
    hall.world.daemon.configure(|config| config.push_str(&section));
    let messaging = hall.world.daemon.url("/webhooks/twilio/messaging");
    hall.world.twilio.set_messaging_webhook_url(Some(&messaging));
    (hall, room)
}

/// What somebody writes in the thread of a card.
fn in_thread_of(card: &str, text: &str) -> Value {
    let relation = json!({ "rel_type": "m.thread", "event_id": card, "is_falling_back": true,
        "m.in_reply_to": { "event_id": card } });
    json!({ "msgtype": "m.text", "body": text, "m.relates_to": relation })
}

/// Whoever writes without being in a group is answered in a thread, also of what was said there while
/// the bridge was down. What is said in the room beside it goes to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_has_a_thread_in_a_room_and_is_answered_there() {
    let (mut hall, room) = with_inbox().await;
    hall.world.daemon.start().await;
    let maya = hall.world.twilio.phone("whatsapp:+14155550101");
    maya.set_profile_name("Maya");
    maya.write_to(SENDER, "is anybody there").await.expect("written");

    let card = event(&hall, &room, |event| body(event).contains("has written.")).await;
    let card = card["event_id"].as_str().expect("an event").to_owned();
    let in_thread = |event: &Value| {
        let relation = &event["content"]["m.relates_to"];
        relation["rel_type"] == "m.thread" && relation["event_id"] == card.as_str()
    };
    let first = event(&hall, &room, |event| body(event).contains("is anybody there")).await;
    assert!(in_thread(&first), "{first}");

    let reply = |text: &str| in_thread_of(&card, text);
    hall.ravi.say(&room, "among ourselves").await;
    hall.ravi.send(&room, "m.room.message", reply("we are")).await;
    hall.world.wait_for_inbox(&maya, 1).await;
    hall.world.daemon.wait_until_settled().await;
    hall.world.daemon.stop().await;
    hall.ravi.send(&room, "m.room.message", reply("are you")).await;
    hall.ravi.say(&room, "still among ourselves").await;
    hall.ravi.send(&room, "m.room.message", reply("still there?")).await;
    hall.world.daemon.start().await;
    hall.world.wait_for_inbox(&maya, 3).await;
    let said: Vec<String> =
        inbox(&maya).iter().map(|text| text.replace("*Ravi Rao*: ", "")).collect();
    let ends = ["we are", "are you", "still there?"];
    assert!(said.iter().zip(ends).all(|(text, end)| text.ends_with(end)), "{said:?}");

    maya.write_to(SENDER, "yes").await.expect("written");
    let answer = event(&hall, &room, |event| body(event).contains(": yes")).await;
    assert!(in_thread(&answer), "{answer}");
    assert_eq!(answer["content"]["m.mentions"], json!({ "user_ids": [hall.ravi.id] }));
    hall.world.daemon.wait_until_settled().await;
    assert_eq!(maya.inbox_len(), 3, "{:?}", inbox(&maya));
}

/// At whatever step it is killed, the card, what they wrote and the answer come once each.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_a_stranger_has_one_thread_in_a_room() {
    // What is sent is the card, what they wrote, the answer, in this order.
    let steps = [
        ("inbox.made=return", false),
        ("inbox.begun=return", false),
        ("lane.sent=return", false),
        ("inbox.tied=return", false),
        ("inbox.released=return", false),
        ("lane.sent=1*off->return", false),
        ("lane.sent=2*off->return", true),
        ("lane.settling=2*off->return", true),
    ];
    let (mut hall, room) = with_inbox().await;
    for (number, (point, answering)) in steps.into_iter().enumerate() {
        hall.world.daemon.arm(point);
        hall.world.daemon.start().await;
        let address = format!("+1415555020{number}");
        let phone = hall.world.twilio.phone(&format!("whatsapp:{address}"));
        let words = format!("is anybody there at step {number}");
        let _ = phone.write_to(SENDER, words.as_str()).await;
        if !answering {
            hall.world.daemon.wait_for_end().await;
            hall.world.daemon.arm("");
            hall.world.daemon.start().await;
        }
        let is_card =
            |event: &Value| body(event).contains("has written.") && body(event).contains(&address);
        let card = event(&hall, &room, is_card).await;
        let card = card["event_id"].as_str().expect("an event").to_owned();
        let first = event(&hall, &room, |event| body(event).contains(&words)).await;
        assert_eq!(first["content"]["m.relates_to"]["event_id"], card.as_str(), "{point}");
        hall.ravi.send(&room, "m.room.message", in_thread_of(&card, "we are")).await;
        if answering {
            hall.world.daemon.wait_for_end().await;
            hall.world.daemon.arm("");
            hall.world.daemon.start().await;
        }
        hall.world.wait_for_inbox(&phone, 1).await;
        hall.world.daemon.wait_until_settled().await;
        hall.world.daemon.stop().await;
        assert_eq!(inbox(&phone), ["*Ravi Rao*: we are"], "{point}");
        let history = hall.ravi.history(&room).await;
        let count = |like: &dyn Fn(&Value) -> bool| history.iter().filter(|one| like(one)).count();
        assert_eq!(count(&is_card), 1, "{point}");
        assert_eq!(count(&|event| body(event).contains(&words)), 1, "{point}");
    }
}
