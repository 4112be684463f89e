//! By which template they are invited: none, one that WhatsApp refuses, another one.

use std::time::{Duration, Instant};

use partyline_twilio::simulator::{Fault, FaultKind, Template, seeded_templates};

use super::{INVITATION, scene, wait_for_inbox, wait_for_remark};
use crate::forms::{send_off, view};
use crate::support::PATIENCE;

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
