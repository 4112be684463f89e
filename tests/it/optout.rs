//! People who want no more messages, and those who want them again.

use partyline_slack::simulator as slack;

use crate::support::{
    Group, PATIENCE, SECOND_SENDER, SENDER, SMS, World, inbox, members, wait_for_members,
};

/// Waits until the bridge has said this in a channel.
async fn wait_for_words(world: &World, channel: &str, words: &str) {
    let said = |one: &slack::Message| one.text.contains(words);
    world.slack.wait_for_message(channel, PATIENCE, said).await.unwrap_or_else(|error| {
        panic!("{error}: {:?}\n{}", world.channel(channel), world.daemon.log())
    });
}

/// How often the bridge has said this in a channel.
fn times(world: &World, channel: &str, words: &str) -> usize {
    world.channel(channel).iter().filter(|(_, text)| text.contains(words)).count()
}

const MAYA: &str = "whatsapp:+14155550101";
const BEN: &str = "whatsapp:+14155550102";

/// What is answered, where the configuration says nothing else.
const CONFIRMED: &str = "You get no more messages from us. Write START to get them again.";
const WELCOME: &str = "You get our messages again. Write STOP to end them.";

/// Maya and Ben in a group, and Maya in another one behind another sender.
async fn two_groups(world: &mut World) -> (Group, Group) {
    world.pool(&[SENDER, SECOND_SENDER]);
    let spring = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    let autumn = world.group("autumn-launch", &[]).await;
    let member = partyline_twilio::simulator::NewMember::new(MAYA, SECOND_SENDER);
    world.twilio.add_phone(&autumn.conversation, member).await.expect("a member");
    let messaging = world.daemon.url("/webhooks/twilio/messaging");
    world.twilio.set_messaging_webhook_url(Some(&messaging));
    (spring, autumn)
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_takes_somebody_out_of_every_group_and_start_puts_them_back() {
    let mut world = World::new().await;
    let (spring, autumn) = two_groups(&mut world).await;
    world.daemon.start().await;
    let admin = world.admin.clone();
    world.command(&spring.channel, &admin, "contact add +14155550101 \"Maya Lopez\"").await;
    spring.phones[0].say(&spring.conversation, "please stop by at ten").await.unwrap();
    spring.phones[0].say(&spring.conversation, "Stop!").await.unwrap();
    wait_for_members(&world, &spring.conversation, &[BEN]).await;
    wait_for_members(&world, &autumn.conversation, &[]).await;
    for group in [&spring, &autumn] {
        wait_for_words(&world, &group.channel, "Maya Lopez wants no more messages").await;
    }
    // It is confirmed once; the others hear on, she does not.
    world.wait_for_inbox(&spring.phones[0], 1).await;
    assert_eq!(inbox(&spring.phones[0])[0], CONFIRMED);
    let before = spring.phones[0].inbox_len();
    world.slack.user_says(&spring.channel, &admin, "the plan has changed").unwrap();
    world.wait_for_inbox(&spring.phones[1], 3).await;
    assert_eq!(spring.phones[0].inbox_len(), before);
    // Nobody puts her back by a command, and no conversation of her own is begun.
    let lines = [
        "member add +14155550101",
        "group create \"Winter\" --member \"Maya Lopez\" --room none",
        "dm \"Maya Lopez\" --template team_notice --set 1=x --room slack:C0DIRECT1 --yes",
    ];
    for line in lines {
        let answer = world.command(&spring.channel, &admin, line).await;
        assert!(answer.contains("has asked for no more messages"), "{line}: {answer}");
    }
    assert!(members(&world, &spring.conversation) == [BEN]);
    let list = world.command(&spring.channel, &admin, "optout list").await;
    assert!(list.contains("Maya Lopez (+14155550101)") && list.contains("they wrote so"), "{list}");

    // In no group any more, she is heard all the same; other words bring nobody back.
    for word in ["what happened", "help", "Yes."] {
        spring.phones[0].write_to(SENDER, word).await.unwrap();
    }
    world.wait_for_inbox(&spring.phones[0], before + 2).await;
    assert!(
        inbox(&spring.phones[0])[before].contains("Write STOP"),
        "{:?}",
        inbox(&spring.phones[0])
    );
    assert_eq!(inbox(&spring.phones[0])[before + 1], WELCOME);
    let before = before + 2;
    wait_for_members(&world, &spring.conversation, &[MAYA, BEN]).await;
    wait_for_members(&world, &autumn.conversation, &[MAYA]).await;
    wait_for_words(&world, &autumn.channel, "Maya Lopez wants messages again").await;
    world.slack.user_says(&spring.channel, &admin, "welcome back").unwrap();
    world.wait_for_inbox(&spring.phones[0], before + 1).await;
    world.daemon.wait_until_settled().await;
    assert_eq!(times(&world, &spring.channel, "wants no more messages"), 1);
    assert_eq!(times(&world, &spring.channel, "wants messages again"), 1);
    assert_eq!(world.twilio.conversations().len(), 2, "nothing was begun with her");
}

/// Somebody whom Twilio keeps from us, or who blocked the sender, is known by the receipt.
#[tokio::test(flavor = "multi_thread")]
async fn what_twilio_says_of_a_receiver_is_learned_from_receipts() {
    for (code, words) in
        [(21610, "has opted out by STOP at Twilio"), (63014, "has blocked this sender")]
    {
        let mut world = World::new().await;
        let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
        world.daemon.start().await;
        // Who the participants are is read after the start: the receipt may come before that is known.
        group.phones[0].set_unreachable(Some(code));
        world.slack.user_says(&group.channel, &world.admin, "who is there").unwrap();
        wait_for_members(&world, &group.conversation, &[BEN]).await;
        wait_for_words(&world, &group.channel, words).await;
        world.daemon.wait_until_settled().await;
        let list = world.command(&group.channel, &world.admin, "optout list").await;
        assert!(list.contains("+14155550101"), "{list}");
    }
}

/// What goes to one phone alone tells it, too: by the status that Twilio calls back with, and by its
/// refusal to take the message.
#[tokio::test(flavor = "multi_thread")]
async fn what_twilio_says_of_a_direct_send_is_learned() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    let member = partyline_twilio::simulator::NewMember::new("+14155550103", SMS);
    let by_sms = world.twilio.add_phone(&group.conversation, member).await.expect("a member");
    world.daemon.start().await;
    world.wait_until_listed(&group.channel, "spring-launch").await;
    group.phones[0].set_unreachable(Some(63014));
    by_sms.set_unreachable(Some(21610));
    let admin = world.admin.clone();
    let line = "broadcast group:spring team_notice 1=\"The team\" --yes";
    world.command(&group.channel, &admin, line).await;
    wait_for_members(&world, &group.conversation, &[BEN]).await;
    wait_for_words(&world, &group.channel, "has blocked this sender on WhatsApp").await;
    wait_for_words(&world, &group.channel, "has opted out by STOP at Twilio").await;
    let list = world.command(&group.channel, &admin, "optout list").await;
    assert!(list.contains("+14155550101") && list.contains("+14155550103"), "{list}");
}

