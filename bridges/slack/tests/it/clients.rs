//! Slack's own libraries against the simulator: what they take for Slack must pass for Slack.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use partyline_core::SystemClock;
use partyline_slack::simulator::{Author, Failed, Happening, Message, Mode, Simulator, Ts};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::{Scene, python, root};

/// A start of Python, imports and all, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The libraries check signatures against the machine's clock.
async fn scene() -> Scene {
    Scene::with(|options| options.clock = Arc::new(SystemClock)).await
}

fn driver(scene: &Scene, script: &str) -> Command {
    let options = scene.slack.options();
    let mut command = Command::new(python());
    command
        .arg(root().join("tests/clients").join(script))
        .env("API_URL", scene.slack.api_url().as_str())
        .env("CONTROL_URL", scene.slack.control_url().as_str())
        .env("BOT_TOKEN", options.bot_token.expose_secret())
        .env("APP_TOKEN", options.app_token.expose_secret())
        .env("SIGNING_SECRET", options.signing_secret.expose_secret())
        .env("CHANNEL", &scene.crew)
        .env("USER", &scene.maya)
        .env("NO_PROXY", "127.0.0.1")
        .kill_on_drop(true);
    command
}

#[tokio::test]
async fn slack_sdk_finds_everything_as_it_is_used_to() {
    let scene = scene().await;
    let mut socket = scene.socket().await;
    let run = scene.slack.command(&scene.crew, &scene.maya, "/wa", "status").unwrap();
    let envelope = socket.next().await;
    socket.acknowledge(&envelope, None).await;
    let driving = driver(&scene, "slack_web.py").env("RESPONSE_URL", &run.response_url).output();
    let output = tokio::time::timeout(PATIENCE, driving).await.expect("in time").expect("Python");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(scene.slack.messages(&scene.crew).last().expect("one").text, "all well");
}

/// An app on slack_bolt, running.
struct Bolt {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Bolt {
    /// Starts it; gives the port on which it listens, 0 with sockets.
    async fn start(scene: &Scene, transport: &str) -> (Self, u16) {
        let mut process = driver(scene, "slack_bolt_app.py")
            .arg(transport)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python");
        let lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let mut bolt = Self { _process: process, lines };
        let port = bolt.says("listening ").await.parse().expect("a port");
        (bolt, port)
    }

