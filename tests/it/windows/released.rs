//! What was held and is let go: once, whole and in order, as a digest where it is much, or given up.

use std::time::Duration;

use partyline_twilio::simulator::{Fault, FaultKind};

use super::{INVITATION, beside, scene, wait_for_inbox, wait_for_remark};
use crate::support::{PATIENCE, inbox, wait_for_members};

/// STOP while the parts of a long message go to a phone alone: what has not left by then does not leave.
#[tokio::test(flavor = "multi_thread")]
async fn stop_ends_a_long_message_that_is_on_its_way() {
    const PARTS: usize = 20;
    let (world, group) = scene().await;
    let [maya, ben] = &group.phones[..] else { panic!("two phones") };
    maya.close_window();
    let long = "all of this is to be known by ten. ".repeat(PARTS * 1500 / 35);
    world.slack.user_says(&group.channel, &world.admin, &long).unwrap();
    wait_for_inbox(&world, maya, &[INVITATION]).await;
    world.daemon.wait_until_settled().await;
    let parts = ben.inbox_len();
    assert!(parts >= PARTS, "{parts}");
    // Each part comes, and Twilio's answer is an error: it is looked up a second later, before the next one goes.
    let late = Fault::always(FaultKind::Error500After).method("POST");
    world.twilio.fault(late.on("/Messages.json"));
    maya.say(&group.conversation, "I am here").await.unwrap();
    world.wait_for_inbox(maya, 2).await;
    maya.say(&group.conversation, "stop").await.unwrap();
    let by_then = maya.inbox_len();
    wait_for_members(&world, &group.conversation, &[ben.address()]).await;
    world.twilio.clear_faults();
    let confirmed = "You get no more messages from us.";
    let there = |_: &_| inbox(maya).last().is_some_and(|text| text.starts_with(confirmed));
    let there = world.twilio.wait_until(PATIENCE, there).await;
    assert!(there.is_ok(), "{:?}\n{}", maya.inbox_len(), world.daemon.log());
    world.daemon.wait_until_nothing_is_open().await;
    // One may have been under way as she wrote.
    let after = maya.inbox_len() - by_then;
    assert!(after <= 2, "{after} came after STOP\n{}", world.daemon.log());
    assert!(maya.inbox_len() < parts, "nothing was left to be stopped");
}

