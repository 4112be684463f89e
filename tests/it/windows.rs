//! Members whose WhatsApp window is closed: told of, invited, and given what was held for them.

use std::time::{Duration, Instant};

use partyline_slack::simulator as slack;
use partyline_twilio::simulator::{Fault, FaultKind, NewMember, Phone, Template, seeded_templates};

use crate::forms::{send_off, view};
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

#[tokio::test(flavor = "multi_thread")]
async fn without_an_invitation_it_is_told_how_one_is_set_and_a_group_sets_its_own() {
    let (world, group) = scene().await;
    let admin = world.admin.clone();
    let answer = world.command(&group.channel, &admin, "group template none").await;
    assert_eq!(answer, "Members of this group are not invited to write.");
    group.phones[0].close_window();
    world.slack.user_says(&group.channel, &admin, "see you at ten").unwrap();
    let told = wait_for_remark(&world, &group.channel, "see you at ten").await;
    assert!(told.starts_with("1 of 2 will get this once they write: Maya Lopez."), "{told}");
    assert!(told.contains("`group template TEMPLATE` sets one"), "{told}");
    let window = world.command(&group.channel, &admin, "window").await;
    assert!(window.contains("Nobody is invited to write"), "{window}");
    for (line, expected) in [
        ("group template winter_sale 1=x", "it is rejected (INVALID_FORMAT)"),
        ("group template team_notice", "needs its variables"),
        (
            "group template team_notice 1=\"{member} of {group}\"",
            "It says: {member} of {group} has",
        ),
    ] {
        let answer = world.command(&group.channel, &admin, line).await;
        assert!(answer.contains(expected), "{line}: {answer}");
    }
    // Whoever is waited for is invited at once, and not again with the next message.
    let invited = "Maya Lopez of spring-launch has news for you. Answer this message to join in.";
    wait_for_inbox(&world, &group.phones[0], &[invited]).await;
    world.slack.user_says(&group.channel, &admin, "or at eleven").unwrap();
    world.wait_for_inbox(&group.phones[1], 2).await;
    world.daemon.wait_until_settled().await;
    wait_for_inbox(&world, &group.phones[0], &[invited]).await;
    world.daemon.wait_until_settled().await;
}

/// An invitation that WhatsApp does not take is told with its reason, and another one is chosen by the
/// button; whoever waits is invited by that then.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_whatsapp_does_not_take_is_told_and_another_one_is_chosen() {
    let (mut world, group) = scene().await;
    let admin = world.admin.clone();
    let sale = seeded_templates().into_iter().find(|one| one.friendly_name == "winter_sale");
    world.daemon.stop().await;
    world.daemon.configure(|config| {
        let taken = "HXaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        *config = config.replace(taken, &sale.expect("a template").sid);
    });
    world.daemon.start().await;
    world.wait_until_listed(&group.channel, "spring-launch").await;
    world.command(&group.channel, &admin, "template list").await;
    group.phones[0].close_window();
    world.slack.user_says(&group.channel, &admin, "see you at ten").unwrap();
    let told = wait_for_remark(&world, &group.channel, "see you at ten").await;
    assert!(told.starts_with("1 of 2 will get this once they write: Maya Lopez."), "{told}");
    assert!(told.contains("\"winter_sale\" cannot be sent") && told.contains("rejected"), "{told}");
    let window = world.command(&group.channel, &admin, "window").await;
    assert!(window.contains("the invitation \"winter_sale\" is \"rejected\""), "{window}");
    let mut run = world.press(&group.channel, &admin, "Choose an invitation").await;
    let form = view(&world, &admin, "\"block_id\":\"template\"").await;
    let found = world.slack.search(&form.id, "template", "team").await.expect("found");
    world.slack.choose(&form.id, "template", &[&found[0].0]).expect("chosen");
    let form = view(&world, &admin, "\"block_id\":\"set.1\"").await;
    world.slack.type_in(&form.id, "set.1", "{member} of {group}").expect("typed");
    send_off(&world.slack, &form.id).await;
    run.answer(PATIENCE).await.expect("an answer");
    let invited = "Maya Lopez of spring-launch has news for you. Answer this message to join in.";
    wait_for_inbox(&world, &group.phones[0], &[invited]).await;
    world.daemon.wait_until_settled().await;
}

