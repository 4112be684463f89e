//! What members may not say: nobody gets it, and the rooms are told.

use jiff::{SignedDuration, Timestamp};
use partyline_core::{Clock, SystemClock};
use partyline_twilio::simulator::{Attachment, SayError, Saying};

use crate::support::{Group, World, inbox};

const PHONES: [&str; 2] = ["+14155550101", "+14155550102"];

/// A world with a group of two, and these settings of moderation.
async fn moderated(settings: &str) -> (World, Group) {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &PHONES).await;
    let section = format!("\n[moderation]\n{settings}\n");
    world.daemon.configure(|config| config.push_str(&section));
    world.daemon.start().await;
    world.command(&group.channel, &world.admin, "contact add +14155550101 Maya").await;
    (world, group)
}

/// What stands in the channel, once it is so much.
async fn posts(world: &World, group: &Group, count: usize) -> Vec<String> {
    world.wait_for_posts(&group.channel, count).await;
    world.daemon.wait_until_settled().await;
    let posts = world.channel(&group.channel).into_iter().map(|(_, text)| text);
    let posts: Vec<String> = posts.collect();
    assert_eq!(posts.len(), count, "{posts:?}");
    posts
}

/// A phone says something; whether Twilio took it.
async fn says(group: &Group, phone: usize, what: impl Into<Saying>) -> bool {
    match group.phones[phone].say(&group.conversation, what).await {
        Ok(_) => true,
        Err(SayError::Rejected(403)) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_muted_member_says_reaches_nobody_until_it_is_taken_back() {
    let (mut world, group) = moderated("").await;
    assert!(says(&group, 0, "before").await);
    let muted = world.command(&group.channel, &world.admin, "member mute Maya").await;
    assert_eq!(
        muted,
        "Maya is muted until they are unmuted: what they write is passed on to nobody."
    );
    assert!(!says(&group, 0, "while muted").await);
    // Of a second message within ten minutes nobody is told, and a kill changes nothing.
    world.daemon.kill();
    world.daemon.start().await;
    assert!(!says(&group, 0, "muted still").await);
    assert!(says(&group, 1, "somebody else").await);
    let told = posts(&world, &group, 3).await;
    assert!(
        told.iter().any(|text| text.starts_with("Maya is muted: what they wrote was not")),
        "{told:?}"
    );

    let freed = world.command(&group.channel, &world.admin, "member unmute Maya").await;
    assert_eq!(freed, "Maya can speak again.");
    let again = world.command(&group.channel, &world.admin, "member unmute Maya").await;
    assert_eq!(again, "Maya is not muted.");
    assert!(says(&group, 0, "after").await);
    posts(&world, &group, 4).await;
    assert_eq!(inbox(&group.phones[1]), ["*Maya*: before", "*Maya*: after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mute_ends_by_itself() {
    let (mut world, group) = moderated("").await;
    let wrong = world.command(&group.channel, &world.admin, "member mute Maya --for soon").await;
    assert!(wrong.contains("is not a span of time") && wrong.contains("--for 2h"), "{wrong}");
    let muted = world.command(&group.channel, &world.admin, "member mute Maya --for 2h").await;
    assert!(muted.starts_with("Maya is muted until ") && muted.contains(" UTC"), "{muted}");
    assert!(!says(&group, 0, "too soon").await);
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
    // Two hours later.
    world.daemon.arm("clock=return(7200)");
    world.daemon.start().await;
    assert!(says(&group, 0, "in time").await);
    world.wait_for_inbox(&group.phones[1], 1).await;
    assert_eq!(inbox(&group.phones[1]), ["*Maya*: in time"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn blocked_words_and_files_and_too_many_messages_are_stopped() {
    let settings = "blocked_words = [\"spam\", \"buy now\"]\nblocked_files = [\"video/*\"]\nmessages_per_minute = 2";
    let (world, group) = moderated(settings).await;
    assert!(!says(&group, 0, "No SPAM, please").await);
    assert!(!says(&group, 0, "so buy now!").await);
    let clip = Attachment {
        filename: Some("clip.mp4".into()),
        content_type: "video/mp4".into(),
        bytes: vec![0; 16].into(),
    };
    assert!(!says(&group, 0, Saying { files: vec![clip], ..Saying::from("look") }).await);
    // What is stopped for another reason does not count.
    for (text, passes) in [("one", true), ("two", true), ("three", false)] {
        assert_eq!(says(&group, 0, text).await, passes, "{text}");
    }
    assert!(says(&group, 1, "another member").await);
    let told = posts(&world, &group, 6).await;
    for part in [
        "Maya used a word that is blocked here",
        "Maya sent a file of a kind that is blocked here (video/mp4)",
        "Maya wrote more than 2 messages within a minute",
    ] {
        assert_eq!(told.iter().filter(|text| text.contains(part)).count(), 1, "{told:?}");
    }
    assert_eq!(inbox(&group.phones[1]), ["*Maya*: one", "*Maya*: two"]);
    let stopped = "partyline_moderated_total{reason=\"word\",by=\"hook\"}";
    assert_eq!(world.daemon.metric(stopped).await, Some(2.0));
}

/// The hours around now, in UTC.
fn around_now() -> String {
    let hour = SignedDuration::from_hours(1);
    let now = SystemClock.now();
    let time = |at: Timestamp| at.strftime("%H:%M").to_string();
    format!("quiet_hours = \"{}-{}\"", time(now - hour), time(now + hour))
}

#[tokio::test(flavor = "multi_thread")]
async fn in_quiet_hours_the_rooms_alone_hear_what_members_say() {
    let (world, group) = moderated(&around_now()).await;
    assert!(!says(&group, 0, "is anybody up?").await);
    assert!(!says(&group, 0, "hello?").await);
    let told = posts(&world, &group, 2).await;
    assert!(told[0].starts_with("Maya wrote in quiet hours, which end at "), "{told:?}");
    assert!(told[0].ends_with("is anybody up?") && told[1].ends_with("hello?"), "{told:?}");
    // The rooms are heard all the same.
    world.slack.user_says(&group.channel, &world.admin, "I am").unwrap();
    world.wait_for_inbox(&group.phones[1], 1).await;
    assert_eq!(inbox(&group.phones[1]), ["*Ada Admin*: I am"]);
}

/// A world like [`moderated`], without a public address: Twilio asks nobody, and the members have what is
/// said at once.
async fn unasked(settings: &str) -> (World, Group) {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &PHONES).await;
    world.twilio.set_webhook_url(None);
    world.daemon.without_public_address();
    let section = format!("\n[moderation]\n{settings}\n");
    world.daemon.configure(|config| config.push_str(&section));
    world.daemon.start().await;
    world.command(&group.channel, &world.admin, "contact add +14155550101 Maya").await;
    (world, group)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_hook_did_not_see_is_not_relayed() {
    let (world, group) = unasked("blocked_words = [\"spam\"]").await;
    for text in ["one", "spam", "more spam", "two"] {
        assert!(says(&group, 0, text).await);
    }
    let told = posts(&world, &group, 3).await;
    assert_eq!((told[0].as_str(), told[2].as_str()), ("one", "two"));
    assert!(told[1].contains("a word that is blocked here"), "{told:?}");
    assert!(told[1].contains("The other members have it"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_quiet_hours_that_twilio_did_not_ask_about_nothing_is_lost_and_the_room_is_told_once() {
    let (mut world, group) = unasked(&around_now()).await;
    for text in ["is anybody up?", "hello?"] {
        assert!(says(&group, 0, text).await);
    }
    let told = posts(&world, &group, 3).await;
    assert_eq!((told[0].as_str(), told[2].as_str()), ("is anybody up?", "hello?"));
    assert!(told[1].starts_with("Maya wrote in quiet hours, which end at "), "{told:?}");
    assert!(told[1].contains("The other members got it"), "{told:?}");
    // What is said while the bridge is down comes all the same; what was told before the restart is not
    // told again.
    world.daemon.stop().await;
    assert!(says(&group, 1, "good night").await);
    world.daemon.start().await;
    world.wait_for_posts(&group.channel, 4).await;
    world.daemon.wait_until_settled().await;
    let posts = world.channel(&group.channel);
    assert!(posts.iter().any(|(_, text)| text == "good night"), "{posts:?}");
    assert_eq!(posts.len(), 4, "{posts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_too_many_messages_that_twilio_did_not_ask_about_the_room_gets_so_many_and_is_told() {
    let (world, group) = unasked("messages_per_minute = 2").await;
    for text in ["one", "two", "three", "four"] {
        assert!(says(&group, 0, text).await);
    }
    assert!(says(&group, 1, "another member").await);
    let told = posts(&world, &group, 4).await;
    assert_eq!(told[..2], ["one", "two"]);
    assert!(told[2].starts_with("Maya wrote more than 2 messages within a minute"), "{told:?}");
    assert_eq!(told[3], "another member");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_members_shows_who_is_muted() {
    let (world, group) = moderated("").await;
    let muted = world.command(&group.channel, &world.admin, "member mute Maya --for 1 hour").await;
    assert!(muted.starts_with("Maya is muted until "), "{muted}");
    let listed = world.command(&group.channel, &world.admin, "member list").await;
    let maya = listed.lines().find(|line| line.contains("Maya")).expect("she is listed");
    assert!(maya.contains("; muted until "), "{listed}");
    assert_eq!(listed.matches("muted").count(), 1, "{listed}");
    let mut rows = world.daemon.command(&["members", "list", &group.conversation, "--json"]);
    let rows = String::from_utf8(rows.output().expect("it runs").stdout).expect("text");
    let muted = rows.lines().filter(|row| row.contains("\"muted\":true")).count();
    assert_eq!((rows.lines().count(), muted), (2, 1), "{rows}");
    // Nothing of a mute is left with a person who is erased: not in memory either.
    let line = "contact erase +14155550101 --confirm";
    let erased = world.command(&group.channel, &world.admin, line).await;
    assert!(erased.contains("Erased:"), "{erased}");
    let line = "member add +14155550101";
    world.command(&group.channel, &world.admin, line).await;
    assert!(says(&group, 0, "back again").await);
    world.wait_for_inbox(&group.phones[1], 1).await;
}
