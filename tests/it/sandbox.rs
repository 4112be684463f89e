//! The sandbox, as a person uses it: the demo in a terminal, the page in a browser.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::support::synapse::{PASSWORD, Synapse};

/// Longer than the demo's own limit.
const DEMO: Duration = Duration::from_secs(150);
/// How long the page may take to be there.
const START: Duration = Duration::from_secs(90);
/// How long the browser may take for everything.
const BROWSER: Duration = Duration::from_secs(240);

fn sandbox() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_partyline"));
    command.arg("sandbox").stdin(Stdio::null()).kill_on_drop(true);
    // Nothing of a configuration that happens to lie around may matter.
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

async fn finished(mut command: Command, within: Duration, what: &str) -> Output {
    let output = timeout(within, command.output()).await;
    output.unwrap_or_else(|_| panic!("{what} was not over after {within:?}")).expect(what)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_arrives_and_says_so() {
    let mut command = sandbox();
    command.arg("--demo");
    let output = finished(command, DEMO, "the demo").await;
    let transcript = String::from_utf8(output.stdout).expect("text");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{transcript}\n{errors}");

    // What arrives where, as it stands there.
    for line in [
        "Maya     ›  Morning! The florist can do Thursday at three.",
        "→ Ben             ✓✓  *Maya Lopez*: Morning! The florist can do Thursday at three.",
        "→ #spring-launch      Maya Lopez: Morning! The florist can do Thursday at three.",
        "→ Aiko            ✓✓  *Nora Weiss*: Great. Ben, is the van free that day?",
        "only Nora     ←  +14155550103 is Aiko Tanaka now.",
        "→ #spring-launch      aiko: Hi all, I do the light.",
        "→ #spring-launch      Aiko Tanaka: Perfect, then two spots will do.",
        "→ Ben             ✓   (the phone is off)",
        "→ Ben             ✓✓  *Tom Okafor*: Weather looks fine",
        "→ Maya            ✓✓  *Nora Weiss*: (1/2) Here is the whole plan",
        "→ Ben             ✓✓  Caterer is confirmed for half past seven.",
        "only Nora     ←  This room is tied to CH",
    ] {
        assert!(transcript.contains(line), "the transcript lacks \"{line}\":\n{transcript}");
    }
    // What was said while the bridge was down comes after its start.
    let after = |earlier: &str, later: &str| {
        let at = |text: &str| transcript.find(text).unwrap_or_else(|| panic!("no \"{text}\""));
        assert!(at(earlier) < at(later), "\"{later}\" stands before \"{earlier}\":\n{transcript}");
    };
    after("It starts again", "→ #spring-launch      Maya Lopez: Caterer is confirmed");
    after("It starts again", "*Tom Okafor*: Wind is still at ten.");
    let last = transcript.trim_end().lines().last().unwrap_or_default();
    assert!(last.starts_with("Everything arrived: 21 messages"), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_works_in_a_browser() {
    let script = repository().join("tests/browser/sandbox.mjs");
    let packages = repository().join("tests/.cache/browser/node_modules/playwright-core");
    assert!(packages.exists(), "{} is not there: run tests/run first", packages.display());
    let (mut process, address) = page().await;

    let mut browser = Command::new("node");
    browser.arg(&script).arg(&address).stdin(Stdio::null()).kill_on_drop(true);
    let output = finished(browser, BROWSER, "the browser").await;
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );

    // Ctrl-C ends it, although a page may still look on.
    let stopped = Command::new("kill")
        .args(["-INT", &process.id().expect("it runs").to_string()])
        .status()
        .await
        .expect("kill");
    assert!(stopped.success());
    let status = timeout(START, process.wait()).await.expect("it ends").expect("a status");
    assert!(status.success(), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_cannot_do_it_says() {
    let (_process, address) = page().await;
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let whole = http.get(&address).send().await.expect("the page");
    let policy = whole.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");

    let post = |path: &str, kind: &str, body: &str| {
        let request = http.post(format!("{address}/api/{path}"));
        request.header("content-type", kind).body(body.to_owned()).send()
    };
    let long = format!("{{\"text\":\"{}\"}}", "é".repeat(10_001));
    for (path, kind, body, sentence) in [
        // What another site's form could send.
        ("phones/0/say", "text/plain", "{\"text\":\"hi\"}", "Content-Type: application/json"),
        ("phones/0/close-window", "text/plain", "{}", "Content-Type: application/json"),
        ("phones/0/say", "application/json", "{\"text\":\" \"}", "there is nothing to say"),
        ("phones/0/say", "application/json", &long, "that is 10001 characters long"),
        ("phones/4/say", "application/json", "{\"text\":\"hi\"}", "there is no such phone"),
        ("phones/9/power", "application/json", "{\"on\":true}", "there is no such phone"),
        ("channel/say", "application/json", "{\"text\":\"hi\",\"by\":7}", "no such person"),
        ("channel/say", "application/json", "{\"text\":\"/wa x\",\"by\":7}", "no such person"),
        ("bridge", "application/json", "{\"on\":", "JSON"),
    ] {
        let answer = post(path, kind, body).await.expect("an answer");
        assert_eq!(answer.status(), 400, "{path} {body}");
        let said = answer.text().await.expect("text");
        assert!(said.contains(sentence), "{path}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_matrix_room_that_is_told_by_half_is_refused() {
    let mut command = sandbox();
    command.args(["--matrix", "http://127.0.0.1:9"]);
    let output = finished(command, START, "the sandbox").await;
    assert_eq!(output.status.code(), Some(2));

    let mut command = sandbox();
    command.args(["--demo", "--matrix", "http://127.0.0.1:9", "--matrix-room", "!room:hs.test"]);
    command.args(["--matrix-user", "partyline", "--matrix-password", "secret word"]);
    let output = finished(command, START, "the sandbox").await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("matrix.user_id"), "{said}");
    assert!(!said.contains("secret word"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_reaches_a_matrix_room_as_well() {
    let synapse = Synapse::start().await;
    let bot = synapse.person("partyline").await;
    let ravi = synapse.person("ravi").await;
    let room = ravi.create_room(&[&bot.id]).await;

    let mut command = sandbox();
    command.args(["--demo", "--matrix", &synapse.url(), "--matrix-user", &bot.id]);
    command.args(["--matrix-password", PASSWORD, "--matrix-room", &room]);
    let output = finished(command, DEMO, "the demo").await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));

    // What had piled up came as one message, a line each.
    let bodies = ravi.bodies(&room).await.join("\n");
    for (name, text) in [
        ("Maya Lopez", "Morning! The florist can do Thursday at three."),
        ("Nora Weiss", "Great. Ben, is the van free that day?"),
        ("Maya Lopez", "Caterer is confirmed for half past seven."),
        ("Ben Carter", "See you all at the dock, then."),
    ] {
        let here: Vec<_> = bodies.lines().filter(|line| line.ends_with(text)).collect();
        assert_eq!(here.len(), 1, "\"{text}\" is once in the room: {bodies:?}");
        assert!(here[0].contains(name), "{here:?}");
    }
}

/// The sandbox with its page on a free port, once it listens, and its address.
async fn page() -> (Child, String) {
    let mut command = sandbox();
    let folder = TempDir::new().expect("a folder");
    command.args(["--listen", "127.0.0.1:0"]).current_dir(folder.path());
    let mut process = command.stdout(Stdio::piped()).spawn().expect("the sandbox");
    let stdout = process.stdout.take().expect("its output");
    let mut lines = BufReader::new(stdout).lines();
    let first = timeout(START, lines.next_line()).await.expect("it starts in time");
    let address = first.expect("its output").expect("its address");
    assert!(address.starts_with("http://127.0.0.1:"), "{address}");
    // What it writes further is read, so that it never waits for a reader.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (process, address)
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}
