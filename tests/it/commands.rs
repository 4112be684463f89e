//! Commands, as people give them in Slack.

use crate::support::{World, inbox};

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_linked_and_unlinked_without_a_restart() {
    let mut world = World::new().await;
    let (conversation, phones) = world.conversation("Spring launch", &["+14155550101"]).await;
    let channel = world.room("spring-launch");
    world.daemon.start().await;

    // It is kept, counted and shown, and not relayed when the link comes.
    phones[0].say(&conversation, "anybody there?").await.unwrap();
    let status = world.command(&channel, &world.admin, "status").await;
    assert!(status.contains("tied to no conversation"), "{status}");
    assert!(status.contains(&format!("{conversation} (1 messages)")), "{status}");

    let linked = world.command(&channel, &world.admin, &format!("group link {conversation}")).await;
    assert!(linked.contains("Tied to") && linked.contains("Spring launch"), "{linked}");
    assert!(linked.contains("1 members"), "{linked}");
    phones[0].say(&conversation, "hello").await.unwrap();
    world.wait_for_posts(&channel, 1).await;
    assert_eq!(world.channel(&channel), [("+1 415-555-0101".into(), "hello".to_owned())]);

    // The link is there after a start.
    world.daemon.stop().await;
    world.daemon.start().await;
    world.slack.user_says(&channel, &world.admin, "welcome").unwrap();
    world.wait_for_inbox(&phones[0], 1).await;
    assert_eq!(inbox(&phones[0]), ["*Ada Admin*: welcome"]);

    let unlinked = world.command(&channel, &world.admin, "group unlink").await;
    assert!(unlinked.contains("no longer tied"), "{unlinked}");
    world.slack.user_says(&channel, &world.admin, "not for phones").unwrap();
    phones[0].say(&conversation, "not for the channel").await.unwrap();
    let status = world.command(&channel, &world.admin, "status").await;
    assert!(status.contains("tied to no conversation"), "{status}");
    world.daemon.wait_until_settled().await;
    assert_eq!(inbox(&phones[0]).len(), 1);
    assert_eq!(
        world.channel(&channel).iter().filter(|(_, text)| text.contains("not for the")).count(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_gets_a_plain_sentence_and_changes_nothing() {
    let (world, group, ben) = World::with_ben().await;
    for (who, line, expected) in [
        (&world.admin, "group lnik CH1", "Did you mean `/wa group link`?"),
        (&world.admin, "contact add Maya", "Something is missing: NAME."),
        (&world.admin, "contact add 12 Maya", "not a phone number"),
        (&world.admin, "contact add +14155550101 \"Maya", "quotation mark"),
        (&world.admin, "group unlink", "stands in the configuration"),
        (&world.admin, "group link CHffffffffffffffffffffffffffffffff", "There is no group"),
        (&ben, "contact add +14155550101 Maya", "it is for administrators"),
        (&ben, "group unlink", "it is for administrators"),
    ] {
        let answer = world.command(&group.channel, who, line).await;
        assert!(answer.contains(expected), "{line}: {answer}");
    }
    let help = world.command(&group.channel, &ben, "help").await;
    assert!(help.contains("/wa status") && !help.contains("group link"), "{help}");
    let help = world.command(&group.channel, &world.admin, "help group link").await;
    assert!(help.contains("For example: `/wa group link CH"), "{help}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_name_shows_everywhere_at_once() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.start().await;
    for name in ["Maya", "Maya Lopez"] {
        world
            .command(&group.channel, &world.admin, &format!("contact add (415)555-0101 \"{name}\""))
            .await;
        group.phones[0].say(&group.conversation, name).await.unwrap();
    }
    world.wait_for_posts(&group.channel, 2).await;
    assert_eq!(
        world.channel(&group.channel),
        [("Maya".into(), "Maya".into()), ("Maya Lopez".into(), "Maya Lopez".to_owned())]
    );
    assert_eq!(inbox(&group.phones[1]), ["*Maya*: Maya", "*Maya Lopez*: Maya Lopez"]);
}

/// What `help` shows works as it stands there: each command, each example.
#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_help_is_understood_by_the_daemon() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    let away = world.group("summer", &["+14155550103"]).await;
    world.daemon.start().await;
    world.wait_until_listed(&group.channel, "spring-launch").await;
    let admin = world.admin.clone();
    for line in ["contact add +14155550101 \"Maya Lopez\"", "group rename \"Spring launch\""] {
        world.command(&group.channel, &admin, line).await;
    }
    let all = world.command(&group.channel, &admin, "help").await;
    let is_name = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
    let rows = all.lines().filter_map(|line| line.strip_prefix("`/wa ")).map(|line| {
        let words = line.split(['`', ' ']).take_while(|word| !word.is_empty() && is_name(word));
        words.collect::<Vec<_>>().join(" ")
    });
    let rows: Vec<String> = rows.collect();
    assert!(rows.len() > 30, "{rows:?}");
    let mut examples = Vec::new();
    for row in &rows {
        let help = world.command(&group.channel, &admin, &format!("help {row}")).await;
        let shown: Vec<String> = help
            .split("For example: `/wa ")
            .skip(1)
            .map(|text| text.split_once("\n`/wa ").map_or(text, |(example, _)| example))
            .map(|text| text.rsplit_once('`').map_or(text, |(example, _)| example).to_owned())
            .collect();
        assert!(!shown.is_empty(), "no example of {row}: {help}");
        examples.extend(shown);
    }
    // What puts the group away goes last.
    let ends = |line: &String| {
        ["group archive", "group delete", "group unlink"].iter().any(|one| line.starts_with(one))
    };
    examples.sort_by_key(ends);
    for example in examples {
        // As people's keyboards make of it.
        let example = example.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        let room = if ends(&example) { &away.channel } else { &group.channel };
        let answer = world.command(room, &admin, &example).await;
        for wrong in ["Write: `/wa", "There is no command", "Something is missing", "too many"] {
            assert!(!answer.contains(wrong), "{example}: {answer}");
        }
    }
}
