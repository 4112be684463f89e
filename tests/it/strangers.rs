//! What comes from a phone is words: no command, no ping, no markup, no address to fetch, no line
//! in a log; and a name is no more than a name.

use partyline_twilio::simulator::NewMember;

use crate::support::{SENDER, World, inbox};

/// Whoever wrote these is a stranger on a phone.
const WORDS: [&str; 8] = [
    "<!channel> <!here> <@U1> @everyone @room",
    "/wa group unlink",
    "!wa group unlink",
    "<b>bold</b> <script>alert(1)</script>",
    "&lt;!channel&gt;",
    "../../etc/passwd %2e%2e%2f",
    "first\n2026-11-20 ERROR FORGED",
    "\u{1b}[31mFORGED\u{1b}[0m \u{202e}FORGED",
];

#[tokio::test(flavor = "multi_thread")]
async fn what_a_phone_says_arrives_as_words_and_does_nothing() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.configure(|config| config.push_str("\n[logging]\nfilter = \"debug\"\n"));
    world.daemon.start().await;
    for words in WORDS {
        group.phones[0].say(&group.conversation, words).await.unwrap();
    }
    world.wait_for_posts(&group.channel, WORDS.len()).await;
    world.daemon.wait_until_settled().await;
    for (words, (_, text)) in WORDS.iter().zip(world.channel(&group.channel)) {
        assert!(!text.contains(['<', '>']), "markup: {text}");
        let shown = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        assert_eq!(shown, *words);
    }
    // The room is still tied, and nobody gave a command.
    assert_eq!(world.daemon.metric("partyline_links").await, Some(1.0));
    assert_eq!(world.daemon.metric("partyline_commands_total").await, None);
    assert!(!world.daemon.log().contains("FORGED"), "said by a stranger, and in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_from_a_phone_is_fetched() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let inside = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/latest/meta-data", inside.local_addr().unwrap());
    world.daemon.start().await;
    group.phones[0].say(&group.conversation, format!("look: {address}").as_str()).await.unwrap();
    world.slack.user_says(&group.channel, &world.admin, &format!("<{address}>")).unwrap();
    world.wait_for_posts(&group.channel, 2).await;
    world.wait_for_inbox(&group.phones[0], 1).await;
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
    // The daemon is gone: whatever it would have fetched, it has asked for.
    let nobody = futures_util::FutureExt::now_or_never(inside.accept());
    assert!(nobody.is_none(), "somebody called the address");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_one_line_that_pings_nobody_and_can_be_seen() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550102"]).await;
    let name = "<!channel>\u{202e}\u{200b}\n*Ada Admin*: FORGED";
    let member = NewMember::new("whatsapp:+14155550101", SENDER)
        .attributes(&serde_json::json!({ "name": name }).to_string());
    let phone = world.twilio.add_phone(&group.conversation, member).await.expect("a member");
    world.daemon.configure(|config| config.push_str("\n[logging]\nfilter = \"debug\"\n"));
    world.daemon.start().await;
    phone.say(&group.conversation, "it is me").await.unwrap();
    world.wait_for_posts(&group.channel, 1).await;
    world.wait_for_inbox(&group.phones[0], 1).await;
    let (shown, _) = world.channel(&group.channel).pop().unwrap();
    assert!(!shown.contains(['\n', '\u{202e}', '\u{200b}']), "{shown:?}");
    // On a phone the marks of bold type are the daemon's own.
    let body = inbox(&group.phones[0]).pop().unwrap();
    assert_eq!(body.matches('*').count(), 2, "{body}");
    assert_eq!(body.lines().count(), 1, "{body}");
    assert!(!world.daemon.log().contains("FORGED"));
}

/// What a member's attributes say is the member's own claim; whoever they name.
#[tokio::test(flavor = "multi_thread")]
async fn attributes_that_are_no_attributes_harm_nothing() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550102"]).await;
    let deep = format!("{{\"name\":{}1{}}}", "[".repeat(2000), "]".repeat(2000));
    let odd = ["{\"name\":7}", "[]", "null", "{\"partyline\":{\"delivery\":[]}}", &deep];
    let mut phones = Vec::new();
    for (number, attributes) in odd.iter().enumerate() {
        let address = format!("whatsapp:+1415555011{number}");
        let member = NewMember::new(&address, SENDER).attributes(attributes);
        if let Ok(phone) = world.twilio.add_phone(&group.conversation, member).await {
            phones.push(phone);
        }
    }
    assert!(phones.len() >= 2, "the simulator refuses what Twilio would");
    world.daemon.start().await;
    for phone in &phones {
        phone.say(&group.conversation, "still here").await.unwrap();
    }
    world.wait_for_posts(&group.channel, phones.len()).await;
    world.daemon.wait_until_settled().await;
}
