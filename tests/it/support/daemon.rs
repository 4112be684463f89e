//! The real binary, started, stopped and killed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use partyline_slack::simulator as slack;
use partyline_twilio::simulator as twilio;
use secrecy::ExposeSecret;
use tempfile::TempDir;
use url::Url;

use super::{PATIENCE, SENDER};

/// A daemon with a configuration and a store of its own.
pub(crate) struct Daemon {
    folder: TempDir,
    address: std::net::SocketAddr,
    operators: std::net::SocketAddr,
    config: String,
    links: Vec<(String, String)>,
    wrapper: Vec<String>,
    child: Option<Child>,
    starts: u32,
    /// The fail points of the next starts.
    armed: String,
    /// What it runs under: a program with its arguments, which runs what follows them.
    under: Vec<String>,
}

impl Daemon {
    /// Not running yet. Rates are far above what a test sends.
    pub(crate) fn new(twilio: &twilio::Simulator, slack: &slack::Simulator, admin: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let defaults = twilio::Options::default();
        let base = twilio.base_url();
        let options = slack.options();
        let transport = match options.mode {
            slack::Mode::Socket => "socket",
            slack::Mode::Http { .. } => "http",
        };
        let config = format!(
            r#"
[http]
listen = "{address}"
public_url = "http://{address}"

[store]
url = "sled:{store}"

[twilio]
account_sid = "{account}"
api_key_sid = "{key}"
api_key_secret = "{secret}"
auth_token = "{token}"
service_sid = "{service}"
senders = ["{SENDER}"]
actions_per_second = 5000
compare_after = "1h"
concurrency = 64
conversations_url = "{base}"
messaging_url = "{base}"
content_url = "{base}"
media_url = "{base}"
verify_url = "{base}"
senders_url = "{base}"
verify_service_sid = "{verify}"

[slack]
bot_token = "{bot}"
app_token = "{app}"
signing_secret = "{signing}"
transport = "{transport}"
api_url = "{api}"
posts_per_second = 1000
workspace_posts_per_second = 10000
compare_after = "1h"
compare_per_minute = 60000

[relay]
gap_wait = "200ms"

[access]
admins = ["slack:{admin}"]
"#,
            store = folder.path().join("data").display(),
            account = defaults.account_sid,
            key = defaults.api_key_sid,
            secret = defaults.api_key_secret,
            token = defaults.auth_token,
            service = defaults.service_sid,
            verify = defaults.verify_service_sid,
            bot = options.bot_token.expose_secret(),
            app = options.app_token.expose_secret(),
            signing = options.signing_secret.expose_secret(),
            api = slack.api_url(),
        );
        Self {
            folder,
            address,
            operators: address,
            config,
            links: Vec::new(),
            wrapper: Vec::new(),
            child: None,
            starts: 0,
            armed: String::new(),
            under: Vec::new(),
        }
    }

    /// An address of the daemon's.
    pub(crate) fn url(&self, path: &str) -> Url {
        format!("http://{}{path}", self.address).parse().expect("an address")
    }

    /// Has another program run it: `command` and its arguments, before its own.
    pub(crate) fn through(&mut self, command: &[&str]) {
        self.wrapper = command.iter().map(ToString::to_string).collect();
    }

    /// The rooms of a network (`slack:`) that the configuration ties, without the network.
    pub(crate) fn rooms(&self, network: &str) -> Vec<String> {
        let rooms = self.links.iter().filter_map(|(_, room)| room.strip_prefix(network));
        rooms.map(str::to_owned).collect()
    }

