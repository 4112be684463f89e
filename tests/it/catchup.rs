//! What was missed comes late, in order, with its time; what is too much is summed up; what is lost
//! is told.

use std::time::Duration;

use partyline_core::{Clock, SystemClock};
use partyline_slack::simulator::{Dose, Fault as SlackFault};

use crate::support::{Group, PATIENCE, World, inbox};

/// The daemon's clock is three hours ahead of everybody's: what it missed is three hours old.
const THREE_HOURS: &str = "clock=return(10800)";

/// The words of a message behind the mark of its time, which must be there.
fn behind_the_time(text: &str) -> String {
    let (time, words) = text.split_once("] ").unwrap_or_else(|| panic!("no time in {text}"));
    assert!(time.starts_with('[') && time.contains(" UTC"), "{text}");
    words.to_owned()
}

async fn one_each_way(world: &World, group: &Group) {
    group.phones[0].say(&group.conversation, "before").await.expect("said");
    world.slack.user_says(&group.channel, &world.admin, "before, too").expect("said");
    world.wait_for_posts(&group.channel, 2).await;
    world.wait_for_inbox(&group.phones[0], 1).await;
    world.daemon.wait_until_settled().await;
}

/// A conversation begins when it is tied, and not when the bridge comes to read it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_the_first_reading_is_read_from_where_it_was_tied() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    group.phones[0].say(&group.conversation, "long before").await.expect("said");
    // The times of Twilio's lists are cut to seconds.
    let said = world.twilio.messages(&group.conversation)[0].created;
    while SystemClock.now().duration_since(said).as_secs() < 3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.daemon.arm("read.begin=return");
    world.daemon.spawn();
    world.daemon.wait_for_end().await;
    for number in 0..3 {
        let text = format!("p{number}");
        group.phones[0].say(&group.conversation, text.as_str()).await.expect("said");
    }
    world.daemon.arm("");
    world.daemon.start().await;
    group.phones[0].say(&group.conversation, "p3").await.expect("said");
    world.wait_for_posts(&group.channel, 4).await;
    world.daemon.wait_until_settled().await;
    assert_eq!(relayed(&world, &group.channel), ["p0", "p1", "p2", "p3"]);
}

