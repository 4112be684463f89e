//! A real homeserver for tests: Synapse on loopback, with a database of its own, and people who
//! use it. It can be stopped and started again on the same data; it goes when it is dropped.
//!
//! Depends on nothing of partyline, so that the Matrix bridge's own tests can include it. Synapse
//! comes from PyPI: `tests/run` makes the environment that it runs in.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha1::Sha1;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// The name of the server in ids: `@maya:hs.test`.
pub const SERVER: &str = "hs.test";

/// What an account's password is.
pub const PASSWORD: &str = "correct horse";

const REGISTRATION_SECRET: &str = "only for tests";

/// Starting takes a second or two; on a busy machine much longer.
const START: Duration = Duration::from_secs(90);

/// A homeserver.
#[derive(Debug)]
pub struct Synapse {
    directory: TempDir,
    port: u16,
    process: Option<Child>,
    http: reqwest::Client,
}

impl Synapse {
    /// Starts a homeserver with nobody on it.
    pub async fn start() -> Self {
        Self::start_limited(100_000, 100_000.0).await
    }

    /// The same, which takes so many messages at once from somebody, and then so many a second.
    pub async fn start_limited(burst: u32, per_second: f64) -> Self {
        let directory = TempDir::new().expect("a directory for Synapse");
        let mut synapse = Self { directory, port: free_port(), process: None, http: http() };
        synapse.write_configuration(&json!({ "per_second": per_second, "burst_count": burst }));
        synapse.start_again().await;
        synapse
    }