    /// That an output has no secret of the configuration in it, no whole number of a phone, and
    /// nothing of what was said.
    pub(crate) fn assert_discreet(&self, output: &str, said: &[String]) {
        let secrets = self.config.lines().filter_map(|line| {
            let (key, value) = line.split_once(" = ")?;
            let is_secret = ["token", "secret", "password"].iter().any(|end| key.ends_with(end));
            let value = value.trim_matches('"');
            // What a test gives in the place of a secret ("wrong") can be any word.
            (is_secret && value.len() >= 8).then(|| value.to_owned())
        });
        let never: Vec<String> = secrets.chain(said.iter().cloned()).collect();
        // Each phone of the tests is +1 415 555 and four digits.
        let number = |line: &str| {
            line.match_indices("415555").any(|(at, front)| {
                let rest = &line.as_bytes()[at + front.len()..];
                rest.len() >= 4 && rest[..4].iter().all(u8::is_ascii_digit)
            })
        };
        for line in output.lines() {
            let found = never.iter().find(|never| line.contains(never.as_str()));
            assert!(found.is_none() && !number(line), "this must not be said: {line}");
        }
    }

    /// Where its operator's routes are, when the configuration gives them a listener of their own.
    pub(crate) fn operators_at(&mut self, address: std::net::SocketAddr) {
        self.operators = address;
    }

