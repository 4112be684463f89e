//! Hooks: what is asked, what is told, in which order.

use partyline_twilio::simulator::{NewMember, Options, SayError, sign};
use serde_json::json;

use crate::support::{Receiver, SMS, SOON, Twilio, WHATSAPP};

#[tokio::test]
async fn a_members_message_is_asked_about_then_told_and_goes_to_the_others() {
    let twilio = Twilio::start().await;
    let hooks = Receiver::start().await;
    let (group, phones) = twilio.group(3).await;
    hooks.answer(|form| {
        if form["EventType"] == "onMessageAdd" {
            let change = json!({ "body": "*Maya*: Hello", "attributes": "{\"bare\":\"Hello\"}" });
            (200, change.to_string())
        } else {
            (200, String::new())
        }
    });
    twilio.simulator.set_webhook_url(Some(&hooks.url));

    let said = phones[0].say(&group, "Hello").await.expect("said");
    let message = said.message.expect("a message");
    assert_eq!(said.answers[0], Some(200));
    twilio.simulator.idle().await;

    let asked = &hooks.of("onMessageAdd")[0];
    assert_eq!(asked["Body"], "Hello");
    assert_eq!(asked["Author"], "whatsapp:+14155550101");
    assert_eq!(asked["Source"], "WHATSAPP");
    assert!(!asked.contains_key("MessageSid") && !asked.contains_key("Index"));

    let told = &hooks.of("onMessageAdded")[0];
    assert_eq!(told["Body"], "*Maya*: Hello");
    assert_eq!(told["Attributes"], "{\"bare\":\"Hello\"}");
    assert_eq!(told["MessageSid"], message.sid.as_str());
    assert_eq!(told["Index"], "0");
    assert_eq!(told["ParticipantSid"], message.participant_sid.expect("a member").as_str());
    assert_eq!(told["RetryCount"], "0");

    for phone in &phones[1..] {
        let inbox = phone.inbox();
        assert_eq!(inbox.len(), 1);
        assert_eq!((&*inbox[0].from, &*inbox[0].body), (WHATSAPP, "*Maya*: Hello"));
    }
    assert!(phones[0].inbox().is_empty());
    let statuses: Vec<String> =
        hooks.of("onDeliveryUpdated").iter().map(|form| form["Status"].clone()).collect();
    assert_eq!(statuses, ["sent", "delivered", "sent", "delivered"]);
}

#[tokio::test]
async fn every_hook_is_signed_over_the_address_as_it_is_called() {
    let hooks = Receiver::start().await;
    let twilio =
        Twilio::with(Options { webhook_url: Some(hooks.url.clone()), ..Options::default() }).await;
    let (group, phones) = twilio.group(1).await;
    phones[0].say(&group, "Grüße & +1 = 2").await.expect("said");
    let all = hooks.all();
    assert_eq!(hooks.events(), ["onMessageAdd", "onMessageAdded"]);
    for hook in all {
        let params: Vec<(String, String)> =
            form_urlencoded::parse(hook.body.as_bytes()).into_owned().collect();
        let right = sign(&twilio.options.auth_token, hooks.url.as_str(), &params);
        assert_eq!(hook.headers["x-twilio-signature"], right);
        assert_eq!(hook.form["AccountSid"], twilio.options.account_sid);
        assert_eq!(hook.form["ChatServiceSid"], twilio.options.service_sid);
    }
}

#[tokio::test]
async fn a_rejected_message_is_dropped() {
    let twilio = Twilio::start().await;
    let hooks = Receiver::start().await;
    let (group, phones) = twilio.group(2).await;
    hooks.answer(|_| (403, String::new()));
    twilio.simulator.set_webhook_url(Some(&hooks.url));
    let said = phones[0].say(&group, "Hello").await;
    assert_eq!(said.expect_err("rejected"), SayError::Rejected(403));
    twilio.simulator.idle().await;
    assert!(twilio.simulator.messages(&group).is_empty());
    assert!(phones[1].inbox().is_empty());
    assert_eq!(hooks.events(), ["onMessageAdd"]);
}

#[tokio::test]
async fn a_hook_that_nobody_answers_lets_the_message_through() {
    let twilio = Twilio::with(Options {
        hook_timeout: std::time::Duration::from_millis(50),
        ..Options::default()
    })
    .await;
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", deaf.local_addr().expect("an address"));
    let (group, phones) = twilio.group(2).await;
    twilio.simulator.set_webhook_url(Some(&url.parse().expect("a URL")));
    let said = phones[0].say(&group, "Hello").await.expect("said");
    assert_eq!(said.answers[0], None);
    assert_eq!(phones[1].inbox()[0].body, "Hello");
}

