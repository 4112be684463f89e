//! What the bridge itself fails on is given up, and what stood behind it goes on.

use std::time::Duration;

use crate::support::{PATIENCE, World, inbox};

const PARKED: &str = "partyline_deliveries{state=\"parked\"}";

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_which_the_bridge_panics_is_parked_and_the_next_one_goes() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.arm("lane.send=3*panic->off");
    world.daemon.start().await;
    world.slack.user_says(&group.channel, &world.admin, "poison").unwrap();
    world.slack.user_says(&group.channel, &world.admin, "sound").unwrap();
    world.wait_for_inbox(&group.phones[0], 1).await;
    assert_eq!(inbox(&group.phones[0]), ["*Ada Admin*: sound"]);
    assert_eq!(world.daemon.metric(PARKED).await, Some(1.0));
    world.wait_for_posts(&group.channel, 3).await;
    let (_, told) = world.channel(&group.channel).pop().unwrap();
    assert!(told.contains("may not have arrived") && told.contains("\"poison\""), "{told}");
    let listed = world.command(&group.channel, &world.admin, "queue list").await;
    assert!(listed.contains("poisoned"), "{listed}");
    world.command(&group.channel, &world.admin, "queue retry all").await;
    world.wait_for_inbox(&group.phones[0], 2).await;
    world.daemon.wait_until_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_over_which_the_bridge_panics_is_answered_and_the_next_one_goes() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.arm("command.begin=3*panic->off");
    world.daemon.start().await;
    let answer = world.command(&group.channel, &world.admin, "status").await;
    assert!(answer.contains("by a mistake of its own"), "{answer}");
    let answer = world.command(&group.channel, &world.admin, "status").await;
    assert!(answer.contains(&group.conversation), "{answer}");
}

/// Whoever looks at a daemon that dies again and again, by the command line, does not make it
/// forget how often it died.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_does_not_count_as_a_run() {
    let mut world = World::new().await;
    let careful = "the last runs all ended badly";
    for _ in 0..3 {
        world.daemon.start().await;
        world.daemon.kill();
        let listed = world.daemon.command(&["groups", "list"]).output().unwrap();
        assert!(listed.status.success());
    }
    assert!(!world.daemon.log().contains(careful));
    world.daemon.start().await;
    assert!(world.daemon.log().contains(careful), "{}", world.daemon.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_ends_the_program_each_time_is_parked_in_the_end() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    world.slack.user_says(&group.channel, &world.admin, "before").unwrap();
    world.wait_for_inbox(&group.phones[0], 1).await;
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
    world.slack.user_says(&group.channel, &world.admin, "deadly").unwrap();
    let mut deaths = 0;
    loop {
        world.daemon.arm("lane.send=return");
        world.daemon.spawn();
        let ends = async {
            loop {
                if world.daemon.ended().is_some() {
                    return true;
                }
                // Parked: it is not tried, and nobody dies of it.
                if world.daemon.log().contains("parked, it will not be sent") {
                    return false;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, ends).await.expect("it ends or goes on");
        if !ended {
            break;
        }
        deaths += 1;
        assert!(deaths < 15, "it dies for ever\n{}", world.daemon.log());
    }
    // Its notice would be sent now, by which the armed program may have died already.
    if world.daemon.ended().is_none() {
        world.daemon.kill();
    }
    world.daemon.arm("");
    world.daemon.start().await;
    world.wait_for_posts(&group.channel, 3).await;
    let (_, told) = world.channel(&group.channel).pop().unwrap();
    assert!(told.contains("may not have arrived") && told.contains("\"deadly\""), "{told}");
    assert_eq!(world.daemon.metric(PARKED).await, Some(1.0));
    assert_eq!(inbox(&group.phones[0]), ["*Ada Admin*: before"]);
}