/// Who is taken out of a group and comes back while something is held for them gets it when they write: once,
/// and is invited once.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_taken_out_and_comes_back_gets_what_was_held_once() {
    let (world, group) = scene().await;
    let [maya, ben] = &group.phones[..] else { panic!("two phones") };
    let admin = world.admin.clone();
    maya.close_window();
    world.slack.user_says(&group.channel, &admin, "see you at ten").unwrap();
    wait_for_inbox(&world, maya, &[INVITATION]).await;
    world.daemon.wait_until_settled().await;
    let out = world.command(&group.channel, &admin, "member remove +14155550101").await;
    assert!(out.contains("No longer in the group"), "{out}");
    wait_for_members(&world, &group.conversation, &[ben.address()]).await;
    // Of what is said while she is out she gets nothing.
    world.slack.user_says(&group.channel, &admin, "without Maya").unwrap();
    world.wait_for_inbox(ben, 2).await;
    let back = world.command(&group.channel, &admin, "member add +14155550101").await;
    assert!(back.contains("1 of 1 members added"), "{back}");
    wait_for_members(&world, &group.conversation, &[maya.address(), ben.address()]).await;
    world.slack.user_says(&group.channel, &admin, "or at eleven").unwrap();
    world.wait_for_inbox(ben, 3).await;
    world.daemon.wait_until_settled().await;
    maya.say(&group.conversation, "I am here").await.unwrap();
    let held = [INVITATION, "*Ada Admin*: see you at ten", "*Ada Admin*: or at eleven"];
    wait_for_inbox(&world, maya, &held).await;
    world.daemon.wait_until_settled().await;
    wait_for_inbox(&world, maya, &held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn much_that_was_held_comes_as_a_digest() {
    let (world, group) = scene().await;
    let admin = world.admin.clone();
    group.phones[0].close_window();
    for number in 1..=6 {
        world.slack.user_says(&group.channel, &admin, &format!("point {number}")).unwrap();
    }
    world.wait_for_inbox(&group.phones[1], 6).await;
    world.wait_for_inbox(&group.phones[0], 1).await;
    group.phones[0].say(&group.conversation, "what did I miss").await.unwrap();
    world.wait_for_inbox(&group.phones[0], 2).await;
    world.daemon.wait_until_settled().await;
    let digest = inbox(&group.phones[0]).pop().unwrap();
    let mut lines = digest.lines();
    assert_eq!(lines.next(), Some("6 messages since you last wrote in \"spring-launch\":"));
    for (number, line) in (1..=6).zip(lines.by_ref()) {
        assert!(line.ends_with(&format!(" UTC] Ada Admin: point {number}")), "{digest}");
    }
    assert_eq!((lines.next(), inbox(&group.phones[0]).len()), (None, 2));
}

/// However much it is, all of it comes, in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_digest_of_much_is_whole_in_several_messages() {
    let (world, group) = scene().await;
    let admin = world.admin.clone();
    group.phones[0].close_window();
    let points: Vec<String> =
        (1..=40).map(|number| format!("point {number}: {}", "we go on ".repeat(12))).collect();
    for point in &points {
        world.slack.user_says(&group.channel, &admin, point).unwrap();
    }
    world.wait_for_inbox(&group.phones[1], points.len()).await;
    world.daemon.wait_until_settled().await;
    group.phones[0].say(&group.conversation, "what did I miss").await.unwrap();
    world.wait_for_inbox(&group.phones[0], 2).await;
    world.daemon.wait_until_settled().await;
    let digest = inbox(&group.phones[0]).split_off(1);
    let count = digest.len();
    assert!(count > 3, "{digest:?}");
    for (number, part) in (1..).zip(&digest) {
        assert!(part.starts_with(&format!("({number}/{count}) ")), "{part}");
        assert!(part.chars().count() <= 1600, "{}", part.chars().count());
    }
    let bare = digest.iter().filter_map(|part| Some(part.split_once(") ")?.1));
    let whole = bare.collect::<Vec<_>>().join(" ");
    let numbers = whole.split("point ").skip(1).filter_map(|rest| rest.split(':').next());
    let expected: Vec<String> = (1..=40).map(|number| number.to_string()).collect();
    assert_eq!(numbers.collect::<Vec<_>>(), expected);
    assert_eq!(whole.matches("we go on").count(), 40 * 12);
}

/// Of a message that went in parts, only those come that did not come before.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_message_in_parts_only_what_did_not_come_is_sent_again() {
    let (world, group) = scene().await;
    let maya = &group.phones[0];
    // The second part waits until it is looked up what became of the first.
    world.twilio.fault(Fault::next(FaultKind::Error500After, 1).method("POST").on("/Messages"));
    world.twilio.fault(Fault::always(FaultKind::Error500).method("GET").on("/Messages"));
    let long = format!("{} and {}", "first ".repeat(250), "second ".repeat(100));
    world.slack.user_says(&group.channel, &world.admin, &long).unwrap();
    world.wait_for_inbox(maya, 1).await;
    maya.close_window();
    world.twilio.clear_faults();
    world.wait_for_inbox(&group.phones[1], 2).await;
    world.wait_for_inbox(maya, 2).await;
    world.daemon.wait_until_settled().await;
    maya.say(&group.conversation, "go on").await.unwrap();
    world.wait_for_inbox(maya, 3).await;
    world.daemon.wait_until_settled().await;
    let (hers, his) = (inbox(maya), inbox(&group.phones[1]));
    assert_eq!((hers.len(), &hers[1][..]), (3, INVITATION));
    assert_eq!((&hers[0], &hers[2]), (&his[0], &his[1]));
}