    /// The rest of the next line that begins so.
    async fn says(&mut self, start: &str) -> String {
        let wait = async {
            while let Some(line) = self.lines.next_line().await.expect("text") {
                if let Some(rest) = line.strip_prefix(start) {
                    return rest.to_owned();
                }
            }
            panic!("the app ended before it said {start:?}");
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("said in time")
    }
}

/// Everything that the app can do, done once.
async fn play(scene: &Scene, bolt: &mut Bolt) {
    let (slack, crew, maya) = (&scene.slack, scene.crew.as_str(), scene.maya.as_str());
    let before = slack.counters();
    let hello = slack.user_says(crew, maya, "hello & <good morning>").unwrap();
    let reply = slack
        .wait_for_message(crew, PATIENCE, |m| m.thread_ts == Some(hello) && m.ts != hello)
        .await
        .unwrap();
    assert_eq!(reply.text, format!("hello <@{maya}>"));
    assert_eq!(reply.author, Author::App { username: None, icon_url: None, icon_emoji: None });
    slack.user_edits(crew, maya, hello, "good bye").unwrap();
    assert_eq!(bolt.says("event ").await, "message_changed");
    slack.user_reacts(crew, maya, hello, "eyes", true).unwrap();
    let both =
        |m: &Message| m.ts == hello && m.reactions.first().is_some_and(|r| r.users.len() == 2);
    slack.wait_for_message(crew, PATIENCE, both).await.unwrap();
    let mut run = slack.command(crew, maya, "/wa", "status").unwrap();
    run.acknowledged().await.unwrap();
    let mut answers = [run.answer(PATIENCE).await.unwrap(), run.answer(PATIENCE).await.unwrap()];
    answers.sort_by_key(|answer| !answer.direct); // the two come by different ways
    assert_eq!((answers[0].direct, answers[0].text.as_str()), (true, "working on status"));
    assert_eq!((answers[1].in_channel, answers[1].text.as_str()), (true, "done"));
    views(scene, bolt).await;
    form(scene, bolt, hello).await;
    home(scene, bolt).await;
    press(scene, reply.ts).await;
    slack.idle(PATIENCE).await.unwrap();
    let counters = slack.counters();
    assert_eq!((counters.lost, counters.retried), (before.lost, 0), "{counters:?}");
}

async fn views(scene: &Scene, bolt: &mut Bolt) {
    let slack = &scene.slack;
    slack.shortcut(&scene.maya, "link_group").unwrap();
    let view =
        slack.wait_for("a view", PATIENCE, |slack| slack.views().into_iter().next()).await.unwrap();
    assert_eq!(view.view["callback_id"], "link");
    let values = json!({"b": {"a": {"type": "plain_text_input", "value": "CH1"}}});
    slack.submit(&view.id, &values).unwrap().acknowledged().await.unwrap();
    assert_eq!(bolt.says("submitted ").await, "CH1");
}

/// A form on a message: searched, changed, sent off with a fault in it, closed.
async fn form(scene: &Scene, bolt: &mut Bolt, on: Ts) {
    let slack = &scene.slack;
    slack.message_shortcut(&scene.crew, &scene.maya, on, "reply").unwrap();
    let titled = |title: &'static str| {
        move |slack: &Simulator| {
            slack.views().into_iter().find(|one| one.view["title"]["text"] == title)
        }
    };
    let form = slack.wait_for("the form", PATIENCE, titled("Reply")).await.unwrap();
    assert_eq!(form.view["private_metadata"], "good bye");
    assert_eq!(slack.send_off(&form.id).err(), Some(Failed::NotTaken("who".to_owned())));
    assert!(slack.search(&form.id, "who", "").await.is_err(), "it is not asked before a letter");
    let found = slack.search(&form.id, "who", "maya").await.unwrap();
    assert_eq!(found, [("maya".to_owned(), "MAYA".to_owned())]);
    slack.choose(&form.id, "how", &["maya"]).unwrap();
    slack.choose(&form.id, "who", &["maya"]).unwrap().expect("the app hears of it");
    slack.wait_for("the form anew", PATIENCE, titled("To maya")).await.unwrap();
    // What was chosen stays where the fields do.
    let mut sent = slack.send_off(&form.id).unwrap();
    sent.acknowledged().await.unwrap();
    let view = slack.view(&form.id).unwrap();
    assert_eq!((view.open, view.errors["how"].as_str()), (true, "maya"));
    let mut closed = slack.close(&form.id).unwrap().expect("the app hears of it");
    closed.acknowledged().await.unwrap();
    assert_eq!(bolt.says("closed ").await, form.id);
}

async fn home(scene: &Scene, bolt: &mut Bolt) {
    let slack = &scene.slack;
    slack.open_home(&scene.maya).unwrap();
    let home = |slack: &Simulator| slack.home(&scene.maya);
    let home = slack.wait_for("the Home tab", PATIENCE, home).await.unwrap();
    slack.press_in_view(&home.id, "more").unwrap().acknowledged().await.unwrap();
    assert_eq!(bolt.says("more ").await, "2 home");
}

async fn press(scene: &Scene, on: Ts) {
    let slack = &scene.slack;
    slack.press(&scene.crew, &scene.maya, on, "retry", "D1").unwrap().acknowledged().await.unwrap();
    slack.wait_for_message(&scene.crew, PATIENCE, |m| m.text == "retried D1").await.unwrap();
}

#[tokio::test]
async fn a_bolt_app_by_socket_hears_and_answers() {
    let scene = scene().await;
    let (mut bolt, _) = Bolt::start(&scene, "socket").await;
    let open = |slack: &Simulator| (slack.sockets() == 1).then_some(());
    scene.slack.wait_for("a socket", PATIENCE, open).await.unwrap();
    play(&scene, &mut bolt).await;
    let mut happenings = scene.slack.subscribe();
    scene.slack.refresh_sockets(false);
    // The old one goes and a new one comes, in whichever order the library chooses.
    let mut seen = 0;
    while seen < 2 {
        let next = tokio::time::timeout(PATIENCE, happenings.recv()).await.expect("in time");
        seen += usize::from(matches!(next, Ok(Happening::Sockets(_))));
    }
    scene.slack.wait_for("one socket", PATIENCE, open).await.unwrap();
    let again = scene.slack.user_says(&scene.crew, &scene.maya, "hello again").unwrap();
    let reply = |m: &Message| m.thread_ts == Some(again) && m.ts != again;
    scene.slack.wait_for_message(&scene.crew, PATIENCE, reply).await.unwrap();
}

#[tokio::test]
async fn a_bolt_app_by_http_takes_the_signatures_and_answers() {
    let scene = scene().await;
    let (mut bolt, port) = Bolt::start(&scene, "http").await;
    let url: url::Url = format!("http://127.0.0.1:{port}/slack/events").parse().unwrap();
    scene.slack.set_mode(Mode::Http {
        events_url: url.clone(),
        commands_url: url.clone(),
        interactivity_url: url,
    });
    scene.slack.verify_events_url().await.unwrap();
    play(&scene, &mut bolt).await;
}