/// What the app said in a channel, in order.
fn relayed(world: &World, channel: &str) -> Vec<String> {
    let said = world.channel(channel).into_iter();
    said.filter(|(name, _)| *name != world.admin).map(|(_, text)| text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_hours_of_downtime_everything_comes_in_order_with_its_time() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    // A second room of the same conversation.
    let other = world.room("office");
    world.daemon.link(&group.conversation, &format!("slack:{other}"));
    world.daemon.start().await;
    let head = world.slack.user_says(&group.channel, &world.admin, "head").unwrap();
    one_each_way(&world, &group).await;
    world.daemon.stop().await;

    for number in 0..5 {
        group.phones[0].say(&group.conversation, format!("p{number}").as_str()).await.unwrap();
        world.slack.user_says(&group.channel, &world.admin, &format!("s{number}")).unwrap();
        let reply = format!("r{number}");
        world.slack.user_replies(&group.channel, &world.admin, head, &reply, false).unwrap();
    }
    world.daemon.arm(THREE_HOURS);
    world.daemon.start().await;
    world.wait_for_inbox(&group.phones[0], 2 + 10).await;
    // The other room has both sides of it.
    world.wait_for_posts(&other, 3 + 5 + 10).await;
    world.daemon.wait_until_settled().await;

    let late: Vec<String> = relayed(&world, &group.channel)
        .iter()
        .skip(1)
        .map(|text| {
            assert!(text.starts_with("[<!date^"), "{text}");
            behind_the_time(text)
        })
        .collect();
    assert_eq!(late, (0..5).map(|n| format!("p{n}")).collect::<Vec<_>>());
    let expected: Vec<_> = (0..5).flat_map(|n| [format!("s{n}"), format!("r{n}")]).collect();
    let words = |text: &String| behind_the_time(text.strip_prefix("*Ada Admin*: ").unwrap());
    let on_phone: Vec<_> = inbox(&group.phones[0])[2..].iter().map(words).collect();
    assert_eq!(on_phone, expected);
    let in_the_other: Vec<_> = relayed(&world, &other)[3..]
        .iter()
        .map(|text| behind_the_time(text))
        .filter(|text| !text.starts_with('p'))
        .collect();
    assert_eq!(in_the_other, expected);
}

/// Starts it armed, and waits until it has ended itself.
async fn until_it_dies(world: &mut World, points: &str) {
    world.daemon.arm(points);
    world.daemon.spawn();
    let dies = async {
        while world.daemon.ended().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let died = tokio::time::timeout(PATIENCE, dies).await;
    assert!(died.is_ok(), "{points} was not reached\n{}", world.daemon.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_summed_up_once_however_often_it_is_killed_over_it() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.configure(|config| {
        *config = config.replace("[relay]", "[relay]\ncatch_up_messages = 5");
    });
    world.daemon.start().await;
    one_each_way(&world, &group).await;
    world.daemon.stop().await;
    for number in 0..30 {
        let phone = &group.phones[number % 2];
        phone.say(&group.conversation, format!("p{number}").as_str()).await.unwrap();
        world.slack.user_says(&group.channel, &world.admin, &format!("s{number}")).unwrap();
    }
    for point in ["read.release", "read.releasing", "read.released"] {
        until_it_dies(&mut world, &format!("{THREE_HOURS};{point}=return")).await;
    }
    world.daemon.arm(THREE_HOURS);
    world.daemon.start().await;
    world.wait_for_posts(&group.channel, 2 + 30 + 6).await;
    // The phone has "before, too", what the other phone said, and what came of the channel.
    world.wait_for_inbox(&group.phones[0], 1 + 15 + 6).await;
    world.daemon.wait_until_settled().await;

    let in_channel = relayed(&world, &group.channel);
    let summary = &in_channel[1];
    assert!(summary.starts_with("25 messages from 2 people on the group's phones"), "{summary}");
    assert!(summary.contains("The newest 5 follow."), "{summary}");
    let follow: Vec<_> = in_channel[2..].iter().map(|text| behind_the_time(text)).collect();
    assert_eq!(follow, (25..30).map(|n| format!("p{n}")).collect::<Vec<_>>());
    let on_phone: Vec<String> = inbox(&group.phones[0])
        .into_iter()
        .skip(1)
        .filter(|text| text.contains("Ada Admin") || text.contains(" in Slack"))
        .collect();
    assert!(on_phone[0].starts_with("25 messages from 1 person in Slack"), "{on_phone:?}");
    assert_eq!(on_phone.len(), 6, "{on_phone:?}");

    // It is written down, and can be had.
    let skipped = "partyline_deliveries{state=\"skipped\"}";
    assert_eq!(world.daemon.metric(skipped).await, Some(50.0));
    let listed = world.command(&group.channel, &world.admin, "queue list").await;
    assert!(listed.contains(&format!("25 to slack:{} were skipped", group.channel)), "{listed}");
    let retried = world.command(&group.channel, &world.admin, "queue retry skipped").await;
    assert!(retried.contains("sent again"), "{retried}");
    world.wait_for_posts(&group.channel, 2 + 30 + 6 + 25).await;
    world.daemon.wait_until_settled().await;
    let late: Vec<_> =
        relayed(&world, &group.channel)[7..].iter().map(|text| behind_the_time(text)).collect();
    assert_eq!(late, (0..25).map(|n| format!("p{n}")).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_cannot_be_read_is_told_of_and_read_later() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    one_each_way(&world, &group).await;
    world.slack.fault(
        SlackFault::Refused("channel_not_found"),
        "conversations.history",
        Dose::Next(1),
    );
    world.slack.fault(SlackFault::Lost, "message", Dose::Next(1));
    world.slack.user_says(&group.channel, &world.admin, "unheard").unwrap();
    world.slack.drop_sockets();
    world.wait_for_inbox(&group.phones[0], 2).await;
    let told = inbox(&group.phones[0]).pop().unwrap();
    assert!(told.starts_with("Messages in Slack may be missing here."), "{told}");
    assert!(told.contains("read again"), "{told}");
    let holes = "partyline_places_with_holes";
    assert_eq!(world.daemon.metric(holes).await, Some(1.0));
    // What comes after goes on; what is read later comes later.
    world.slack.user_says(&group.channel, &world.admin, "next").unwrap();
    world.wait_for_inbox(&group.phones[0], 3).await;
    world.daemon.stop().await;
    world.daemon.start().await;
    world.wait_for_inbox(&group.phones[0], 4).await;
    world.daemon.wait_until_settled().await;
    let on_phone = inbox(&group.phones[0]);
    assert_eq!(on_phone[2], "*Ada Admin*: next");
    // It stands behind what was said after it, so its time is told.
    assert_eq!(behind_the_time(on_phone[3].strip_prefix("*Ada Admin*: ").unwrap()), "unheard");
    assert_eq!(world.daemon.metric(holes).await, Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_public_address_a_restart_loses_nothing() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.twilio.set_webhook_url(None);
    world.daemon.without_public_address();
    world.daemon.start().await;
    let mut expected = Vec::new();
    for round in 0..3 {
        let text = |what: &str| format!("{what} {round}");
        group.phones[0].say(&group.conversation, text("live").as_str()).await.unwrap();
        world.wait_for_posts(&group.channel, 3 * round + 1).await;
        match round {
            0 => world.daemon.stop().await,
            _ => world.daemon.kill(),
        }
        group.phones[0].say(&group.conversation, text("missed").as_str()).await.unwrap();
        world.slack.user_says(&group.channel, &world.admin, &text("missed")).unwrap();
        world.daemon.start().await;
        world.wait_for_posts(&group.channel, 3 * round + 3).await;
        world.wait_for_inbox(&group.phones[0], round + 1).await;
        expected.extend([text("live"), text("missed")]);
    }
    world.daemon.wait_until_settled().await;
    assert_eq!(relayed(&world, &group.channel), expected);
}