/// Whoever opted out stays out, whoever puts them back elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_added_in_the_console_after_all_is_taken_out_again() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550102"]).await;
    world.daemon.start().await;
    let admin = world.admin.clone();
    world.command(&group.channel, &admin, "optout add +14155550101").await;
    let member = partyline_twilio::simulator::NewMember::new(MAYA, SENDER).told();
    world.twilio.add_phone(&group.conversation, member).await.expect("a member");
    wait_for_words(&world, &group.channel, "wants no more messages").await;
    wait_for_members(&world, &group.conversation, &[BEN]).await;
}

/// The words of the configuration, in whatever case, with whatever accents.
#[tokio::test(flavor = "multi_thread")]
async fn words_of_other_languages_are_obeyed() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.configure(|config| config.push_str("\n[optout]\nstop_words = [\"arrêter\"]\n"));
    world.daemon.start().await;
    group.phones[0].say(&group.conversation, "ARRETER.").await.unwrap();
    wait_for_members(&world, &group.conversation, &[BEN]).await;
    wait_for_words(&world, &group.channel, "wants no more messages").await;
}

/// At whatever step it is killed, nobody stays in, nobody stays out, and a room is told once.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_somebody_is_taken_out_and_put_back_once() {
    for point in [
        "intake.stored",
        "intake.noted",
        "optout.left",
        "optout.removing",
        "optout.back",
        "optout.returning",
    ] {
        let mut world = World::new().await;
        let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
        world.daemon.start().await;
        world.twilio.idle().await;
        world.daemon.stop().await;
        world.daemon.arm(&format!("{point}=1*off->return"));
        if point.starts_with("optout") {
            world.daemon.arm(&format!("{point}=return"));
        }
        world.daemon.start().await;
        // It may end before it has answered: what it did not take in is read back.
        let _ = group.phones[0].say(&group.conversation, "stop").await;
        if !matches!(point, "optout.back" | "optout.returning") {
            world.daemon.wait_for_end().await;
            world.daemon.arm("");
            world.daemon.start().await;
        }
        wait_for_members(&world, &group.conversation, &[BEN]).await;
        wait_for_words(&world, &group.channel, "wants no more messages").await;
        let line = "optout clear +14155550101";
        world.slack.command(&group.channel, &world.admin, "/wa", line).expect("it is known");
        if matches!(point, "optout.back" | "optout.returning") {
            world.daemon.wait_for_end().await;
            world.daemon.arm("");
            world.daemon.start().await;
        }
        wait_for_members(&world, &group.conversation, &[MAYA, BEN]).await;
        wait_for_words(&world, &group.channel, "wants messages again").await;
        world.daemon.wait_until_settled().await;
        assert_eq!(times(&world, &group.channel, "wants no more messages"), 1, "{point}");
        assert_eq!(times(&world, &group.channel, "wants messages again"), 1, "{point}");
    }
}