#[tokio::test]
async fn rest_actions_call_hooks_only_where_the_header_asks_for_it() {
    let twilio = Twilio::start().await;
    let hooks = Receiver::start().await;
    twilio.simulator.set_webhook_url(Some(&hooks.url));
    let (group, _) = twilio.group(0).await;
    let path = format!("~/Conversations/{group}/Messages");
    twilio.post(&path, &[("Body", "quiet")]).await;
    twilio.simulator.idle().await;
    assert_eq!(hooks.events(), [""; 0]);

    hooks.answer(|_| (200, json!({ "body": "changed" }).to_string()));
    let (status, made) = twilio.post_hooked(&path, &[("Body", "loud"), ("Author", "ops")]).await;
    assert_eq!((status, &made["body"]), (201, &json!("changed")));
    twilio.simulator.idle().await;
    assert_eq!(hooks.events(), ["onMessageAdd", "onMessageAdded"]);
    assert_eq!(hooks.of("onMessageAdded")[0]["Source"], "API");

    hooks.answer(|_| (400, String::new()));
    let (status, _) = twilio.post_hooked(&path, &[("Body", "loud")]).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn only_what_the_filters_name_is_told_and_a_conversation_can_have_its_own_hook() {
    let twilio = Twilio::start().await;
    let (service, scoped) = (Receiver::start().await, Receiver::start().await);
    let (group, phones) = twilio.group(2).await;
    let set = [
        ("PreWebhookUrl", service.url.as_str()),
        ("PostWebhookUrl", service.url.as_str()),
        ("Filters", "onDeliveryUpdated"),
        ("Filters", "onMessageAdded"),
    ];
    let (status, config) = twilio.post("~/Configuration/Webhooks", &set).await;
    assert_eq!((status, &config["filters"][1]), (200, &json!("onMessageAdded")));
    let own = [
        ("Target", "webhook"),
        ("Configuration.Url", scoped.url.as_str()),
        ("Configuration.Method", "GET"),
        ("Configuration.Filters", "onMessageAdded"),
    ];
    let path = format!("~/Conversations/{group}/Webhooks");
    let (status, _) = twilio.post(&path, &own).await;
    assert_eq!(status, 201);

    phones[0].say(&group, "Hello").await.expect("said");
    twilio.simulator.idle().await;
    assert_eq!(service.events(), ["onMessageAdded", "onDeliveryUpdated", "onDeliveryUpdated"]);
    let by_get = &scoped.all()[0];
    assert_eq!((&*by_get.form["Body"], &*by_get.body), ("Hello", ""));
}

#[tokio::test]
async fn after_hooks_keep_their_order_within_a_conversation() {
    let twilio = Twilio::start().await;
    let hooks = Receiver::start().await;
    let (group, phones) = twilio.group(1).await;
    twilio.simulator.set_webhook_url(Some(&hooks.url));
    twilio.simulator.set_webhook_filters(&["onMessageAdded"]);
    for number in 0..100 {
        phones[0].say_at_once(&group, number.to_string()).expect("queued");
    }
    hooks.wait_for(100).await;
    let bodies: Vec<String> =
        hooks.of("onMessageAdded").iter().map(|form| form["Body"].clone()).collect();
    let right: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    assert_eq!(bodies, right);
}

#[tokio::test]
async fn a_failed_after_hook_is_lost_unless_retries_are_set() {
    for (retries, right) in [(0, 1), (2, 3)] {
        let twilio = Twilio::with(Options { hook_retries: retries, ..Options::default() }).await;
        let hooks = Receiver::start().await;
        hooks.answer(|_| (503, String::new()));
        let (group, phones) = twilio.group(1).await;
        twilio.simulator.set_webhook_url(Some(&hooks.url));
        twilio.simulator.set_webhook_filters(&["onMessageAdded"]);
        let said = phones[0].say(&group, "Hello").await.expect("said");
        assert_eq!(said.answers, [Some(503)]);
        let tries = hooks.of("onMessageAdded");
        assert_eq!(tries.len(), right);
        assert_eq!(tries[right - 1]["RetryCount"], (right - 1).to_string());
    }
}

#[tokio::test]
async fn the_messaging_webhook_tells_the_profile_name() {
    let twilio = Twilio::start().await;
    let hooks = Receiver::start().await;
    let (group, phones) = twilio.group(1).await;
    phones[0].set_profile_name("Maya");
    twilio.simulator.set_messaging_webhook_url(Some(&hooks.url));
    let message = phones[0].say(&group, "Hello").await.expect("said").message.expect("message");
    hooks.wait_for(1).await;
    let form = &hooks.all()[0].form;
    assert_eq!((&*form["ProfileName"], &*form["WaId"]), ("Maya", "14155550101"));
    assert_eq!((&*form["To"], &*form["Body"]), (WHATSAPP, "Hello"));
    assert_eq!(form["MessageSid"], message.channel_message_sid.expect("a SID").as_str());
}

#[tokio::test]
async fn an_address_configuration_makes_a_conversation_of_a_strangers_message() {
    let twilio = Twilio::start().await;
    let hooks = Receiver::start().await;
    twilio.simulator.set_webhook_url(Some(&hooks.url));
    let stranger = twilio.simulator.phone("+14155550199");
    let lost = stranger.write_to(SMS, "Anybody?").await.expect("heard");
    assert!(lost.message.is_none());

    let set = [("Type", "sms"), ("Address", SMS), ("AutoCreation.Enabled", "true")];
    let (status, _) = twilio.post("/v1/Configuration/Addresses", &set).await;
    assert_eq!(status, 201);
    let said = stranger.write_to(SMS, "Hello").await.expect("said").message.expect("a message");
    twilio.simulator.idle().await;
    // What is asked before goes its own way; what is told after keeps its order.
    let events = hooks.events();
    let (asked, told): (Vec<&str>, Vec<&str>) =
        events.iter().map(String::as_str).partition(|event| event.ends_with("Add"));
    assert_eq!(asked, ["onConversationAdd", "onMessageAdd"]);
    let right = ["onConversationAdded", "onParticipantAdded", "onMessageAdded"];
    assert_eq!(told[..3], right);
    assert_eq!(told[3..], ["onConversationStateUpdated"]);
    let again = stranger.write_to(SMS, "Again").await.expect("said").message.expect("a message");
    assert_eq!((again.conversation_sid, again.index), (said.conversation_sid, 1));
}

#[tokio::test]
async fn what_is_waited_for_may_have_happened_already() {
    let twilio = Twilio::start().await;
    let (group, phones) = twilio.group(2).await;
    phones[0].say_at_once(&group, "Hello").expect("queued");
    let arrived = |_: &_| phones[1].inbox_len() == 1;
    twilio.simulator.wait_until(SOON, arrived).await.expect("it arrives");
    twilio.simulator.wait_until(SOON, arrived).await.expect("it has arrived");
    let never = twilio.simulator.wait_until(std::time::Duration::from_millis(10), |_| false).await;
    assert!(never.is_err());
}

#[tokio::test]
async fn members_come_and_go_with_hooks_where_somebody_else_adds_them() {
    let twilio = Twilio::start().await;
    let hooks = Receiver::start().await;
    let (group, phones) = twilio.group(1).await;
    twilio.simulator.set_webhook_url(Some(&hooks.url));
    let member = NewMember::new("+14155550199", SMS).told().attributes("{\"name\":\"Noor\"}");
    twilio.simulator.add_phone(&group, member).await.expect("member");
    twilio.simulator.remove_phone(&group, phones[0].address()).await.expect("gone");
    twilio.simulator.idle().await;
    let added = &hooks.of("onParticipantAdded")[0];
    assert_eq!(added["MessagingBinding.Type"], "sms");
    assert_eq!(added["MessagingBinding.ProxyAddress"], SMS);
    assert_eq!(added["Attributes"], "{\"name\":\"Noor\"}");
    let removed = &hooks.of("onParticipantRemoved")[0];
    assert_eq!(removed["MessagingBinding.Address"], phones[0].address());
    assert!(removed.contains_key("DateRemoved"));
    assert_eq!(twilio.simulator.counters().hooks, 2);
}

#[tokio::test]
async fn a_simulator_that_is_dropped_stops() {
    let twilio = Twilio::start().await;
    let address = twilio.simulator.address();
    drop(twilio);
    let stopped = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, stopped).await.expect("nobody listens any more");
}
