//! Members whose WhatsApp window is closed: told of, invited, and given what was held for them.

mod invitations;
mod released;

use std::time::Duration;

use partyline_slack::simulator as slack;
use partyline_twilio::simulator::{NewMember, Phone};

use crate::support::{Group, PATIENCE, SENDER, World, inbox, wait_for_members};

const INVITATION: &str = "spring-launch has news for you. Answer this message to join in.";

/// Slack and two phones, of which the first is Maya's; with an invitation in the configuration.
async fn scene() -> (World, Group) {
    scene_with(&["+14155550101", "+14155550102"]).await
}

async fn scene_with(phones: &[&str]) -> (World, Group) {
    let mut world = World::new().await;
    let group = world.group("spring-launch", phones).await;
    world.daemon.configure(|config| {
        config.push_str(
            "[whatsapp]\nreengagement_template = \"HXaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\nreengagement_variables = [\"1={group}\"]\ndigest_after = 4\n",
        );
    });
    world.daemon.start().await;
    world.wait_until_listed(&group.channel, "spring-launch").await;
    let admin = world.admin.clone();
    world.command(&group.channel, &admin, "contact add +14155550101 \"Maya Lopez\"").await;
    world.command(&group.channel, &admin, "contact add +14155550102 Ben").await;
    (world, group)
}

/// What stands in the thread under the message with this text.
fn beside(slack: &slack::Simulator, channel: &str, text: &str) -> Vec<String> {
    let messages = slack.messages(channel);
    let Some(head) = messages.iter().find(|one| one.text == text).map(|one| one.ts) else {
        return Vec::new();
    };
    let replies = messages.iter().filter(|one| one.thread_ts == Some(head) && one.ts != head);
    replies.map(|one| one.text.clone()).collect()
}

async fn wait_for_remark(world: &World, channel: &str, text: &str) -> String {
    let said = |slack: &slack::Simulator| beside(slack, channel, text).first().cloned();
    let told = world.slack.wait_for("a remark", PATIENCE, said).await;
    told.unwrap_or_else(|error| panic!("{error}: {text}\n{}", world.daemon.log()))
}

async fn wait_for_inbox(world: &World, phone: &Phone, expected: &[&str]) {
    world.wait_for_inbox(phone, expected.len()).await;
    assert_eq!(inbox(phone), expected, "{}", world.daemon.log());
}

/// What the bridge reckons by itself, with moved time: whoever was not heard for a day.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_is_held_for_whom_the_window_is_closed_until_they_answer_the_invitation() {
    let (mut world, group) = scene().await;
    let [maya, ben] = &group.phones[..] else { panic!("two phones") };
    maya.say(&group.conversation, "good night").await.unwrap();
    ben.say(&group.conversation, "good night to you").await.unwrap();
    wait_for_inbox(&world, ben, &["*Maya Lopez*: good night"]).await;
    wait_for_inbox(&world, maya, &["*Ben*: good night to you"]).await;
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
    world.move_time(Duration::from_secs(25 * 3600));
    world.daemon.start().await;
    let admin = world.admin.clone();
    let window = world.command(&group.channel, &admin, "window").await;
    assert!(window.contains("• Maya Lopez: window closed, last wrote "), "{window}");

    // Ben writes, which opens his window; what he says is held for Maya as well.
    ben.say(&group.conversation, "anybody there?").await.unwrap();
    let told = wait_for_remark(&world, &group.channel, "anybody there?").await;
    assert!(
        told.starts_with("1 of 1 will get this when they answer the invitation: Maya Lopez."),
        "{told}"
    );
    for text in ["we meet at ten", "and bring cake"] {
        world.slack.user_says(&group.channel, &admin, text).unwrap();
    }
    let ada = |text: &str| format!("*Ada Admin*: {text}");
    let (ten, cake) = (ada("we meet at ten"), ada("and bring cake"));
    wait_for_inbox(&world, ben, &["*Maya Lopez*: good night", &ten, &cake]).await;
    // She is invited once, and the room is told once.
    wait_for_inbox(&world, maya, &["*Ben*: good night to you", INVITATION]).await;
    world.daemon.wait_until_settled().await;
    let window = world.command(&group.channel, &admin, "window").await;
    assert!(window.contains("3 messages held") && window.contains(", invited "), "{window}");
    assert!(window.contains("• Ben: window open until "), "{window}");
    let members = world.command(&group.channel, &admin, "member list").await;
    assert!(members.contains("3 messages held"), "{members}");
    assert!(beside(&world.slack, &group.channel, "and bring cake").is_empty());

    maya.say(&group.conversation, "I am here").await.unwrap();
    let held = ["*Ben*: good night to you", INVITATION, "*Ben*: anybody there?", &ten, &cake];
    wait_for_inbox(&world, maya, &held).await;
    world.slack.user_says(&group.channel, &admin, "welcome back").unwrap();
    let welcome = ada("welcome back");
    wait_for_inbox(&world, maya, &[&held[..], &[&welcome]].concat()).await;
    world.daemon.wait_until_settled().await;
    assert!(beside(&world.slack, &group.channel, "welcome back").is_empty());
    let window = world.command(&group.channel, &admin, "window").await;
    assert!(
        window.contains("• Maya Lopez: window open until ") && !window.contains("held"),
        "{window}"
    );
}

