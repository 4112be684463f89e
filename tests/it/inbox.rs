//! People who write without being in a group, and those who answer them in a thread.

mod blocked;
mod written;

use std::time::Duration;

use partyline_slack::simulator as slack;
use partyline_twilio::simulator::{Attachment, NewMember, Phone, Saying};

use crate::forms::{send_off, view};
use crate::support::{PAGE, PATIENCE, SECOND_SENDER, SENDER, SMS, World, inbox, wait_for_members};

pub(crate) const MAYA: &str = "whatsapp:+14155550101";

/// A channel for the inbox, which the daemon is told of, and the address of the Messaging webhook.
pub(crate) fn configure(world: &mut World) -> String {
    let channel = world.room("inbox");
    let room = format!("\n[inbox]\nroom = \"slack:{channel}\"\n");
    world.daemon.configure(|config| config.push_str(&room));
    let messaging = world.daemon.url("/webhooks/twilio/messaging");
    world.twilio.set_messaging_webhook_url(Some(&messaging));
    channel
}

/// Has Twilio make a conversation for whoever writes to a sender.
pub(crate) async fn autocreate(world: &World, kind: &str, sender: &str) {
    let options = partyline_twilio::simulator::Options::default();
    let set = [("Type", kind), ("Address", sender), ("AutoCreation.Enabled", "true")];
    let url = format!("{}/v1/Configuration/Addresses", world.twilio.base_url());
    let client = reqwest::Client::new().post(url).form(&set);
    let client = client.basic_auth(options.api_key_sid, Some(options.api_key_secret));
    assert_eq!(client.send().await.expect("an answer").status(), 201);
}

/// A world with an inbox, its channel, and Maya's phone, which is in no group.
pub(crate) async fn world(autocreation: bool) -> (World, String, Phone) {
    let mut world = World::new().await;
    let channel = configure(&mut world);
    if autocreation {
        autocreate(&world, "whatsapp", SENDER).await;
    }
    let phone = world.twilio.phone(MAYA);
    phone.set_profile_name("Maya");
    world.daemon.start().await;
    (world, channel, phone)
}

fn is_card(message: &slack::Message) -> bool {
    message.text.contains("has written.") || message.text.contains("is written to.")
}

pub(crate) fn cards(world: &World, channel: &str) -> usize {
    world.slack.messages(channel).iter().filter(|one| is_card(one)).count()
}

/// The message that begins the thread with Maya, and what stands in the thread.
pub(crate) fn thread(slack: &slack::Simulator, channel: &str) -> Option<(slack::Ts, Vec<String>)> {
    let messages = slack.messages(channel);
    let card = messages.iter().find(|one| is_card(one))?.ts;
    let replies = messages.iter().filter(|one| one.thread_ts == Some(card) && one.ts != card);
    Some((card, replies.map(|one| one.text.clone()).collect()))
}

pub(crate) async fn wait_for_thread(
    world: &World,
    channel: &str,
    count: usize,
) -> (slack::Ts, Vec<String>) {
    let there = |slack: &slack::Simulator| {
        thread(slack, channel).filter(|(_, replies)| replies.len() >= count)
    };
    world.slack.wait_for("a thread", PATIENCE, there).await.unwrap_or_else(|error| {
        panic!("{error}: {:?}\n{}", world.channel(channel), world.daemon.log())
    })
}

/// Whether a conversation is made for the address or not, each message comes once and in order, and the
/// thread answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_has_a_thread_and_is_answered_there() {
    for autocreation in [false, true] {
        let (world, channel, maya) = world(autocreation).await;
        let admin = world.admin.clone();
        maya.write_to(SENDER, "is anybody there").await.expect("written");
        maya.write_to(SENDER, "hello").await.expect("written");
        let (card, replies) = wait_for_thread(&world, &channel, 2).await;
        assert_eq!(replies, ["is anybody there", "hello"], "{autocreation}");
        let list = world.command(&channel, &admin, "inbox list").await;
        assert!(list.contains("2 unread"), "{list}");

        world.slack.user_replies(&channel, &admin, card, "we are", false).expect("said");
        world.wait_for_inbox(&maya, 1).await;
        assert_eq!(inbox(&maya), ["*Ada Admin*: we are"]);
        maya.write_to(SENDER, "good").await.expect("written");
        let (_, replies) = wait_for_thread(&world, &channel, 4).await;
        let good = format!("<@{admin}> good");
        assert_eq!(replies, ["is anybody there", "hello", "we are", &good], "{autocreation}");
        world.daemon.wait_until_settled().await;
        assert_eq!(world.twilio.conversations().len(), 1);

        let closed = world.command(&channel, &admin, "inbox close +14155550101").await;
        assert!(closed.contains("is closed"), "{closed}");
        let list = world.command(&channel, &admin, "inbox list").await;
        assert_eq!(list, "The inbox is empty.");
        maya.write_to(SENDER, "one thing more").await.expect("written");
        wait_for_thread(&world, &channel, 5).await;
        let list = world.command(&channel, &admin, "inbox list").await;
        assert!(list.contains("1 unread"), "{list}");
    }
}

