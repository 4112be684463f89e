//! What bad input gets.

use std::process::Output;

use crate::support::World;

fn run(world: &World, arguments: &[&str]) -> Output {
    let output = world.daemon.command(arguments).output().expect("the binary");
    for said in [&output.stdout, &output.stderr] {
        world.daemon.assert_discreet(&String::from_utf8_lossy(said), &[]);
    }
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_are_not_twilios_are_refused() {
    let mut world = World::new().await;
    world.daemon.start().await;
    let client = reqwest::Client::new();
    let post = |path: &str, body: String| {
        client
            .post(world.daemon.url(path))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
    };
    let body = "EventType=onMessageAdded&ConversationSid=CH1".to_owned();
    for path in ["/webhooks/twilio", "/webhooks/twilio/messaging"] {
        let missing = post(path, body.clone()).send().await.unwrap();
        assert_eq!(missing.status(), 403, "no signature at {path}");
        let forged =
            post(path, body.clone()).header("x-twilio-signature", "Zm9yZ2Vk").send().await.unwrap();
        assert_eq!(forged.status(), 403, "a wrong signature at {path}");
    }
    // By a client of its own: the daemon closes the connection rather than read it all.
    let large = reqwest::Client::new()
        .post(world.daemon.url("/webhooks/twilio/messaging"))
        .body("x".repeat(2_000_000))
        .send()
        .await
        .unwrap();
    assert_eq!(large.status(), 413);
    assert_eq!(client.get(world.daemon.url("/live")).send().await.unwrap().status(), 200);
    assert_eq!(client.get(world.daemon.url("/nowhere")).send().await.unwrap().status(), 404);
    // In the socket transport, nobody calls these.
    assert_eq!(post("/webhooks/slack/events", body).send().await.unwrap().status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_is_told_in_full_with_status_2() {
    let mut world = World::new().await;
    world.daemon.configure(|config| {
        *config = config
            .replace("account_sid = \"AC", "account_sid = \"XX")
            .replace("transport = \"socket\"", "transport = \"pigeon\"")
            .replace("[relay]", "[relay]\nretenshun = \"1 day\"");
    });
    for arguments in [["check"], ["run"]] {
        let output = run(&world, &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let text = stderr(&output);
        for expected in ["twilio.account_sid", "slack.transport", "retenshun", "retention"] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        assert!(!text.contains(&twilio_secret()), "no secret is shown");
    }
}

fn twilio_secret() -> String {
    partyline_twilio::simulator::Options::default().api_key_secret
}

#[tokio::test(flavor = "multi_thread")]
async fn check_online_asks_the_platforms() {
    let world = World::new().await;
    let output = run(&world, &["check", "--online"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    world.slack.revoke_token();
    let output = run(&world, &["check", "--online"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("slack") && said.contains("token"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn senders_that_are_not_the_accounts_are_told() {
    let mut world = World::new().await;
    world.daemon.configure(|config| {
        *config = config
            .replace("senders = [\"", "senders = [\"whatsapp:+14155559001\", \"+14155559002\", \"");
    });
    let output = run(&world, &["check", "--online"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for expected in [
        "whatsapp:+1415…01 is not registered for WhatsApp with this account",
        "+1415…02 is no number of this account",
    ] {
        assert!(said.contains(expected), "{expected} in {said}");
    }
    assert!(!said.contains("+1415…00"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_lead_elsewhere_are_told_and_set_right() {
    let world = World::new().await;
    let said = |arguments: &[&str]| {
        let output = run(&world, arguments);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let set = ["setup", "twilio-webhooks"];
    let service = &partyline_twilio::simulator::Options::default().service_sid;
    let right = format!("The webhooks of service {service} are right already.\n");
    assert_eq!(said(&set), (Some(0), right.clone()));

    let elsewhere = "https://old.test/webhooks/twilio".parse().unwrap();
    world.twilio.set_webhook_url(Some(&elsewhere));
    world.twilio.set_webhook_filters(&["onUserAdded", "onMessageAdded"]);
    let (status, text) = said(&["check", "--online"]);
    assert_eq!(status, Some(1));
    for expected in ["calls https://old.test/", "onMessageAdd,", "partyline setup twilio-webhooks"]
    {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    let (status, text) = said(&["setup", "twilio-webhooks", "--dry-run"]);
    assert!(status == Some(0) && text.contains("would be changed"), "{text}");
    let (status, text) = said(&set);
    assert_eq!(status, Some(0));
    let address = world.daemon.url("/webhooks/twilio");
    let change = format!("post-event address: {elsewhere} → {address}");
    assert!(text.contains("were changed") && text.contains(&change), "{text}");
    assert_eq!(said(&set), (Some(0), right), "once is enough");
    let (status, text) = said(&["check", "--online"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("twilio, webhook addresses: works"), "{text}");

    // The account's webhooks do as well.
    world.twilio.set_webhook_url(None);
    world.twilio.set_account_webhook_url(Some(&address));
    let (status, text) = said(&["check", "--online"]);
    assert_eq!(status, Some(0), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_and_a_store_in_use_are_one_clear_sentence() {
    let mut world = World::new().await;
    world.daemon.start().await;
    let output = run(&world, &["run"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("is another program using it?"), "{}", stderr(&output));

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = world
        .daemon
        .command(&["run"])
        .env("PARTYLINE_HTTP__LISTEN", free.to_string())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("in use by another partyline"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_ledger_is_one_clear_sentence() {
    let world = World::new().await;
    std::fs::create_dir_all(world.daemon.store()).unwrap();
    std::fs::write(world.daemon.store().join("ledger.db"), vec![7; 8192]).unwrap();
    let output = run(&world, &["run"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("the ledger is damaged"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_shows_in_ready_and_the_rest_goes_on() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    world.slack.revoke_token();
    group.phones[0].say(&group.conversation, "kept").await.unwrap();
    let state = loop {
        let answer = reqwest::get(world.daemon.url("/ready")).await.unwrap();
        if answer.status() == 503 {
            break answer.json::<serde_json::Value>().await.unwrap();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(state["networks"]["slack"]["ready"], false);
    assert_eq!(state["networks"]["twilio"]["ready"], true);
    assert!(state["networks"]["slack"]["reason"].as_str().unwrap().contains("token"), "{state}");
    world.slack.restore_token();
    world.wait_for_posts(&group.channel, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_no_message_and_no_whole_number_is_in_the_log() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.configure(|config| config.push_str("\n[logging]\nfilter = \"debug\"\n"));
    world.daemon.start().await;
    group.phones[0].say(&group.conversation, "a secret recipe").await.unwrap();
    world.slack.user_says(&group.channel, &world.admin, "the secret answer").unwrap();
    world.wait_for_inbox(&group.phones[0], 1).await;
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
    let log = world.daemon.log();
    assert!(log.contains("partyline is running"));
    let options = partyline_twilio::simulator::Options::default();
    for never in [
        "secret recipe",
        "secret answer",
        "4155550101",
        &options.auth_token,
        &options.api_key_secret,
        "xoxb-",
        "xapp-",
    ] {
        assert!(!log.contains(never), "{never} in the log");
    }
}
