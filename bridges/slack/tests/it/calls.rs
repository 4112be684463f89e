//! The Web API: what is kept, what is shown, what is refused.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::Scene;

#[tokio::test]
async fn a_post_stands_in_the_history_with_name_picture_and_metadata() {
    let scene = Scene::new().await;
    let metadata = json!({"event_type": "partyline_delivery", "event_payload": {"id": "01J"}});
    let posted = scene
        .call(
            "chat.postMessage",
            json!({
                "channel": scene.crew, "text": "on my way", "username": "Noor",
                "icon_url": "https://pictures.example/noor.png", "metadata": metadata,
            }),
        )
        .await;
    assert_eq!(posted["ok"], true, "{posted}");
    assert_eq!(posted["message"]["username"], "Noor");
    assert_eq!(posted["message"]["subtype"], "bot_message");
    let plain = scene.call("conversations.history", json!({"channel": scene.crew})).await;
    assert_eq!(plain["messages"][0]["ts"], posted["ts"]);
    assert_eq!(plain["messages"][0]["metadata"], Value::Null);
    let full = scene
        .call("conversations.history", json!({"channel": scene.crew, "include_all_metadata": true}))
        .await;
    assert_eq!(full["messages"][0]["metadata"], metadata);
    let message = scene.slack.messages(&scene.crew)[0].clone();
    assert_eq!(message.text, "on my way");
    let picture = Some("https://pictures.example/noor.png".to_owned());
    assert_eq!(scene.slack.shown_author(&message), ("Noor".to_owned(), picture));
    let shown = scene.slack.shown_text(&format!("&lt;3 <@{}>", scene.maya));
    assert_eq!(shown, "<3 @Maya Ellis");
}

#[tokio::test]
async fn every_ts_is_new_and_later_even_when_the_clock_stands_still() {
    let scene = Scene::new().await;
    let mut before = String::new();
    let mut seen = HashSet::new();
    for n in 0..50 {
        let ts = scene.post(&format!("message {n}")).await;
        assert!(ts > before && seen.insert(ts.clone()), "{ts} after {before}");
        before = ts;
    }
}

