//! What the platforms do when they have a bad day.

use std::time::Duration;

use partyline_slack::simulator::{Dose, Fault as SlackFault};
use partyline_twilio::simulator::{Fault, FaultKind};

use crate::support::{Group, PATIENCE, World, inbox};

const TEXTS: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

/// Every fault of a send: none loses a message, doubles one, or changes the order.
#[tokio::test(flavor = "multi_thread")]
async fn faults_of_twilios_api_lose_and_double_nothing() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    for (round, kind) in [
        FaultKind::RateLimited(1),
        FaultKind::RateLimitedBare,
        FaultKind::Error500,
        FaultKind::Error500After,
        FaultKind::ResetBefore,
        FaultKind::ResetAfter,
        FaultKind::Truncated,
        FaultKind::NotJson,
    ]
    .into_iter()
    .enumerate()
    {
        world.twilio.fault(Fault::next(kind, 2).method("POST").on("/Messages"));
        for text in TEXTS {
            world.slack.user_says(&group.channel, &world.admin, text).unwrap();
        }
        world.wait_for_inbox(&group.phones[0], (round + 1) * TEXTS.len()).await;
        world.daemon.wait_until_settled().await;
        let arrived: Vec<String> = inbox(&group.phones[0]).split_off(round * TEXTS.len());
        let expected: Vec<String> =
            TEXTS.iter().map(|text| format!("*Ada Admin*: {text}")).collect();
        assert_eq!(arrived, expected, "with {kind:?}");
    }
}

