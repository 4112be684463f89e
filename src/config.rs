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
mod file;
mod forms;
mod http;
mod inbox;
mod limits;
mod links;
mod logging;
mod matrix;
mod moderation;
mod optout;
mod oversights;
mod reader;
mod relay;
mod section;
mod slack;
mod store;
#[cfg(test)]
mod tests;
mod tree;
mod twilio;
mod whatsapp;

use std::path::Path;

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
use reader::Reader;

/// The whole configuration, checked. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the daemon listens.
    pub http: Http,
    /// Where it keeps what it must not lose.
    pub store: Store,
    /// The Twilio account, its Conversations service and the pool of senders.
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
    /// The form of the log, and what is written to it.
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
            Some(path) => file::read(path).map_err(|(wrong, remedy)| Faults {
                file: Some(path.to_owned()),
                list: vec![Fault { key: String::new(), origin: None, wrong, remedy }],
            })?,
        };
        let mut config = Self::parse(&text, environment)
            .map_err(|faults| Faults { file: path.map(Path::to_owned), ..faults })?;
        if let Some(path) = path.filter(|path| section::is_open(path) && file::holds_secrets(&text))
        {
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
}
