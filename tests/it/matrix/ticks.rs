//! Ticks and remarks in a Matrix room.

use serde_json::Value;
use tokio::time::{Duration, Instant, sleep};

use super::hall::Hall;
use crate::support::PATIENCE;

/// The keys of the bot's reactions on an event that stand there now.
fn reactions(history: &[Value], bot: &str, event: &str) -> Vec<String> {
    let on = |one: &&Value| {
        one["sender"] == bot
            && one["type"] == "m.reaction"
            && one["content"]["m.relates_to"]["event_id"] == event
    };
    let keys = history.iter().filter(on);
    keys.filter_map(|one| Some(one["content"]["m.relates_to"]["key"].as_str()?.to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_sees_how_far_its_messages_came_and_whom_they_do_not_reach() {
    let mut hall = Hall::new().await;
    let (group, room) = hall.group("spring-launch", &["+14155550101"]).await;
    hall.world.daemon.start().await;
    let wait = async |holds: &dyn Fn(&[Value]) -> bool| {
        let began = Instant::now();
        loop {
            let history = hall.ravi.history(&room).await;
            if holds(&history) {
                return history;
            }
            assert!(began.elapsed() < PATIENCE, "{history:?}\n{}", hall.world.daemon.log());
            sleep(Duration::from_millis(50)).await;
        }
    };
    let shows = |history: &[Value], event: &str, key: &str| {
        reactions(history, &hall.bot.id, event) == [key]
    };
    let said = hall.ravi.say(&room, "hello there").await;
    wait(&|history| shows(history, &said, "✅")).await;
    group.phones[0].read_all();
    wait(&|history| shows(history, &said, "👀")).await;

    group.phones[0].set_unreachable(Some(63003));
    let said = hall.ravi.say(&room, "are you there").await;
    // The words go by themselves: they may come behind the sign.
    let about = |one: &&Value| one["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == *said;
    let both =
        |history: &[Value]| shows(history, &said, "⚠️") && history.iter().any(|one| about(&one));
    let history = wait(&both).await;
    let told = history.iter().find(about).expect("a reply");
    let told = told["content"]["body"].as_str().expect("words");
    assert!(told.starts_with("Not delivered to +1 415-555-0101: the number is not"), "{told}");
    hall.world.daemon.wait_until_settled().await;
}
