//! What phones wrote while nobody answered the Messaging webhook is found in the log of messages: once, in
//! order, with its time.

use std::time::{Duration, Instant};

use partyline_slack::simulator as slack;
use partyline_twilio::simulator::{Attachment, Fault, FaultKind, Phone, Saying};

use crate::inbox::{MAYA, cards, configure, thread, wait_for_thread};
use crate::support::{PATIENCE, SECOND_SENDER, SENDER, SMS, World, inbox};

const RAVI: &str = "whatsapp:+14155550102";
const ZOE: &str = "whatsapp:+14155550103";
const STOPPED: &str = "You get no more messages from us. Write START to get them again.";
const HOUR: Duration = Duration::from_secs(3600);

/// Waits until the log was read so often since the daemon started.
pub(crate) async fn wait_until_read(world: &World, times: f64) {
    let line = "partyline_twilio_request_seconds_count{resource=\"message_log\",method=\"GET\",outcome=\"ok\"";
    let began = Instant::now();
    while world.daemon.metric(line).await.is_none_or(|count| count < times) {
        assert!(began.elapsed() < PATIENCE, "the log is not read\n{}", world.daemon.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A world with an inbox whose daemon has run, so that the log has begun, and is down.
async fn down() -> (World, String) {
    let mut world = World::new().await;
    let channel = configure(&mut world);
    world.daemon.start().await;
    wait_until_read(&world, 1.0).await;
    world.daemon.stop().await;
    (world, channel)
}

async fn write(phone: &Phone, sender: &str, words: &str) {
    phone.write_to(sender, words).await.expect("written");
}

/// All that stands in the threads of a channel, in order.
fn in_threads(slack: &slack::Simulator, channel: &str) -> Vec<String> {
    let messages = slack.messages(channel);
    let replies = messages.iter().filter(|one| one.thread_ts.is_some_and(|card| card != one.ts));
    replies.map(|one| one.text.clone()).collect()
}

async fn wait_for_replies(world: &World, channel: &str, count: usize) -> Vec<String> {
    let there = |slack: &slack::Simulator| {
        Some(in_threads(slack, channel)).filter(|all| all.len() >= count)
    };
    world.slack.wait_for("replies", PATIENCE, there).await.unwrap_or_else(|error| {
        panic!("{error}: {:?}\n{}", world.channel(channel), world.daemon.log())
    })
}

/// Strangers wrote, and one of them STOP: after the start each is there once, in order, with its time; the
/// STOP is obeyed, and confirmed once.
#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_wrote_while_the_bridge_was_down_is_found() {
    let (mut world, channel) = down().await;
    let [maya, ravi, zoe] = [MAYA, RAVI, ZOE].map(|address| world.twilio.phone(address));
    write(&maya, SENDER, "is anybody there").await;
    write(&ravi, SENDER, "a word from Ravi").await;
    write(&maya, SENDER, "hello").await;
    write(&zoe, SENDER, "STOP").await;
    write(&ravi, SENDER, "another word from Ravi").await;
    write(&maya, SENDER, "I wait").await;
    world.move_time(HOUR);
    world.daemon.start().await;
    // What comes now comes behind it.
    write(&maya, SENDER, "still here").await;
    wait_for_replies(&world, &channel, 7).await;
    world.wait_for_inbox(&zoe, 1).await;
    world.daemon.wait_until_settled().await;

    let all = in_threads(&world.slack, &channel);
    let of = |words: &[&str]| -> Vec<String> {
        let behind = all.iter().map(|text| text.rsplit("] ").next().unwrap_or_default().to_owned());
        behind.filter(|text| words.contains(&text.as_str())).collect()
    };
    let mayas = ["is anybody there", "hello", "I wait", "still here"];
    assert_eq!(of(&mayas), mayas, "{all:?}");
    let ravis = ["a word from Ravi", "another word from Ravi"];
    assert_eq!(of(&ravis), ravis, "{all:?}");
    let late = all.iter().filter(|text| text.starts_with('[') && text.contains(" UTC>] ")).count();
    assert_eq!((all.len(), late, cards(&world, &channel)), (7, 6, 3), "{all:?}");
    assert_eq!(inbox(&zoe), [STOPPED]);
    let admin = world.admin.clone();
    let list = world.command(&channel, &admin, "optout list").await;
    assert!(list.contains("+14155550103") && !list.contains("+14155550101"), "{list}");
}

/// At whatever step it is killed, each is there once, and in order.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_the_log_is_read_on() {
    for point in ["log.read", "log.chunk", "log.stored", "inbox.made", "intake.stored"] {
        let (mut world, channel) = down().await;
        let maya = world.twilio.phone(MAYA);
        for words in ["one and", "two and", "three and"] {
            write(&maya, SENDER, words).await;
        }
        world.daemon.arm(&format!("{point}=return"));
        world.daemon.spawn();
        world.daemon.wait_for_end().await;
        write(&maya, SENDER, "four").await;
        world.daemon.arm("");
        world.daemon.start().await;
        wait_for_replies(&world, &channel, 4).await;
        wait_until_read(&world, 1.0).await;
        world.daemon.wait_until_settled().await;
        let all = in_threads(&world.slack, &channel);
        assert_eq!(all, ["one and", "two and", "three and", "four"], "{point}");
        assert_eq!(
            (cards(&world, &channel), world.twilio.conversations().len()),
            (1, 1),
            "{point}"
        );
    }
}

/// What the webhook told is not told again by the log, nor the other way round; and a STOP that came by
/// the webhook first is answered once.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_webhook_told_is_not_found_again() {
    let (mut world, channel) = down().await;
    let [maya, zoe] = [MAYA, ZOE].map(|address| world.twilio.phone(address));
    world.daemon.configure(|config| {
        *config = config.replace("[twilio]\n", "[twilio]\ngroups_interval = \"200ms\"\n");
    });
    world.daemon.start().await;
    write(&maya, SENDER, "is anybody there").await;
    write(&zoe, SENDER, "stop").await;
    wait_for_thread(&world, &channel, 1).await;
    world.wait_for_inbox(&zoe, 1).await;
    // It is read while it runs, and again after a kill.
    world.twilio.set_messaging_webhook_url(None);
    write(&maya, SENDER, "the webhook is lost").await;
    wait_for_replies(&world, &channel, 3).await;
    world.daemon.kill();
    let messaging = world.daemon.url("/webhooks/twilio/messaging");
    world.twilio.set_messaging_webhook_url(Some(&messaging));
    world.daemon.start().await;
    wait_until_read(&world, 5.0).await;
    write(&maya, SENDER, "good").await;
    wait_for_replies(&world, &channel, 4).await;
    wait_until_read(&world, 10.0).await;
    world.daemon.wait_until_settled().await;
    let mut all = in_threads(&world.slack, &channel);
    all.sort();
    assert_eq!(all, ["good", "is anybody there", "stop", "the webhook is lost"]);
    assert_eq!(inbox(&zoe), [STOPPED]);
}

