//! What the people in a room learn of how far their messages came.

use partyline_slack::simulator as slack;
use partyline_twilio::simulator as twilio;

use crate::support::{PATIENCE, SENDER, SMS, World, inbox, wait_for_members};

/// The names of the reactions on the last thing that a person said in a channel.
fn reactions(slack: &slack::Simulator, channel: &str) -> Vec<String> {
    let messages = slack.messages(channel);
    let said = messages.iter().rev().find(|one| matches!(one.author, slack::Author::User(_)));
    said.into_iter().flat_map(|said| &said.reactions).map(|one| one.name.clone()).collect()
}

async fn wait_for_reactions(world: &World, channel: &str, expected: &[&str]) {
    let shown = |slack: &slack::Simulator| (reactions(slack, channel) == expected).then_some(());
    if let Err(error) = world.slack.wait_for("reactions", PATIENCE, shown).await {
        panic!("{error}: {:?}\n{}", reactions(&world.slack, channel), world.daemon.log())
    }
}

/// What stands in the thread under the message with this text.
fn beside(slack: &slack::Simulator, channel: &str, text: &str) -> Vec<String> {
    let messages = slack.messages(channel);
    let head = messages.iter().find(|one| one.text == text).expect("it was said").ts;
    let replies = messages.iter().filter(|one| one.thread_ts == Some(head) && one.ts != head);
    replies.map(|one| one.text.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_shows_how_far_it_came() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.start().await;
    group.phones[1].switch(false);
    world.slack.user_says(&group.channel, &world.admin, "who is there").unwrap();
    wait_for_reactions(&world, &group.channel, &["heavy_check_mark"]).await;
    group.phones[1].switch(true);
    wait_for_reactions(&world, &group.channel, &["white_check_mark"]).await;
    for phone in &group.phones {
        phone.read_all();
    }
    wait_for_reactions(&world, &group.channel, &["eyes"]).await;
    let status = world.command(&group.channel, &world.admin, "status").await;
    assert!(status.contains("Said here in the last 24 hours: 1 read by all."), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_message_does_not_reach_is_told_beside_it_once() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.start().await;
    let admin = world.admin.clone();
    world.command(&group.channel, &admin, "contact add +14155550101 \"Maya Lopez\"").await;
    group.phones[0].set_unreachable(Some(63003));
    world.slack.user_says(&group.channel, &admin, "see you at ten").unwrap();
    world.wait_for_inbox(&group.phones[1], 1).await;
    // Whatever it knew of receipts by now, it has on its disk.
    world.daemon.kill();
    world.twilio.idle().await;
    world.daemon.start().await;
    world.slack.user_says(&group.channel, &admin, "and once more").unwrap();
    wait_for_reactions(&world, &group.channel, &["warning"]).await;
    world.daemon.wait_until_settled().await;
    let told = beside(&world.slack, &group.channel, "and once more");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("Not delivered to Maya Lopez: the number is not on WhatsApp"),
        "{told:?}"
    );
    assert!(told[0].contains("`member remove`"), "{told:?}");

    // And what the other phone says.
    group.phones[1].say(&group.conversation, "I am on my way").await.unwrap();
    world
        .slack
        .wait_for("a remark", PATIENCE, |slack| {
            let said =
                slack.messages(&group.channel).iter().any(|one| one.text == "I am on my way");
            (said && !beside(slack, &group.channel, "I am on my way").is_empty()).then_some(())
        })
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", world.daemon.log()));
    let told = beside(&world.slack, &group.channel, "I am on my way");
    assert!(told[0].contains("said was not delivered to Maya Lopez: "), "{told:?}");
}

/// Whoever manages the group takes a number out that nothing reaches, by a button for which Slack asks first.
#[tokio::test(flavor = "multi_thread")]
async fn whom_nothing_reaches_is_taken_out_by_a_button() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.start().await;
    world.wait_until_listed(&group.channel, "spring-launch").await;
    let admin = world.admin.clone();
    world.command(&group.channel, &admin, "contact add +14155550101 \"Maya Lopez\"").await;
    group.phones[0].set_unreachable(Some(63003));
    world.slack.user_says(&group.channel, &admin, "see you at ten").unwrap();
    let eve = world.slack.add_user("Eve", None);
    world.slack.join(&group.channel, &eve);
    let mut run = world.press(&group.channel, &eve, "Take Maya Lopez out").await;
    let denied = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(!denied.contains("No longer in the group"), "{denied}");
    assert_eq!(world.twilio.participants(&group.conversation).len(), 2, "{denied}");
    let messages = world.slack.messages(&group.channel);
    let asked = messages.iter().find_map(|message| message.asks("press.0"));
    let question = "Maya Lopez is taken out of the group, and gets nothing more of it.";
    assert_eq!(asked.as_deref(), Some(question));

    let mut run = world.press(&group.channel, &admin, "Take Maya Lopez out").await;
    let answer = run.answer(PATIENCE).await.expect("an answer").text;
    assert_eq!(answer, "No longer in the group: Maya Lopez.");
    wait_for_members(&world, &group.conversation, &["whatsapp:+14155550102"]).await;
}