/// Who could not be invited because WhatsApp did not take the template is invited once it does, without
/// another message, and once.
#[tokio::test(flavor = "multi_thread")]
async fn once_whatsapp_takes_the_invitation_again_who_waits_is_invited() {
    let (mut world, group) = scene().await;
    let admin = world.admin.clone();
    let sale = seeded_templates().into_iter().find(|one| one.friendly_name == "winter_sale");
    let sale = sale.expect("a template");
    world.daemon.stop().await;
    world.daemon.configure(|config| {
        *config = config.replace("HXaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &sale.sid);
        config.push_str("templates_interval = \"500ms\"\n");
    });
    world.daemon.start().await;
    world.wait_until_listed(&group.channel, "spring-launch").await;
    group.phones[0].close_window();
    world.slack.user_says(&group.channel, &admin, "see you at ten").unwrap();
    let told = wait_for_remark(&world, &group.channel, "see you at ten").await;
    assert!(told.starts_with("1 of 2 will get this once they write: Maya Lopez."), "{told}");
    world.daemon.wait_until_settled().await;
    wait_for_inbox(&world, &group.phones[0], &[]).await;
    world.twilio.add_template(Template {
        approval: "approved".to_owned(),
        rejection_reason: String::new(),
        ..sale
    });
    let invited = "Everything is spring-launch off.";
    wait_for_inbox(&world, &group.phones[0], &[invited]).await;
    world.slack.user_says(&group.channel, &admin, "or at eleven").unwrap();
    world.wait_for_inbox(&group.phones[1], 2).await;
    world.daemon.wait_until_settled().await;
    wait_for_inbox(&world, &group.phones[0], &[invited]).await;
}

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

/// An invitation that Twilio refuses, be it that WhatsApp paused it since it was looked at, is none: the next
/// message invites again.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_is_refused_is_sent_again_with_the_next_message() {
    let (world, group) = scene().await;
    let admin = world.admin.clone();
    group.phones[0].close_window();
    let refused = Fault::next(FaultKind::Refused(400), 1).method("POST");
    world.twilio.fault(refused.on("/Messages.json"));
    world.slack.user_says(&group.channel, &admin, "see you at ten").unwrap();
    let began = Instant::now();
    while world.daemon.metric("partyline_deliveries{state=\"parked\"}").await != Some(1.0) {
        assert!(began.elapsed() < PATIENCE, "it is not refused\n{}", world.daemon.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let window = world.command(&group.channel, &admin, "window").await;
    assert!(window.contains("1 message held") && !window.contains("invited"), "{window}");
    world.slack.user_says(&group.channel, &admin, "or at eleven").unwrap();
    wait_for_inbox(&world, &group.phones[0], &[INVITATION]).await;
    let window = world.command(&group.channel, &admin, "window").await;
    assert!(window.contains(", invited "), "{window}");
    group.phones[0].say(&group.conversation, "at ten then").await.unwrap();
    let held = ["*Ada Admin*: see you at ten", "*Ada Admin*: or at eleven"];
    wait_for_inbox(&world, &group.phones[0], &[INVITATION, held[0], held[1]]).await;
}

/// Where nothing invites members to write, a button beside what is held opens the form that sets it.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_chosen_by_a_button_beside_what_is_held() {
    let (world, group) = scene().await;
    let admin = world.admin.clone();
    world.command(&group.channel, &admin, "group template none").await;
    group.phones[0].close_window();
    world.slack.user_says(&group.channel, &admin, "see you at ten").unwrap();
    let mut run = world.press(&group.channel, &admin, "Choose an invitation").await;
    let form = view(&world, &admin, "\"block_id\":\"template\"").await;
    let found = world.slack.search(&form.id, "template", "team").await.expect("found");
    world.slack.choose(&form.id, "template", &[&found[0].0]).expect("chosen");
    let form = view(&world, &admin, "\"block_id\":\"set.1\"").await;
    world.slack.type_in(&form.id, "set.1", "{member} of {group}").expect("typed");
    send_off(&world.slack, &form.id).await;
    let answer = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(answer.contains("It says: {member} of {group} has"), "{answer}");
    let invited = "Maya Lopez of spring-launch has news for you. Answer this message to join in.";
    wait_for_inbox(&world, &group.phones[0], &[invited]).await;
    world.daemon.wait_until_settled().await;
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