/// A log that cannot be read is read once it can be, whatever was wrong.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_read_is_read_later() {
    for kind in [FaultKind::Error500, FaultKind::RateLimited(1), FaultKind::NotJson] {
        let (mut world, channel) = down().await;
        let maya = world.twilio.phone(MAYA);
        write(&maya, SENDER, "is anybody there").await;
        world.twilio.fault(Fault::next(kind, 5).method("GET").on("/Messages.json"));
        world.daemon.start().await;
        let (_, replies) = wait_for_thread(&world, &channel, 1).await;
        assert_eq!(replies, ["is anybody there"], "{kind:?}");
        world.daemon.wait_until_settled().await;
    }
}

/// Waits until a text with this in it stands in a channel.
async fn wait_for_text(world: &World, channel: &str, text: &str) -> String {
    let there = |_: &slack::Simulator| {
        world.channel(channel).into_iter().map(|(_, told)| told).find(|told| told.contains(text))
    };
    world.slack.wait_for(text, PATIENCE, there).await.unwrap_or_else(|error| {
        panic!("{error}: {:?}\n{}", world.channel(channel), world.daemon.log())
    })
}

/// What Twilio refuses to list is asked for again, and told the administrators until it is listed; the other
/// senders' logs are read meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_refused_is_asked_for_again_and_told() {
    for status in [400, 403, 404] {
        let (mut world, channel) = down().await;
        let office = world.room("office");
        world.pool(&[SENDER, SECOND_SENDER]);
        world.daemon.configure(|config| {
            *config = config.replace("[twilio]\n", "[twilio]\ngroups_interval = \"200ms\"\n");
            let rooms = format!(
                "[alerts]\nrooms = [\"slack:{office}\"]\ngrace = \"300ms\"\ncalm = \"600ms\"\n"
            );
            config.push_str(&rooms);
        });
        world.daemon.start().await;
        wait_until_read(&world, 2.0).await;
        world.daemon.stop().await;
        let [maya, ravi] = [MAYA, RAVI].map(|address| world.twilio.phone(address));
        write(&maya, SENDER, "is anybody there").await;
        write(&ravi, SECOND_SENDER, "a word from Ravi").await;
        let refused = Fault::always(FaultKind::Refused(status)).method("GET");
        world.twilio.fault(refused.on("To=whatsapp%3A%2B14155550000"));
        world.daemon.start().await;
        assert_eq!(wait_for_replies(&world, &channel, 1).await, ["a word from Ravi"], "{status}");
        let alert = wait_for_text(&world, &office, "Twilio does not list what is written to").await;
        assert!(!alert.contains("14155550000"), "{alert}");
        let admin = world.admin.clone();
        let status_text = world.command(&channel, &admin, "status").await;
        assert!(status_text.contains("does not list"), "{status_text}");

        world.twilio.clear_faults();
        let replies = wait_for_replies(&world, &channel, 2).await;
        assert_eq!(replies, ["a word from Ravi", "is anybody there"], "{status}");
        wait_for_text(&world, &office, "Twilio lists again").await;
    }
}

