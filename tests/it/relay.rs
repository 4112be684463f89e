//! What is said in one place stands in the others, once, in order, under the right name.

use partyline_slack::simulator::Author;

use crate::support::{World, inbox, over_http};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_from_a_phone_stands_in_the_channel_under_the_members_name() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.start().await;
    let answer = world
        .command(
            &group.channel,
            &world.admin,
            "contact add +14155550101 \"Maya Lopez\" --picture https://pictures.test/maya.png",
        )
        .await;
    assert_eq!(answer, "+14155550101 is Maya Lopez now.");

    group.phones[0].say(&group.conversation, "hello <b>there</b> & <!channel>").await.unwrap();
    group.phones[1].say(&group.conversation, "and hello from me").await.unwrap();
    world.wait_for_posts(&group.channel, 2).await;

    assert_eq!(
        world.channel(&group.channel),
        [
            ("Maya Lopez".into(), "hello &lt;b&gt;there&lt;/b&gt; &amp; &lt;!channel&gt;".into()),
            ("+1 415-555-0102".into(), "and hello from me".to_owned()),
        ]
    );
    let posts = world.slack.messages(&group.channel);
    let Author::App { icon_url, .. } = &posts[0].author else { panic!("not the app's") };
    assert_eq!(icon_url.as_deref(), Some("https://pictures.test/maya.png"));
    // The other phone sees who speaks, and the speaker's own phone sees nothing new.
    world.wait_for_inbox(&group.phones[1], 1).await;
    assert_eq!(inbox(&group.phones[1]), ["*Maya Lopez*: hello <b>there</b> & <!channel>"]);
    assert_eq!(inbox(&group.phones[0]), ["*+1 415-555-0102*: and hello from me"]);
    world.daemon.wait_until_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_from_the_channel_arrives_on_every_phone_under_the_persons_name() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    let ben = world.slack.add_user("Ben Carter", None);
    world.slack.join(&group.channel, &ben);
    world.daemon.start().await;

    world.slack.user_says(&group.channel, &ben, "see you at ten").unwrap();
    for phone in &group.phones {
        world.wait_for_inbox(phone, 1).await;
        assert_eq!(inbox(phone), ["*Ben Carter*: see you at ten"]);
    }
    world.daemon.wait_until_settled().await;
    assert_eq!(world.channel(&group.channel).len(), 1, "it does not come back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_message_goes_in_numbered_parts() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    let long: String = (0..900).map(|n| format!("word{n} ")).collect();
    world.slack.user_says(&group.channel, &world.admin, &long).unwrap();
    world.daemon.wait_until_ready().await;
    world.wait_for_inbox(&group.phones[0], 5).await;
    world.daemon.wait_until_settled().await;
    let parts = inbox(&group.phones[0]);
    let mut words = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let head = format!("*Ada Admin*: ({}/{}) ", at + 1, parts.len());
        assert!(part.chars().count() <= 1600);
        let text = part.strip_prefix(&head).unwrap_or_else(|| panic!("{head} in {part}"));
        words.extend(text.split_whitespace().map(ToOwned::to_owned));
    }
    assert_eq!(words, long.split_whitespace().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_the_daemon_was_down_is_read_back_in_order() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.start().await;
    group.phones[0].say(&group.conversation, "before").await.unwrap();
    world.slack.user_says(&group.channel, &world.admin, "before, too").unwrap();
    world.wait_for_posts(&group.channel, 2).await;
    world.wait_for_inbox(&group.phones[1], 2).await;
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;

    for number in 0..120 {
        group.phones[0].say(&group.conversation, format!("phone {number}").as_str()).await.unwrap();
        world.slack.user_says(&group.channel, &world.admin, &format!("slack {number}")).unwrap();
    }
    world.daemon.start().await;
    world.wait_for_inbox(&group.phones[0], 121).await;
    world.wait_for_posts(&group.channel, 2 + 120 + 120).await;
    world.daemon.wait_until_settled().await;

    let from_phone: Vec<String> = world
        .channel(&group.channel)
        .into_iter()
        .filter(|(name, text)| name.starts_with('+') && text.starts_with("phone"))
        .map(|(_, text)| text)
        .collect();
    assert_eq!(from_phone, (0..120).map(|n| format!("phone {n}")).collect::<Vec<_>>());
    let from_slack: Vec<String> = inbox(&group.phones[0]).into_iter().skip(1).collect();
    let expected: Vec<_> = (0..120).map(|n| format!("*Ada Admin*: slack {n}")).collect();
    assert_eq!(from_slack, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_http_transport_does_the_same() {
    use partyline_slack::simulator::Options;
    let mut world = World::with(Options { mode: over_http(), ..Options::default() }).await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    world.slack.verify_events_url().await.expect("the challenge is answered");
    world.slack.user_says(&group.channel, &world.admin, "by http").unwrap();
    world.wait_for_inbox(&group.phones[0], 1).await;
    assert_eq!(inbox(&group.phones[0]), ["*Ada Admin*: by http"]);
    let answer = world.command(&group.channel, &world.admin, "status").await;
    assert!(answer.contains(&group.conversation), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_public_address_the_lists_are_read() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.twilio.set_webhook_url(None);
    world.daemon.without_public_address();
    world.daemon.start().await;
    for number in 0..5 {
        group.phones[0].say(&group.conversation, format!("phone {number}").as_str()).await.unwrap();
        world.slack.user_says(&group.channel, &world.admin, &format!("slack {number}")).unwrap();
    }
    world.wait_for_inbox(&group.phones[0], 5).await;
    world.wait_for_posts(&group.channel, 10).await;
    world.daemon.wait_until_settled().await;
    let texts: Vec<String> = world
        .channel(&group.channel)
        .into_iter()
        .map(|(_, text)| text)
        .filter(|text| text.starts_with("phone"))
        .collect();
    assert_eq!(texts, (0..5).map(|n| format!("phone {n}")).collect::<Vec<_>>());
}