/// Who is no contact is found by the name that they go by in WhatsApp, of which the beginning is enough; by
/// nothing but the commands of the inbox.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_written_is_found_by_the_name_that_they_go_by() {
    let (world, channel, maya) = world(false).await;
    let admin = world.admin.clone();
    let other = world.twilio.phone("whatsapp:+14155550102");
    other.set_profile_name("Maya the Second");
    maya.write_to(SENDER, "is anybody there").await.expect("written");
    other.write_to(SENDER, "a word from me").await.expect("written");
    let both = |slack: &slack::Simulator| {
        let messages = slack.messages(&channel);
        let cards = messages.iter().filter(|one| is_card(one)).count();
        (cards == 2).then_some(())
    };
    world.slack.wait_for("two cards", PATIENCE, both).await.expect("they are there");
    for (line, expected) in [
        ("inbox close maya", "with +14155550101 is closed"),
        ("inbox open \"maya the\"", "with +14155550102 is open"),
        ("inbox close may", "can be several people: Maya (+14155550101), Maya the Second"),
        ("inbox assign Nobody", "There is no contact \"Nobody\""),
        ("dm Maya hello", "There is no contact \"Maya\""),
    ] {
        let answer = world.command(&channel, &admin, line).await;
        assert!(answer.contains(expected), "{line}: {answer}");
    }
}

/// The same words of one person to two of our numbers are two messages, each once, in a thread of its own.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_words_to_two_senders_are_two_messages() {
    for autocreation in [[false, false], [true, false], [true, true]] {
        let mut world = World::new().await;
        let channel = configure(&mut world);
        for (sender, auto) in [SENDER, SECOND_SENDER].into_iter().zip(autocreation) {
            if auto {
                autocreate(&world, "whatsapp", sender).await;
            }
        }
        let maya = world.twilio.phone(MAYA);
        world.daemon.start().await;
        for words in ["hello", "is anybody there"] {
            maya.write_to(SENDER, words).await.expect("written");
            maya.write_to(SECOND_SENDER, words).await.expect("written");
        }
        let threads = |slack: &slack::Simulator| {
            let messages = slack.messages(&channel);
            let cards = messages.iter().filter(|one| is_card(one)).map(|card| {
                let replies = messages
                    .iter()
                    .filter(|one| one.thread_ts == Some(card.ts) && one.ts != card.ts);
                replies.map(|one| one.text.clone()).collect::<Vec<_>>()
            });
            cards.collect::<Vec<_>>()
        };
        // What is said last comes behind what was still to be let in.
        for (words, count) in [("", 4), ("good then", 6)] {
            for sender in [SENDER, SECOND_SENDER].into_iter().filter(|_| !words.is_empty()) {
                maya.write_to(sender, words).await.expect("written");
            }
            let all = |slack: &slack::Simulator| {
                let replies = threads(slack).iter().map(Vec::len).sum::<usize>();
                (replies >= count).then_some(())
            };
            let there = world.slack.wait_for("replies", PATIENCE, all).await;
            there.unwrap_or_else(|e| {
                panic!("{e}: {:?}\n{}", threads(&world.slack), world.daemon.log())
            });
            world.daemon.wait_until_settled().await;
        }
        let expected = vec!["hello".to_owned(), "is anybody there".into(), "good then".into()];
        assert_eq!(threads(&world.slack), [expected.clone(), expected], "{autocreation:?}");
        assert_eq!(world.twilio.conversations().len(), 2, "{autocreation:?}");
    }
}

