//! Every answer and event, against Slack's published descriptions.
//!
//! They lie in the folder `shared/specs` beside the project, or where `PARTYLINE_SPECS` says; CI
//! has them. Without them only the shape that all answers share is checked, and the test says so.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::support::{Scene, python, root};

/// What was answered and sent, as lines of JSON.
#[derive(Default)]
struct Record(Mutex<Vec<Value>>);

impl Record {
    fn add(&self, row: Value) {
        self.0.lock().expect("not poisoned").push(row);
    }

    /// Calls a method, checks what all answers share, and notes the answer.
    async fn call(&self, scene: &Scene, method: &str, arguments: Value) -> Value {
        let body = scene.call(method, arguments).await;
        match body["ok"].as_bool() {
            Some(true) => assert!(body.get("error").is_none(), "{method}: {body}"),
            Some(false) => assert!(body["error"].is_string(), "{method}: {body}"),
            None => panic!("{method}: no ok in {body}"),
        }
        self.add(json!({"method": method, "body": body}));
        body
    }

    /// A call that is done.
    async fn done(&self, scene: &Scene, method: &str, arguments: Value) -> Value {
        let body = self.call(scene, method, arguments).await;
        assert_eq!(body["ok"], true, "{method}: {body}");
        body
    }
}

fn specs() -> Option<PathBuf> {
    let folder = std::env::var_os("PARTYLINE_SPECS")
        .map_or_else(|| root().join("../shared/specs"), PathBuf::from);
    folder.join("slack_web_openapi_v2.json").exists().then_some(folder)
}

#[tokio::test]
async fn answers_and_events_are_as_slack_describes_them() {
    let scene = Scene::new().await;
    let mut socket = scene.socket().await;
    let record = Record::default();
    what_is_done(&scene, &record).await;
    what_is_refused(&scene, &record).await;
    what_is_told(&scene);
    let sent = scene.slack.counters().events;
    for _ in 0..sent {
        let event = socket.event().await;
        assert!(event["event_id"].as_str().expect("an id").starts_with("Ev"));
        record.add(json!({"event": event["event"]["type"], "body": event}));
    }
    let Some(folder) = specs() else {
        println!("no shared/specs beside the project: only the shapes built in were checked");
        return;
    };
    let wrong = [
        json!({"method": "auth.test", "body": {"ok": true, "url": "x"}}),
        json!({"method": "chat.postMessage", "body": {"ok": false, "error": "no_such_error"}}),
        json!({"event": "message", "body": {"type": "event_callback"}}),
        json!({"event": "earthquake", "body": {}}),
    ];
    for row in wrong {
        assert_ne!(faults(&folder, std::slice::from_ref(&row)), "", "passed: {row}");
    }
    let faults = faults(&folder, &record.0.into_inner().expect("not poisoned"));
    assert_eq!(faults, "", "departures from the descriptions");
}

/// What the checker in Python finds.
fn faults(folder: &std::path::Path, rows: &[Value]) -> String {
    let mut checker = Command::new(python())
        .arg(root().join("tests/clients/slack_spec.py"))
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut input = checker.stdin.take().expect("piped");
    for row in rows {
        writeln!(input, "{row}").expect("the checker reads");
    }
    drop(input);
    let output = checker.wait_with_output().expect("the checker ends");
    assert!(output.status.success(), "the checker failed");
    String::from_utf8(output.stdout).expect("text")
}

async fn what_is_done(scene: &Scene, record: &Record) {
    let crew = scene.crew.as_str();
    for method in ["api.test", "auth.test", "team.info", "bots.info"] {
        record.done(scene, method, json!({})).await;
    }
    let metadata = json!({"event_type": "partyline_delivery", "event_payload": {"id": "1"}});
    let post = json!({"channel": crew, "text": "x", "metadata": metadata});
    let plain = record.done(scene, "chat.postMessage", post).await;
    let named = json!({"channel": crew, "text": "y", "username": "Noor",
        "icon_url": "https://pictures.example/noor.png"});
    record.done(scene, "chat.postMessage", named).await;
    let reply = json!({"channel": crew, "text": "z", "thread_ts": plain["ts"],
        "reply_broadcast": true});
    let reply = record.done(scene, "chat.postMessage", reply).await;
    let head = json!({"channel": crew, "timestamp": plain["ts"], "name": "eyes"});
    record.done(scene, "reactions.add", head.clone()).await;
    record.done(scene, "reactions.get", head.clone()).await;
    let update = json!({"channel": crew, "ts": plain["ts"], "text": "x2"});
    record.done(scene, "chat.update", update).await;
    let whisper = json!({"channel": crew, "user": scene.maya, "text": "psst"});
    record.done(scene, "chat.postEphemeral", whisper).await;
    scene.slack.user_says(crew, &scene.maya, "hello @partyline").unwrap();
    let all = json!({"channel": crew, "include_all_metadata": true});
    record.done(scene, "conversations.history", all).await;
    record.done(scene, "conversations.history", json!({"channel": crew, "limit": 1})).await;
    let thread = json!({"channel": crew, "ts": plain["ts"]});
    record.done(scene, "conversations.replies", thread).await;
    record.done(scene, "reactions.remove", head).await;
    let delete = json!({"channel": crew, "ts": reply["ts"]});
    record.done(scene, "chat.delete", delete).await;
    people_and_channels(scene, record).await;
    files_and_views(scene, record).await;
}