/// What only Twilio knows: the bridge never heard of somebody whom a receipt says it does not reach.
#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_come_unexpectedly_is_held_after_the_fact() {
    let (world, group) = scene().await;
    let admin = world.admin.clone();
    group.phones[0].close_window();
    world.slack.user_says(&group.channel, &admin, "see you at ten").unwrap();
    let told = wait_for_remark(&world, &group.channel, "see you at ten").await;
    assert!(
        told.starts_with("1 of 2 will get this when they answer the invitation: Maya Lopez."),
        "{told}"
    );
    wait_for_inbox(&world, &group.phones[0], &[INVITATION]).await;
    group.phones[0].say(&group.conversation, "yes").await.unwrap();
    wait_for_inbox(&world, &group.phones[0], &[INVITATION, "*Ada Admin*: see you at ten"]).await;
    world.daemon.wait_until_settled().await;
    assert_eq!(beside(&world.slack, &group.channel, "see you at ten").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_is_told_how_many_of_all_once_for_what_is_said_together() {
    let phones = [1, 2, 3, 4, 5].map(|number| format!("+1415555010{number}"));
    let (mut world, group) = scene_with(&phones.each_ref().map(String::as_str)).await;
    let admin = world.admin.clone();
    for (phones, hours) in [(&group.phones[..2], 20), (&group.phones[2..], 5)] {
        for phone in phones {
            phone.say(&group.conversation, "here").await.unwrap();
        }
        world.daemon.wait_until_settled().await;
        world.daemon.stop().await;
        world.move_time(Duration::from_secs(hours * 3600));
        world.daemon.start().await;
    }
    let said = ["see you at ten", "at the harbour", "bring cake"];
    for text in said {
        world.slack.user_says(&group.channel, &admin, text).unwrap();
    }
    let told = wait_for_remark(&world, &group.channel, said[0]).await;
    assert_eq!(
        told,
        format!(
            "2 of 5 will get this when they answer the invitation: Maya Lopez, Ben.\nThe invitation says: {INVITATION}"
        )
    );
    world.daemon.wait_until_settled().await;
    for text in &said[1..] {
        assert!(beside(&world.slack, &group.channel, text).is_empty(), "{text}");
    }
    let invited = group
        .phones
        .iter()
        .map(|phone| inbox(phone).iter().filter(|text| *text == INVITATION).count());
    assert_eq!(invited.collect::<Vec<_>>(), [1, 1, 0, 0, 0]);
}

/// Somebody was added elsewhere without a word to the bridge: what the receipt says is not taken for a
/// failure, but waits until it is known whose phone it is of.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_come_to_somebody_who_is_not_known_yet_is_held_as_well() {
    let (world, group) = scene().await;
    let member = NewMember::new("whatsapp:+14155550103", SENDER).window_closed();
    let nora = world.twilio.add_phone(&group.conversation, member).await.expect("a member");
    world.slack.user_says(&group.channel, &world.admin, "see you at ten").unwrap();
    let told = wait_for_remark(&world, &group.channel, "see you at ten").await;
    assert!(told.starts_with("1 of 3 will get this when they answer the invitation: "), "{told}");
    wait_for_inbox(&world, &nora, &[INVITATION]).await;
    nora.say(&group.conversation, "yes").await.unwrap();
    wait_for_inbox(&world, &nora, &[INVITATION, "*Ada Admin*: see you at ten"]).await;
    world.daemon.wait_until_settled().await;
    assert_eq!(beside(&world.slack, &group.channel, "see you at ten").len(), 1);
}

