//! The client against a server that misbehaves in every way that has a name.

mod server;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use partyline_core::{
    Action, Content, Cursor, Deliver, DeliveryId, Failure, Groups, Happening, ManualClock, Network,
    Outgoing, Place, Proof, ReadBack, Reason, Verdict, Watch,
};
use serde_json::{Value, json};

use self::server::{Server, Step};
use super::address;
use crate::{Config, Ingest, Timeouts, Twilio};

const CH: &str = "CH0123456789abcdef0123456789abcdef";
const NOW: &str = "2026-08-11T12:00:00Z";

fn place() -> Place {
    Place::conversation(CH)
}

fn bridge(server: &Server) -> Twilio {
    bridge_with(server, |_| ())
}

fn bridge_with(server: &Server, change: impl FnOnce(&mut Config)) -> Twilio {
    let timeouts = Timeouts {
        connect: Duration::from_secs(2),
        call: Duration::from_secs(2),
        turn: Duration::from_secs(10),
    };
    let key = ("SK1", "secret".into());
    let mut config = Config {
        ingest: Ingest::Poll,
        actions_per_second: 1000,
        concurrency: 4,
        timeouts,
        ..Config::new("AC0123456789abcdef0123456789abcdef", key, "IS1").at(&server.url)
    };
    change(&mut config);
    let clock = ManualClock::new(NOW.parse().expect("a time"));
    Twilio::new(config, Arc::new(clock)).expect("a bridge")
}

fn delivery() -> Outgoing {
    Outgoing {
        id: DeliveryId::new("L1-7"),
        to: place(),
        at: NOW.parse().expect("a time"),
        since: NOW.parse().expect("a time"),
        late: None,
        known: Vec::new(),
        action: Action::Post {
            origin: Network::Slack,
            name: "Maya".into(),
            picture: None,
            content: Content::plain("hello"),
            part: None,
        },
    }
}

fn message(index: u64, date: &str, attributes: &str) -> Value {
    json!({
        "sid": format!("IM{index:032x}"), "conversation_sid": CH, "index": index,
        "author": "whatsapp:+14155550100", "body": format!("message {index}"), "media": null,
        "attributes": attributes, "participant_sid": "MB1", "date_created": date,
        "date_updated": date, "delivery": null, "content_sid": null
    })
}

fn page(messages: &[Value], next: Option<&str>) -> Step {
    let meta = json!({"page": 0, "page_size": 100, "next_page_url": next, "key": "messages"});
    Step::json(200, &json!({"meta": meta, "messages": messages}))
}

async fn sent_to(steps: Vec<Step>) -> (Result<partyline_core::Sent, Failure>, Server) {
    let server = Server::start(steps).await;
    (bridge(&server).send(&delivery()).await, server)
}

#[tokio::test]
async fn a_post_goes_once_and_brings_back_sid_and_index() {
    let made = message(4, NOW, "{}");
    let (sent, server) = sent_to(vec![Step::json(201, &made)]).await;
    let sent = sent.expect("sent");
    assert_eq!(sent.id.expect("an id").as_str(), made["sid"].as_str().expect("a SID"));
    assert_eq!(sent.ordinal, Some(4));
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(
        requests[0].line,
        format!("POST /v1/Services/IS1/Conversations/{CH}/Messages HTTP/1.1")
    );
    assert!(requests[0].head.contains("authorization: Basic U0sxOnNlY3JldA=="));
    assert!(!requests[0].head.contains("x-twilio-webhook-enabled"));
    assert!(requests[0].body.contains("Body=*Maya*%3A+hello"), "{}", requests[0].body);
}