async fn people_and_channels(scene: &Scene, record: &Record) {
    let maya = json!({"user": scene.maya});
    record.done(scene, "users.info", maya.clone()).await;
    record.done(scene, "users.profile.get", maya).await;
    record.done(scene, "users.list", json!({})).await;
    record.done(scene, "users.list", json!({"limit": 1})).await;
    let email = json!({"email": "maya.ellis@example.com"});
    record.done(scene, "users.lookupByEmail", email).await;
    let made = record.done(scene, "conversations.create", json!({"name": "quay"})).await;
    let id = made["channel"]["id"].clone();
    let channel = json!({"channel": id});
    let with = |key: &str, value: Value| {
        let mut arguments = channel.clone();
        arguments[key] = value;
        arguments
    };
    record.done(scene, "conversations.info", channel.clone()).await;
    record.done(scene, "conversations.setTopic", with("topic", "boats".into())).await;
    record.done(scene, "conversations.rename", with("name", "pier".into())).await;
    let maya = Value::from(scene.maya.as_str());
    record.done(scene, "conversations.invite", with("users", maya.clone())).await;
    record.done(scene, "conversations.members", channel.clone()).await;
    record.done(scene, "conversations.kick", with("user", maya)).await;
    record.done(scene, "conversations.join", channel.clone()).await;
    record.done(scene, "conversations.archive", channel.clone()).await;
    scene.slack.archive(channel["channel"].as_str().expect("an id"), false);
    record.done(scene, "conversations.leave", channel.clone()).await;
    record.done(scene, "conversations.join", channel).await;
    record.done(scene, "conversations.list", json!({"limit": 1})).await;
    record.done(scene, "conversations.list", json!({})).await;
}

async fn files_and_views(scene: &Scene, record: &Record) {
    let begin = json!({"filename": "a.txt", "length": 3});
    let begun = record.done(scene, "files.getUploadURLExternal", begin).await;
    assert!(begun["upload_url"].is_string() && begun["file_id"].is_string());
    let url = begun["upload_url"].as_str().expect("an address");
    scene.http.post(url).body("abc").send().await.expect("sent");
    let done = json!({"files": [{"id": begun["file_id"]}], "channel_id": scene.crew});
    let done = record.done(scene, "files.completeUploadExternal", done).await;
    assert_eq!(done["files"][0]["id"], begun["file_id"]);
    record.done(scene, "files.info", json!({"file": begun["file_id"]})).await;
    let home = json!({"user_id": scene.maya, "view": {"type": "home", "blocks": []}});
    record.done(scene, "views.publish", home).await;
}

async fn what_is_refused(scene: &Scene, record: &Record) {
    let theirs = scene.slack.user_says(&scene.crew, &scene.maya, "mine").unwrap().to_string();
    let crew = scene.crew.as_str();
    let nowhere = json!({"channel": "C0NOWHERE0", "text": "x", "ts": theirs, "timestamp": theirs,
        "name": "eyes", "user": scene.maya, "users": scene.maya, "topic": "x"});
    for method in [
        "chat.postMessage",
        "chat.postEphemeral",
        "chat.update",
        "chat.delete",
        "conversations.history",
        "conversations.replies",
        "conversations.info",
        "conversations.members",
        "conversations.archive",
        "conversations.join",
        "conversations.invite",
        "conversations.setTopic",
    ] {
        let refused = record.call(scene, method, nowhere.clone()).await;
        assert_eq!(refused["error"], "channel_not_found", "{method}");
    }
    for (method, arguments) in [
        ("chat.postMessage", json!({"channel": crew})),
        ("chat.update", json!({"channel": crew, "ts": theirs, "text": "x"})),
        ("chat.delete", json!({"channel": crew, "ts": theirs})),
        ("conversations.create", json!({"name": "crew"})),
        ("conversations.create", json!({"name": "Crew!"})),
        ("conversations.unarchive", json!({"channel": crew})),
        ("conversations.history", json!({"channel": crew, "latest": "x"})),
        ("users.info", json!({"user": "U0NOBODY"})),
        ("users.lookupByEmail", json!({"email": "nobody@example.com"})),
        ("reactions.add", json!({"channel": crew, "name": "eyes"})),
        ("files.info", json!({"file": "F0NOTHING0"})),
        ("bots.info", json!({"bot": "B0NOBODY0"})),
        ("api.test", json!({"error": "my_error"})),
    ] {
        let refused = record.call(scene, method, arguments).await;
        assert_eq!(refused["ok"], false, "{method}: {refused}");
    }
}

/// What happens without the app's doing.
fn what_is_told(scene: &Scene) {
    let (slack, crew, maya) = (&scene.slack, scene.crew.as_str(), scene.maya.as_str());
    let ts = slack.user_says(crew, maya, "hello").unwrap();
    slack.user_replies(crew, maya, ts, "and again", true).unwrap();
    slack.user_emotes(crew, maya, "waves").unwrap();
    slack.user_sends_file(crew, maya, "quay.jpg", &b"\xff\xd8"[..], "look").unwrap();
    slack.user_edits(crew, maya, ts, "hullo").unwrap();
    slack.user_reacts(crew, maya, ts, "eyes", true).unwrap();
    slack.user_reacts(crew, maya, ts, "eyes", false).unwrap();
    slack.user_deletes(crew, ts).unwrap();
    slack.change_user(maya, "Maya E.", None).unwrap();
    slack.rename(crew, "deck");
    slack.archive(crew, true);
    slack.archive(crew, false);
    let gone = slack.add_channel("gone", &[]);
    slack.remove_bot(&gone);
    slack.delete_channel(&gone);
    slack.revoke_token();
}