/// The list goes out as a file, by the command line and by the API.
#[tokio::test(flavor = "multi_thread")]
async fn the_list_can_be_exported() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.start().await;
    group.phones[0].say(&group.conversation, "unsubscribe").await.unwrap();
    wait_for_members(&world, &group.conversation, &[BEN]).await;
    let said = |arguments: &[&str]| {
        let output = world.daemon.command(arguments).output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let csv = said(&["optouts", "export"]);
    assert!(csv.starts_with("address,id,since,how,source\nwhatsapp:+14155550101,"), "{csv}");
    assert!(csv.contains(&format!(",said,{}\n", group.conversation)), "{csv}");
    let json = said(&["optouts", "export", "--format", "json"]);
    let row: serde_json::Value = serde_json::from_str(json.trim()).expect("a row");
    assert_eq!((&row["address"], &row["how"]), (&MAYA.into(), &"said".into()));
    assert_eq!(said(&["optouts", "list", "--json"]).lines().count(), 1);
}

/// By SMS Twilio answers its own words, and the bridge the others, unless it is told to answer all.
#[tokio::test(flavor = "multi_thread")]
async fn by_sms_twilio_answers_its_own_words() {
    for (setting, word, answers) in
        [("twilio", "stop", false), ("twilio", "alto", true), ("partyline", "info", true)]
    {
        let mut world = World::new().await;
        let group = world.group("spring-launch", &["+14155550102"]).await;
        let member = partyline_twilio::simulator::NewMember::new("+14155550101", SMS);
        let phone = world.twilio.add_phone(&group.conversation, member).await.expect("a member");
        world.daemon.configure(|config| {
            let more =
                format!("\n[optout]\nstop_words = [\"alto\"]\nsms_answers = \"{setting}\"\n");
            config.push_str(&more);
        });
        world.daemon.start().await;
        phone.say(&group.conversation, word).await.unwrap();
        world.wait_for_posts(&group.channel, 1).await;
        if word != "info" {
            wait_for_members(&world, &group.conversation, &[BEN]).await;
            wait_for_words(&world, &group.channel, "wants no more messages").await;
        }
        world.daemon.wait_until_settled().await;
        let ours = inbox(&phone).iter().filter(|text| !text.contains("unsubscribed")).count();
        assert_eq!(ours, usize::from(answers), "{setting}, {word}: {:?}", inbox(&phone));
    }
}

/// Twilio tells a stranger's HELP by its webhook, by the conversation that it makes for it, and in its log:
/// in whichever order, and wherever the daemon is killed, it is answered once.
#[tokio::test(flavor = "multi_thread")]
async fn help_is_answered_once_however_often_it_is_told() {
    for point in ["", "intake.begin", "intake.stored", "intake.woken", "lane.sent"] {
        for autocreation in [false, true] {
            let (mut world, channel, maya) = crate::inbox::world(autocreation).await;
            world.daemon.stop().await;
            if !point.is_empty() {
                world.daemon.arm(&format!("{point}=return"));
            }
            world.daemon.start().await;
            let _ = maya.write_to(SENDER, "Help!").await;
            if !point.is_empty() {
                world.daemon.wait_for_end().await;
                world.daemon.arm("");
                world.daemon.start().await;
            }
            world.wait_for_inbox(&maya, 1).await;
            // What comes behind it is there: so is whatever else it caused.
            maya.write_to(SENDER, "thank you").await.expect("written");
            crate::inbox::wait_for_thread(&world, &channel, 2).await;
            crate::message_log::wait_until_read(&world, 1.0).await;
            world.daemon.wait_until_settled().await;
            let answers = inbox(&maya);
            let what = format!("{point}, {autocreation}: {answers:?}");
            assert_eq!(answers.len(), 1, "{what}");
            assert!(answers[0].contains("Write STOP"), "{what}");
        }
    }
}
