//! What the app is told, by socket and by HTTP.

use std::time::Duration;

use partyline_slack::simulator::{Dose, Fault};
use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::support::{SOON, Scene, Socket};

#[tokio::test]
async fn a_message_comes_over_the_socket_in_its_wrapper() {
    let scene = Scene::new().await;
    let mut socket = scene.socket().await;
    let ts = scene.slack.user_says(&scene.crew, &scene.maya, "fish & chips <now>").unwrap();
    let event = socket.event().await;
    assert_eq!(event["type"], "event_callback");
    assert_eq!(event["event"]["type"], "message");
    assert_eq!(event["event"]["text"], "fish &amp; chips &lt;now&gt;");
    assert_eq!(event["event"]["user"], scene.maya);
    assert_eq!(event["event"]["ts"], ts.to_string());
    assert_eq!(event["event"]["channel"], scene.crew);
    scene.slack.idle(SOON).await.unwrap();
    assert_eq!(scene.slack.counters().acknowledged, 1);
}

#[tokio::test]
async fn edits_deletions_reactions_and_the_apps_own_posts_come_too() {
    let scene = Scene::new().await;
    let mut socket = scene.socket().await;
    let ts = scene.slack.user_says(&scene.crew, &scene.maya, "one").unwrap();
    scene.slack.user_edits(&scene.crew, &scene.maya, ts, "two").unwrap();
    scene.slack.unfurl(&scene.crew, ts, "A page").unwrap();
    scene.slack.user_reacts(&scene.crew, &scene.maya, ts, "eyes", true).unwrap();
    scene.slack.user_deletes(&scene.crew, ts).unwrap();
    scene.post("from the app").await;
    assert_eq!(socket.event().await["event"]["text"], "one");
    let edit = socket.event().await["event"].clone();
    assert_eq!(edit["subtype"], "message_changed");
    assert_eq!(edit["message"]["text"], "two");
    assert_eq!(edit["message"]["edited"]["user"], scene.maya);
    assert_eq!(edit["previous_message"]["text"], "one");
    let unfurl = socket.event().await["event"].clone();
    assert_eq!(unfurl["message"]["text"], unfurl["previous_message"]["text"]);
    let reaction = socket.event().await["event"].clone();
    assert_eq!(reaction["type"], "reaction_added");
    assert_eq!(reaction["item"]["ts"], ts.to_string());
    let deletion = socket.event().await["event"].clone();
    assert_eq!(deletion["subtype"], "message_deleted");
    assert_eq!(deletion["deleted_ts"], ts.to_string());
    let own = socket.event().await["event"].clone();
    assert_eq!(own["bot_id"], scene.slack.options().identity.bot);
}