#[tokio::test]
async fn a_history_is_read_page_by_page_without_gap_or_repeat() {
    let scene = Scene::new().await;
    let all: Vec<_> = (0..25)
        .map(|n| scene.slack.user_says(&scene.crew, &scene.maya, &n.to_string()).unwrap())
        .collect();
    let mut read = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = scene
            .call(
                "conversations.history",
                json!({
                    "channel": scene.crew, "limit": 10, "cursor": cursor,
                    "oldest": all[3].to_string(),
                }),
            )
            .await;
        let texts = page["messages"].as_array().unwrap().iter().map(|m| m["text"].clone());
        read.extend(texts);
        match page["response_metadata"]["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    let expected: Vec<Value> = (4..25).rev().map(|n: u32| n.to_string().into()).collect();
    assert_eq!(read, expected, "oldest is exclusive, newest first");
    let one = scene
        .call(
            "conversations.history",
            json!({
                "channel": scene.crew, "latest": all[7].to_string(), "inclusive": true, "limit": 1,
            }),
        )
        .await;
    assert_eq!(one["messages"][0]["text"], "7");
}

#[tokio::test]
async fn replies_stand_in_the_thread_and_only_broadcasts_in_the_channel() {
    let scene = Scene::new().await;
    let head = scene.slack.user_says(&scene.crew, &scene.maya, "who comes?").unwrap();
    for (text, broadcast) in [("me", false), ("all of us", true)] {
        scene.slack.user_replies(&scene.crew, &scene.maya, head, text, broadcast).unwrap();
    }
    let history = scene.call("conversations.history", json!({"channel": scene.crew})).await;
    let texts: Vec<_> =
        history["messages"].as_array().unwrap().iter().map(|m| m["text"].clone()).collect();
    assert_eq!(texts, ["all of us", "who comes?"]);
    assert_eq!(history["messages"][1]["reply_count"], 2);
    let thread = scene
        .call("conversations.replies", json!({"channel": scene.crew, "ts": head.to_string()}))
        .await;
    let texts: Vec<_> =
        thread["messages"].as_array().unwrap().iter().map(|m| m["text"].clone()).collect();
    assert_eq!(texts, ["who comes?", "me", "all of us"]);
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = scene
            .call(
                "conversations.replies",
                json!({
                    "channel": scene.crew, "ts": head.to_string(), "limit": 1, "cursor": cursor,
                }),
            )
            .await;
        paged.extend(page["messages"].as_array().unwrap().iter().map(|m| m["text"].clone()));
        match page["response_metadata"]["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(paged, ["who comes?", "me", "all of us"]);
}

#[tokio::test]
async fn what_slack_refuses_is_refused_with_slacks_error() {
    let scene = Scene::new().await;
    let theirs = scene.slack.user_says(&scene.crew, &scene.maya, "mine").unwrap().to_string();
    let closed = scene.slack.add_channel("closed", &[]);
    scene.slack.archive(&closed, true);
    let elsewhere = scene.slack.add_channel("elsewhere", &[]);
    scene.slack.remove_bot(&elsewhere);
    let hidden = scene.slack.add_private_channel("hidden", &[]);
    scene.slack.remove_bot(&hidden);
    let crew = scene.crew.as_str();
    for (method, arguments, error) in [
        ("chat.postMessage", json!({"channel": "C0NOWHERE0", "text": "x"}), "channel_not_found"),
        ("chat.postMessage", json!({"channel": crew}), "no_text"),
        ("chat.postMessage", json!({"channel": closed, "text": "x"}), "is_archived"),
        ("chat.postMessage", json!({"channel": elsewhere, "text": "x"}), "not_in_channel"),
        ("chat.postMessage", json!({"channel": hidden, "text": "x"}), "channel_not_found"),
        (
            "chat.postMessage",
            json!({"channel": crew, "text": "x", "metadata": "{"}),
            "invalid_metadata_format",
        ),
        (
            "chat.postMessage",
            json!({"channel": crew, "text": "x", "metadata": {"event_type": 1}}),
            "invalid_metadata_schema",
        ),
        ("chat.update", json!({"channel": crew, "ts": theirs, "text": "x"}), "cant_update_message"),
        (
            "chat.update",
            json!({"channel": crew, "ts": theirs, "text": "x".repeat(4001)}),
            "msg_too_long",
        ),
        ("chat.delete", json!({"channel": crew, "ts": theirs}), "cant_delete_message"),
        ("chat.delete", json!({"channel": crew, "ts": "1.000000"}), "message_not_found"),
        ("conversations.history", json!({"channel": elsewhere}), "not_in_channel"),
        ("conversations.history", json!({"channel": crew, "oldest": "x"}), "invalid_ts_oldest"),
        ("conversations.history", json!({"channel": crew, "cursor": "x"}), "invalid_cursor"),
        ("conversations.history", json!({"channel": crew, "limit": 5000}), "invalid_limit"),
        ("conversations.replies", json!({"channel": crew, "ts": "1.0"}), "thread_not_found"),
        ("conversations.create", json!({"name": "crew"}), "name_taken"),
        ("conversations.create", json!({"name": "Crew!"}), "invalid_name_specials"),
        ("conversations.create", json!({"name": "c".repeat(81)}), "invalid_name_maxlength"),
        ("conversations.archive", json!({"channel": closed}), "already_archived"),
        ("conversations.invite", json!({"channel": crew, "users": "U0NOBODY"}), "user_not_found"),
        ("users.info", json!({"user": "U0NOBODY"}), "user_not_found"),
        ("users.lookupByEmail", json!({"email": "x@example.com"}), "users_not_found"),
        (
            "reactions.remove",
            json!({"channel": crew, "timestamp": theirs, "name": "eyes"}),
            "no_reaction",
        ),
        ("views.open", json!({"trigger_id": "x", "view": view()}), "invalid_trigger_id"),
        ("files.info", json!({"file": "F0NOTHING"}), "file_not_found"),
        ("no.suchMethod", json!({}), "unknown_method"),
    ] {
        let answer = scene.call(method, arguments.clone()).await;
        assert_eq!(answer["error"], error, "{method} {arguments}");
        assert_eq!(answer["ok"], false);
    }
}

fn view() -> Value {
    json!({"type": "modal", "title": {"type": "plain_text", "text": "Link"}, "blocks": []})
}

#[tokio::test]
async fn tokens_and_scopes_are_checked() {
    let scene = Scene::with(|options| options.scopes.retain(|s| s != "chat:write.customize")).await;
    let url = scene.slack.api_url().join("auth.test").unwrap();
    let bare: Value = scene.http.post(url.clone()).send().await.unwrap().json().await.unwrap();
    assert_eq!(bare["error"], "not_authed");
    let wrong = scene.http.post(url.clone()).bearer_auth("xoxb-wrong").send().await.unwrap();
    assert_eq!(wrong.json::<Value>().await.unwrap()["error"], "invalid_auth");
    let form = scene.http.post(url).form(&[("token", scene.bot_token())]).send().await.unwrap();
    let scopes = form.headers()["x-oauth-scopes"].to_str().unwrap().to_owned();
    assert!(scopes.contains("chat:write"));
    assert_eq!(form.json::<Value>().await.unwrap()["ok"], true);
    let named = json!({"channel": scene.crew, "text": "x", "username": "Noor"});
    let refused = scene.call("chat.postMessage", named).await;
    assert_eq!(refused["error"], "missing_scope");
    assert_eq!(refused["needed"], "chat:write.customize");
    assert_eq!(refused["provided"], scopes);
    assert_eq!(
        scene.call("apps.connections.open", json!({})).await["error"],
        "not_allowed_token_type"
    );
    scene.slack.revoke_token();
    assert_eq!(scene.call("auth.test", json!({})).await["error"], "token_revoked");
}

#[tokio::test]
async fn a_channel_that_is_too_fast_gets_429_and_another_does_not() {
    use partyline_slack::simulator::Rate;
    let scene =
        Scene::with(|options| options.posts = Some(Rate { per_second: 1.0, burst: 2 })).await;
    let post = |channel: &str| json!({"channel": channel, "text": "x"});
    for _ in 0..2 {
        assert_eq!(scene.call("chat.postMessage", post(&scene.crew)).await["ok"], true);
    }
    let slow = scene.request("chat.postMessage", &post(&scene.crew)).send().await.unwrap();
    assert_eq!(slow.status(), 429);
    assert_eq!(slow.headers()["retry-after"], "1");
    assert_eq!(slow.json::<Value>().await.unwrap()["error"], "ratelimited");
    let other = scene.slack.add_channel("other", &[]);
    assert_eq!(scene.call("chat.postMessage", post(&other)).await["ok"], true);
    scene.clock.advance(jiff::SignedDuration::from_secs(1));
    assert_eq!(scene.call("chat.postMessage", post(&scene.crew)).await["ok"], true);
    assert_eq!(scene.slack.counters().rate_limited, 1);
}

#[tokio::test]
async fn channels_are_made_renamed_joined_and_left() {
    let scene = Scene::new().await;
    let made = scene.call("conversations.create", json!({"name": "harbour"})).await;
    let id = made["channel"]["id"].as_str().unwrap().to_owned();
    let call = |method: &'static str, arguments: Value| scene.call(method, arguments);
    let topic = json!({"channel": id, "topic": "boats"});
    assert_eq!(call("conversations.setTopic", topic).await["channel"]["topic"]["value"], "boats");
    let renamed = call("conversations.rename", json!({"channel": id, "name": "quay"})).await;
    assert_eq!(renamed["channel"]["name"], "quay");
    assert_eq!(renamed["channel"]["previous_names"], json!(["harbour"]));
    let users = json!({"channel": id, "users": scene.maya});
    assert_eq!(call("conversations.invite", users).await["ok"], true);
    let members = call("conversations.members", json!({"channel": id})).await;
    assert_eq!(members["members"].as_array().unwrap().len(), 2);
    assert_eq!(call("conversations.leave", json!({"channel": id})).await["ok"], true);
    let info = call("conversations.info", json!({"channel": id})).await;
    assert_eq!(info["channel"]["is_member"], false);
    assert_eq!(call("conversations.join", json!({"channel": id})).await["ok"], true);
    assert_eq!(call("conversations.archive", json!({"channel": id})).await["ok"], true);
    let open = call("conversations.list", json!({"exclude_archived": true, "limit": 1})).await;
    assert_eq!(open["channels"][0]["name"], "crew");
    assert_eq!(open["response_metadata"]["next_cursor"], "");
    // A bot cannot, a person can.
    let opened = call("conversations.unarchive", json!({"channel": id})).await;
    assert_eq!(opened["error"], "not_in_channel");
    scene.slack.archive(&id, false);
    let opened = call("conversations.unarchive", json!({"channel": id})).await;
    assert_eq!(opened["error"], "not_archived");
}

#[tokio::test]
async fn a_file_goes_up_in_three_steps_and_comes_down_for_the_bearer() {
    let scene = Scene::new().await;
    let bytes = b"\x89PNG not really";
    let begun = scene
        .call("files.getUploadURLExternal", json!({"filename": "quay.png", "length": bytes.len()}))
        .await;
    let early = json!({"files": [{"id": begun["file_id"]}], "channel_id": scene.crew});
    assert_eq!(
        scene.call("files.completeUploadExternal", early.clone()).await["error"],
        "file_not_found"
    );
    let url = begun["upload_url"].as_str().unwrap();
    let sent = scene.http.post(url).body(&bytes[..]).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    let done = scene.call("files.completeUploadExternal", early).await;
    assert_eq!(done["ok"], true, "{done}");
    let message = &scene.slack.messages(&scene.crew)[0];
    assert_eq!((message.subtype, message.files.len()), (Some("file_share"), 1));
    let info = scene.call("files.info", json!({"file": begun["file_id"]})).await;
    assert_eq!(info["file"]["mimetype"], "image/png");
    let url = info["file"]["url_private_download"].as_str().unwrap();
    let down = scene.http.get(url).bearer_auth(scene.bot_token()).send().await.unwrap();
    assert_eq!(down.bytes().await.unwrap(), &bytes[..]);
    let stranger = scene.http.get(url).send().await.unwrap();
    assert!(stranger.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
}

#[tokio::test]
async fn old_messages_are_forgotten_above_the_cap() {
    let scene = Scene::with(|options| options.kept_messages = 10).await;
    for n in 0..25 {
        scene.slack.user_says(&scene.crew, &scene.maya, &n.to_string()).unwrap();
    }
    let kept = scene.slack.messages(&scene.crew);
    assert_eq!((kept.len(), kept[0].text.as_str()), (10, "15"));
}
