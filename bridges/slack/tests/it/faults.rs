//! Faults of the Web API, seen from the other end of the wire.

use std::time::Duration;

use partyline_slack::simulator::{Dose, Fault};
use serde_json::{Value, json};

use crate::support::Scene;

const POST: &str = "chat.postMessage";

/// A scene in which the next post meets this fault, and the post.
async fn next_post(fault: Fault) -> (Scene, reqwest::RequestBuilder) {
    let scene = Scene::new().await;
    scene.slack.fault(fault, POST, Dose::Next(1));
    let request = scene.request(POST, &json!({"channel": scene.crew, "text": "x"}));
    (scene, request)
}

fn posted(scene: &Scene) -> usize {
    scene.slack.messages(&scene.crew).len()
}

#[tokio::test]
async fn too_fast_with_and_without_a_wait() {
    let (scene, request) = next_post(Fault::RateLimited(30)).await;
    let answer = request.send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"30".parse().unwrap())
    );
    assert_eq!(posted(&scene), 0);
    let (_scene, request) = next_post(Fault::RateLimitedBare).await;
    let answer = request.send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers().get("retry-after")), (429, None));
}

#[tokio::test]
async fn an_error_before_and_after_it_was_done() {
    for (fault, count) in [(Fault::Error500, 0), (Fault::Error500After, 1)] {
        let (scene, request) = next_post(fault).await;
        assert_eq!(request.send().await.unwrap().status(), 500);
        assert_eq!(posted(&scene), count, "{fault:?}");
    }
}

#[tokio::test]
async fn any_refusal_there_is() {
    let (scene, request) = next_post(Fault::Refused("restricted_action")).await;
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer, json!({"ok": false, "error": "restricted_action"}));
    assert_eq!(posted(&scene), 0);
}

#[tokio::test]
async fn a_reset_before_and_after_it_was_done() {
    for (fault, count) in [(Fault::ResetBefore, 0), (Fault::ResetAfter, 1)] {
        let (scene, request) = next_post(fault).await;
        let error = request.send().await.expect_err("a reset");
        assert!(reset(&error), "{fault:?}: {error:?}");
        assert_eq!(posted(&scene), count, "{fault:?}");
        assert_eq!(scene.call(POST, json!({"channel": scene.crew, "text": "y"})).await["ok"], true);
    }
}

/// Whether the kernel said that the other side reset the connection.
fn reset(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::ConnectionReset;
        }
        cause = error.source();
    }
    false
}

#[tokio::test]
async fn an_answer_that_breaks_off() {
    let (scene, request) = next_post(Fault::Truncated).await;
    let mut answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut bytes = Vec::new();
    let error = loop {
        match answer.chunk().await {
            Ok(Some(piece)) => bytes.extend_from_slice(&piece),
            Ok(None) => panic!("a whole answer"),
            Err(error) => break error,
        }
    };
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert!(bytes.starts_with(b"{"), "half of the answer came");
    assert!(serde_json::from_slice::<Value>(&bytes).is_err());
    assert_eq!(posted(&scene), 1);
}

#[tokio::test]
async fn an_answer_that_is_no_json() {
    let (scene, request) = next_post(Fault::NotJson).await;
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    assert_eq!(posted(&scene), 1);
}

#[tokio::test]
async fn no_answer_at_all() {
    let (scene, request) = next_post(Fault::Hang).await;
    let error = request.timeout(Duration::from_millis(300)).send().await.expect_err("silence");
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(posted(&scene), 0);
    assert_eq!(scene.slack.counters().faults, 1);
}

#[tokio::test]
async fn a_stopped_simulator_answers_nobody() {
    let Scene { slack, http, .. } = Scene::new().await;
    let url = slack.api_url().join("api.test").unwrap();
    assert_eq!(http.post(url.clone()).send().await.unwrap().status(), 200);
    drop(slack);
    // The listener closes when its task sees the stop; until then a connection may still open.
    let stopped = async {
        while http.post(url.clone()).send().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::SOON, stopped).await.expect("stops");
}
