//! `[slack]`: one workspace. Without the section, Slack is off.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::forms;
use super::section::{Noted, Section};

/// How events come from Slack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Socket Mode: the daemon calls Slack, and no public address is needed.
    Socket,
    /// Slack calls `http.public_url`.
    Http,
}

/// `[slack]`.
#[derive(Clone, Debug)]
pub struct Slack {
    /// The Bot User OAuth Token, `xoxb-…`: speaks for the bridge.
    pub bot_token: SecretString,
    /// `xapp-…`. Always there with [`Transport::Socket`].
    pub app_token: Option<SecretString>,
    /// Signs Slack's calls. Always there with [`Transport::Http`].
    pub signing_secret: Option<SecretString>,
    /// How events come in.
    pub transport: Transport,
    /// Base address of the Web API, with a `/` at its end.
    pub api_url: Url,
    /// The slash command, with its slash.
    pub command: String,
    /// Posts a second to one channel. Slack allows about one.
    pub posts_per_second: u32,
    /// Posts a second to all channels together. Slack caps the workspace at some hundreds a
    /// minute.
    pub workspace_posts_per_second: u32,
    /// How long after something was said in a channel its history is compared with what came.
    pub compare_after: Duration,
    /// How often it is looked whether another program has a socket of the same app.
    pub company_every: Duration,
    /// Comparisons a minute in all channels together, at least 1. Slack allows some fifty readings
    /// of histories a minute, for whatever purpose.
    pub compare_per_minute: u32,
}

impl Slack {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let bot_token = section.required_secret(
            ("bot_token", "bot_token_file"),
            "Copy the Bot User OAuth Token from your Slack app's page OAuth & Permissions",
            forms::token("xoxb-"),
        );
        let transport = section
            .choice("transport", &[("socket", Transport::Socket), ("http", Transport::Http)]);
        let app_token = section.secret(
            ("app_token", "app_token_file"),
            "Make an app-level token with the scope connections:write on your Slack app's Basic Information",
            forms::token("xapp-"),
        );
        if transport == Ok(Transport::Socket) && app_token.as_ref().is_ok_and(Option::is_none) {
            section.fault(
                "app_token",
                "it is missing, and the socket transport opens its socket with it",
                "Make an app-level token with the scope connections:write on your Slack app's Basic Information, or set transport = \"http\"",
            );
        }
        let signing_secret = section.secret(
            ("signing_secret", "signing_secret_file"),
            "Copy the Signing Secret from your Slack app's Basic Information",
            forms::long(1),
        );
        if transport == Ok(Transport::Http) && signing_secret.as_ref().is_ok_and(Option::is_none) {
            section.fault(
                "signing_secret",
                "it is missing, and Slack's calls by HTTP are checked with it",
                "Copy the Signing Secret from your Slack app's Basic Information, or set transport = \"socket\"",
            );
        }
        let api_url = section.or(
            "api_url",
            "https://slack.com/api/",
            "Leave the key out, outside tests",
            forms::base_url,
        );
        let command =
            section.or("command", "/wa", "Write a slash and lower-case letters: /wa", command);
        let posts_per_second = section.number("posts_per_second", 1, 1..=1000);
        let workspace_posts_per_second =
            section.number("workspace_posts_per_second", 8, 1..=10_000);
        let compare_after = section.span(
            "compare_after",
            "5s",
            Duration::from_millis(100)..=Duration::from_secs(86_400),
        );
        let company_every = section.span(
            "company_every",
            "1h",
            Duration::from_millis(100)..=Duration::from_secs(86_400),
        );
        let compare_per_minute = section.number("compare_per_minute", 20, 1..=60_000);
        Ok(Self {
            bot_token: bot_token?,
            app_token: app_token?,
            signing_secret: signing_secret?,
            transport: transport?,
            api_url: api_url?,
            command: command?,
            posts_per_second: posts_per_second?,
            workspace_posts_per_second: workspace_posts_per_second?,
            compare_after: compare_after?,
            company_every: company_every?,
            compare_per_minute: compare_per_minute?,
        })
    }
}

/// Slack's rule: a slash, then at most 31 characters without spaces or capitals.
fn command(text: &str) -> Result<String, String> {
    let right = text.strip_prefix('/').is_some_and(|name| {
        (1..=31).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
    });
    if right { Ok(text.to_owned()) } else { Err(format!("\"{text}\" is no slash command")) }
}
