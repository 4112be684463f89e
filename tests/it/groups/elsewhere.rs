//! Groups that are changed elsewhere: in Twilio's console, or by renaming a room.

use super::*;

/// Changes a conversation as the console would: without a hook, or with one.
async fn change_at_twilio(world: &World, sid: &str, name: &str, told: bool) {
    let defaults = twilio::Options::default();
    let url = format!(
        "{}/v1/Services/{}/Conversations/{sid}",
        world.twilio.base_url(),
        defaults.service_sid
    );
    let answer = reqwest::Client::new()
        .post(url)
        .basic_auth(&defaults.api_key_sid, Some(&defaults.api_key_secret))
        .header("X-Twilio-Webhook-Enabled", if told { "true" } else { "false" })
        .form(&[("FriendlyName", name)])
        .send()
        .await
        .expect("an answer");
    assert!(answer.status().is_success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_elsewhere_is_followed_and_told() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let second = world.room("second");
    world.daemon.link(&group.conversation, &format!("slack:{second}"));
    world.daemon.configure(|config| {
        *config = config.replace("[twilio]", "[twilio]\ngroups_interval = \"200ms\"");
    });
    world.daemon.start().await;
    let admin = world.admin.clone();
    world.wait_until_listed(&second, "spring-launch").await;

    world.slack.fault(slack::Fault::RateLimited(1), "conversations.rename", slack::Dose::Next(1));
    change_at_twilio(&world, &group.conversation, "By a hook", true).await;
    world.wait_for_posts(&group.channel, 1).await;
    change_at_twilio(&world, &group.conversation, "By the list", false).await;
    world.wait_for_posts(&group.channel, 2).await;
    world.wait_for_posts(&second, 2).await;
    for (at, name) in ["By a hook", "By the list"].iter().enumerate() {
        let expected = format!("This group is called \"{name}\" now.");
        assert_eq!(world.channel(&group.channel)[at].1, expected);
    }
    // The room is called like it, although Slack would not have it at first; the other one stays as
    // it was, since there cannot be two of a name.
    let began = std::time::Instant::now();
    while named_channel(&world, "by-the-list") != Some(group.channel.clone()) {
        assert!(began.elapsed() < PATIENCE, "{:?}\n{}", world.slack.channels(), world.daemon.log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(named_channel(&world, "second"), Some(second.clone()));
    let other = world.twilio.create_conversation("Made in the console").await.unwrap();
    let began = std::time::Instant::now();
    loop {
        let found = world.command(&second, &admin, "group show \"made in the console\"").await;
        if found.contains(other.as_str()) {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{found}");
    }

    // A channel that is archived: the other one hears of it, and when it is open again it gets
    // what it missed.
    world.slack.archive(&second, true);
    world.wait_for_posts(&group.channel, 3).await;
    assert!(world.channel(&group.channel)[2].1.contains("was archived in slack"));
    group.phones[0].say(&group.conversation, "meanwhile").await.unwrap();
    world.wait_for_posts(&group.channel, 4).await;
    let parked = "partyline_deliveries{state=\"parked\"}";
    let began = std::time::Instant::now();
    while world.daemon.metric(parked).await != Some(1.0) {
        assert!(began.elapsed() < PATIENCE, "nothing failed\n{}", world.daemon.log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    world.slack.archive(&second, false);
    world.slack.join(&second, &world.slack.options().identity.user);
    world.wait_for_posts(&second, 3).await;
    assert_eq!(world.channel(&second)[2].1, "meanwhile");
    world.daemon.wait_until_settled().await;
}

/// Who renamed a channel, Slack does not tell: the group keeps its name, and the room hears how to
/// give it the new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_renamed_hears_how_its_group_is_called() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    world.wait_until_listed(&group.channel, "spring-launch").await;
    let admin = world.admin.clone();
    world.slack.rename(&group.channel, "autumn");
    world.wait_for_posts(&group.channel, 1).await;
    let told = world.channel(&group.channel).pop().unwrap().1;
    assert!(told.contains("This room is called \"autumn\" now"), "{told}");
    assert!(told.contains("`group rename \"autumn\"`"), "{told}");
    let renamed = world.command(&group.channel, &admin, "group rename \"Autumn\"").await;
    assert!(renamed.contains("is called \"Autumn\" now."), "{renamed}");
    // What is the group's name, as Slack takes it, is no news.
    world.command(&group.channel, &admin, "group rename \"Winter, at last\"").await;
    assert_eq!(named_channel(&world, "winter-at-last"), Some(group.channel.clone()));
    group.phones[0].say(&group.conversation, "hi").await.unwrap();
    world.wait_for_posts(&group.channel, 2).await;
    assert_eq!(world.channel(&group.channel)[1].1, "hi");
    world.daemon.wait_until_settled().await;
}
