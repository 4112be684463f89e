//! The control API, as another process uses it.

use serde_json::{Value, json};

use crate::support::Scene;

async fn post(scene: &Scene, path: &str, body: Value) -> (u16, Value) {
    let url = scene.slack.control_url().join(path).expect("a path");
    let answer = scene.http.post(url).json(&body).send().await.expect("sent");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

async fn get(scene: &Scene, path: &str) -> Value {
    let url = scene.slack.control_url().join(path).expect("a path");
    scene.http.get(url).send().await.expect("sent").json().await.expect("JSON")
}

#[tokio::test]
async fn another_process_can_play_the_workspace() {
    let scene = Scene::new().await;
    let noor = post(&scene, "users", json!({"name": "Noor"})).await.1["id"].clone();
    let deck = post(&scene, "channels", json!({"name": "deck", "members": [noor]})).await.1;
    let said = json!({"channel": deck["id"], "user": noor, "text": "hello"});
    let ts = post(&scene, "say", said).await.1["ts"].clone();
    let reply = json!({"channel": deck["id"], "user": noor, "text": "again", "thread_ts": ts});
    assert_eq!(post(&scene, "say", reply).await.0, 200);
    let react = json!({"channel": deck["id"], "user": noor, "ts": ts, "emoji": "eyes", "on": true});
    assert_eq!(post(&scene, "react", react).await.0, 200);
    let edit = json!({"channel": deck["id"], "user": noor, "ts": ts, "text": "hullo"});
    assert_eq!(post(&scene, "edit", edit).await.0, 200);
    let path = format!("messages?channel={}", deck["id"].as_str().unwrap());
    let messages = get(&scene, &path).await;
    assert_eq!(messages[0]["text"], "hullo");
    assert_eq!(messages[0]["reactions"][0]["name"], "eyes");
    assert_eq!(messages[1]["thread_ts"], ts);
    assert_eq!(get(&scene, "state").await["channels"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn faults_are_set_by_name_and_wrong_requests_are_told_why() {
    let scene = Scene::new().await;
    let fault = json!({"fault": "rate_limited", "target": "auth.test", "seconds": 7});
    assert_eq!(post(&scene, "faults", fault).await.0, 200);
    let slow = scene.request("auth.test", &json!({})).send().await.unwrap();
    assert_eq!(slow.headers()["retry-after"], "7");
    let (status, body) = post(&scene, "faults", json!({"fault": "earthquake"})).await;
    assert_eq!((status, body["error"].is_string()), (400, true));
    let nobody = json!({"channel": scene.crew, "user": "U0NOBODY", "text": "x"});
    assert_eq!(post(&scene, "say", nobody).await.0, 400);
    let command = json!({"channel": scene.crew, "user": scene.maya, "command": "/wa"});
    let (status, body) = post(&scene, "command", command).await;
    assert_eq!(status, 400);
    assert!(body["error"].as_str().unwrap().contains("not connected"), "{body}");
}