/// Twilio does not call: it is asked what became of messages, in the group and on one phone alone.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_public_address_windows_and_opt_outs_are_known_as_well() {
    let (mut world, group) = scene().await;
    let [maya, ben] = &group.phones[..] else { panic!("two phones") };
    let admin = world.admin.clone();
    world.daemon.stop().await;
    world.twilio.set_webhook_url(None);
    world.daemon.without_public_address();
    world.daemon.start().await;
    maya.close_window();
    world.slack.user_says(&group.channel, &admin, "see you at ten").unwrap();
    let told = wait_for_remark(&world, &group.channel, "see you at ten").await;
    assert!(told.starts_with("1 of 2 will get this when they answer the invitation: "), "{told}");
    wait_for_inbox(&world, maya, &[INVITATION]).await;
    maya.say(&group.conversation, "yes").await.unwrap();
    let ten = "*Ada Admin*: see you at ten";
    wait_for_inbox(&world, maya, &[INVITATION, ten]).await;

    // Of what Ben does not get, he himself is the reason.
    ben.set_unreachable(Some(63014));
    world.slack.user_says(&group.channel, &admin, "who is there").unwrap();
    wait_for_members(&world, &group.conversation, &[maya.address()]).await;
    // So it is with what goes to Maya's phone alone.
    maya.close_window();
    world.slack.user_says(&group.channel, &admin, "and bring cake").unwrap();
    let there = "*Ada Admin*: who is there";
    wait_for_inbox(&world, maya, &[INVITATION, ten, there, INVITATION]).await;
    maya.set_unreachable(Some(63014));
    // Twilio's lists tell times in whole seconds: what she says next is to be later than her last word.
    tokio::time::sleep(Duration::from_secs(1)).await;
    maya.say(&group.conversation, "which").await.unwrap();
    wait_for_members(&world, &group.conversation, &[]).await;
    let list = world.command(&group.channel, &admin, "optout list").await;
    assert!(list.contains("Maya Lopez") && list.contains("Ben"), "{list}");
}

/// What was still to be asked when it was killed is asked after the start, however long that took.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_still_to_be_asked_is_asked_after_a_start() {
    let (mut world, group) = scene().await;
    let admin = world.admin.clone();
    world.daemon.stop().await;
    world.twilio.set_webhook_url(None);
    world.daemon.without_public_address();
    world.daemon.arm("lane.settled=return");
    world.daemon.start().await;
    group.phones[0].close_window();
    world.slack.user_says(&group.channel, &admin, "see you at ten").unwrap();
    world.daemon.wait_for_end().await;
    world.move_time(Duration::from_secs(1200));
    world.daemon.start().await;
    let told = wait_for_remark(&world, &group.channel, "see you at ten").await;
    assert!(told.starts_with("1 of 2 will get this when they answer the invitation: "), "{told}");
    wait_for_inbox(&world, &group.phones[0], &[INVITATION]).await;
    world.daemon.wait_until_settled().await;
}

/// Wherever it is killed, everybody is invited once and gets once what was held: while they are
/// invited, and while what was held is let go and sent.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_nobody_is_invited_twice_or_gets_anything_twice() {
    let (mut world, group) = scene().await;
    let (admin, maya) = (world.admin.clone(), group.phones[0].clone());
    let mut expected = Vec::new();
    let points = [
        ("held.inviting=return", false),
        ("held.invited=return", false),
        // The receipt finds nobody: it is asked for.
        ("lane.sent=return", false),
        ("held.releasing=return", true),
        ("held.released=return", true),
        ("lane.sent=return", true),
        ("lane.sent=1*off->return", true),
    ];
    for (number, (point, is_answered)) in points.into_iter().enumerate() {
        let text = format!("round {number}");
        if !is_answered {
            arm(&mut world, point).await;
        }
        maya.close_window();
        world.slack.user_says(&group.channel, &admin, &text).unwrap();
        if !is_answered {
            come_back(&mut world).await;
        }
        expected.push(INVITATION.to_owned());
        world.wait_for_inbox(&maya, expected.len()).await;
        world.daemon.wait_until_settled().await;
        if is_answered {
            arm(&mut world, point).await;
        }
        maya.say_at_once(&group.conversation, format!("answer {number}").as_str()).unwrap();
        if is_answered {
            come_back(&mut world).await;
        }
        expected.push(format!("*Ada Admin*: {text}"));
        world.wait_for_inbox(&maya, expected.len()).await;
        world.daemon.wait_until_settled().await;
        assert_eq!(inbox(&maya), expected, "{point}\n{}", world.daemon.log());
    }
}

/// Has the daemon end at a point.
async fn arm(world: &mut World, point: &str) {
    world.daemon.stop().await;
    world.daemon.arm(point);
    world.daemon.start().await;
}

/// Waits until it has ended there, and starts it again.
async fn come_back(world: &mut World) {
    world.daemon.wait_for_end().await;
    world.daemon.arm("");
    world.daemon.start().await;
}