/// Whoever answered first is mentioned once by what comes then, until somebody answers; `inbox assign`
/// hands it over.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_wrote_first_is_mentioned_when_they_write_again() {
    let (world, channel, maya) = world(true).await;
    let admin = world.admin.clone();
    let ben = world.slack.add_user("Ben Carter", None);
    world.slack.join(&channel, &ben);
    let reply = |who: &str, card, text: &str| {
        world.slack.user_replies(&channel, who, card, text, false).expect("said");
    };
    maya.write_to(SENDER, "is anybody there").await.expect("written");
    let (card, _) = wait_for_thread(&world, &channel, 1).await;
    reply(&ben, card, "I am");
    wait_for_thread(&world, &channel, 2).await;
    reply(&admin, card, "so am I");
    world.wait_for_inbox(&maya, 2).await;
    maya.write_to(SENDER, "good").await.expect("written");
    wait_for_thread(&world, &channel, 4).await;
    maya.write_to(SENDER, "very good").await.expect("written");
    let (_, replies) = wait_for_thread(&world, &channel, 5).await;
    assert_eq!(replies[3..], [format!("<@{ben}> good"), "very good".to_owned()]);

    let line = format!("inbox assign +14155550101 slack:{admin}");
    let answer = world.command(&channel, &admin, &line).await;
    assert!(answer.contains("is mentioned when +14155550101 writes again"), "{answer}");
    let list = world.command(&channel, &admin, "inbox list").await;
    assert!(list.contains(&format!("2 unread, for slack:{admin}")), "{list}");
    reply(&ben, card, "is it?");
    world.wait_for_inbox(&maya, 3).await;
    maya.write_to(SENDER, "it is").await.expect("written");
    let (_, replies) = wait_for_thread(&world, &channel, 7).await;
    assert_eq!(replies[6], format!("<@{admin}> it is"));

    let answer = world.command(&channel, &admin, "inbox assign +14155550101").await;
    assert!(answer.contains("Nobody is mentioned"), "{answer}");
    reply(&ben, card, "well then");
    world.wait_for_inbox(&maya, 4).await;
    maya.write_to(SENDER, "goodbye").await.expect("written");
    let (_, replies) = wait_for_thread(&world, &channel, 9).await;
    assert_eq!(replies[8], "goodbye");
}

/// What is said in a group that is tied to nothing is none of the inbox's.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_without_a_room_is_not_in_the_inbox() {
    let (world, channel, _) = world(false).await;
    let (conversation, phones) =
        world.conversation("untied", &["+14155550102", "+14155550103"]).await;
    phones[0].say(&conversation, "among ourselves").await.expect("said");
    let admin = world.admin.clone();
    let began = std::time::Instant::now();
    while world.command(&channel, &admin, "inbox list --all").await != "The inbox is empty." {
        assert!(began.elapsed() < PATIENCE, "it stays\n{}", world.daemon.log());
    }
    phones[0].say(&conversation, "and again").await.expect("said");
    world.daemon.wait_until_settled().await;
    assert!(thread(&world.slack, &channel).is_none());
}

/// At whatever step it is killed, there is one card, and each message once.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_a_stranger_has_one_thread() {
    for point in ["inbox.made", "inbox.begun", "lane.sent", "inbox.tied", "inbox.released"] {
        let (mut world, channel, maya) = world(false).await;
        world.daemon.stop().await;
        world.daemon.arm(&format!("{point}=return"));
        world.daemon.start().await;
        let _ = maya.write_to(SENDER, "is anybody there").await;
        world.daemon.wait_for_end().await;
        world.daemon.arm("");
        world.daemon.start().await;
        let (_, replies) = wait_for_thread(&world, &channel, 1).await;
        world.daemon.wait_until_settled().await;
        assert_eq!(replies, ["is anybody there"], "{point}");
        assert_eq!(cards(&world, &channel), 1, "{point}");
        assert_eq!(world.twilio.conversations().len(), 1, "{point}");
    }
}

