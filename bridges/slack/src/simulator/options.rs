//! How a simulated workspace is set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use partyline_core::{Clock, SystemClock};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::Rate;

/// How the app gets its events, commands and interactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Socket Mode: over WebSockets that the app opens.
    Socket,
    /// Signed requests to addresses of the app.
    Http {
        /// Where events go.
        events_url: Url,
        /// Where slash commands go.
        commands_url: Url,
        /// Where interactions go.
        interactivity_url: Url,
    },
}

/// How a [`Simulator`](super::Simulator) is set up. The default is a workspace for tests: a free
/// port on loopback, Socket Mode, credentials that are always the same, no rate limit.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The time of every `ts`, signature, trigger and rate.
    pub clock: Arc<dyn Clock>,
    /// How the app is reached.
    pub mode: Mode,
    /// The bot's token, `xoxb-…`.
    pub bot_token: SecretString,
    /// The app's token for Socket Mode, `xapp-…`.
    pub app_token: SecretString,
    /// What requests to the app are signed with.
    pub signing_secret: SecretString,
    /// Who the app is.
    pub identity: Identity,
    /// What the bot's token may do. A method that needs another answers `missing_scope`.
    pub scopes: Vec<String>,
    /// The app's slash commands.
    pub commands: Vec<String>,
    /// How fast the app may post to one channel; none for as fast as it can.
    pub posts: Option<Rate>,
    /// How many messages a channel keeps; older ones are forgotten.
    pub kept_messages: usize,
    /// How many bytes of files are kept; older ones are forgotten.
    pub kept_file_bytes: usize,
    /// How long the app has to answer (Slack: 3 s).
    pub answer_within: Duration,
    /// How long after each failed attempt an event is sent again (Slack: at once, 1 and 5
    /// minutes).
    pub event_retries: Vec<Duration>,
    /// How often the server pings an idle socket.
    pub ping_every: Duration,
    /// How long the server keeps a socket on which it hears nothing any more, before it resets it.
    /// Slack's documentation does not say.
    pub half_open_for: Duration,
    /// Whether message events carry the message's metadata. Slack's documentation does not say;
    /// a bridge must work either way.
    pub metadata_in_events: bool,
    /// Whether `&`, `<`, `>` in a command's text arrive escaped. Seen both ways; a bridge must
    /// work either way.
    pub escape_command_text: bool,
    /// Whether a text above 40,000 characters is cut, as Slack documents, or refused with
    /// `msg_too_long`, so that a test notices.
    pub cut_long_text: bool,
    /// Whether other processes may control the simulator under `/_simulator/`.
    pub control: bool,
    /// The seed of the ids that look random.
    pub seed: u64,
}

/// Who the app is in its workspace.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The app's name, and the name of its bot.
    pub name: String,
    /// The app's id, `A…`.
    pub app: String,
    /// The bot's id, `B…`.
    pub bot: String,
    /// The bot's user, `U…`.
    pub user: String,
    /// The workspace's id, `T…`.
    pub team: String,
    /// The workspace's name.
    pub team_name: String,
    /// The workspace's subdomain.
    pub domain: String,
    /// The old verification token that is in every event.
    pub verification_token: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The verification token is a secret, if an old one.
        f.debug_struct("Identity")
            .field("app", &self.app)
            .field("bot", &self.bot)
            .field("user", &self.user)
            .field("team", &self.team)
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// The `bot_profile` in the app's posts.
    pub(super) fn bot_profile(&self) -> Value {
        json!({
            "id": self.bot,
            "app_id": self.app,
            "name": self.name,
            "icons": bot_icons(),
            "deleted": false,
            "updated": 1_700_000_000,
            "team_id": self.team,
        })
    }
}

/// The pictures of the bot.
pub(super) fn bot_icons() -> Value {
    let icon = "https://a.slack-edge.com/80588/img/plugins/app/bot_72.png";
    json!({"image_36": icon, "image_48": icon, "image_72": icon})
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            name: "partyline".to_owned(),
            app: "A06SIMAPP01".to_owned(),
            bot: "B06SIMBOT01".to_owned(),
            user: "U06SIMBOT01".to_owned(),
            team: "T06SIMTEAM1".to_owned(),
            team_name: "Harbour Crew".to_owned(),
            domain: "harbour-crew".to_owned(),
            verification_token: "VmVyaWZpY2F0aW9uVG9r".to_owned(),
        }
    }
}

/// The scopes that the bridge asks for in its manifest.
const SCOPES: [&str; 23] = [
    "channels:history",
    "channels:join",
    "channels:manage",
    "channels:read",
    "chat:write",
    "chat:write.customize",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "groups:write",
    "im:history",
    "im:write",
    "metadata.message:read",
    "pins:write",
    "reactions:read",
    "reactions:write",
    "team:read",
    "users.profile:read",
    "usergroups:read",
    "users:read",
    "users:read.email",
];

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            clock: Arc::new(SystemClock),
            mode: Mode::Socket,
            bot_token: "xoxb-000000000001-000000000002-SimulatedBotToken0000001".into(),
            app_token: "xapp-1-A06SIMAPP01-000000000003-5imulatedapptoken".into(),
            signing_secret: "5e1f0a2c7d9b4836a1c0e2f4d6b8091a".into(),
            identity: Identity::default(),
            scopes: SCOPES.map(str::to_owned).to_vec(),
            commands: vec!["/wa".to_owned()],
            posts: None,
            kept_messages: 10_000,
            kept_file_bytes: 64 << 20,
            answer_within: Duration::from_secs(3),
            event_retries: [0, 60, 300].map(Duration::from_secs).to_vec(),
            ping_every: Duration::from_secs(10),
            half_open_for: Duration::from_secs(60),
            metadata_in_events: true,
            escape_command_text: true,
            cut_long_text: true,
            control: true,
            seed: 1,
        }
    }
}
