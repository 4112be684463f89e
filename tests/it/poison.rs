//! What the bridge itself fails on is given up, and what stood behind it goes on.

use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::support::{Daemon, PATIENCE, World, inbox};

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

/// While it is read back, the program dies over each place that there is: that ends, and people hear
/// what to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_over_which_the_program_dies_is_read_no_more() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let (phone, conversation) = (&group.phones[0], &group.conversation);
    world.daemon.start().await;
    phone.say(conversation, "p0").await.unwrap();
    world.wait_for_posts(&group.channel, 1).await;
    world.slack.user_says(&group.channel, &world.admin, "s0").unwrap();
    world.wait_for_inbox(phone, 1).await;
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
    phone.say_at_once(conversation, "missed").unwrap();

    let deadly = "read.read=return";
    world.daemon.arm(deadly);
    let mut deaths = 0;
    while !survives(&mut world.daemon).await {
        deaths += 1;
        assert!(deaths < 40, "it dies for ever\n{}", world.daemon.log());
    }
    // What comes is relayed, and the next start does not die of it either.
    world.daemon.kill();
    world.daemon.start().await;
    phone.say(conversation, "p1").await.unwrap();
    world.wait_for_posts(&group.channel, 4).await;
    world.daemon.wait_until_settled().await;
    let texts: Vec<_> = world.channel(&group.channel).into_iter().map(|(_, text)| text).collect();
    let told = texts.iter().filter(|text| text.contains("ended again and again"));
    assert_eq!(told.count(), 1, "{texts:?}");
    assert!(texts.contains(&"p1".to_owned()) && !texts.contains(&"missed".to_owned()), "{texts:?}");

    // Whoever was told has it tried again.
    world.daemon.stop().await;
    let mended = world.daemon.command(&["doctor", "--mend"]).output().unwrap();
    let mended = String::from_utf8_lossy(&mended.stdout).into_owned();
    assert!(mended.contains("2 places are not read back"), "{mended}");
    world.daemon.arm("");
    world.daemon.start().await;
    world.wait_for_posts(&group.channel, 5).await;
    let (_, found) = world.channel(&group.channel).pop().unwrap();
    assert!(found.ends_with("missed"), "{found}");
}

/// Starts it, and waits until it ends, or has come to know that it dies over two places.
async fn survives(daemon: &mut Daemon) -> bool {
    daemon.spawn();
    let began = std::time::Instant::now();
    loop {
        if daemon.ended().is_some() {
            return false;
        }
        if daemon.metric("partyline_places_with_holes").await == Some(2.0) {
            return true;
        }
        assert!(began.elapsed() < PATIENCE, "it neither ends nor goes on\n{}", daemon.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// How many messages of a channel a start reads from its history.
fn behind_the_floor(world: &World, channel: &str) -> usize {
    let path = world.daemon.store().join("ledger.db");
    let ledger = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let ledger = ledger.expect("the ledger");
    let floor: i64 = ledger
        .query_row(
            "SELECT coalesce(floor, ordinal) FROM places WHERE place = ?1",
            [format!("slack:{channel}")],
            |row| row.get(0),
        )
        .expect("the channel");
    let micros = |ts: String| ts.replace('.', "").parse::<i64>().expect("a time stamp");
    let said = world.slack.messages(channel);
    said.iter().filter(|message| micros(message.ts.to_string()) > floor).count()
}

/// A mistake in a parser costs the piece that it was made over, whose bytes are kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_piece_over_which_a_parser_panics_is_kept_and_the_next_one_is_read() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let (phone, conversation) = (&group.phones[0], &group.conversation);
    world.daemon.start().await;
    world.slack.user_says(&group.channel, &world.admin, "before").unwrap();
    world.wait_for_posts(&group.channel, 1).await;
    world.wait_for_inbox(phone, 1).await;
    world.daemon.wait_until_settled().await;
    world.daemon.kill();
    // The hook before the message is the first thing that is read of Twilio's (its log of messages has
    // nothing yet), and passes. Of Slack's, the start reads what the history holds.
    let listed = behind_the_floor(&world, &group.channel);
    world.daemon.arm(&format!("slack={listed}*off->1*panic->off;twilio=1*panic->off"));
    world.daemon.start().await;
    let read = "partyline_read_back_total{network=\"slack\"}";
    let began = std::time::Instant::now();
    while world.daemon.metric(read).await.unwrap_or_default() < listed as f64 {
        assert!(began.elapsed() < PATIENCE, "the channel is not read back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.slack.user_says(&group.channel, &world.admin, "lost on us for now").unwrap();
    world.slack.user_says(&group.channel, &world.admin, "after").unwrap();
    world.wait_for_inbox(phone, 2).await;
    phone.say(conversation, "said over a panic").await.expect("nothing stops it");
    world.wait_for_posts(&group.channel, 4).await;
    let texts: Vec<_> = world.channel(&group.channel).into_iter().map(|(_, text)| text).collect();
    assert!(texts.contains(&"said over a panic".to_owned()), "{texts:?}");
    assert_eq!(inbox(phone).pop().unwrap(), "*Ada Admin*: after");
    for network in ["slack", "twilio"] {
        let panicked = format!("partyline_reading_panicked_total{{network=\"{network}\"}}");
        assert_eq!(world.daemon.metric(&panicked).await, Some(1.0), "{network}");
    }
    assert_eq!(world.daemon.metric("partyline_unparsed ").await, Some(2.0));
    // The socket lived through it.
    let lost = "partyline_slack_sockets_total{outcome=\"lost\"}";
    assert_eq!(world.daemon.metric(lost).await, None);
    // And what was said is in Slack's history, where a comparison or the next start finds it.
    world.daemon.kill();
    world.daemon.arm("");
    world.daemon.start().await;
    world.wait_for_inbox(phone, 3).await;
    let arrived = inbox(phone);
    let found = arrived.iter().filter(|text| text.ends_with("lost on us for now"));
    assert_eq!(found.count(), 1, "{arrived:?}");
}
