//! People who write without being in a group, and those who answer them in a thread.

use partyline_slack::simulator as slack;
use partyline_twilio::simulator::Phone;

use crate::support::{PATIENCE, SENDER, World, inbox};

const MAYA: &str = "whatsapp:+14155550101";

/// A world with an inbox, its channel, and Maya's phone, which is in no group.
async fn world(autocreation: bool) -> (World, String, Phone) {
    let mut world = World::new().await;
    let channel = world.room("inbox");
    let room = format!("\n[inbox]\nroom = \"slack:{channel}\"\n");
    world.daemon.configure(|config| config.push_str(&room));
    let messaging = world.daemon.url("/webhooks/twilio/messaging");
    world.twilio.set_messaging_webhook_url(Some(&messaging));
    if autocreation {
        let options = partyline_twilio::simulator::Options::default();
        let set = [("Type", "whatsapp"), ("Address", SENDER), ("AutoCreation.Enabled", "true")];
        let url = format!("{}/v1/Configuration/Addresses", world.twilio.base_url());
        let client = reqwest::Client::new().post(url).form(&set);
        let client = client.basic_auth(options.api_key_sid, Some(options.api_key_secret));
        assert_eq!(client.send().await.expect("an answer").status(), 201);
    }
    let phone = world.twilio.phone(MAYA);
    phone.set_profile_name("Maya");
    world.daemon.start().await;
    (world, channel, phone)
}

/// The message that begins the thread with Maya, and what stands in the thread.
fn thread(slack: &slack::Simulator, channel: &str) -> Option<(slack::Ts, Vec<String>)> {
    let messages = slack.messages(channel);
    let card = messages.iter().find(|one| one.text.contains("has written."))?.ts;
    let replies = messages.iter().filter(|one| one.thread_ts == Some(card) && one.ts != card);
    Some((card, replies.map(|one| one.text.clone()).collect()))
}

async fn wait_for_thread(world: &World, channel: &str, count: usize) -> (slack::Ts, Vec<String>) {
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
        assert_eq!(replies, ["is anybody there", "hello", "we are", "good"], "{autocreation}");
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
        let messages = world.slack.messages(&channel);
        let cards = messages.iter().filter(|one| one.text.contains("has written."));
        assert_eq!(cards.count(), 1, "{point}");
        assert_eq!(world.twilio.conversations().len(), 1, "{point}");
    }
}
