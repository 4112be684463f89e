//! The daemon's configuration in the sandbox: what somebody would write in
//! `config/partyline.toml`, with the simulators in the place of the platforms.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::cast::{OTHER_SENDER, SENDER};
use super::world::World;
use crate::config::Config;

/// A room of a real homeserver that is tied to the group as well.
#[derive(Clone, Debug)]
pub struct MatrixRoom {
    /// The address of the homeserver's client API, such as `http://127.0.0.1:8008`.
    pub homeserver_url: String,
    /// The whole id of the bot's account, such as `@partyline:hs.test`.
    pub user_id: String,
    /// The account's password.
    pub password: SecretString,
    /// The room's id; the bot is in the room, or invited.
    pub room: String,
}

/// The configuration of a daemon that listens on `address` and keeps its stores in `folder`.
///
/// # Errors
/// What is wrong with the Matrix room: nothing else in here comes from outside.
pub(super) fn config(
    world: &World,
    address: SocketAddr,
    folder: &Path,
    matrix: Option<&MatrixRoom>,
) -> anyhow::Result<Config> {
    let account = partyline_twilio::simulator::Options::default();
    let base = world.twilio.base_url();
    let slack = world.slack.options();
    let mut file = json!({
        "http": { "listen": address, "public_url": format!("http://{address}") },
        "store": { "url": format!("sled:{}", folder.display()) },
        "twilio": {
            "account_sid": account.account_sid,
            "auth_token": account.auth_token,
            "api_key_sid": account.api_key_sid,
            "api_key_secret": account.api_key_secret,
            "service_sid": account.service_sid,
            "senders": [SENDER, OTHER_SENDER],
            "conversations_url": base,
            "messaging_url": base,
            "content_url": base,
            "media_url": base,
            "verify_url": base,
            "senders_url": base,
            "verify_service_sid": account.verify_service_sid,
            "actions_per_second": 200,
        },
        "slack": {
            "bot_token": slack.bot_token.expose_secret(),
            "app_token": slack.app_token.expose_secret(),
            "api_url": world.slack.api_url(),
            // Slack allows one a second; nobody wants to wait for that here.
            "posts_per_second": 50,
            "workspace_posts_per_second": 200,
        },
        "access": { "admins": [format!("slack:{}", world.colleagues[0])] },
    });
    if let Some(inbox) = &world.inbox {
        file["inbox"] = json!({ "room": format!("slack:{inbox}") });
    }
    if let Some(matrix) = matrix {
        file["matrix"] = section(matrix);
        let room = format!("matrix:{}", matrix.room);
        file["links"] = json!([{ "conversation": world.group, "rooms": [room] }]);
    }
    let text = toml::to_string(&file).context("the sandbox's own configuration")?;
    // The environment is the real daemon's: nothing of it counts here.
    Ok(Config::parse(&text, std::iter::empty())?)
}

fn section(matrix: &MatrixRoom) -> Value {
    json!({
        "homeserver_url": matrix.homeserver_url,
        "user_id": matrix.user_id,
        "password": matrix.password.expose_secret(),
    })
}
