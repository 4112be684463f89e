//! Messages of which Slack sends no event, or a late one, over a socket that lives; replies that no list
//! shows; and messages of which Twilio's webhook was lost, with none behind them.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use partyline_core::{Clock, ManualClock, SystemClock};
use partyline_slack::simulator::{Dose, Fault, Options};
use partyline_twilio::simulator::{Fault as TwilioFault, FaultKind};

use crate::support::{Group, World, inbox};

/// A world whose rooms are compared soon after something was said in them.
async fn compared() -> (World, Group) {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.configure(|config| {
        *config = config.replace("compare_after = \"1h\"", "compare_after = \"300ms\"");
    });
    world.daemon.start().await;
    world.slack.user_says(&group.channel, &world.admin, "before").expect("said");
    world.wait_for_inbox(&group.phones[0], 1).await;
    (world, group)
}

/// What arrived on the phone since, without the speaker; what stands in the wrong place of the
/// order has its time in front.
fn arrived(group: &Group) -> Vec<String> {
    let words = |text: String| {
        let text = text.strip_prefix("*Ada Admin*: ").expect("her name").to_owned();
        match text.split_once(" UTC] ") {
            Some((_, words)) => format!("late {words}"),
            None => text,
        }
    };
    inbox(&group.phones[0]).into_iter().skip(1).map(words).collect()
}

const UNANNOUNCED: &str = "partyline_events_unannounced_total{network=\"slack\"}";

#[tokio::test(flavor = "multi_thread")]
async fn what_slack_never_announced_is_found_while_the_socket_lives() {
    let (world, group) = compared().await;
    let say = |text: &str| world.slack.user_says(&group.channel, &world.admin, text).unwrap();
    world.slack.fault(Fault::Lost, "message", Dose::Next(2));
    say("lost 1");
    let head = say("lost 2");
    say("heard");
    world.wait_for_inbox(&group.phones[0], 1 + 3).await;
    // A reply, in a thread and to the channel.
    world.slack.fault(Fault::Lost, "message", Dose::Next(1));
    world.slack.user_replies(&group.channel, &world.admin, head, "lost 3", false).unwrap();
    world.slack.user_replies(&group.channel, &world.admin, head, "heard, too", false).unwrap();
    world.wait_for_inbox(&group.phones[0], 1 + 5).await;
    world.daemon.wait_until_settled().await;
    assert_eq!(
        arrived(&group),
        ["heard", "late lost 1", "late lost 2", "heard, too", "late lost 3"]
    );
    assert_eq!(world.daemon.metric(UNANNOUNCED).await, Some(3.0));
    // The socket was never another one.
    assert_eq!(world.daemon.metric("partyline_slack_sockets_total{outcome=\"lost\"}").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_slack_lost_is_found_after_a_kill_too() {
    let (mut world, group) = compared().await;
    // Not compared in this life.
    world.slack.fault(Fault::Hang, "conversations.history", Dose::Next(100));
    world.slack.fault(Fault::Lost, "message", Dose::Next(1));
    for text in ["lost", "heard"] {
        world.slack.user_says(&group.channel, &world.admin, text).unwrap();
    }
    world.wait_for_inbox(&group.phones[0], 1 + 1).await;
    world.daemon.wait_until_settled().await;
    world.daemon.kill();
    world.slack.clear_faults();
    world.daemon.start().await;
    world.wait_for_inbox(&group.phones[0], 1 + 2).await;
    world.daemon.wait_until_settled().await;
    assert_eq!(arrived(&group), ["heard", "late lost"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_slack_announces_late_comes_once() {
    let (world, group) = compared().await;
    let delayed = Fault::Delayed(Duration::from_millis(700));
    world.slack.fault(delayed, "message", Dose::Next(1));
    world.slack.fault(Fault::OutOfOrder, "message", Dose::Next(1));
    for text in ["delayed", "held back", "heard"] {
        world.slack.user_says(&group.channel, &world.admin, text).unwrap();
    }
    world.wait_for_inbox(&group.phones[0], 1 + 3).await;
    // Slack sends it after it was found in the history; nothing comes of that.
    let settled = world.slack.wait_for("the events", crate::support::PATIENCE, |slack| {
        let counters = slack.counters();
        (counters.acknowledged >= 4).then_some(())
    });
    settled.await.expect("all events are acknowledged");
    world.daemon.wait_until_settled().await;
    let mut arrived = arrived(&group);
    assert_eq!(arrived[0], "heard");
    arrived.sort_by_key(|text| text.trim_start_matches("late ").to_owned());
    let words: Vec<_> = arrived.iter().map(|text| text.trim_start_matches("late ")).collect();
    assert_eq!(words, ["delayed", "heard", "held back"]);
}

/// A channel's history shows a thread by the message that began it, three days ago.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_in_an_old_thread_is_read_back_after_a_start() {
    let three_days = SignedDuration::from_hours(72);
    let clock = Arc::new(ManualClock::new(SystemClock.now().saturating_sub(three_days).unwrap()));
    let mut world = World::with(Options { clock: clock.clone(), ..Options::default() }).await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    let head = world.slack.user_says(&group.channel, &world.admin, "head").unwrap();
    let reply = |text| {
        world.slack.user_replies(&group.channel, &world.admin, head, text, false).unwrap();
    };
    reply("then");
    world.wait_for_inbox(&group.phones[0], 2).await;
    clock.advance(three_days);
    world.slack.user_says(&group.channel, &world.admin, "today").unwrap();
    world.wait_for_inbox(&group.phones[0], 3).await;
    world.daemon.wait_until_settled().await;
    world.daemon.kill();
    reply("missed");
    world.daemon.start().await;
    world.wait_for_inbox(&group.phones[0], 4).await;
    world.daemon.wait_until_settled().await;
    let arrived = inbox(&group.phones[0]);
    assert!(arrived[3].ends_with("missed"), "{arrived:?}");
    assert_eq!(arrived.len(), 4);
}

/// The number of the next message shows that one is missing. Of the last one nothing shows it.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_message_is_found_although_its_webhook_was_lost() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.configure(|config| {
        // Twilio's comes first.
        *config = config.replacen("compare_after = \"1h\"", "compare_after = \"300ms\"", 1);
    });
    world.daemon.start().await;
    let phone = &group.phones[0];
    phone.say(&group.conversation, "before").await.expect("said");
    world.wait_for_posts(&group.channel, 1).await;
    for text in ["lost 1", "lost 2"] {
        world.twilio.fault(TwilioFault::next(FaultKind::Lost, 1).on("onMessageAdded"));
        phone.say(&group.conversation, text).await.expect("said");
    }
    world.wait_for_posts(&group.channel, 3).await;
    world.daemon.wait_until_settled().await;
    let texts: Vec<String> =
        world.channel(&group.channel).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["before", "lost 1", "lost 2"]);
}