#[tokio::test]
async fn with_nobody_there_events_are_gone_and_the_history_is_not() {
    let scene = Scene::new().await;
    scene.slack.user_says(&scene.crew, &scene.maya, "unheard").unwrap();
    let mut socket = scene.socket().await;
    scene.slack.user_says(&scene.crew, &scene.maya, "heard").unwrap();
    assert_eq!(socket.event().await["event"]["text"], "heard");
    assert!(scene.slack.counters().lost >= 1);
    let history = scene.call("conversations.history", json!({"channel": scene.crew})).await;
    assert_eq!(history["messages"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_event_that_is_not_acknowledged_comes_again() {
    let scene = Scene::with(|options| options.answer_within = Duration::from_millis(250)).await;
    let mut socket = scene.socket().await;
    scene.slack.user_says(&scene.crew, &scene.maya, "again").unwrap();
    let first = socket.next().await;
    let second = socket.next().await;
    assert_eq!(first["retry_attempt"], 0);
    assert_eq!(second["retry_attempt"], 1);
    assert_eq!(first["payload"]["event_id"], second["payload"]["event_id"]);
    assert_ne!(first["envelope_id"], second["envelope_id"]);
    socket.acknowledge(&second, None).await;
    scene.slack.idle(SOON).await.unwrap();
}

#[tokio::test]
async fn sockets_share_the_load_and_there_are_ten_at_most() {
    let scene = Scene::new().await;
    let mut sockets = Vec::new();
    for _ in 0..10 {
        sockets.push(scene.socket().await);
    }
    for n in 0..10 {
        scene.slack.user_says(&scene.crew, &scene.maya, &n.to_string()).unwrap();
    }
    for socket in &mut sockets {
        socket.event().await;
    }
    let mut eleventh = open_without_hello(&scene).await;
    assert_eq!(eleventh.next().await["reason"], "too_many_websockets");
}

async fn open_without_hello(scene: &Scene) -> Socket {
    let url = scene.slack.api_url().join("apps.connections.open").unwrap();
    let answer = scene.http.post(url).bearer_auth(scene.app_token()).send().await.unwrap();
    let answer: serde_json::Value = answer.json().await.unwrap();
    let url = answer["url"].as_str().unwrap().to_owned();
    Socket(tokio_tungstenite::connect_async(url).await.unwrap().0)
}

#[tokio::test]
async fn a_ticket_opens_one_socket() {
    let scene = Scene::new().await;
    let url = scene.slack.api_url().join("apps.connections.open").unwrap();
    let answer = scene.http.post(url).bearer_auth(scene.app_token()).send().await.unwrap();
    let url = answer.json::<serde_json::Value>().await.unwrap()["url"].as_str().unwrap().to_owned();
    let _first = tokio_tungstenite::connect_async(&url).await.unwrap();
    assert!(tokio_tungstenite::connect_async(&url).await.is_err());
}

#[tokio::test]
async fn a_socket_is_told_to_go_before_it_is_closed() {
    use futures_util::StreamExt;
    let scene = Scene::new().await;
    let mut socket = scene.socket().await;
    scene.slack.refresh_sockets(false);
    let frame = socket.next().await;
    assert_eq!(
        (frame["type"].as_str(), frame["reason"].as_str()),
        (Some("disconnect"), Some("refresh_requested"))
    );
    let end = tokio::time::timeout(SOON, socket.0.next()).await.unwrap();
    assert!(!matches!(end, Some(Ok(frame)) if frame.is_text()));
    scene.slack.wait_for("no socket", SOON, |s| (s.sockets() == 0).then_some(())).await.unwrap();
}

#[tokio::test]
async fn events_are_lost_doubled_delayed_and_swapped_on_demand() {
    let scene = Scene::new().await;
    let mut socket = scene.socket().await;
    let say = |text: &str| scene.slack.user_says(&scene.crew, &scene.maya, text).unwrap();
    let fault = |fault| scene.slack.fault(fault, "message", Dose::Next(1));
    fault(Fault::Lost);
    say("lost");
    fault(Fault::Doubled);
    say("twice");
    let (one, two) = (socket.event().await, socket.event().await);
    assert_eq!(one["event"]["text"], "twice");
    assert_eq!(one["event_id"], two["event_id"]);
    fault(Fault::OutOfOrder);
    say("first");
    say("second");
    assert_eq!(socket.event().await["event"]["text"], "second");
    assert_eq!(socket.event().await["event"]["text"], "first");
    fault(Fault::Delayed(Duration::from_millis(300)));
    say("late");
    say("punctual");
    assert_eq!(socket.event().await["event"]["text"], "punctual");
    assert_eq!(socket.event().await["event"]["text"], "late");
    fault(Fault::OutOfOrder);
    say("alone");
    assert_eq!(socket.event().await["event"]["text"], "alone");
}

#[tokio::test]
async fn one_gesture_can_come_as_two_messages() {
    let scene = Scene::new().await;
    let mut socket = scene.socket().await;
    let ts = scene.slack.user_says(&scene.crew, &scene.maya, "once").unwrap();
    scene.slack.repeat(&scene.crew, ts).unwrap();
    let (one, two) = (socket.event().await, socket.event().await);
    assert_ne!(one["event"]["ts"], two["event"]["ts"]);
    assert_eq!(one["event"]["client_msg_id"], two["event"]["client_msg_id"]);
}

#[tokio::test]
async fn a_dropped_socket_is_reset_and_its_event_comes_by_the_other() {
    use futures_util::StreamExt;
    let scene = Scene::with(|options| options.answer_within = Duration::from_millis(50)).await;
    let mut first = scene.socket().await;
    let mut second = scene.socket().await;
    scene.slack.fault(Fault::SocketDrop, "message", Dose::Next(1));
    scene.slack.user_says(&scene.crew, &scene.maya, "hello").unwrap();
    let end = tokio::time::timeout(SOON, first.0.next()).await.unwrap();
    assert!(end.is_none_or(|frame| frame.is_err()), "reset, without a word");
    assert_eq!(second.event().await["event"]["text"], "hello");
}

#[tokio::test]
async fn a_half_open_socket_is_deaf_and_dumb_and_stays_open() {
    let scene = Scene::with(|options| {
        options.answer_within = Duration::from_millis(50);
        options.ping_every = Duration::from_millis(10);
    })
    .await;
    let mut socket = scene.socket().await;
    scene.slack.half_open_sockets();
    scene.slack.user_says(&scene.crew, &scene.maya, "hello?").unwrap();
    let tokio_tungstenite::MaybeTlsStream::Plain(stream) = socket.0.get_mut() else {
        panic!("a plain stream")
    };
    // Whatever was on the way is read; then there is silence, not an end.
    let mut buffer = [0; 4096];
    let silence = async {
        while let Ok(Ok(read)) =
            tokio::time::timeout(Duration::from_millis(200), stream.read(&mut buffer)).await
        {
            assert_ne!(read, 0, "closed");
        }
    };
    tokio::time::timeout(SOON, silence).await.unwrap();
    assert_eq!(scene.slack.sockets(), 1);
}

#[tokio::test]
async fn membership_archiving_and_names_are_told() {
    let scene = Scene::new().await;
    let mut socket = scene.socket().await;
    let app = scene.slack.options().identity.user.clone();
    scene.slack.rename(&scene.crew, "deck");
    scene.slack.archive(&scene.crew, true);
    scene.slack.archive(&scene.crew, false);
    scene.slack.remove_bot(&scene.crew);
    scene.slack.join(&scene.crew, &app);
    scene.slack.change_user(&scene.maya, "Maya E.", None).unwrap();
    scene.slack.revoke_token();
    let mut types = Vec::new();
    for _ in 0..9 {
        let event = socket.event().await["event"].clone();
        types.push(event["subtype"].as_str().or(event["type"].as_str()).unwrap().to_owned());
    }
    assert_eq!(
        types,
        [
            "channel_rename",
            "channel_archive",
            "channel_unarchive",
            "channel_left",
            "member_joined_channel",
            "channel_join",
            "user_change",
            "tokens_revoked",
            "app_uninstalled",
        ]
    );
}
