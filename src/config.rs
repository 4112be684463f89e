//! The configuration: one TOML file with the environment laid over it, read into plain types.
//!
//! Each section has a file of its own and checks itself. All faults are told at once, each with
//! its key, the line or variable that it stands in, and a remedy; so nothing here stops at the
//! first one. Every key is described in `config/partyline.example.toml`.
//!
//! Any key can come from the environment: `PARTYLINE_TWILIO__AUTH_TOKEN` is `twilio.auth_token`.
//! Any secret `x` can be given as `x_file`, the path of a file that holds it, or as a credential of
//! systemd: `LoadCredential=twilio.auth_token:…`.

mod access;
mod alerts;
mod audit;
mod contacts;
mod fault;
mod forms;
mod http;
mod inbox;
mod limits;
mod links;
mod logging;
mod matrix;
mod moderation;
mod optout;
mod relay;
mod section;
mod slack;
mod store;
#[cfg(test)]
mod tests;
mod tree;
mod twilio;
mod whatsapp;

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use partyline_core::{Link, Network};

pub use access::Access;
pub use alerts::Alerts;
pub use audit::Audit;
pub use contacts::Contacts;
pub use fault::{Fault, Faults, Origin};
pub(crate) use forms::duration;
pub use http::Http;
pub use inbox::{Inbox, Mention};
pub use limits::Limits;
pub use logging::{LogFormat, Logging};
pub use matrix::{Login, Matrix};
pub use optout::{Answers, Optout};
pub use relay::Relay;
pub use slack::{Slack, Transport};
pub use store::Store;
pub use twilio::{Country, Ingest, Twilio};
pub use whatsapp::WhatsApp;

use crate::policy::Rules;
use section::{Around, Noted, Section};
use tree::{Node, Table, Value};

/// The variable in which systemd says where its credentials are (systemd.exec, "Credentials").
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The largest configuration file, in bytes.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

/// The whole configuration, checked. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the daemon listens.
    pub http: Http,
    /// Where it keeps what it must not lose.
    pub store: Store,
    /// The Twilio account.
    pub twilio: Twilio,
    /// The Slack workspace, where Slack is on.
    pub slack: Option<Slack>,
    /// The Matrix account, where Matrix is on.
    pub matrix: Option<Matrix>,
    /// Who may do everything.
    pub access: Access,
    /// How long it is known who did what.
    pub audit: Audit,
    /// The links made in the file, one for each conversation and room.
    pub links: Vec<Link>,
    /// How messages are passed on.
    pub relay: Relay,
    /// What somebody writes who wants no more messages, and what they are answered.
    pub optout: Optout,
    /// Where people are answered who write without being in a group.
    pub inbox: Inbox,
    /// Templates, and what is done for members whose window is closed.
    pub whatsapp: WhatsApp,
    /// What members may not say.
    pub moderation: Rules,
    /// What of the contacts is held in memory.
    pub contacts: Contacts,
    /// What one caller may take.
    pub limits: Limits,
    /// What the bridge watches itself for, and who is told.
    pub alerts: Alerts,
    /// What is logged.
    pub logging: Logging,
    /// What looked like an oversight while it was read.
    read_warnings: Vec<String>,
}

impl Config {
    /// Reads the file, where there is one, with the environment laid over it.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Faults> {
        let text = match path {
            None => String::new(),
            Some(path) => read_file(path).map_err(|(wrong, remedy)| Faults {
                file: Some(path.to_owned()),
                list: vec![Fault { key: String::new(), origin: None, wrong, remedy }],
            })?,
        };
        let mut config = Self::parse(&text, environment)
            .map_err(|faults| Faults { file: path.map(Path::to_owned), ..faults })?;
        if let Some(path) = path.filter(|path| section::is_open(path) && holds_secrets(&text)) {
            config.read_warnings.push(format!(
                "Everybody on this machine may read {}, and there are secrets in it: chmod 600 it.",
                path.display()
            ));
        }
        Ok(config)
    }

    /// Reads the text of a file, with the environment laid over it.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn parse(
        text: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Faults> {
        let mut reader = Reader::new(text, environment);
        let config = reader.read();
        let faults = reader.finish();
        match config {
            Ok(config) if faults.is_empty() => Ok(config),
            _ => Err(Faults { file: None, list: faults }),
        }
    }

    /// Whether the configuration has a section for this network.
    #[must_use]
    pub const fn is_on(&self, network: Network) -> bool {
        match network {
            Network::Twilio => true,
            Network::Slack => self.slack.is_some(),
            Network::Matrix => self.matrix.is_some(),
            Network::Operator => false,
        }
    }

    /// What is allowed and still looks like an oversight, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.read_warnings.clone();
        let mut warn = |when: bool, sentence: &str| {
            if when {
                warnings.push(sentence.to_owned());
            }
        };
        warn(
            self.slack.is_none() && self.matrix.is_none(),
            "Neither [slack] nor [matrix] is there: no room can be joined to a conversation.",
        );
        warn(
            self.access.admins.is_empty()
                && self.access.slack_admin_group.is_none()
                && self.access.matrix_admin_power.is_none(),
            "access.admins is empty: nobody can link rooms or change groups by command.",
        );
        warn(
            self.twilio.messaging_service_sid.is_some(),
            "twilio.messaging_service_sid has no effect: this version makes no conversations yet.",
        );
        warn(
            self.alerts.rooms.is_empty() && (self.slack.is_some() || self.matrix.is_some()),
            "alerts.rooms is empty: when something is wrong, only the log, the metrics and /ready say so.",
        );
        let example = |url: &url::Url| url.host_str().is_some_and(|host| host.contains("example."));
        warn(
            self.http.public_url.as_ref().is_some_and(example),
            "http.public_url is the example's: no platform can call it.",
        );
        warn(
            self.http.public_url.as_ref().is_some_and(|url| url.scheme() == "http"),
            "http.public_url is of this machine only: Twilio and Slack cannot call it, only simulators can.",
        );
        warn(
            self.slack.as_ref().is_some_and(|slack| {
                slack.transport == Transport::Socket && slack.signing_secret.is_some()
            }),
            "slack.signing_secret is not used: transport is \"socket\".",
        );
        warnings
    }
}

