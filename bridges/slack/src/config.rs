//! What the bridge to Slack must be told.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

/// How Slack's events reach the bridge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Socket Mode: the bridge calls Slack, no public address is needed.
    #[default]
    Socket,
    /// Slack calls the bridge: Events API, commands and interactivity by webhook.
    Http,
}

/// The settings of one workspace.
///
/// `Debug` shows no secret: [`SecretString`] keeps itself out of it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The bot's token, `xoxb-…`.
    pub bot_token: SecretString,
    /// The app-level token with the scope `connections:write`, `xapp-…`. The socket transport
    /// needs it.
    pub app_token: Option<SecretString>,
    /// The secret that Slack signs its webhooks with. The HTTP transport needs it.
    pub signing_secret: Option<SecretString>,
    /// How events come.
    pub transport: Transport,
    /// The base address of the Web API.
    pub api_url: Url,
    /// The slash command, with its slash. Other commands of the app are passed by.
    pub command: String,
    /// The user group (`S…`) whose members administrate the bridge.
    pub admin_group: Option<String>,
    /// How fast the bridge posts.
    pub rates: Rates,
    /// How long it waits for what.
    pub timeouts: Timeouts,
}

/// How fast the bridge posts. Slack asks for about one message a second a channel and caps the
/// workspace at "several hundred messages per minute" (docs.slack.dev, "Rate limits"); whatever
/// is set here, a 429 is obeyed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Posts a second to one channel, over time.
    pub channel_per_second: f64,
    /// Posts that one channel may take at once after a quiet while.
    pub channel_burst: u32,
    /// Posts a second to all channels together, over time.
    pub workspace_per_second: f64,
    /// Posts that all channels together may take at once.
    pub workspace_burst: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            channel_per_second: 1.0,
            channel_burst: 3,
            workspace_per_second: 8.0,
            workspace_burst: 16,
        }
    }
}

/// How long the bridge waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection to stand, TLS and the WebSocket's first `hello` included.
    pub connect: Duration,
    /// For a whole call of the Web API.
    pub request: Duration,
    /// For a turn under [`Rates`]; a send that would wait longer is put off instead.
    pub turn: Duration,
    /// Between two pings on the socket.
    pub ping: Duration,
    /// A socket on which nothing came for so long, not even the answer to a ping, is dead.
    pub silence: Duration,
    /// Between two looks whether another program has a socket of the same app.
    pub company: Duration,
    /// Events that Slack withholds come again when it has not spoken of it for so long; it does
    /// once a minute.
    pub withheld: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(20),
            turn: Duration::from_secs(30),
            ping: Duration::from_secs(4),
            silence: Duration::from_secs(10),
            company: Duration::from_secs(3600),
            withheld: Duration::from_secs(90),
        }
    }
}

/// Why the settings cannot be used. Each names the key and what to write there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The socket transport without an app-level token.
    #[error(
        "slack.app_token is missing: the socket transport needs an app-level token (xapp-…) with \
         the scope connections:write; make one under Basic Information, App-Level Tokens"
    )]
    NoAppToken,
    /// The HTTP transport without a signing secret.
    #[error(
        "slack.signing_secret is missing: the http transport needs it to check that Slack is the \
         caller; it stands under Basic Information, App Credentials"
    )]
    NoSigningSecret,
    /// The address of the API cannot be called.
    #[error("slack.api_url is not an http or https address: write https://slack.com/api/")]
    ApiUrl,
    /// A command without a slash or without a name.
    #[error("slack.command must be a slash and a name, such as /wa")]
    Command,
    /// A rate or a burst that lets nothing through.
    #[error("slack.{0} must be greater than 0, and at most 10000")]
    Rate(&'static str),
    /// The HTTP client could not be made.
    #[error("the HTTP client for Slack could not be made: {0}")]
    Client(String),
}

impl Config {
    /// The settings for a bot token, everything else as it comes: socket transport, slack.com,
    /// `/wa`.
    ///
    /// # Panics
    /// Never: the address of Slack's API is one.
    #[must_use]
    pub fn new(bot_token: SecretString) -> Self {
        Self {
            bot_token,
            app_token: None,
            signing_secret: None,
            transport: Transport::Socket,
            api_url: Url::parse("https://slack.com/api/").expect("an address"),
            command: "/wa".to_owned(),
            admin_group: None,
            rates: Rates::default(),
            timeouts: Timeouts::default(),
        }
    }

    /// Everything that is wrong with the settings, nothing where they can be used.
    #[must_use]
    pub fn faults(&self) -> Vec<ConfigError> {
        let mut faults = Vec::new();
        match self.transport {
            Transport::Socket if self.app_token.is_none() => faults.push(ConfigError::NoAppToken),
            Transport::Http if self.signing_secret.is_none() => {
                faults.push(ConfigError::NoSigningSecret);
            }
            _ => {}
        }
        if !matches!(self.api_url.scheme(), "http" | "https") || self.api_url.host_str().is_none() {
            faults.push(ConfigError::ApiUrl);
        }
        if self.command.len() < 2
            || !self.command.starts_with('/')
            || self.command.contains(char::is_whitespace)
        {
            faults.push(ConfigError::Command);
        }
        let Rates { channel_per_second, channel_burst, workspace_per_second, workspace_burst } =
            self.rates;
        let usable = |rate: f64| rate > 0.0 && rate <= 10_000.0;
        for (right, key) in [
            (usable(channel_per_second), "posts_per_second"),
            (usable(f64::from(channel_burst)), "posts_burst"),
            (usable(workspace_per_second), "workspace_posts_per_second"),
            (usable(f64::from(workspace_burst)), "workspace_posts_burst"),
        ] {
            if !right {
                faults.push(ConfigError::Rate(key));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_transport_asks_for_its_own_secret() {
        let mut config = Config::new("xoxb-1".into());
        assert_eq!(config.faults(), [ConfigError::NoAppToken]);
        config.app_token = Some("xapp-1".into());
        assert_eq!(config.faults(), []);
        config.transport = Transport::Http;
        assert_eq!(config.faults(), [ConfigError::NoSigningSecret]);
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let mut config = Config::new("xoxb-1".into());
        config.command = "wa".into();
        config.rates.channel_per_second = f64::NAN;
        config.rates.workspace_burst = 0;
        assert_eq!(config.faults().len(), 4);
    }

    #[test]
    fn no_secret_is_shown() {
        let mut config = Config::new("xoxb-sesame".into());
        config.app_token = Some("xapp-sesame".into());
        config.signing_secret = Some("sesame".into());
        assert!(!format!("{config:?}").contains("sesame"));
    }
}