/// What a phone missed is sent to it once more, and to it alone, by a button; and not a second time.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_phone_missed_is_sent_to_it_once_more_by_a_button() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.start().await;
    world.wait_until_listed(&group.channel, "spring-launch").await;
    let admin = world.admin.clone();
    world.command(&group.channel, &admin, "contact add +14155550101 \"Maya Lopez\"").await;
    group.phones[0].say(&group.conversation, "back in a minute").await.unwrap();
    world.wait_for_posts(&group.channel, 1).await;
    group.phones[0].set_unreachable(Some(30003));
    world.slack.user_says(&group.channel, &admin, "are you there").unwrap();
    wait_for_reactions(&world, &group.channel, &["warning"]).await;
    world.daemon.wait_until_settled().await;
    let told = beside(&world.slack, &group.channel, "are you there");
    assert!(told[0].contains("+14155550101` sends it to Maya Lopez once more."), "{told:?}");

    group.phones[0].set_unreachable(None);
    let mut run = world.press(&group.channel, &admin, "Send it to Maya Lopez again").await;
    let answer = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(answer.ends_with("once more."), "{answer}");
    wait_for_reactions(&world, &group.channel, &["white_check_mark"]).await;
    let mut run = world.press(&group.channel, &admin, "Send it to Maya Lopez again").await;
    let answer = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(answer.contains("is on its way once more"), "{answer}");
    world.daemon.wait_until_settled().await;
    assert_eq!(inbox(&group.phones[0]), ["*Ada Admin*: are you there"]);
    assert_eq!(group.phones[1].inbox_len(), 2);
}

/// What failed once more is sent again as often as somebody asks, over SMS too, and comes once.
#[tokio::test(flavor = "multi_thread")]
async fn what_failed_once_more_can_be_sent_again() {
    for (address, sender) in [("whatsapp:+14155550103", SENDER), ("+14155550103", SMS)] {
        let mut world = World::new().await;
        let group = world.group("spring-launch", &["+14155550102"]).await;
        let member = twilio::NewMember::new(address, sender);
        let phone = world.twilio.add_phone(&group.conversation, member).await.expect("a member");
        world.daemon.start().await;
        world.wait_until_listed(&group.channel, "spring-launch").await;
        let admin = world.admin.clone();
        world.command(&group.channel, &admin, "contact add +14155550103 \"Maya Lopez\"").await;
        phone.say(&group.conversation, "back in a minute").await.unwrap();
        world.wait_for_posts(&group.channel, 1).await;
        phone.set_unreachable(Some(30003));
        world.slack.user_says(&group.channel, &admin, "are you there").unwrap();
        for count in 1..=3 {
            let there = |slack: &slack::Simulator| {
                let all = beside(slack, &group.channel, "are you there");
                let told = all
                    .iter()
                    .filter(|one| one.contains("sends it to Maya Lopez once more."))
                    .count();
                (told >= count).then_some(())
            };
            let there = world.slack.wait_for("a failure", PATIENCE, there).await;
            there.unwrap_or_else(|e| panic!("{address} {count}: {e}\n{}", world.daemon.log()));
            if count == 3 {
                phone.set_unreachable(None);
            }
            let mut run = world.press(&group.channel, &admin, "Send it to Maya Lopez again").await;
            let answer = run.answer(PATIENCE).await.expect("an answer").text;
            assert!(answer.ends_with("once more."), "{address} {count}: {answer}");
        }
        world.wait_for_inbox(&phone, 1).await;
        wait_for_reactions(&world, &group.channel, &["white_check_mark"]).await;
        world.daemon.wait_until_settled().await;
        let came = inbox(&phone);
        assert!(came.len() == 1 && came[0].ends_with(": are you there"), "{address}: {came:?}");
    }
}

