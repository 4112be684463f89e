//! Sends of which nobody knows whether they arrived: looked up before a repeat, on each platform.

use partyline_slack::simulator::{Dose, Fault as SlackFault};
use partyline_twilio::simulator::{Fault, FaultKind};

use crate::support::{World, inbox};

const PARKED: &str = "partyline_deliveries{state=\"parked\"}";

/// Others write on while the look-up fails: more than a page of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_at_twilio_that_fails_is_tried_again_and_finds_what_was_sent() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.start().await;
    for kind in [FaultKind::ResetAfter, FaultKind::ResetBefore] {
        let before = group.phones[1].inbox_len();
        world.twilio.fault(Fault::next(kind, 1).method("POST").on("/Messages"));
        world.twilio.fault(Fault::next(FaultKind::Error500, 6).method("GET").on("/Messages"));
        world.slack.user_says(&group.channel, &world.admin, "once").unwrap();
        for number in 0..120 {
            let text = format!("{kind:?} {number}");
            group.phones[0].say_at_once(&group.conversation, text.as_str()).unwrap();
        }
        world.wait_for_inbox(&group.phones[1], before + 121).await;
        world.daemon.wait_until_settled().await;
    }
    let on_phone = inbox(&group.phones[1]);
    let once = on_phone.iter().filter(|text| *text == "*Ada Admin*: once").count();
    assert_eq!(once, 2, "once for each fault");
}

/// The daemon is down for hours between the send and the look-up.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_hours_of_downtime_is_found() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.arm("lane.sent=return");
    world.daemon.start().await;
    world.slack.user_says(&group.channel, &world.admin, "to phones").unwrap();
    while world.daemon.ended().is_none() {
        tokio::task::yield_now().await;
    }
    world.wait_for_inbox(&group.phones[0], 1).await;
    for number in 0..120 {
        let text = format!("while it is down {number}");
        group.phones[0].say(&group.conversation, text.as_str()).await.unwrap();
    }
    world.daemon.arm("clock=return(18000)");
    world.daemon.start().await;
    world.wait_for_posts(&group.channel, 121).await;
    world.daemon.wait_until_settled().await;
    assert_eq!(inbox(&group.phones[0]), ["*Ada Admin*: to phones"]);

    world.daemon.stop().await;
    world.daemon.arm("clock=return(18000);lane.sent=return");
    world.daemon.start().await;
    group.phones[1].say(&group.conversation, "to the channel").await.unwrap();
    while world.daemon.ended().is_none() {
        tokio::task::yield_now().await;
    }
    for number in 0..250 {
        let text = format!("meanwhile {number}");
        world.slack.user_says(&group.channel, &world.admin, &text).unwrap();
    }
    world.daemon.arm("clock=return(36000)");
    world.daemon.start().await;
    world.wait_for_inbox(&group.phones[0], 1 + 1 + 250).await;
    world.daemon.wait_until_settled().await;
    let posts = world.channel(&group.channel);
    let found = posts.iter().filter(|(_, text)| text.ends_with("to the channel")).count();
    assert_eq!(found, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_up_is_shown_to_a_person() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let other = world.room("office");
    world.daemon.link(&group.conversation, &format!("slack:{other}"));
    world.daemon.start().await;
    // What is relayed from both, both were read for: the look-up is the next to read.
    for channel in [&group.channel, &other] {
        world.slack.user_says(channel, &world.admin, "hello").unwrap();
    }
    for channel in [&group.channel, &other] {
        world.wait_for_posts(channel, 2).await;
    }
    world.daemon.wait_until_settled().await;
    world.slack.fault(SlackFault::ResetAfter, "chat.postMessage", Dose::Next(1));
    world.slack.fault(
        SlackFault::Refused("channel_not_found"),
        "conversations.history",
        Dose::Next(1),
    );
    world.slack.user_says(&group.channel, &world.admin, "did you get this").unwrap();
    world.wait_for_posts(&group.channel, 4).await;
    let (_, told) = world.channel(&group.channel).pop().unwrap();
    assert!(told.contains("may not have arrived on Slack"), "{told}");
    assert!(told.contains("did you get this") && told.contains("queue retry"), "{told}");
    assert_eq!(world.daemon.metric(PARKED).await, Some(1.0));
    let listed = world.command(&group.channel, &world.admin, "queue list").await;
    assert!(listed.contains(&other) && listed.contains("uncertain"), "{listed}");
    // It was there: nobody repeats it but a person who asks for it.
    assert_eq!(world.channel(&other).len(), 3);
    let dropped = world.command(&group.channel, &world.admin, "queue drop all").await;
    assert!(dropped.contains("dropped"), "{dropped}");
    world.daemon.wait_until_settled().await;
}
