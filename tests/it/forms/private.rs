//! The shortcut "reply privately" on a message that came from a phone.

use partyline_slack::simulator::Ts;

use super::{PATIENCE, SENDER, World, audited, by_http, send_off, slack_sdk_takes_them, view};
use crate::support::{SECOND_SENDER, inbox};

/// The newest message of a channel with this text.
fn said(world: &World, channel: &str, text: &str) -> Ts {
    let messages = world.slack.messages(channel);
    messages.iter().rev().find(|one| one.text == text).expect(text).ts
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_is_written_to_alone() {
    for mut world in [World::new().await, by_http().await] {
        world.pool(&[SENDER, SECOND_SENDER]);
        let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
        world.daemon.start().await;
        let admin = world.admin.clone();
        world.command(&group.channel, &admin, "contact add +14155550101 \"Maya Lopez\"").await;
        group.phones[0]
            .say(&group.conversation, "when do we start?")
            .await
            .expect("Slack takes it");
        world.wait_for_posts(&group.channel, 1).await;
        world.daemon.wait_until_settled().await;
        let question = said(&world, &group.channel, "when do we start?");
        let reply = || {
            world
                .slack
                .message_shortcut(&group.channel, &admin, question, "reply_privately")
                .expect("Slack takes it")
        };

        // To a sender of their own they have not written: WhatsApp takes a template only.
        let mut run = reply();
        let form = view(&world, &admin, "Maya Lopez alone").await;
        assert!(form.input("text").is_none() && form.input("template").is_some());
        let templates =
            world.slack.search(&form.id, "template", "appoint").await.expect("Slack takes it");
        world.slack.choose(&form.id, "template", &[&templates[0].0]).expect("Slack takes it");
        view(&world, &admin, "\"block_id\":\"set.2\"").await;
        world.slack.type_in(&form.id, "set.1", "Maya").expect("Slack takes it");
        world.slack.type_in(&form.id, "set.2", "Monday at nine").expect("Slack takes it");
        send_off(&world.slack, &form.id).await;
        let answer = run.answer(PATIENCE).await.expect("an answer").text;
        assert!(answer.contains("Sent to Maya Lopez alone."), "{answer}\n{}", world.daemon.log());
        world.wait_for_inbox(&group.phones[0], 1).await;
        assert!(inbox(&group.phones[0])[0].starts_with("Hello Maya, we meet on Monday at nine."));
        assert!(inbox(&group.phones[1]).iter().all(|text| !text.contains("Monday")));

        // Their answer comes into the thread, and goes to nobody else.
        let conversations = world.twilio.conversations();
        let own = conversations.iter().find(|one| one.sid.as_str() != group.conversation);
        let own = own.expect("a conversation of their own").sid.to_string();
        let binding = world.twilio.participants(&own)[0].binding.clone().expect("a phone");
        assert_eq!(binding.proxy_address, SECOND_SENDER);
        group.phones[0].say(&own, "nine is fine").await.expect("Slack takes it");
        let in_thread = |text: &'static str| {
            move |m: &partyline_slack::simulator::Message| {
                m.thread_ts == Some(question) && m.text.contains(text)
            }
        };
        world
            .slack
            .wait_for_message(&group.channel, PATIENCE, in_thread("nine is fine"))
            .await
            .unwrap_or_else(|error| panic!("{error}\n{}", world.daemon.log()));
        world
            .slack
            .user_replies(&group.channel, &admin, question, "good", false)
            .expect("Slack takes it");
        world.wait_for_inbox(&group.phones[0], 2).await;
        assert_eq!(inbox(&group.phones[0])[1], "*Ada Admin*: good");

        // Now free words are taken.
        let mut run = reply();
        let form = view(&world, &admin, "\"block_id\":\"text\"").await;
        world.slack.type_in(&form.id, "text", "bring <the> plan & a pen").expect("Slack takes it");
        send_off(&world.slack, &form.id).await;
        let answer = run.answer(PATIENCE).await.expect("an answer").text;
        assert!(answer.contains("Sent to Maya Lopez alone."), "{answer}");
        world.wait_for_inbox(&group.phones[0], 3).await;
        assert_eq!(inbox(&group.phones[0])[2], "*Ada Admin*: bring <the> plan & a pen");
        let shown = in_thread("bring &lt;the&gt; plan &amp; a pen");
        world.slack.wait_for_message(&group.channel, PATIENCE, shown).await.expect("in the thread");
        world.daemon.wait_until_settled().await;
        assert_eq!(world.twilio.conversations().len(), 2);
        let others: Vec<String> =
            inbox(&group.phones[1]).into_iter().filter(|text| !text.contains("start")).collect();
        assert!(others.is_empty(), "{others:?}");
        assert_eq!(audited(&world, "dm"), ["done", "done"]);
        slack_sdk_takes_them(&world);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_be_written_to_it_says_why() {
    let (world, group, ben) = World::with_ben().await;
    let admin = world.admin.clone();
    let own = world.slack.user_says(&group.channel, &admin, "from Slack").expect("Slack takes it");
    group.phones[0].say(&group.conversation, "from a phone").await.expect("Slack takes it");
    world.wait_for_posts(&group.channel, 2).await;
    let theirs = said(&world, &group.channel, "from a phone");
    let shortcut = |user: &str, ts| {
        world
            .slack
            .message_shortcut(&group.channel, user, ts, "reply_privately")
            .expect("Slack takes it")
    };
    shortcut(&admin, own);
    let refused = view(&world, &admin, "did not come from a phone").await;
    assert!(refused.view["submit"].is_null());
    shortcut(&ben, theirs);
    let denied = view(&world, &ben, "it is for the group's managers").await;
    assert!(!denied.view.to_string().contains("415"), "{}", denied.view);

    // With one sender in the pool there is none for a conversation of their own.
    let mut run = shortcut(&admin, theirs);
    let form = view(&world, &admin, "\"block_id\":\"template\"").await;
    let templates =
        world.slack.search(&form.id, "template", "team_notice").await.expect("Slack takes it");
    world.slack.choose(&form.id, "template", &[&templates[0].0]).expect("Slack takes it");
    view(&world, &admin, "\"block_id\":\"set.1\"").await;
    world.slack.type_in(&form.id, "set.1", "The team").expect("Slack takes it");
    send_off(&world.slack, &form.id).await;
    let answer = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(answer.contains("Nothing was sent") && answer.contains("2 senders"), "{answer}");
    assert_eq!(world.twilio.conversations().len(), 1, "what was begun is taken back");

    // The same words, typed.
    let office = world.room("office");
    for (room, line, expected) in [
        (&office, "dm +14155550101", "There is nothing to send"),
        (&office, "dm +14155550101 hello", "WhatsApp takes free words only for a day"),
        (&office, "dm +14155550101 hello --template team_notice", "not both"),
        (&office, "dm nobody hello", "There is no contact"),
        (
            &group.channel,
            "dm +14155550101 --template team_notice --set 1=x",
            "a place of their own",
        ),
    ] {
        let answer = world.command(room, &admin, line).await;
        assert!(answer.contains(expected), "{line}: {answer}");
    }
    assert_eq!(world.twilio.conversations().len(), 1);
}