/// A receipt that was acknowledged is told of, whenever the daemon is killed: the hook that brought
/// it is not repeated.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_when_it_is_killed_is_told_after_the_start() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    group.phones[0].set_unreachable(Some(30003));
    world.slack.user_says(&group.channel, &world.admin, "are you there").unwrap();
    let failed = "partyline_twilio_webhooks_total{event=\"onDeliveryUpdated\",outcome=\"event\"}";
    let began = std::time::Instant::now();
    while world.daemon.metric(failed).await.unwrap_or_default() < 1.0 {
        assert!(began.elapsed() < PATIENCE, "no receipt\n{}", world.daemon.log());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    world.twilio.idle().await;
    world.daemon.kill();
    world.daemon.start().await;
    wait_for_reactions(&world, &group.channel, &["warning"]).await;
    world.daemon.wait_until_settled().await;
    let told = beside(&world.slack, &group.channel, "are you there");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("switched off or out of reach"), "{told:?}");
}

/// Five thousand receipts, as fast as Twilio tells them, are a few changes of what each message shows.
#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_receipts_are_a_few_ticks() {
    const PHONES: usize = 50;
    const MESSAGES: usize = 50;
    let mut world = World::new().await;
    let numbers: Vec<String> = (0..PHONES).map(|one| format!("+1415556{one:04}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let group = world.group("spring-launch", &numbers).await;
    world.daemon.start().await;
    group.phones.iter().for_each(|phone| phone.switch(false));
    for number in 0..MESSAGES {
        world.slack.user_says(&group.channel, &world.admin, &format!("point {number}")).unwrap();
    }
    let all_show = async |emoji: &str| {
        let shown = |slack: &slack::Simulator| {
            let messages = slack.messages(&group.channel);
            let said = messages.iter().filter(|one| one.text.starts_with("point "));
            let so = said.filter(|one| matches!(&one.reactions[..], [tick] if tick.name == emoji));
            (so.count() == MESSAGES).then_some(())
        };
        if let Err(error) = world.slack.wait_for(emoji, 3 * PATIENCE, shown).await {
            panic!("{error}\n{}", world.daemon.log())
        }
    };
    all_show("heavy_check_mark").await;
    let before = world.slack.counters().requests;
    group.phones.iter().for_each(|phone| phone.switch(true));
    group.phones.iter().for_each(twilio::Phone::read_all);
    all_show("eyes").await;
    world.daemon.wait_until_settled().await;
    let receipts = "partyline_twilio_webhooks_total{event=\"onDeliveryUpdated\",outcome=\"event\"}";
    let came = world.daemon.metric(receipts).await.unwrap_or_default();
    assert!(came >= 5000.0, "{came}");
    // A tick is put on, and the one before is taken away.
    let calls = world.slack.counters().requests - before;
    assert!(calls <= 6 * MESSAGES as u64, "{calls} calls of Slack for {came} receipts");
}
