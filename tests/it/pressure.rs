//! A ledger that takes nothing for a while: nothing is acknowledged, and nothing is lost by it.

use std::time::Instant;

use partyline_twilio::simulator::Happening;
use tokio::time::Duration;

use crate::matrix::hall::{Hall, numbered, under};
use crate::support::{PATIENCE, inbox};

/// Messages on each side meanwhile.
const MESSAGES: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn while_the_ledger_takes_nothing_nobody_is_told_that_it_arrived_and_nothing_is_lost() {
    let mut hall = Hall::new().await;
    let (group, room) = hall.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    hall.world.daemon.start().await;
    hall.wait_until_read("matrix").await;
    let world = &hall.world;
    let phone = &group.phones[0];
    world.slack.user_says(&group.channel, &world.admin, "before").unwrap();
    world.wait_for_inbox(phone, 1).await;
    hall.said_by_the_bot(&room, 1).await;
    world.daemon.wait_until_settled().await;
    let acknowledged = world.slack.counters().acknowledged;

    // Somebody else writes, and does not end.
    let other = rusqlite::Connection::open(world.daemon.store().join("ledger.db")).unwrap();
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut happenings = world.twilio.subscribe();
    for number in 0..MESSAGES {
        let text = format!("p{number}");
        phone.say_at_once(&group.conversation, text.as_str()).unwrap();
        world.slack.user_says(&group.channel, &world.admin, &format!("s{number}")).unwrap();
        hall.ravi.say(&room, &format!("m{number}")).await;
    }
    let refused = async {
        loop {
            if let Ok(Happening::Hook { event, status, .. }) = happenings.recv().await
                && event == "onMessageAdded"
            {
                return status;
            }
        }
    };
    let refused = tokio::time::timeout(PATIENCE, refused).await.expect("an answer");
    assert_eq!(refused, Some(503));
    // Slack's and Matrix's first could not be stored either.
    let began = Instant::now();
    while world.daemon.metric("partyline_slack_unstored_total").await.is_none() {
        assert!(began.elapsed() < PATIENCE, "{}", world.daemon.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(world.slack.counters().acknowledged, acknowledged, "nothing is acknowledged");
    assert_eq!(hall.said_by_the_bot(&room, 1).await.len(), 1);
    let ready = reqwest::get(world.daemon.url("/ready")).await.unwrap();
    assert_eq!(ready.status(), 503);

    other.execute_batch("ROLLBACK").unwrap();
    world.wait_for_inbox(phone, 1 + 2 * MESSAGES).await;
    world.wait_for_posts(&group.channel, 1 + 3 * MESSAGES).await;
    world.daemon.wait_until_settled().await;
    let arrived = inbox(phone);
    assert_eq!(under(&arrived[1..], "*Ada Admin*: "), numbered('s', MESSAGES));
    assert_eq!(under(&arrived, "*Ravi Rao*: "), numbered('m', MESSAGES));
    let posts: Vec<String> =
        world.channel(&group.channel).into_iter().map(|(_, text)| text).collect();
    for letter in ['p', 'm'] {
        let of: Vec<&String> = posts.iter().filter(|text| text.starts_with(letter)).collect();
        assert_eq!(of, numbered(letter, MESSAGES).iter().collect::<Vec<_>>());
    }
    let there = hall.said_by_the_bot(&room, 1 + 2 * MESSAGES).await;
    assert_eq!(under(&there[1..], "Ada Admin: "), numbered('s', MESSAGES));
}
