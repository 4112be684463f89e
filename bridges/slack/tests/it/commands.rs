//! Commands, interactions and their answers, by socket and by HTTP; events by HTTP.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hmac::{Hmac, KeyInit, Mac};
use jiff::SignedDuration;
use partyline_slack::simulator::{Failed, Mode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::support::{SOON, Scene};

#[tokio::test]
async fn a_command_over_the_socket_is_answered_at_once_and_later() {
    let scene = Scene::new().await;
    let mut socket = scene.socket().await;
    let mut run = scene.slack.command(&scene.crew, &scene.maya, "/wa", "status <now>").unwrap();
    let envelope = socket.next().await;
    assert_eq!(envelope["type"], "slash_commands");
    assert_eq!(envelope["payload"]["text"], "status &lt;now&gt;");
    assert_eq!(envelope["payload"]["user_name"], "maya.ellis");
    socket.acknowledge(&envelope, Some(json!({"text": "wait"}))).await;
    run.acknowledged().await.unwrap();
    let first = run.answer(SOON).await.unwrap();
    assert_eq!((first.direct, first.in_channel, first.text.as_str()), (true, false, "wait"));
    let url = envelope["payload"]["response_url"].as_str().unwrap();
    let answer = json!({"response_type": "in_channel", "text": "all well"});
    let sent = scene.http.post(url).json(&answer).send().await.unwrap();
    assert_eq!((sent.status().as_u16(), sent.text().await.unwrap().as_str()), (200, "ok"));
    let second = run.answer(SOON).await.unwrap();
    assert_eq!((second.direct, second.in_channel), (false, true));
    assert_eq!(scene.slack.messages(&scene.crew)[0].text, "all well");
    assert_eq!(scene.slack.ephemerals(&scene.crew)[0].text, "wait");
}

#[tokio::test]
async fn a_response_address_ends_after_five_uses_or_half_an_hour() {
    let scene = Scene::new().await;
    let mut socket = scene.socket().await;
    let mut urls = Vec::new();
    for _ in 0..2 {
        let run = scene.slack.command(&scene.crew, &scene.maya, "/wa", "help").unwrap();
        let envelope = socket.next().await;
        socket.acknowledge(&envelope, None).await;
        urls.push(run.response_url.clone());
    }
    let answer = json!({"text": "x"});
    for use_ in 1..=6 {
        let sent = scene.http.post(&urls[0]).json(&answer).send().await.unwrap();
        assert_eq!(sent.status(), if use_ <= 5 { 200 } else { 404 });
    }
    scene.clock.advance(SignedDuration::from_mins(31));
    let late = scene.http.post(&urls[1]).json(&answer).send().await.unwrap();
    assert_eq!(late.status(), 404);
    assert_eq!(late.json::<Value>().await.unwrap()["error"], "expired_url");
}

#[tokio::test]
async fn a_view_opens_while_the_trigger_lasts_and_its_submission_comes_back() {
    let scene = Scene::new().await;
    let mut socket = scene.socket().await;
    let run = scene.slack.shortcut(&scene.maya, "link_group").unwrap();
    let envelope = socket.next().await;
    assert_eq!(envelope["type"], "interactive");
    socket.acknowledge(&envelope, None).await;
    let view = json!({
        "type": "modal", "callback_id": "link", "blocks": [],
        "title": {"type": "plain_text", "text": "Link"},
    });
    let open = json!({"trigger_id": run.trigger_id, "view": view});
    let opened = scene.call("views.open", open.clone()).await;
    assert_eq!(opened["ok"], true, "{opened}");
    assert_eq!(scene.call("views.open", open).await["error"], "exchanged_trigger_id");
    let update = json!({"view_id": opened["view"]["id"], "view": view, "hash": "stale"});
    assert_eq!(scene.call("views.update", update).await["error"], "hash_conflict");
    let values = json!({"b": {"a": {"type": "plain_text_input", "value": "CH1"}}});
    let id = opened["view"]["id"].as_str().unwrap();
    let mut submitted = scene.slack.submit(id, &values).unwrap();
    let envelope = socket.next().await;
    assert_eq!(envelope["payload"]["view"]["state"]["values"], values);
    socket.acknowledge(&envelope, Some(json!({"response_action": "clear"}))).await;
    submitted.acknowledged().await.unwrap();
    let late = scene.slack.shortcut(&scene.maya, "link_group").unwrap();
    scene.clock.advance(SignedDuration::from_secs(4));
    let open = json!({"trigger_id": late.trigger_id, "view": view});
    assert_eq!(scene.call("views.open", open).await["error"], "expired_trigger_id");
}

#[tokio::test]
async fn nobody_there_and_no_answer_are_told_apart() {
    let scene = Scene::with(|options| options.answer_within = Duration::from_millis(50)).await;
    let run = |text: &str| scene.slack.command(&scene.crew, &scene.maya, "/wa", text).unwrap();
    assert_eq!(run("x").acknowledged().await, Err(Failed::NotConnected));
    let _socket = scene.socket().await;
    assert_eq!(run("x").acknowledged().await, Err(Failed::NoAnswer));
    let unknown = scene.slack.command(&scene.crew, &scene.maya, "/other", "");
    assert_eq!(unknown.err(), Some(Failed::UnknownCommand("/other".to_owned())));
}

/// What came to the app, and what it answers.
struct App {
    answers: Mutex<Vec<(u16, &'static str)>>,
    requests: mpsc::UnboundedSender<Came>,
}

struct Came {
    path: String,
    headers: HashMap<String, String>,
    body: String,
}

/// Instead of a status: no answer.
const HANG: u16 = 0;
/// Instead of a status: a refusal that asks not to be tried again.
const ENOUGH: u16 = 1;

/// An app behind HTTP. It answers with what is in `answers`, first to last, then 200.
async fn app(
    scene: &Scene,
    mut answers: Vec<(u16, &'static str)>,
) -> mpsc::UnboundedReceiver<Came> {
    answers.reverse();
    let (requests, came) = mpsc::unbounded_channel();
    let state = Arc::new(App { answers: Mutex::new(answers), requests });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/{path}", any(receive)).with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let url = |path: &str| format!("{base}/{path}").parse().unwrap();
    scene.slack.set_mode(Mode::Http {
        events_url: url("events"),
        commands_url: url("commands"),
        interactivity_url: url("interactivity"),
    });
    came
}

async fn receive(State(app): State<Arc<App>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let echo = serde_json::from_str::<Value>(&body)
        .ok()
        .and_then(|event| event["challenge"].as_str().map(str::to_owned));
    app.requests.send(Came { path, headers, body }).unwrap();
    if let Some(challenge) = echo {
        return challenge.into_response();
    }
    let (status, text) = app.answers.lock().unwrap().pop().unwrap_or((200, ""));
    if status == HANG {
        std::future::pending::<()>().await;
    }
    if status == ENOUGH {
        return (http::StatusCode::NOT_FOUND, [("x-slack-no-retry", "1")]).into_response();
    }
    (http::StatusCode::from_u16(status).unwrap(), text).into_response()
}

#[tokio::test]
async fn events_by_http_are_signed_and_come_again_when_refused() {
    let scene = Scene::with(|options| {
        options.event_retries = [0, 10, 20].map(Duration::from_millis).to_vec();
    })
    .await;
    let mut came = app(&scene, vec![(500, ""), (503, "")]).await;
    scene.slack.verify_events_url().await.unwrap();
    assert!(came.recv().await.unwrap().body.contains("url_verification"));
    scene.slack.user_says(&scene.crew, &scene.maya, "hello").unwrap();
    for attempt in 0..3 {
        let request = came.recv().await.unwrap();
        assert_eq!(request.path, "/events");
        assert_eq!(request.headers["x-slack-signature"], signature(&scene, &request));
        let retry = request.headers.get("x-slack-retry-num").map(String::as_str);
        assert_eq!(retry, [None, Some("1"), Some("2")][attempt]);
        if attempt > 0 {
            assert_eq!(request.headers["x-slack-retry-reason"], "http_error");
        }
        let event: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(event["event"]["text"], "hello");
    }
    scene.slack.idle(SOON).await.unwrap();
    let counters = scene.slack.counters();
    assert_eq!((counters.acknowledged, counters.retried), (1, 2));
}

#[tokio::test]
async fn an_app_that_is_silent_or_has_had_enough_is_treated_so() {
    let scene = Scene::with(|options| {
        options.answer_within = Duration::from_millis(100);
        options.event_retries = vec![Duration::ZERO];
    })
    .await;
    let mut came = app(&scene, vec![(HANG, ""), (ENOUGH, ""), (200, "")]).await;
    scene.slack.user_says(&scene.crew, &scene.maya, "hello").unwrap();
    came.recv().await.unwrap();
    let again = came.recv().await.unwrap();
    assert_eq!(again.headers["x-slack-retry-reason"], "http_timeout");
    scene.slack.idle(SOON).await.unwrap();
    assert_eq!((scene.slack.counters().lost, came.try_recv().is_err()), (2, true));
    scene.slack.user_says(&scene.crew, &scene.maya, "still there?").unwrap();
    assert!(came.recv().await.unwrap().body.contains("still there?"));
}

fn signature(scene: &Scene, request: &Came) -> String {
    let secret = scene.slack.options().signing_secret.expose_secret();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let timestamp = &request.headers["x-slack-request-timestamp"];
    mac.update(format!("v0:{timestamp}:{}", request.body).as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    format!("v0={hex}")
}

#[tokio::test]
async fn commands_and_buttons_by_http_are_answered_in_the_body() {
    let scene = Scene::new().await;
    let json = r#"{"response_type": "in_channel", "text": "linked"}"#;
    let mut came = app(&scene, vec![(200, "plain words"), (200, json), (200, "")]).await;
    let mut run = scene.slack.command(&scene.crew, &scene.maya, "/wa", "a b&c").unwrap();
    let request = came.recv().await.unwrap();
    assert_eq!(request.path, "/commands");
    assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded");
    let form: HashMap<_, _> = form_urlencoded::parse(request.body.as_bytes()).collect();
    assert_eq!((&*form["command"], &*form["text"]), ("/wa", "a b&amp;c"));
    let answer = run.answer(SOON).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.in_channel), ("plain words", false));
    let mut run = scene.slack.command(&scene.crew, &scene.maya, "/wa", "link").unwrap();
    assert!(run.answer(SOON).await.unwrap().in_channel);
    came.recv().await.unwrap();
    let message = scene.slack.messages(&scene.crew).last().unwrap().clone();
    let mut pressed =
        scene.slack.press(&scene.crew, &scene.maya, message.ts, "retry", "D1").unwrap();
    pressed.acknowledged().await.unwrap();
    let press = loop {
        let request = came.recv().await.unwrap();
        if request.path == "/interactivity" {
            break request;
        }
    };
    let form: HashMap<_, _> = form_urlencoded::parse(press.body.as_bytes()).collect();
    let payload: Value = serde_json::from_str(&form["payload"]).unwrap();
    assert_eq!(payload["actions"][0]["action_id"], "retry");
    let url = payload["response_url"].as_str().unwrap();
    let replace = json!({"replace_original": true, "text": "retried"});
    assert_eq!(scene.http.post(url).json(&replace).send().await.unwrap().status(), 200);
    let message = scene.slack.messages(&scene.crew).last().unwrap().clone();
    assert_eq!(message.text, "retried");
}

/// A view can be put above the one in which something was pressed, three in all; what is sent off
/// closes, and the one below it stands there again.
#[tokio::test]
async fn views_stand_on_one_another() {
    let scene = Scene::new().await;
    let mut socket = scene.socket().await;
    let view = |title: &str| {
        let button = json!({"type": "button", "action_id": "more",
            "text": {"type": "plain_text", "text": "More"}});
        json!({"type": "modal", "title": {"type": "plain_text", "text": title},
            "submit": {"type": "plain_text", "text": "Done"},
            "blocks": [{"type": "actions", "elements": [button]}]})
    };
    let mut run = scene.slack.command(&scene.crew, &scene.maya, "/wa", "form").unwrap();
    let envelope = socket.next().await;
    socket.acknowledge(&envelope, None).await;
    run.acknowledged().await.unwrap();
    let trigger = &envelope["payload"]["trigger_id"];
    let alone = json!({"trigger_id": trigger, "view": view("alone")});
    // There is nothing yet that it could stand on.
    assert_eq!(scene.call("views.push", alone).await["error"], "invalid_trigger_id");
    let run = scene.slack.command(&scene.crew, &scene.maya, "/wa", "form").unwrap();
    let envelope = socket.next().await;
    socket.acknowledge(&envelope, None).await;
    drop(run);
    let trigger = envelope["payload"]["trigger_id"].clone();
    let first = json!({"trigger_id": trigger, "view": view("first")});
    let first = scene.call("views.open", first).await["view"].clone();
    let mut below = first.clone();
    for title in ["second", "third", "fourth"] {
        let mut run = scene.slack.press_in_view(below["id"].as_str().unwrap(), "more").unwrap();
        let envelope = socket.next().await;
        socket.acknowledge(&envelope, None).await;
        run.acknowledged().await.unwrap();
        let trigger = envelope["payload"]["trigger_id"].clone();
        let pushed =
            scene.call("views.push", json!({"trigger_id": trigger, "view": view(title)})).await;
        if title == "fourth" {
            assert_eq!(pushed["error"], "push_limit_reached");
            break;
        }
        assert_eq!(pushed["view"]["previous_view_id"], below["id"], "{pushed}");
        assert_eq!(pushed["view"]["root_view_id"], first["id"]);
        below = pushed["view"].clone();
    }
    let before = |slack: &partyline_slack::simulator::Simulator| {
        slack.on_screen(&scene.maya).map(|view| view.id)
    };
    assert_eq!(before(&scene.slack).as_deref(), below["id"].as_str());
    let mut sent = scene.slack.send_off(below["id"].as_str().unwrap()).unwrap();
    let envelope = socket.next().await;
    socket.acknowledge(&envelope, None).await;
    sent.acknowledged().await.unwrap();
    assert_eq!(before(&scene.slack).as_deref(), below["previous_view_id"].as_str());
    // `clear` closes all of them.
    let mut sent = scene.slack.send_off(below["previous_view_id"].as_str().unwrap()).unwrap();
    let envelope = socket.next().await;
    socket.acknowledge(&envelope, Some(json!({"response_action": "clear"}))).await;
    sent.acknowledged().await.unwrap();
    assert_eq!(before(&scene.slack), None);
}