fn read_file(path: &Path) -> Result<String, (String, String)> {
    let remedy = || {
        "Copy config/partyline.example.toml there and fill it in, or name another file with --config"
            .to_owned()
    };
    let cannot = |error: std::io::Error| (format!("it cannot be read: {error}"), remedy());
    let size = std::fs::metadata(path).map_err(cannot)?.len();
    if size > FILE_LIMIT {
        return Err((format!("it holds {size} bytes, more than any configuration"), remedy()));
    }
    std::fs::read_to_string(path).map_err(cannot)
}

/// Whether a configuration's text gives a secret itself, and not the file with it.
fn holds_secrets(text: &str) -> bool {
    let key = |line: &str| line.split_once('=').map(|(key, _)| key.trim().to_owned());
    text.lines().filter_map(key).any(|key| {
        ["token", "secret", "password"].iter().any(|word| key.ends_with(word))
            && !key.starts_with('#')
    })
}

/// The configuration while it is read.
struct Reader {
    tree: Table,
    faults: Vec<Fault>,
    warnings: Vec<String>,
    /// The folder of systemd's credentials, where it handed some over.
    credentials: Option<PathBuf>,
    /// Every key that was asked for.
    known: Vec<String>,
    /// Every section that was asked for.
    sections: Vec<&'static str>,
}

impl Reader {
    fn new(text: &str, environment: impl Iterator<Item = (String, String)>) -> Self {
        let mut faults = Vec::new();
        let mut tree = tree::parse(text, &mut faults);
        let mut credentials = None;
        let environment = environment.inspect(|(name, value)| {
            if name == CREDENTIALS {
                credentials = Some(PathBuf::from(value));
            }
        });
        tree::overlay(&mut tree, environment, &mut faults);
        let (known, sections) = (Vec::new(), Vec::new());
        Self { tree, faults, warnings: Vec::new(), credentials, known, sections }
    }

