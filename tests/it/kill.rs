//! SIGKILL in the middle of traffic both ways: everything arrives, once, in order.

use std::collections::HashMap;

use crate::support::{Group, World, inbox};

const GROUPS: usize = 20;
const EACH: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_a_thousand_messages_each_way_it_loses_and_doubles_none() {
    let mut world = World::new().await;
    let mut groups = Vec::new();
    for number in 0..GROUPS {
        let phones = [
            format!("+1415555{:04}", 100 + number * 2),
            format!("+1415555{:04}", 101 + number * 2),
        ];
        let phones: Vec<&str> = phones.iter().map(String::as_str).collect();
        groups.push(world.group(&format!("group-{number}"), &phones).await);
    }
    world.daemon.start().await;

    // Half of it while it runs; then killed with all of it under way; the other half while it is
    // down and while it starts; killed once more; then left alone.
    for round in 0..EACH {
        for group in &groups {
            group.phones[0].say_at_once(&group.conversation, format!("p{round}").as_str()).unwrap();
            world.slack.user_says(&group.channel, &world.admin, &format!("s{round}")).unwrap();
        }
        if round == EACH / 2 {
            world.wait_for_posts(&groups[0].channel, EACH / 2).await;
            world.daemon.kill();
        }
        if round == EACH / 2 + 5 {
            world.daemon.spawn();
        }
    }
    world.twilio.idle().await;
    for group in &groups {
        // No member's message was dropped because the hook before it was not answered.
        let said = world.twilio.messages(&group.conversation);
        let from_phone = said.iter().filter(|one| one.author.starts_with("whatsapp:")).count();
        assert_eq!(from_phone, EACH, "said in {}\n{}", group.conversation, world.daemon.log());
    }
    world.daemon.wait_until_ready().await;
    world.wait_for_inbox(&groups[GROUPS - 1].phones[1], EACH + EACH / 2).await;
    world.daemon.kill();
    world.daemon.start().await;
    for group in &groups {
        // Each phone gets the channel's messages, and the second one those of the first.
        world.wait_for_inbox(&group.phones[0], EACH).await;
        world.wait_for_posts(&group.channel, EACH * 2).await;
    }
    world.daemon.wait_until_settled().await;
    for group in &groups {
        check(&world, group);
    }
}

fn check(world: &World, group: &Group) {
    let ids: HashMap<&str, &str> = HashMap::from([(world.admin.as_str(), "slack")]);
    let in_channel: Vec<String> = world
        .channel(&group.channel)
        .into_iter()
        .filter(|(name, _)| !ids.contains_key(name.as_str()))
        .map(|(_, text)| text)
        .collect();
    let expected: Vec<String> = (0..EACH).map(|n| format!("p{n}")).collect();
    assert_eq!(in_channel, expected, "in the channel {}\n{}", group.channel, world.daemon.log());
    let expected: Vec<String> = (0..EACH).map(|n| format!("*Ada Admin*: s{n}")).collect();
    let on_phone = inbox(&group.phones[0]);
    assert_eq!(on_phone, expected, "on {}\n{}", group.phones[0].address(), world.daemon.log());
}