/// The same where the account's credentials or its rate are refused: then all of them are asked again soon.
#[tokio::test(flavor = "multi_thread")]
async fn where_the_credentials_or_the_rate_are_refused_logs_are_read_later() {
    for status in [401, 429] {
        let (mut world, channel) = down().await;
        let maya = world.twilio.phone(MAYA);
        write(&maya, SENDER, "is anybody there").await;
        let refused = Fault::next(FaultKind::Refused(status), 3).method("GET");
        world.twilio.fault(refused.on("/Messages.json"));
        world.daemon.start().await;
        let (_, replies) = wait_for_thread(&world, &channel, 1).await;
        assert_eq!(replies, ["is anybody there"], "{status}");
    }
}

/// A STOP that the webhook lost, and a START that it told: the later one counts, whichever came first.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_lost_stop_and_a_start_that_was_told_the_later_counts() {
    let (mut world, channel) = down().await;
    let [maya, zoe] = [MAYA, ZOE].map(|address| world.twilio.phone(address));
    write(&maya, SENDER, "STOP").await;
    world.move_time(Duration::from_secs(5));
    // The log cannot be read before the webhook has told the rest.
    world.twilio.fault(Fault::always(FaultKind::Error500).method("GET").on("/Messages.json"));
    world.daemon.start().await;
    write(&maya, SENDER, "START").await;
    write(&zoe, SENDER, "START").await;
    wait_for_replies(&world, &channel, 2).await;
    world.twilio.set_messaging_webhook_url(None);
    world.move_time(Duration::from_secs(5));
    write(&zoe, SENDER, "STOP").await;
    world.twilio.clear_faults();
    wait_for_replies(&world, &channel, 4).await;
    world.wait_for_inbox(&zoe, 1).await;
    world.daemon.wait_until_settled().await;
    assert_eq!((inbox(&zoe), maya.inbox_len()), (vec![STOPPED.to_owned()], 0));
    let list = world.command(&channel, &world.admin.clone(), "optout list").await;
    assert!(list.contains("+14155550103") && !list.contains("+14155550101"), "{list}");
}

