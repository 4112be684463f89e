//! The reading of a configuration: section after section, all faults together.

use std::path::PathBuf;

use jiff::tz::TimeZone;
use partyline_core::{Link, Network};

use super::section::{Around, Noted, Section};
use super::tree::{self, Node, Table, Value};
use super::{
    Access, Alerts, Audit, Config, Contacts, Fault, Http, Inbox, Limits, Logging, Matrix, Optout,
    Relay, Slack, Store, Twilio, WhatsApp, forms, links, moderation,
};

/// The variable in which systemd says where its credentials are (systemd.exec, "Credentials").
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The configuration while it is read.
pub(super) struct Reader {
    tree: Table,
    faults: Vec<Fault>,
    warnings: Vec<String>,
    /// The folder of systemd's credentials, where it handed some over.
    credentials: Option<PathBuf>,
    /// Every key that was asked for.
    pub(super) known: Vec<String>,
    /// Every section that was asked for.
    sections: Vec<&'static str>,
}

impl Reader {
    /// Over the text of a file, with the environment laid over it.
    pub(super) fn new(text: &str, environment: impl Iterator<Item = (String, String)>) -> Self {
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

    /// Reads all sections.
    pub(super) fn read(&mut self) -> Result<Config, Noted> {
        let (calls, has_url) = (self.calls(), self.written("http", "public_url").is_some());
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
        if !has_url {
            self.no_public_url(calls);
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

    /// Whether Twilio and Slack are to call us, as far as two keys say it, whatever may be wrong with
    /// the others of their sections.
    fn calls(&self) -> (bool, bool) {
        let text = |section, key| match self.written(section, key) {
            Some(Value::Text(text)) => Some(text.trim()),
            _ => None,
        };
        let by_twilio = text("twilio", "ingest").is_none_or(|ingest| ingest == "webhook");
        (by_twilio, text("slack", "transport") == Some("http"))
    }

    /// What is written under a key, right or wrong.
    fn written(&self, section: &str, key: &str) -> Option<&Value> {
        let Value::Table(keys) = &self.tree.get(section)?.value else { return None };
        Some(&keys.get(key)?.value)
    }

    /// Whoever calls us needs an address to call.
    fn no_public_url(&mut self, calls: (bool, bool)) {
        let (who, instead) = match calls {
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
    pub(super) fn finish(&mut self) -> Vec<Fault> {
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