/// The card shows what was said before, and has buttons: a form to answer, one to add them to a group,
/// and a block, which is confirmed.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_tells_what_was_before_and_has_buttons() {
    let mut world = World::new().await;
    autocreate(&world, "whatsapp", SENDER).await;
    world.daemon.start().await;
    let maya = world.twilio.phone(MAYA);
    maya.write_to(SENDER, "long ago").await.expect("written");
    let conversation = world.twilio.conversations()[0].sid.to_string();
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
    let channel = configure(&mut world);
    world.move_time(Duration::from_secs(3600));
    world.daemon.start().await;
    maya.say(&conversation, "is anybody there").await.expect("said");
    let (card, replies) = wait_for_thread(&world, &channel, 1).await;
    assert_eq!(replies, ["is anybody there"]);
    let message = |ts| world.slack.messages(&channel).into_iter().find(|one| one.ts == ts);
    let text = message(card).expect("the card").text.clone();
    assert!(text.contains("Before that:\n• ") && text.contains("long ago"), "{text}");

    let admin = world.admin.clone();
    let press = |label: &str| {
        let blocks = message(card).and_then(|card| card.blocks.clone()).expect("blocks");
        let buttons = blocks[1]["elements"].as_array().expect("buttons").clone();
        let button = buttons.iter().find(|one| one["text"]["text"] == label).expect(label);
        let text = |key: &str| button[key].as_str().expect(key).to_owned();
        world.slack.press(&channel, &admin, card, &text("action_id"), &text("value"))
    };
    let mut run = press("Reply").expect("pressed");
    let form = view(&world, &admin, "\"block_id\":\"text\"").await;
    world.slack.type_in(&form.id, "text", "we are").expect("typed");
    send_off(&world.slack, &form.id).await;
    let answer = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(answer.contains("thread in the inbox"), "{answer}");
    world.wait_for_inbox(&maya, 1).await;
    let (_, replies) = wait_for_thread(&world, &channel, 2).await;
    assert_eq!(replies[1], "we are");

    let office = world.slack.add_channel("office", &[&admin]);
    let made = world.command(&office, &admin, "group create \"Spring launch\" --room none").await;
    assert!(made.contains("Spring launch"), "{made}");
    let mut run = press("Add to a group").expect("pressed");
    let form = view(&world, &admin, "\"block_id\":\"group\"").await;
    let found = world.slack.search(&form.id, "group", "Spring").await.expect("found");
    assert_eq!(found[0].1, "Spring launch");
    world.slack.choose(&form.id, "group", &[&found[0].0]).expect("chosen");
    send_off(&world.slack, &form.id).await;
    let answer = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(
        answer.contains("a conversation of their own in the inbox behind this sender"),
        "{answer}"
    );
    // There is one sender, and a phone is in one conversation behind it: they are moved.
    let (_, line) = answer.split_once("`/wa ").expect("the command");
    let (line, _) = line.split_once('`').expect("the command");
    let answer = world.command(&office, &admin, line).await;
    let group = world.twilio.conversations().into_iter().find(|one| one.sid.as_str() == found[0].0);
    let members = world.twilio.participants(&group.expect("the group").sid);
    assert_eq!(members.len(), 1, "{answer}");

    let mut run = press("Block").expect("pressed");
    let question = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(question.contains("This blocks"), "{question}");
    assert!(message(card).is_some_and(|card| card.blocks.is_some()), "the card stays");
}

/// What was written while nobody called, because the bridge was down or only asks, is found, in order.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_told_of_is_found_in_conversations_without_a_room() {
    for poll in [false, true] {
        let (mut world, channel, maya) = world(true).await;
        world.daemon.stop().await;
        world.daemon.configure(|config| {
            let from = "[twilio]\n";
            assert!(config.contains(from), "{config}");
            let ingest = if poll { "ingest = \"poll\"\npoll_interval = \"1s\"\n" } else { "" };
            *config = config.replace(from, &format!("{from}groups_interval = \"10s\"\n{ingest}"));
        });
        if poll {
            world.twilio.set_webhook_url(None);
            world.twilio.set_messaging_webhook_url(None);
        }
        maya.write_to(SENDER, "is anybody there").await.expect("written");
        maya.write_to(SENDER, "hello").await.expect("written");
        world.daemon.start().await;
        let (card, replies) = wait_for_thread(&world, &channel, 2).await;
        assert_eq!(replies, ["is anybody there", "hello"], "{poll}");
        let admin = world.admin.clone();
        world.slack.user_replies(&channel, &admin, card, "we are", false).expect("said");
        world.wait_for_inbox(&maya, 1).await;
        maya.write_to(SENDER, "good").await.expect("written");
        let (_, replies) = wait_for_thread(&world, &channel, 4).await;
        assert_eq!(replies[3], format!("<@{admin}> good"), "{poll}");
        let ravi = world.twilio.phone("whatsapp:+14155550102");
        ravi.write_to(SENDER, "and I").await.expect("written");
        let text = |slack: &slack::Simulator| {
            slack.messages(&channel).iter().any(|one| one.text == "and I").then_some(())
        };
        world.slack.wait_for("Ravi's words", PATIENCE, text).await.expect("shown");
        assert_eq!(cards(&world, &channel), 2, "{poll}");
    }
}

