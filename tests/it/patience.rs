//! How long it is tried: so long, and then somebody is told; and never too short because the time moved.

use std::time::{Duration, Instant};

use partyline_slack::simulator::{Dose, Fault as SlackFault};
use partyline_twilio::simulator::{Fault, FaultKind};

use crate::support::{PATIENCE, World};

async fn wait_for(world: &World, line: &str, least: f64) {
    let began = Instant::now();
    while world.daemon.metric(line).await.is_none_or(|value| value < least) {
        assert!(began.elapsed() < PATIENCE, "{line}\n{}", world.daemon.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_for_long_is_given_up_its_sender_is_told_and_the_next_one_goes() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.configure(|config| {
        *config = config.replace("[relay]", "[relay]\ngive_up_after = \"2s\"");
    });
    world.daemon.start().await;
    world.twilio.fault(Fault::always(FaultKind::Error500).method("POST").on("/Messages"));
    world.slack.user_says(&group.channel, &world.admin, "in vain").expect("said");
    world.wait_for_posts(&group.channel, 2).await;
    let told = world.channel(&group.channel).pop().expect("a notice").1;
    // Twilio may have processed what it answered with an error.
    assert!(told.contains("may not have arrived") && told.contains("in vain"), "{told}");
    assert_eq!(world.daemon.metric("partyline_deliveries{state=\"parked\"}").await, Some(1.0));
    world.twilio.clear_faults();
    world.slack.user_says(&group.channel, &world.admin, "goes").expect("said");
    world.wait_for_inbox(&group.phones[0], 1).await;
    let retried = world.command(&group.channel, &world.admin, "queue retry all").await;
    assert!(retried.contains("sent again"), "{retried}");
    world.wait_for_inbox(&group.phones[0], 2).await;
    world.daemon.wait_until_settled().await;
    assert_eq!(group.phones[0].inbox_len(), 2);
}

/// Four days pass while it is down. Nothing was tried in that time, so that one refusal of a platform
/// that is still coming up gives nothing up.
#[tokio::test(flavor = "multi_thread")]
async fn after_days_of_downtime_a_first_refusal_gives_nothing_up() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    let refused = "partyline_deliveries_total{network=\"slack\",outcome=\"retried\"}";
    world.slack.fault(SlackFault::Error500, "chat.postMessage", Dose::Next(1000));
    group.phones[0].say(&group.conversation, "see you").await.expect("said");
    wait_for(&world, refused, 1.0).await;
    world.daemon.kill();
    world.move_time(Duration::from_secs(4 * 86_400));
    world.daemon.start().await;
    wait_for(&world, refused, 2.0).await;
    world.slack.clear_faults();
    world.wait_for_posts(&group.channel, 1).await;
    world.daemon.wait_until_settled().await;
    let texts = world.channel(&group.channel);
    assert!(texts.len() == 1 && texts[0].1.ends_with("see you"), "{texts:?}");
}