/// What arrived in the channel in this round, once everything of it is there.
async fn arrived(world: &World, group: &Group, round: usize) -> Vec<String> {
    world.wait_for_posts(&group.channel, (round + 1) * TEXTS.len()).await;
    world.daemon.wait_until_settled().await;
    let posts = world.channel(&group.channel).split_off(round * TEXTS.len());
    posts.into_iter().map(|(_, text)| text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_slacks_api_lose_and_double_nothing() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    for (round, fault) in [
        SlackFault::RateLimited(1),
        SlackFault::RateLimitedBare,
        SlackFault::Error500,
        SlackFault::Error500After,
        SlackFault::ResetBefore,
        SlackFault::ResetAfter,
        SlackFault::Truncated,
        SlackFault::NotJson,
    ]
    .into_iter()
    .enumerate()
    {
        world.slack.fault(fault, "chat.postMessage", Dose::Next(2));
        for text in TEXTS {
            group.phones[0].say(&group.conversation, text).await.unwrap();
        }
        assert_eq!(arrived(&world, &group, round).await, TEXTS, "with {fault:?}");
    }
}

/// Hooks that are lost, doubled, late or out of order: the channel shows each message once, in
/// the order of the conversation.
#[tokio::test(flavor = "multi_thread")]
async fn faults_of_twilios_hooks_lose_and_double_nothing() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.start().await;
    for (round, kind) in [
        FaultKind::Lost,
        FaultKind::Doubled,
        FaultKind::Delayed(Duration::from_millis(600)),
        FaultKind::OutOfOrder,
    ]
    .into_iter()
    .enumerate()
    {
        world.twilio.fault(Fault::next(kind, 2).on("onMessageAdded"));
        for text in TEXTS {
            group.phones[0].say_at_once(&group.conversation, text).unwrap();
        }
        world.twilio.idle().await;
        assert_eq!(arrived(&world, &group, round).await, TEXTS, "with {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_while_the_sockets_were_down_is_read_back() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    world.slack.user_says(&group.channel, &world.admin, "first").unwrap();
    world.wait_for_inbox(&group.phones[0], 1).await;
    world.slack.fault(SlackFault::Lost, "message", Dose::Next(3));
    for text in ["two", "three", "four"] {
        world.slack.user_says(&group.channel, &world.admin, text).unwrap();
    }
    world.slack.drop_sockets();
    world.wait_for_inbox(&group.phones[0], 4).await;
    world.slack.user_says(&group.channel, &world.admin, "five").unwrap();
    world.wait_for_inbox(&group.phones[0], 5).await;
    let expected =
        ["first", "two", "three", "four", "five"].map(|text| format!("*Ada Admin*: {text}"));
    assert_eq!(inbox(&group.phones[0]), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limited_channel_holds_up_no_other() {
    let mut world = World::new().await;
    let slow = world.group("slow", &["+14155550101"]).await;
    let quick = world.group("quick", &["+14155550102"]).await;
    world.daemon.start().await;
    world.slack.fault(SlackFault::RateLimited(8), "chat.postMessage", Dose::Next(1));
    slow.phones[0].say(&slow.conversation, "waits").await.unwrap();
    // Its post has been refused by now: the next one is the other channel's.
    world
        .slack
        .wait_for("the refusal", PATIENCE, |slack| (slack.counters().faults > 0).then_some(()))
        .await
        .unwrap();
    quick.phones[0].say(&quick.conversation, "goes").await.unwrap();
    world.wait_for_posts(&quick.channel, 1).await;
    assert!(
        world.channel(&slow.channel).is_empty(),
        "{:?} {:?}\n{}",
        world.channel(&slow.channel),
        world.slack.counters(),
        world.daemon.log()
    );
    world.wait_for_posts(&slow.channel, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_group_tells_the_sender() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    world.wait_until_listed(&group.channel, "spring-launch").await;
    world
        .twilio
        .set_state(&group.conversation, partyline_twilio::simulator::State::Closed)
        .await
        .unwrap();
    world.slack.user_says(&group.channel, &world.admin, "too late").unwrap();
    // Beside what was written: that the group was closed, and what became of the message.
    world.wait_for_posts(&group.channel, 3).await;
    let posts = world.channel(&group.channel);
    let tells =
        |(_, text): &(_, String)| text.contains("was not delivered") && text.contains("too late");
    assert!(posts.iter().any(tells), "{posts:?}");
    assert_eq!(world.daemon.metric("partyline_deliveries{state=\"parked\"}").await, Some(1.0));
    let status = world.command(&group.channel, &world.admin, "status").await;
    assert!(status.contains("1 parked"), "{status}");
    // What can be done stands under it, as buttons: once more in vain, then not any more.
    let mut run = world.press(&group.channel, &world.admin, "Send it again").await;
    let again = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(again.contains("is sent again"), "{again}");
    world.wait_for_posts(&group.channel, 4).await;
    let mut run = world.press(&group.channel, &world.admin, "Forget it").await;
    let dropped = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(dropped.contains("is dropped"), "{dropped}");
    world.daemon.wait_until_settled().await;
}

/// The notices of a channel about what was not delivered, each with how many messages it is about.
fn undelivered(world: &World, channel: &str) -> Vec<(usize, String)> {
    let count = |text: &str| match text.split_once(" not delivered")?.0.split_once(' ')? {
        ("A", "message was") => Some(1),
        (many, "messages were") => many.parse().ok(),
        _ => None,
    };
    let posts = world.channel(channel).into_iter();
    posts.filter_map(|(_, text)| Some((count(&text)?, text))).collect()
}

/// What waits for a group that takes nothing fails one message after another: the room is told of all
/// together, whenever the bridge is killed meanwhile, and what failed together is sent again together.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_refused_is_told_of_together() {
    const MANY: usize = 17;
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    world.wait_until_listed(&group.channel, "spring-launch").await;
    let mut told = 0;
    for point in ["lane.parked=return", "failed.telling=return", "failed.told=return"] {
        world.daemon.stop().await;
        let refused = Fault::always(FaultKind::Refused(400)).method("POST").on("/Messages");
        world.twilio.fault(refused);
        for number in 0..MANY {
            let text = format!("{point} number {number}");
            world.slack.user_says(&group.channel, &world.admin, &text).unwrap();
        }
        world.daemon.arm(point);
        let began = std::time::Instant::now();
        world.daemon.spawn();
        world.daemon.wait_for_end().await;
        world.daemon.arm("");
        world.daemon.start().await;
        let all = |world: &World| undelivered(world, &group.channel).split_off(told);
        let sum = |world: &World| all(world).iter().map(|(count, _)| count).sum::<usize>();
        let there = |_: &_| (sum(&world) >= MANY).then_some(());
        let found = world.slack.wait_for("what is told", PATIENCE, there).await;
        found.unwrap_or_else(|e| panic!("{e}: {:?}\n{}", all(&world), world.daemon.log()));
        world.daemon.wait_until_nothing_is_open().await;
        assert_eq!(sum(&world), MANY, "{:?}", all(&world));
        // One, if it did not take long; and one that the kill parted from the rest.
        let most = 2 + began.elapsed().as_secs() / 20;
        assert!(all(&world).len() as u64 <= most, "{:?}", all(&world));
        told += all(&world).len();
    }
    // All that was told of together is sent again together, and nothing else.
    let (count, _) = undelivered(&world, &group.channel).pop().unwrap();
    world.twilio.clear_faults();
    let mut run = world.press(&group.channel, &world.admin, "Send them again").await;
    let again = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(again.contains("together with it, is sent again"), "{again}");
    world.wait_for_inbox(&group.phones[0], count).await;
    world.daemon.wait_until_nothing_is_open().await;
    let expected: Vec<String> = (MANY - count..MANY)
        .map(|number| format!("*Ada Admin*: failed.told=return number {number}"))
        .collect();
    assert_eq!(inbox(&group.phones[0]), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_archived_channel_refused_is_listed_and_sent_again() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let office = world.slack.add_channel("office", &[&world.admin]);
    world.daemon.start().await;
    world.slack.archive(&group.channel, true);
    group.phones[0].say(&group.conversation, "anybody?").await.unwrap();
    while world.daemon.metric("partyline_deliveries{state=\"parked\"}").await != Some(1.0) {
        tokio::task::yield_now().await;
    }
    let listed = world.command(&office, &world.admin, "queue list").await;
    assert!(listed.contains(&group.channel) && listed.contains("queue retry"), "{listed}");
    world.slack.archive(&group.channel, false);
    // Opened again, it gets what it refused, by itself.
    world.wait_for_posts(&group.channel, 1).await;
    assert_eq!(world.channel(&group.channel)[0].1, "anybody?");
    let nothing = world.command(&office, &world.admin, "queue drop all").await;
    assert!(nothing.contains("Nothing like that"), "{nothing}");
    world.daemon.wait_until_settled().await;
}
