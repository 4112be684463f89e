//! What the bridge is told: where the homeserver is, who the bot is, and how patient to be.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

/// How the bot proves who it is.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// The account's password. The bot logs in once, keeps that session, and logs in again on the
    /// same device when the homeserver no longer knows it.
    Password(SecretString),
    /// An access token that somebody made. When it is revoked, only a new one helps.
    AccessToken(SecretString),
}

/// The settings of the bridge. Plain values: the daemon reads and checks its file.
#[derive(Clone, Debug)]
pub struct Config {
    /// The homeserver's base address for clients, `https://matrix.example.org`.
    pub homeserver_url: Url,
    /// The bot's full id, `@partyline:example.org`.
    pub user_id: String,
    /// How it logs in.
    pub credentials: Credentials,
    /// What a message begins with to be a command.
    pub command_prefix: String,
    /// Whose invitations the bot accepts: full ids (`@maya:example.org`), or `:example.org` for
    /// everybody on a server. Empty: everybody on the bot's own server.
    pub inviters: Vec<String>,
    /// The power level from which on somebody administrates the bridge, in the room where they
    /// have it; `None`: power levels count for nothing here.
    pub admin_power: Option<i64>,
    /// The directory that is the bot's own: its session and the SDK's stores. Made if missing.
    pub store: PathBuf,
    /// The longest that one request may take.
    pub request_timeout: Duration,
    /// How long one sync waits for news at the homeserver.
    pub sync_timeout: Duration,
    /// The most events of one room that one sync brings; what is beyond is read from the room's
    /// history.
    pub timeline_limit: u32,
    /// The most sends at a time, over all rooms.
    pub concurrency: usize,
}

impl Config {
    /// Settings with everything that has a usual value at it.
    #[must_use]
    pub fn new(
        homeserver_url: Url,
        user_id: impl Into<String>,
        credentials: Credentials,
        store: impl Into<PathBuf>,
    ) -> Self {
        Self {
            homeserver_url,
            user_id: user_id.into(),
            credentials,
            command_prefix: "!wa".to_owned(),
            inviters: Vec::new(),
            admin_power: None,
            store: store.into(),
            request_timeout: Duration::from_secs(30),
            sync_timeout: Duration::from_secs(15),
            timeline_limit: 50,
            concurrency: 16,
        }
    }

    /// Whether this person's invitation is accepted.
    pub(crate) fn may_invite(&self, inviter: &str) -> bool {
        let server = |id: &str| id.split_once(':').map(|(_, server)| server.to_owned());
        if self.inviters.is_empty() {
            return server(inviter).is_some() && server(inviter) == server(&self.user_id);
        }
        self.inviters.iter().any(|allowed| match allowed.strip_prefix(':') {
            Some(name) => server(inviter).as_deref() == Some(name),
            None => allowed == inviter,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(inviters: &[&str]) -> Config {
        let mut config = Config::new(
            Url::parse("https://hs.test").unwrap(),
            "@bot:hs.test",
            Credentials::AccessToken("secret-token".into()),
            "store",
        );
        config.inviters = inviters.iter().map(ToString::to_string).collect();
        config
    }

    #[test]
    fn only_the_own_server_may_invite_unless_told_otherwise() {
        assert!(config(&[]).may_invite("@maya:hs.test"));
        assert!(!config(&[]).may_invite("@maya:hs.test.evil.org"));
        assert!(!config(&[]).may_invite("maya"));
        assert!(config(&[":other.org"]).may_invite("@eve:other.org"));
        assert!(!config(&[":other.org"]).may_invite("@maya:hs.test"));
        assert!(config(&["@maya:hs.test"]).may_invite("@maya:hs.test"));
        assert!(!config(&["@maya:hs.test"]).may_invite("@ravi:hs.test"));
    }

    #[test]
    fn no_secret_is_in_a_debug_text() {
        assert!(!format!("{:?}", config(&[])).contains("secret-token"));
    }
}