    /// Its address for clients.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Stops it at once, as a crash would. Its data stay.
    pub async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await.expect("Synapse can be stopped");
        }
    }

    /// Starts it on the data that it had, under the same address.
    pub async fn start_again(&mut self) {
        let python = python();
        let log = std::fs::File::create(self.path("log")).expect("a log file");
        let process = Command::new(&python)
            .args(["-m", "synapse.app.homeserver", "--config-path"])
            .arg(self.path("homeserver.yaml"))
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run tests/run first", python.display()));
        let process = self.process.insert(process);
        let began = Instant::now();
        let health = format!("http://127.0.0.1:{}/health", self.port);
        loop {
            if self.http.get(&health).send().await.is_ok_and(|answer| answer.status().is_success())
            {
                return;
            }
            let ended = process.try_wait().expect("the state of Synapse");
            if ended.is_some() || began.elapsed() > START {
                let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
                panic!(
                    "Synapse does not start ({ended:?}); is tests/run's environment whole?\n{log}"
                );
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Makes an account with [`PASSWORD`] and logs it in, by Synapse's admin API for shared-secret
    /// registration.
    pub async fn person(&self, name: &str) -> Person {
        let url = format!("{}_synapse/admin/v1/register", self.url());
        let answer = self.http.get(&url).send().await.expect("an answer of Synapse");
        let nonce: Value = answer.json().await.expect("a nonce");
        let nonce = nonce["nonce"].as_str().expect("a nonce");
        let signed = [nonce, name, PASSWORD, "notadmin"].join("\0");
        let mut mac = Hmac::<Sha1>::new_from_slice(REGISTRATION_SECRET.as_bytes()).expect("a key");
        mac.update(signed.as_bytes());
        let mac: String =
            mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let body = json!({
            "nonce": nonce, "username": name, "password": PASSWORD, "admin": false, "mac": mac,
        });
        let answer = self.http.post(&url).json(&body).send().await.expect("an answer of Synapse");
        assert!(answer.status().is_success(), "{name}: {:?}", answer.text().await);
        self.log_in(name).await
    }

    /// Logs an account in once more, on a device of its own.
    pub async fn log_in(&self, name: &str) -> Person {
        let body = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": name },
            "password": PASSWORD,
        });
        let nobody = Person {
            id: String::new(),
            token: String::new(),
            base: self.url(),
            http: self.http.clone(),
            sent: AtomicU64::new(0),
        };
        let answer = nobody.call(Method::POST, "login", Some(body)).await;
        Person {
            id: answer["user_id"].as_str().expect("a user id").to_owned(),
            token: answer["access_token"].as_str().expect("a token").to_owned(),
            ..nobody
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write_configuration(&self, messages: &Value) {
        // A server that federates with nobody: any key will do.
        let key = format!("ed25519 a_test {}\n", "A".repeat(43));
        std::fs::write(self.path("signing.key"), key).expect("a signing key");
        let fast = json!({ "per_second": 100_000, "burst_count": 100_000 });
        let configuration = json!({
            "server_name": SERVER,
            "pid_file": self.path("pid"),
            "listeners": [{
                "port": self.port, "tls": false, "type": "http", "bind_addresses": ["127.0.0.1"],
                "resources": [{ "names": ["client"], "compress": false }],
            }],
            "database": { "name": "sqlite3", "args": { "database": self.path("homeserver.db") } },
            "media_store_path": self.path("media"),
            "signing_key_path": self.path("signing.key"),
            "registration_shared_secret": REGISTRATION_SECRET,
            "macaroon_secret_key": "only for tests",
            "form_secret": "only for tests",
            "trusted_key_servers": [],
            "report_stats": false,
            "presence": { "enabled": false },
            "bcrypt_rounds": 4,
            "rc_message": messages,
            "rc_registration": fast,
            "rc_room_creation": fast,
            "rc_login": { "address": fast, "account": fast, "failed_attempts": fast },
            "rc_joins": { "local": fast, "remote": fast },
            "rc_joins_per_room": fast,
            "rc_invites": { "per_room": fast, "per_user": fast, "per_issuer": fast },
        });
        // JSON is YAML.
        std::fs::write(self.path("homeserver.yaml"), configuration.to_string())
            .expect("a configuration");
    }
}

/// Somebody with an account and a client.
#[derive(Debug)]
pub struct Person {
    /// `@maya:hs.test`.
    pub id: String,
    /// The access token.
    pub token: String,
    base: String,
    http: reqwest::Client,
    sent: AtomicU64,
}

impl Person {
    /// Makes a private room and invites people into it. Returns its id.
    pub async fn create_room(&self, invite: &[&str]) -> String {
        let body = json!({ "preset": "private_chat", "invite": invite });
        let answer = self.call(Method::POST, "createRoom", Some(body)).await;
        answer["room_id"].as_str().expect("a room id").to_owned()
    }

    /// Invites somebody.
    pub async fn invite(&self, room: &str, who: &str) {
        self.call(Method::POST, &format!("rooms/{room}/invite"), Some(json!({ "user_id": who })))
            .await;
    }

    /// Joins a room.
    pub async fn join(&self, room: &str) {
        self.call(Method::POST, &format!("rooms/{room}/join"), Some(json!({}))).await;
    }

    /// Puts somebody out.
    pub async fn kick(&self, room: &str, who: &str) {
        self.call(Method::POST, &format!("rooms/{room}/kick"), Some(json!({ "user_id": who })))
            .await;
    }

    /// Sets the name that everybody sees.
    pub async fn set_name(&self, name: &str) {
        let path = format!("profile/{}/displayname", self.id);
        self.call(Method::PUT, &path, Some(json!({ "displayname": name }))).await;
    }

    /// Sets the name, and waits until it stands in the room: Synapse carries it there by and by.
    pub async fn set_name_in(&self, room: &str, name: &str) {
        self.set_name(name).await;
        let path = format!("rooms/{room}/state/m.room.member/{}", self.id);
        let began = Instant::now();
        while self.call(Method::GET, &path, None).await["displayname"] != name {
            assert!(began.elapsed() < Duration::from_secs(60), "the name does not come");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Says something. Returns the event's id.
    pub async fn say(&self, room: &str, body: &str) -> String {
        self.send(room, "m.room.message", json!({ "msgtype": "m.text", "body": body })).await
    }

    /// Sends an event. Returns its id.
    pub async fn send(&self, room: &str, kind: &str, content: Value) -> String {
        let transaction = self.sent.fetch_add(1, Ordering::Relaxed);
        let path = format!("rooms/{room}/send/{kind}/{transaction}");
        let answer = self.call(Method::PUT, &path, Some(content)).await;
        answer["event_id"].as_str().expect("an event id").to_owned()
    }

    /// Everything in the room that this person may see, oldest first.
    pub async fn history(&self, room: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut from = String::new();
        loop {
            let path = format!("rooms/{room}/messages?dir=f&limit=500{from}");
            let mut page = self.call(Method::GET, &path, None).await;
            all.append(page["chunk"].as_array_mut().expect("events"));
            match page["end"].as_str() {
                Some(end) => from = format!("&from={end}"),
                None => return all,
            }
        }
    }

    /// The bodies of the messages in the room, oldest first.
    pub async fn bodies(&self, room: &str) -> Vec<String> {
        let history = self.history(room).await;
        let messages = history.iter().filter(|event| event["type"] == "m.room.message");
        messages.filter_map(|event| event["content"]["body"].as_str().map(str::to_owned)).collect()
    }

    /// Waits until the room holds as many messages, and returns their bodies.
    pub async fn wait_for_messages(&self, room: &str, many: usize) -> Vec<String> {
        let began = Instant::now();
        loop {
            let bodies = self.bodies(room).await;
            if bodies.len() >= many {
                return bodies;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "only these came: {bodies:?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Makes every token of the account invalid, this one too.
    pub async fn log_out_everywhere(&self) {
        self.call(Method::POST, "logout/all", Some(json!({}))).await;
    }

    /// Calls the client-server API; what is not an answer of 200 fails the test.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}_matrix/client/v3/{path}", self.base);
        let mut request = self.http.request(method, url);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer of Synapse");
        let status = answer.status();
        let answer: Value = answer.json().await.expect("JSON");
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer
    }
}

fn http() -> reqwest::Client {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).no_proxy();
    client.build().expect("an HTTP client")
}

/// The Python that has Synapse: `PARTYLINE_PYTHON`, or the environment that `tests/run` makes.
pub fn python() -> PathBuf {
    if let Some(python) = std::env::var_os("PARTYLINE_PYTHON") {
        return python.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find(|directory| directory.join("Cargo.lock").exists())
        .expect("the workspace");
    let python = root.join("tests/.cache/venv/bin/python");
    assert!(python.exists(), "{} is missing: run tests/run first", python.display());
    python
}

/// A port that is free now.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
