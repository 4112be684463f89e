//! `[logging]`: what is written to the standard error stream, and how.

use tracing_subscriber::EnvFilter;

use super::section::{Noted, Section};

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// `[logging]`.
#[derive(Clone, Debug)]
pub struct Logging {
    /// How a line looks.
    pub format: LogFormat,
    /// What is logged, as tracing's `EnvFilter` reads it: `info`, `warn,partyline=debug`.
    pub filter: String,
}

/// From the level `info` on, but of the Matrix SDK only what is wrong: it tells of every send.
/// Nor its requests that failed, which the bridge tells of itself, nor that the bot's keys have no
/// backup, which it would say after every sync.
const DEFAULT_FILTER: &str = "info,matrix_sdk=warn,matrix_sdk::http_client=off,\
     matrix_sdk_base=warn,matrix_sdk_crypto=warn,matrix_sdk_crypto::backups=error";

impl Logging {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let format =
            section.choice("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
        let filter = section.or(
            "filter",
            DEFAULT_FILTER,
            "Write a level (error, warn, info, debug, trace), for parts as well: warn,partyline=debug",
            |text| match EnvFilter::try_new(text) {
                Ok(_) => Ok(text.to_owned()),
                Err(_) => Err(format!("\"{text}\" is no filter of logs")),
            },
        );
        Ok(Self { format: format?, filter: filter? })
    }
}

impl Default for Logging {
    /// Text, from the level `info` on.
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: DEFAULT_FILTER.to_owned() }
    }
}