/// The window closed while what was held was on its way: it is held again, and not told as failed.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_once_more_is_held_once_more() {
    let (world, group) = scene().await;
    let maya = &group.phones[0];
    maya.close_window();
    world.slack.user_says(&group.channel, &world.admin, "see you at ten").unwrap();
    wait_for_inbox(&world, maya, &[INVITATION]).await;
    world.daemon.wait_until_settled().await;
    world.twilio.fault(Fault::always(FaultKind::Error500).method("POST").on("Messages.json"));
    maya.say(&group.conversation, "yes").await.unwrap();
    world.wait_for_inbox(&group.phones[1], 2).await;
    maya.close_window();
    world.twilio.clear_faults();
    // She is invited again.
    wait_for_inbox(&world, maya, &[INVITATION, INVITATION]).await;
    world.daemon.wait_until_settled().await;
    maya.say(&group.conversation, "yes again").await.unwrap();
    wait_for_inbox(&world, maya, &[INVITATION, INVITATION, "*Ada Admin*: see you at ten"]).await;
    world.daemon.wait_until_settled().await;
    let told = beside(&world.slack, &group.channel, "see you at ten");
    assert!(told.iter().all(|one| one.starts_with("1 of 2 will get this")), "{told:?}");
}

/// A digest that was refused and is given up counts as all that was in it, and says whose words they were.
#[tokio::test(flavor = "multi_thread")]
async fn a_digest_that_is_given_up_tells_how_many_it_held_and_of_whom() {
    let (mut world, group) = scene().await;
    let (admin, ben) = (world.admin.clone(), world.slack.add_user("Ben Carter", None));
    world.slack.join(&group.channel, &ben);
    let maya = &group.phones[0];
    maya.close_window();
    for number in 1..=6 {
        let who = if number % 2 == 0 { &ben } else { &admin };
        world.slack.user_says(&group.channel, who, &format!("point {number}")).unwrap();
    }
    world.wait_for_inbox(&group.phones[1], 6).await;
    wait_for_inbox(&world, maya, &[INVITATION]).await;
    world.daemon.wait_until_settled().await;
    world.twilio.fault(Fault::always(FaultKind::Error500).method("POST").on("Messages.json"));
    maya.say(&group.conversation, "yes").await.unwrap();
    world.wait_for_inbox(&group.phones[1], 7).await;
    maya.close_window();
    world.twilio.clear_faults();
    // She is invited again, and does not write any more.
    wait_for_inbox(&world, maya, &[INVITATION, INVITATION]).await;
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
    world.move_time(Duration::from_secs(8 * 24 * 3600));
    world.daemon.start().await;
    let told = "Maya Lopez has not written for 7 days: 6 messages of Ada Admin and Ben Carter that were held for them were not delivered.";
    world
        .slack
        .wait_for("the end", PATIENCE, |slack| {
            slack.messages(&group.channel).iter().any(|one| one.text == told).then_some(())
        })
        .await
        .unwrap_or_else(|error| {
            panic!("{error}: {:?}\n{}", world.channel(&group.channel), world.daemon.log())
        });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_for_too_long_is_given_up_and_the_room_is_told() {
    let (mut world, group) = scene().await;
    let admin = world.admin.clone();
    group.phones[0].close_window();
    world.slack.user_says(&group.channel, &admin, "see you at ten").unwrap();
    wait_for_remark(&world, &group.channel, "see you at ten").await;
    world.wait_for_inbox(&group.phones[0], 1).await;
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
    world.move_time(Duration::from_secs(8 * 24 * 3600));
    world.daemon.start().await;
    let told = "Maya Lopez has not written for 7 days: 1 message of Ada Admin that was held for them was not delivered.";
    world
        .slack
        .wait_for("the end", PATIENCE, |slack| {
            slack.messages(&group.channel).iter().any(|one| one.text == told).then_some(())
        })
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", world.daemon.log()));
    group.phones[0].say(&group.conversation, "sorry, I was away").await.unwrap();
    world.wait_for_inbox(&group.phones[1], 2).await;
    world.daemon.wait_until_settled().await;
    assert_eq!(inbox(&group.phones[0]), [INVITATION]);
}