    fn operators_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.operators)
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id())).expect("its descriptors").count()
    }

    /// What it has in memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("its memory");
        kib.parse::<usize>().expect("a number") * 1024
    }

    /// Ties a room to a conversation, in the configuration, from the next start on.
    pub(crate) fn link(&mut self, conversation: &str, room: &str) {
        self.links.push((conversation.to_owned(), room.to_owned()));
    }

    /// Changes the configuration, from the next start on.
    pub(crate) fn configure(&mut self, change: impl FnOnce(&mut String)) {
        change(&mut self.config);
    }

    /// From the next start on it has no public address: it asks for what is said.
    pub(crate) fn without_public_address(&mut self) {
        self.configure(|config| {
            let address = config.lines().find(|line| line.starts_with("public_url"));
            let address = address.expect("an address").to_owned();
            *config = config
                .replace(&address, "")
                .replace("[twilio]", "[twilio]\ningest = \"poll\"\npoll_interval = \"100ms\"");
        });
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("partyline.toml")
    }

    /// The folder of its store.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Everything that it logged, over all its starts.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Writes the configuration down, and gives a command that runs the binary with it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut config = self.config.clone();
        let mut rooms: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (conversation, room) in &self.links {
            rooms.entry(conversation).or_default().push(room);
        }
        for (conversation, rooms) in rooms {
            let _ = write!(
                config,
                "\n[[links]]\nconversation = \"{conversation}\"\nrooms = {rooms:?}\n"
            );
        }
        std::fs::write(self.config_file(), config).expect("the configuration");
        let mut command = match self.wrapper.split_first() {
            None => Command::new(env!("CARGO_BIN_EXE_partyline")),
            Some((program, front)) => {
                let mut command = Command::new(program);
                command.args(front).arg(env!("CARGO_BIN_EXE_partyline"));
                command
            }
        };
        command.args(arguments).env("PARTYLINE_CONFIG", self.config_file());
        command
    }

    /// Starts it, without waiting for anything.
    pub(crate) fn spawn(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_file())
            .expect("the log");
        let mut run = self.command(&["run"]);
        if let Some((program, arguments)) = self.under.split_first() {
            let daemon = std::mem::replace(&mut run, Command::new(program));
            run.args(arguments).arg(daemon.get_program()).args(daemon.get_args());
            run.env("PARTYLINE_CONFIG", self.config_file());
        }
        if !self.armed.is_empty() {
            run.env("FAILPOINTS", &self.armed);
        }
        let child = run
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .spawn()
            .expect("the binary");
        self.child = Some(child);
        self.starts += 1;
    }

    /// Starts it and waits until every network is ready.
    pub(crate) async fn start(&mut self) {
        self.spawn();
        self.wait_until_ready().await;
    }

    /// Waits until it answers at all.
    pub(crate) async fn wait_until_live(&self) {
        let started = Instant::now();
        while reqwest::get(self.url("/live")).await.is_err() {
            assert!(started.elapsed() < PATIENCE, "the daemon does not answer\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn wait_until_ready(&mut self) {
        let started = Instant::now();
        let client = reqwest::Client::new();
        let mut last = String::new();
        while started.elapsed() < PATIENCE {
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait().expect("a status")
            {
                panic!("the daemon ended with {status}\n{}", self.log());
            }
            if let Ok(answer) = client.get(self.operators_url("/ready")).send().await {
                if answer.status().is_success() {
                    return;
                }
                last = answer.text().await.unwrap_or_default();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the daemon is not ready: {last}\n{}", self.log());
    }

    /// Arms fail points for the next starts, in the syntax of the crate `fail`; none for "".
    pub(crate) fn arm(&mut self, points: &str) {
        points.clone_into(&mut self.armed);
    }

    /// Has the next starts run under another program.
    pub(crate) fn run_under(&mut self, program: &[&str]) {
        self.under = program.iter().map(ToString::to_string).collect();
    }

    /// How it ended by itself, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().expect("a status")?;
        self.child = None;
        Some(status)
    }

    /// Waits until it has ended by itself, at an armed point.
    pub(crate) async fn wait_for_end(&mut self) {
        let started = Instant::now();
        while self.ended().is_none() {
            assert!(started.elapsed() < PATIENCE, "it does not end\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// SIGKILL, in the middle of whatever it does.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("killed");
        child.wait().expect("its end");
    }

    /// SIGTERM, and waits for its end, which must be a good one.
    pub(crate) async fn stop(&mut self) {
        let child = self.child.take().expect("it runs");
        let id = child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().expect("kill");
        assert!(asked.success());
        let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
        let output = ended.await.expect("joined").expect("its end");
        assert!(output.status.success(), "it ended with {}\n{}", output.status, self.log());
    }

    /// The value of a metric, by the beginning of its line.
    pub(crate) async fn metric(&self, line: &str) -> Option<f64> {
        let text = reqwest::get(self.operators_url("/metrics")).await.ok()?.text().await.ok()?;
        let found = text.lines().find(|one| one.starts_with(line))?;
        found.rsplit(' ').next()?.parse().ok()
    }

    /// Waits until the list of groups was read once: from then on they have names, and are listed.
    pub(crate) async fn wait_until_groups_are_read(&self) {
        let started = Instant::now();
        while self.metric("partyline_group_lists_total{outcome=\"read\"}").await < Some(1.0) {
            assert!(started.elapsed() < PATIENCE, "they are not read\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until nothing waits, is held or is open, and checks that nothing was parked.
    pub(crate) async fn wait_until_settled(&self) {
        self.wait_until_nothing_is_open().await;
        assert_eq!(self.metric("partyline_deliveries{state=\"parked\"}").await, Some(0.0));
    }

    /// Waits until nothing waits, is held or is open, for as long as it becomes less.
    pub(crate) async fn wait_until_nothing_is_open(&self) {
        let (mut least, mut since) = (f64::MAX, Instant::now());
        let open = [
            "partyline_deliveries{state=\"waiting\"}",
            "partyline_events_held",
            "partyline_commands_open",
        ];
        loop {
            let mut counts = Vec::new();
            for line in open {
                counts.push((line, self.metric(line).await.unwrap_or(1.0)));
            }
            let sum: f64 = counts.iter().map(|(_, count)| count).sum();
            if sum == 0.0 {
                break;
            }
            if sum < least {
                (least, since) = (sum, Instant::now());
            }
            assert!(since.elapsed() < PATIENCE, "it stays open: {counts:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A free port below those that the system gives to connections: while the daemon is down between
/// two of its starts, nobody else gets it.
fn free_address() -> std::net::SocketAddr {
    let mut ports = (0..100).map(|_| rand::Rng::random_range(&mut rand::rng(), 10_000..32_000));
    ports
        .find_map(|port| std::net::TcpListener::bind(("127.0.0.1", port)).ok())
        .and_then(|free| free.local_addr().ok())
        .expect("a free port")
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