    /// A section, while it is read.
    fn open(&mut self, path: String, node: Option<Node>) -> Section<'_> {
        let around = Around {
            faults: &mut self.faults,
            warnings: &mut self.warnings,
            credentials: self.credentials.as_deref(),
        };
        Section::new(path, node, around)
    }

    fn read(&mut self) -> Result<Config, Noted> {
        let http = self.section("http", Http::read);
        let store = self.section("store", Store::read);
        let twilio = self.section("twilio", Twilio::read);
        let slack = self.optional_section("slack", Slack::read);
        let matrix = self.optional_section("matrix", Matrix::read);
        let access = self.section("access", Access::read);
        let audit = self.section("audit", Audit::read);
        let on = [
            (Network::Slack, !matches!(slack, Ok(None))),
            (Network::Matrix, !matches!(matrix, Ok(None))),
        ];
        let links = self.links(on);
        let alerts = self.section("alerts", |section| {
            let alerts = Alerts::read(section)?;
            alerts.check(|network| on.contains(&(network, true)), section);
            Ok(alerts)
        });
        let relay = self.section("relay", Relay::read);
        let optout = self.section("optout", Optout::read);
        let inbox = self.section("inbox", |section| {
            let inbox = Inbox::read(section)?;
            inbox.check(|network| on.contains(&(network, true)), section);
            Ok(inbox)
        });
        let whatsapp = self.section("whatsapp", WhatsApp::read);
        let zone = relay.as_ref().map_or(TimeZone::UTC, |relay| relay.lateness.zone.clone());
        let moderation = self.section("moderation", |section| moderation::read(section, &zone));
        let contacts = self.section("contacts", Contacts::read);
        let limits = self.section("limits", Limits::read);
        let logging = self.section("logging", Logging::read);
        if let Ok(http) = &http {
            self.public_url(http, twilio.as_ref().ok(), slack.as_ref().ok());
        }
        Ok(Config {
            http: http?,
            store: store?,
            twilio: twilio?,
            slack: slack?,
            matrix: matrix?,
            access: access?,
            audit: audit?,
            links: links?,
            relay: relay?,
            optout: optout?,
            inbox: inbox?,
            whatsapp: whatsapp?,
            moderation: moderation?,
            contacts: contacts?,
            limits: limits?,
            alerts: alerts?,
            logging: logging?,
            read_warnings: std::mem::take(&mut self.warnings),
        })
    }

    /// Reads a section; a missing one reads as an empty one.
    fn section<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> Result<T, Noted>,
    ) -> Result<T, Noted> {
        self.sections.push(name);
        let node = self.tree.remove(name);
        let mut section = self.open(name.to_owned(), node);
        let value = read(&mut section);
        let known = section.finish();
        self.known.extend(known);
        value
    }

    /// Reads a section that may be left out.
    fn optional_section<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> Result<T, Noted>,
    ) -> Result<Option<T>, Noted> {
        if self.tree.contains_key(name) {
            self.section(name, read).map(Some)
        } else {
            self.sections.push(name);
            Ok(None)
        }
    }

    fn links(&mut self, on: [(Network, bool); 2]) -> Result<Vec<Link>, Noted> {
        self.sections.push("links");
        let tables = match self.tree.remove("links") {
            None => return Ok(Vec::new()),
            Some(Node { value: Value::List(tables), .. }) => tables,
            Some(Node { value, at }) => {
                self.faults.push(Fault {
                    key: "links".to_owned(),
                    origin: Some(at),
                    wrong: format!("a list of tables is expected, not {}", value.kind()),
                    remedy: "Write [[links]], in two brackets, before each link".to_owned(),
                });
                return Err(Noted);
            }
        };
        let mut seen = links::Seen::default();
        let mut all = Ok(Vec::new());
        for (index, table) in tables.into_iter().enumerate() {
            let path = format!("links[{index}]");
            let mut section = self.open(path, Some(table));
            match links::read(&mut section) {
                Ok(links) => {
                    let is_on = |network| on.contains(&(network, true));
                    seen.check(index, &links, is_on, &mut section);
                    if let Ok(all) = &mut all {
                        all.extend(links);
                    }
                }
                Err(noted) => all = Err(noted),
            }
            let known = section.finish();
            self.known.extend(known);
        }
        all
    }

    /// Whoever calls us needs an address to call.
    fn public_url(&mut self, http: &Http, twilio: Option<&Twilio>, slack: Option<&Option<Slack>>) {
        if http.public_url.is_some() {
            return;
        }
        let by_twilio = twilio.is_some_and(|twilio| twilio.ingest == Ingest::Webhook);
        let by_slack =
            slack.and_then(Option::as_ref).is_some_and(|slack| slack.transport == Transport::Http);
        let (who, instead) = match (by_twilio, by_slack) {
            (true, true) => ("twilio.ingest = \"webhook\" and slack.transport = \"http\" need", ""),
            (true, false) => {
                ("twilio.ingest = \"webhook\" needs", ", or set twilio.ingest = \"poll\"")
            }
            (false, true) => {
                ("slack.transport = \"http\" needs", ", or set slack.transport = \"socket\"")
            }
            (false, false) => return,
        };
        self.faults.push(Fault {
            key: "http.public_url".to_owned(),
            origin: None,
            wrong: format!("it is missing, and {who} it"),
            remedy: format!(
                "Write the address that the internet reaches this daemon by: https://bridge.example.com{instead}"
            ),
        });
    }

    /// Ends the reading: sections that nobody asked for are faults.
    fn finish(&mut self) -> Vec<Fault> {
        for (name, node) in std::mem::take(&mut self.tree) {
            let remedy = match forms::nearest(&name, self.sections.iter().copied()) {
                Some(near) => format!("Did you mean [{near}]? Otherwise take it out"),
                None => format!("Take it out: the sections are {}", self.sections.join(", ")),
            };
            self.faults.push(Fault {
                key: name,
                origin: Some(node.at),
                wrong: "there is no such section".to_owned(),
                remedy,
            });
        }
        std::mem::take(&mut self.faults)
    }
}
