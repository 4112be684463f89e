//! Faults, as a client sees them.

use std::time::Duration;

use partyline_twilio::simulator::{Fault, FaultKind};
use serde_json::json;

use crate::support::{Receiver, SOON, Twilio};

/// What a fault leaves: how many messages, and what the client saw.
async fn strike(kind: FaultKind) -> (usize, Result<(u16, Option<u64>, bool), String>) {
    let hangs = matches!(kind, FaultKind::Hang | FaultKind::HangAfter);
    let patience = if hangs { Duration::from_millis(300) } else { SOON };
    let twilio = Twilio::start().await;
    let (group, _) = twilio.group(0).await;
    twilio.simulator.fault(Fault::next(kind, 1).method("POST").on("/Messages"));
    let request = twilio
        .request(http::Method::POST, &format!("~/Conversations/{group}/Messages"))
        .form(&[("Body", "Hello")])
        .timeout(patience);
    let seen = match request.send().await {
        Err(error) => Err(describe(&error)),
        Ok(answer) => {
            let status = answer.status().as_u16();
            let wait = answer.headers().get("retry-after");
            let wait = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
            match answer.bytes().await {
                Ok(body) => {
                    let json = serde_json::from_slice::<serde_json::Value>(&body).is_ok();
                    Ok((status, wait, json))
                }
                Err(error) => Err(describe(&error)),
            }
        }
    };
    // The fault is over: the next one works.
    let (status, _) =
        twilio.post(&format!("~/Conversations/{group}/Messages"), &[("Body", "x")]).await;
    assert_eq!(status, 201);
    (twilio.simulator.messages(&group).len() - 1, seen)
}

/// The whole chain of causes: what happened is in the last.
fn describe(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "timeout".to_owned() } else { String::new() };
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(one) = cause {
        text = format!("{text} / {one}");
        cause = one.source();
    }
    text.to_lowercase()
}

#[tokio::test]
async fn rate_limits_and_errors() {
    let limited = strike(FaultKind::RateLimited(7)).await;
    assert_eq!(limited, (0, Ok((429, Some(7), true))));
    let limited = strike(FaultKind::RateLimitedBare).await;
    assert_eq!(limited, (0, Ok((429, None, true))));
    assert_eq!(strike(FaultKind::Error500).await, (0, Ok((500, None, true))));
    assert_eq!(strike(FaultKind::Error500After).await, (1, Ok((500, None, true))));
    assert_eq!(strike(FaultKind::NotJson).await, (1, Ok((200, None, false))));
}

#[tokio::test]
async fn connections_hang_and_break() {
    for (kind, messages, right) in [
        (FaultKind::Hang, 0, "timeout"),
        (FaultKind::HangAfter, 1, "timeout"),
        (FaultKind::ResetBefore, 0, "connection reset"),
        (FaultKind::ResetAfter, 1, "connection reset"),
        (FaultKind::Truncated, 1, "end of file before message length reached"),
    ] {
        let (kept, seen) = strike(kind).await;
        assert_eq!(kept, messages, "{kind:?}");
        let seen = seen.expect_err("no whole answer");
        assert!(seen.contains(right), "{kind:?}: {seen}");
    }
}

#[tokio::test]
async fn hooks_are_lost_doubled_delayed_and_disordered() {
    let twilio = Twilio::start().await;
    let hooks = Receiver::start().await;
    let (group, phones) = twilio.group(1).await;
    twilio.simulator.set_webhook_url(Some(&hooks.url));
    twilio.simulator.set_webhook_filters(&["onMessageAdded"]);
    for (number, kind) in [
        FaultKind::Lost,
        FaultKind::Doubled,
        FaultKind::Delayed(Duration::from_secs(1)),
        FaultKind::OutOfOrder,
    ]
    .into_iter()
    .enumerate()
    {
        twilio.simulator.fault(Fault::next(kind, 1).on("onMessageAdded"));
        for part in ["a", "b"] {
            phones[0].say_at_once(&group, format!("{number}{part}")).expect("queued");
        }
        twilio.simulator.idle().await;
    }
    let bodies: Vec<String> =
        hooks.of("onMessageAdded").iter().map(|form| form["Body"].clone()).collect();
    assert_eq!(bodies, ["0b", "1a", "1a", "1b", "2b", "2a", "3b", "3a"]);
}

#[tokio::test]
async fn other_processes_can_do_all_of_it() {
    let twilio = Twilio::start().await;
    let call = async |path: &str, body: serde_json::Value| {
        let answer = reqwest::Client::new()
            .post(twilio.url(path))
            .json(&body)
            .send()
            .await
            .expect("an answer");
        assert!(answer.status().is_success(), "{path} {}", answer.status());
        answer.json::<serde_json::Value>().await.expect("JSON")
    };
    let member = |number: u32| json!({ "address": format!("+1415555010{number}"), "sender": "+14155550001", "name": "Maya" });
    let made = json!({ "name": "Team", "members": [member(1), member(2)] });
    let group = call("/_simulator/conversations", made).await["sid"].clone();
    call("/_simulator/phone", json!({ "address": "+14155550102", "on": false })).await;
    let say = json!({ "address": "+14155550101", "conversation": group, "text": "Hello" });
    let said = call("/_simulator/say", say).await;
    assert_eq!(said["message"]["receipts"][0]["status"], "sent");
    call("/_simulator/phone", json!({ "address": "+14155550102", "on": true })).await;
    call("/_simulator/idle", json!({})).await;
    let inbox = reqwest::get(twilio.url("/_simulator/inbox?address=%2B14155550102")).await;
    let inbox: serde_json::Value = inbox.expect("an answer").json().await.expect("JSON");
    assert_eq!(inbox["inbox"][0]["body"], "Hello");

    call("/_simulator/faults", json!({ "kind": "error_500", "times": 1 })).await;
    assert_eq!(twilio.get("~/Conversations").await.0, 500);
    let (_, state) = twilio.get("/_simulator/state").await;
    assert_eq!(state["conversations"][0]["messages"], 1);
    assert_eq!(state["counters"]["requests"], 1);
}