/// SMS, with a picture, and Messenger, whichever way Twilio tells of them.
#[tokio::test(flavor = "multi_thread")]
async fn people_on_every_channel_have_a_thread_each() {
    for autocreation in [false, true] {
        let mut world = World::new().await;
        for (kind, sender) in [("sms", SMS), ("messenger", PAGE)] {
            if autocreation {
                autocreate(&world, kind, sender).await;
            }
        }
        let channel = configure(&mut world);
        world.daemon.start().await;
        let cases = [("+14155550102", SMS, "SMS"), ("messenger:2345678", PAGE, "Messenger")];
        for (address, sender, name) in cases {
            let phone = world.twilio.phone(address);
            let (filename, content_type) = (Some("cat.png".into()), "image/png".into());
            let picture = Attachment { filename, content_type, bytes: "PNG".into() };
            let saying = Saying { files: vec![picture], ..Saying::from("look at this") };
            phone.write_to(sender, saying).await.expect("written");
            let card = world
                .slack
                .wait_for("a card", PATIENCE, |slack| {
                    slack
                        .messages(&channel)
                        .iter()
                        .find(|one| one.text.contains(name))
                        .map(|one| one.ts)
                })
                .await
                .unwrap_or_else(|error| panic!("{error}\n{}", world.daemon.log()));
            let shown = |slack: &slack::Simulator| {
                let messages = slack.messages(&channel);
                let reply =
                    messages.iter().find(|one| one.thread_ts == Some(card) && one.ts != card);
                reply.map(|one| one.text.clone())
            };
            let text = world.slack.wait_for("words", PATIENCE, shown).await.expect("shown");
            assert!(text.contains("look at this") && text.contains("image/png"), "{text}");
            let admin = world.admin.clone();
            world.slack.user_replies(&channel, &admin, card, "I see", false).expect("said");
            world.wait_for_inbox(&phone, 1).await;
            assert_eq!(inbox(&phone), ["*Ada Admin*: I see"], "{name}");
        }
        world.daemon.wait_until_settled().await;
        assert_eq!(world.twilio.conversations().len(), 2, "{autocreation}");
    }
}

/// Waits until the metrics say so much of the inbox is open, unread, and waits for a thread.
async fn wait_for_counts(world: &World, expected: [f64; 3]) {
    let began = std::time::Instant::now();
    loop {
        let mut counts = [None; 3];
        for (count, state) in counts.iter_mut().zip(["open", "unread", "waiting"]) {
            let line = format!("partyline_inbox_conversations{{state=\"{state}\"}}");
            *count = world.daemon.metric(&line).await;
        }
        if counts == expected.map(Some) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{counts:?}\n{}", world.daemon.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The metrics count what is open. What was closed longer ago than anything is remembered is put away: its
/// thread says so, and whoever writes then has a new one.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_closed_long_ago_is_put_away_and_what_is_open_is_counted() {
    let (mut world, channel, maya) = world(false).await;
    let admin = world.admin.clone();
    wait_for_counts(&world, [0.0, 0.0, 0.0]).await;
    maya.write_to(SENDER, "is anybody there").await.expect("written");
    let (card, _) = wait_for_thread(&world, &channel, 1).await;
    wait_for_counts(&world, [1.0, 1.0, 0.0]).await;
    world.slack.user_replies(&channel, &admin, card, "we are", false).expect("said");
    world.wait_for_inbox(&maya, 1).await;
    wait_for_counts(&world, [1.0, 0.0, 0.0]).await;
    world.command(&channel, &admin, "inbox close +14155550101").await;
    wait_for_counts(&world, [0.0, 0.0, 0.0]).await;
    world.daemon.wait_until_settled().await;

    world.daemon.stop().await;
    world.move_time(Duration::from_secs(367 * 86_400));
    world.daemon.start().await;
    let (_, replies) = wait_for_thread(&world, &channel, 3).await;
    assert!(replies[2].contains("leads nowhere"), "{replies:?}");
    let list = world.command(&channel, &admin, "inbox list --all").await;
    assert_eq!(list, "The inbox is empty.");
    maya.write_to(SENDER, "one thing more").await.expect("written");
    let again = |slack: &slack::Simulator| {
        let messages = slack.messages(&channel);
        let said = messages.iter().find(|one| one.text == "one thing more")?;
        said.thread_ts.filter(|head| *head != card)
    };
    world.slack.wait_for("a new thread", PATIENCE, again).await.unwrap_or_else(|error| {
        panic!("{error}: {:?}\n{}", world.channel(&channel), world.daemon.log())
    });
    wait_for_counts(&world, [1.0, 1.0, 0.0]).await;
}