/// Where Twilio does not call at all, strangers are heard all the same; a picture by MMS too, to a number
/// that is in the pool.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_public_address_strangers_are_heard() {
    let mut world = World::new().await;
    let channel = configure(&mut world);
    world.twilio.set_webhook_url(None);
    world.twilio.set_messaging_webhook_url(None);
    world.pool(&[SENDER, SMS]);
    world.daemon.without_public_address();
    world.daemon.start().await;
    wait_until_read(&world, 2.0).await;
    let [maya, tom] = [MAYA, "+14155550104"].map(|address| world.twilio.phone(address));
    write(&maya, SENDER, "is anybody there").await;
    let (card, replies) = wait_for_thread(&world, &channel, 1).await;
    assert_eq!(replies, ["is anybody there"]);
    let admin = world.admin.clone();
    world.slack.user_replies(&channel, &admin, card, "we are", false).expect("said");
    world.wait_for_inbox(&maya, 1).await;
    write(&maya, SENDER, "good").await;
    wait_for_replies(&world, &channel, 3).await;
    let picture = Attachment {
        filename: Some("cat.png".into()),
        content_type: "image/png".into(),
        bytes: "PNG".into(),
    };
    let look = Saying { files: vec![picture], ..Saying::from("look at this") };
    tom.write_to(SMS, look).await.expect("written");
    wait_for_replies(&world, &channel, 4).await;
    world.daemon.wait_until_settled().await;
    let all = in_threads(&world.slack, &channel);
    let mentioned = format!("<@{admin}> good");
    assert_eq!(all[..3], ["is anybody there", "we are", &mentioned]);
    assert!(all[3].contains("look at this") && all[3].contains("image/png"), "{all:?}");
    let (_, replies) = thread(&world.slack, &channel).expect("a thread");
    assert_eq!(replies.len(), 3, "the picture stands in another thread");
}

/// What is older than may be relayed is not shown, which the inbox is told; a STOP in it is obeyed.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_is_told_and_obeyed_and_not_shown() {
    let (mut world, channel) = down().await;
    let [maya, zoe] = [MAYA, ZOE].map(|address| world.twilio.phone(address));
    write(&maya, SENDER, "is anybody there").await;
    write(&zoe, SENDER, "Stop.").await;
    world.move_time(48 * HOUR);
    write(&maya, SENDER, "hello again").await;
    world.daemon.start().await;
    let (_, replies) = wait_for_thread(&world, &channel, 1).await;
    assert_eq!(replies, ["hello again"]);
    world.daemon.wait_until_settled().await;
    let notices: Vec<String> = world
        .channel(&channel)
        .into_iter()
        .map(|(_, text)| text)
        .filter(|text| text.starts_with("2 messages from 2 people who wrote to our numbers"))
        .collect();
    assert_eq!(notices.len(), 1, "{:?}", world.channel(&channel));
    let admin = world.admin.clone();
    let list = world.command(&channel, &admin, "optout list").await;
    assert!(list.contains("+14155550103"), "{list}");
}

/// A message of the log over which a parser panics is kept, once, and the others come; the next start, of a
/// program that reads it, finds it.
#[tokio::test(flavor = "multi_thread")]
async fn what_of_the_log_is_not_understood_is_kept() {
    let (mut world, channel) = down().await;
    let maya = world.twilio.phone(MAYA);
    for words in ["one", "two"] {
        write(&maya, SENDER, words).await;
    }
    // Newest first: the second is read first.
    world.daemon.arm("twilio=1*panic->off");
    world.daemon.start().await;
    wait_for_replies(&world, &channel, 1).await;
    world.daemon.wait_until_settled().await;
    let panicked = "partyline_reading_panicked_total{network=\"twilio\"}";
    assert_eq!(world.daemon.metric(panicked).await, Some(1.0));
    assert_eq!(world.daemon.metric("partyline_unparsed ").await, Some(1.0));
    assert!(in_threads(&world.slack, &channel)[0].ends_with("one"));
    world.daemon.stop().await;
    world.daemon.arm("");
    world.daemon.start().await;
    let all = wait_for_replies(&world, &channel, 2).await;
    assert!(all[1].ends_with("two"), "{all:?}");
    assert_eq!(world.daemon.metric("partyline_unparsed ").await, Some(1.0));
}