#[tokio::test]
async fn a_post_that_may_have_been_processed_is_unknown_and_not_repeated() {
    let whole = Step::json(201, &message(4, NOW, "{}"));
    for step in [
        Step::Reset,
        Step::Hang,
        Step::Text(500, "oops"),
        Step::Text(201, "<html>"),
        Step::Text(201, "{}"),
        whole.cut(),
    ] {
        let name = format!("{step:?}");
        let (sent, server) = sent_to(vec![step]).await;
        assert_eq!(sent.expect_err("a failure").verdict, Verdict::Unknown, "{name}");
        assert_eq!(server.requests().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_post_that_was_not_processed_may_come_later() {
    for (step, wait, reason) in [
        (Step::Text(429, r#"{"code":20429}"#), None, Reason::RateLimited),
        (Step::Wait(429, "7"), Some(7), Reason::RateLimited),
        (Step::Wait(503, "Tue, 11 Aug 2026 12:00:09 GMT"), Some(9), Reason::Unavailable),
        (Step::Wait(429, "Tue, 11 Aug 2026 11:00:00 GMT"), Some(0), Reason::RateLimited),
        (Step::Wait(429, "soon"), None, Reason::RateLimited),
        (Step::Wait(429, "1e300"), None, Reason::RateLimited),
        (Step::Text(401, r#"{"code":20003}"#), None, Reason::Credentials),
    ] {
        let name = format!("{step:?}");
        let (sent, server) = sent_to(vec![step]).await;
        let failure = sent.expect_err("a failure");
        assert_eq!(failure.verdict, Verdict::Later(wait.map(Duration::from_secs)), "{name}");
        assert_eq!(failure.reason, reason, "{name}");
        assert_eq!(server.requests().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_leaves_nothing_uncertain() {
    let server = Server::start(vec![]).await;
    let twilio = bridge(&server);
    server.stop().await;
    let failure = twilio.send(&delivery()).await.expect_err("a failure");
    assert_eq!((failure.verdict, failure.reason), (Verdict::Later(None), Reason::Unavailable));
    assert!(!failure.sentence.contains(CH), "{}", failure.sentence);
}

#[tokio::test]
async fn a_refusal_for_good_says_what_to_do() {
    let refusal = json!({"code": 50384, "message": "Conversation is closed", "status": 400});
    let (sent, _server) = sent_to(vec![Step::json(400, &refusal)]).await;
    let failure = sent.expect_err("a failure");
    assert_eq!((failure.verdict, failure.reason), (Verdict::Never, Reason::PlaceClosed));
    assert_eq!(failure.code.as_deref(), Some("50384"));
}

#[tokio::test]
async fn a_read_is_repeated_until_it_works() {
    let whole = json!({"sid": CH, "friendly_name": "Plumbers", "state": "active"});
    let server = Server::start(vec![
        Step::Reset,
        Step::Wait(429, "0"),
        Step::json(200, &whole).cut(),
        Step::json(200, &whole),
    ])
    .await;
    let conversation = bridge(&server).conversation(CH).await.expect("a conversation");
    assert_eq!(conversation.name.as_deref(), Some("Plumbers"));
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_read_is_not_repeated_against_a_long_wait_or_a_wrong_key() {
    let steps =
        [(Step::Wait(429, "60"), Some(Duration::from_secs(60))), (Step::Text(401, ""), None)];
    for (step, wait) in steps {
        let server = Server::start(vec![step]).await;
        let failure = bridge(&server).conversation(CH).await.expect_err("a failure");
        assert_eq!(failure.verdict, Verdict::Later(wait));
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn the_key_is_watched() {
    let answer = json!({"meta": {"key": "conversations"}, "conversations": []});
    let steps = vec![Step::Text(401, ""), Step::json(200, &answer)];
    let server = Server::start(steps).await;
    let twilio = bridge(&server);
    let failure = twilio.probe().await.expect_err("a failure");
    assert_eq!(failure.reason, Reason::Credentials);
    assert_eq!(twilio.state().outbound, Proof::Failed(failure.sentence));
    twilio.probe().await.expect("it works again");
    assert_eq!(twilio.state().outbound, Proof::Proved);
}

#[tokio::test]
async fn a_sent_message_is_found_by_its_delivery() {
    let ours = r#"{"partyline":{"delivery":"L1-7"}}"#;
    let next = "http://elsewhere.example.com/v1/next?PageToken=1";
    let server = Server::start(vec![
        page(&[message(9, NOW, "{}"), message(8, NOW, "{}")], Some(next)),
        page(&[message(7, NOW, ours)], None),
    ])
    .await;
    let sent = bridge(&server).find(&delivery()).await.expect("an answer").expect("found");
    assert_eq!(sent.ordinal, Some(7));
    let lines: Vec<String> = server.requests().into_iter().map(|request| request.line).collect();
    assert!(lines[0].contains("Order=desc"), "{}", lines[0]);
    assert_eq!(lines[1], "GET /v1/next?PageToken=1 HTTP/1.1");
}

#[tokio::test]
async fn a_look_up_ends_at_the_time_the_delivery_was_written_down() {
    let ours = r#"{"partyline":{"delivery":"L1-7"}}"#;
    let messages = [
        message(9, "2026-08-11T11:56:00Z", "{}"),
        message(8, "2026-08-11T11:54:00Z", "{}"),
        message(7, "2026-08-11T11:53:00Z", ours),
    ];
    let server = Server::start(vec![page(&messages, Some("/v1/more"))]).await;
    assert_eq!(bridge(&server).find(&delivery()).await, Ok(None));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn what_was_missed_is_read_back_oldest_first() {
    let ours = r#"{"partyline":{"delivery":"L1-7"}}"#;
    let server = Server::start(vec![
        page(&[message(9, NOW, "{}"), message(8, NOW, ours)], Some("/v1/next")),
        page(&[message(6, NOW, "{}"), message(5, NOW, "{}"), message(4, NOW, "{}")], None),
    ])
    .await;
    let twilio = bridge(&server);
    let cursor = Cursor { ordinal: Some(5), last: None };
    let read = twilio.read_back(&place(), Some(&cursor)).await.expect("read");
    let ordinals: Vec<_> = read.iter().map(|piece| piece.events[0].ordinal).collect();
    assert_eq!(ordinals, [Some(6), Some(8), Some(9)]);
    assert!(matches!(read[1].events[0].happening, Happening::Echo { .. }));
    assert_eq!(read[0].via, "list");
    let raw: Value = serde_json::from_slice(&read[0].raw).expect("JSON");
    assert_eq!(raw["index"], 6);
    assert_eq!(twilio.state().inbound, Proof::Proved);
}

#[tokio::test]
async fn without_a_cursor_the_newest_is_read_only() {
    let server = Server::start(vec![page(&[message(9, NOW, "{}")], Some("/v1/next"))]).await;
    let read = bridge(&server).read_back(&place(), None).await.expect("read");
    assert_eq!(read.len(), 1);
    assert!(server.requests()[0].line.contains("PageSize=1 "));
}

#[tokio::test]
async fn where_nothing_was_said_yet_everything_is_new() {
    let messages = [message(1, NOW, "{}"), message(0, NOW, "{}")];
    let server = Server::start(vec![page(&messages, None)]).await;
    let read = bridge(&server).read_back(&place(), Some(&Cursor::default())).await.expect("read");
    let ordinals: Vec<_> = read.iter().map(|piece| piece.events[0].ordinal).collect();
    assert_eq!(ordinals, [Some(0), Some(1)]);
}

#[tokio::test]
async fn a_list_and_a_webhook_know_a_message_by_one_key() {
    let server = Server::start(vec![page(&[message(9, NOW, "{}")], None)]).await;
    let read = bridge(&server).read_back(&place(), None).await.expect("read");
    assert_eq!(read[0].events[0].key.as_str(), message(9, NOW, "{}")["sid"]);
}

#[tokio::test]
async fn members_are_told_with_address_sender_and_name() {
    let participants = json!([
        {"sid": "MB1", "identity": null, "attributes": "{\"name\":\"Maya\"}",
         "messaging_binding": {"type": "whatsapp", "address": "whatsapp:+14155550100",
                               "proxy_address": "whatsapp:+14155550000"}},
        {"sid": "MB2", "identity": "tom", "attributes": "{}", "messaging_binding": null},
    ]);
    let body = json!({"meta": {"key": "participants"}, "participants": participants});
    let server = Server::start(vec![Step::json(200, &body)]).await;
    let members = bridge(&server).members(&place()).await.expect("members");
    assert_eq!(members[0].name.as_deref(), Some("Maya"));
    assert_eq!(members[0].sender.as_ref().expect("a sender").as_str(), "whatsapp:+14155550000");
    assert_eq!(members[1].address.as_ref().expect("an address").as_str(), "client:tom");
}

#[tokio::test]
async fn what_is_gone_is_removed() {
    let server = Server::start(vec![Step::Text(404, ""), Step::Text(204, "")]).await;
    let twilio = bridge(&server);
    twilio.client().remove_participant(CH, "MB1").await.expect("it is gone");
    twilio.client().remove_participant(CH, "MB1").await.expect("it is gone");
}

#[tokio::test]
async fn a_file_is_fetched_without_the_credentials_and_within_its_limit() {
    let links = json!({"content_direct_temporary": "/file"});
    let file = json!({"sid": "ME1", "content_type": "image/png", "size": 4, "links": links});
    let steps = || vec![Step::json(200, &file), Step::Text(200, "data")];
    let server = Server::start(steps()).await;
    let media = bridge(&server).client().download("ME1", 4).await.expect("a file");
    assert_eq!(&media.bytes[..], b"data");
    let requests = server.requests();
    assert!(requests[0].head.contains("authorization"));
    assert!(!requests[1].head.contains("authorization"));

    let server = Server::start(steps()).await;
    let failure = bridge(&server).client().download("ME1", 3).await.expect_err("too large");
    assert_eq!((failure.verdict, failure.reason), (Verdict::Never, Reason::Content));
}

#[tokio::test]
async fn no_more_calls_are_under_way_than_allowed() {
    let server = Server::start(vec![]).await;
    let twilio = bridge_with(&server, |config| config.concurrency = 2);
    let client = twilio.client();
    let first = client.turn().await.expect("a turn");
    let _second = client.turn().await.expect("a turn");
    assert!(client.turn().now_or_never().is_none());
    drop(first);
    assert!(client.turn().now_or_never().is_some());
}

#[tokio::test]
async fn no_more_calls_are_begun_in_a_second_than_allowed() {
    let server = Server::start(vec![]).await;
    let twilio = bridge_with(&server, |config| config.actions_per_second = 300);
    let begun = tokio::time::Instant::now();
    for _ in 0..200 {
        drop(twilio.client().turn().await.expect("a turn"));
    }
    // A third of a second's worth at once, the rest evenly.
    assert!(begun.elapsed() >= Duration::from_millis(330), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_turn_that_does_not_come_is_waited_for_only_so_long() {
    let server = Server::start(vec![]).await;
    let twilio = bridge_with(&server, |config| {
        config.concurrency = 1;
        config.timeouts.turn = Duration::from_millis(1);
    });
    let _taken = twilio.client().turn().await.expect("a turn");
    let failure = twilio.send(&delivery()).await.expect_err("a failure");
    assert_eq!((failure.verdict, failure.reason), (Verdict::Later(None), Reason::RateLimited));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn while_twilio_has_too_many_requests_nobody_asks() {
    let whole = json!({"sid": CH, "friendly_name": "Plumbers", "state": "active"});
    let steps = vec![Step::Wait(429, "1"), Step::json(200, &whole), Step::json(200, &whole)];
    let server = Server::start(steps).await;
    let twilio = bridge(&server);
    // What makes something new is not repeated by the client, but all others wait for it.
    let failure = twilio.send(&delivery()).await.expect_err("too many");
    assert_eq!(failure.verdict, Verdict::Later(Some(Duration::from_secs(1))));
    let begun = Instant::now();
    let (one, other) = tokio::join!(twilio.conversation(CH), twilio.conversation(CH));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_pause_that_is_too_long_to_wait_for_is_told_and_nobody_asks() {
    let server = Server::start(vec![Step::Wait(429, "600")]).await;
    let twilio = bridge(&server);
    twilio.send(&delivery()).await.expect_err("too many");
    for _ in 0..3 {
        let failure = twilio.conversation(CH).await.expect_err("it is paused");
        let Verdict::Later(Some(left)) = failure.verdict else { panic!("{failure}") };
        assert!(left > Duration::from_secs(590), "{left:?}");
        assert_eq!(failure.reason, Reason::RateLimited);
    }
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn no_name_leads_out_of_the_service() {
    let base: url::Url = "https://conversations.twilio.com".parse().expect("a URL");
    let at = |part: &str| address(&base, &["v1", "Conversations", part]);
    assert_eq!(
        at("a/../b?c#d").expect("an address").as_str(),
        "https://conversations.twilio.com/v1/Conversations/a%2F..%2Fb%3Fc%23d"
    );
    assert!(at("..").is_err());
    assert!(at("").is_err());
}
