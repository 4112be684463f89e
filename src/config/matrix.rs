//! `[matrix]`: one account on one homeserver. Without the section, Matrix is off.

use secrecy::SecretString;
use url::Url;

use super::forms;
use super::section::{Noted, Section};

/// How the bot proves who it is.
#[derive(Clone, Debug)]
pub enum Login {
    /// With a password, once; the session is kept after that.
    Password(SecretString),
    /// With an access token that was made elsewhere.
    AccessToken(SecretString),
}

/// `[matrix]`, in bot mode.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// The homeserver's address.
    pub homeserver_url: Url,
    /// The bot's account: `@partyline:example.org`.
    pub user_id: String,
    /// How it logs in.
    pub login: Login,
    /// What a command begins with in a room: `!wa`.
    pub command_prefix: String,
    /// Whose invitations into rooms the bot accepts: users (`@maya:example.org`) and everybody on
    /// a server (`:example.org`). When empty: everybody on the bot's own server.
    pub inviters: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Bot,
    Appservice,
}

impl Matrix {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let mode = section.choice("mode", &[("bot", Mode::Bot), ("appservice", Mode::Appservice)]);
        // Known so that a file written for it is understood; told below that it cannot be had yet.
        let registration = section
            .optional("registration", "Leave the key out", |text| Ok::<_, String>(text.to_owned()));
        match mode {
            Ok(Mode::Appservice) => {
                section.fault(
                    "mode",
                    "application services are not built into this version",
                    "Write mode = \"bot\" and give user_id with password or access_token",
                );
            }
            Ok(Mode::Bot) if registration.is_ok_and(|path| path.is_some()) => {
                section.fault(
                    "registration",
                    "a registration belongs to mode = \"appservice\"",
                    "Leave the key out",
                );
            }
            _ => {}
        }
        let homeserver_url = section.required(
            "homeserver_url",
            "Write the homeserver's address: https://matrix.example.org",
            forms::base_url,
        );
        let user_id = section.required(
            "user_id",
            "Write the bot's full user id: @partyline:example.org",
            user,
        );
        let login = Self::read_login(section);
        let command_prefix = section.or(
            "command_prefix",
            "!wa",
            "Write a short word that begins with a sign: !wa",
            prefix,
        );
        let inviters = section.list(
            "inviters",
            "Write user ids, or a colon and a server for everybody there: [\"@maya:example.org\", \":example.org\"]",
            inviter,
        );
        Ok(Self {
            homeserver_url: homeserver_url?,
            user_id: user_id?,
            login: login?,
            command_prefix: command_prefix?,
            inviters: inviters?,
        })
    }

    fn read_login(section: &mut Section<'_>) -> Result<Login, Noted> {
        let password = section.secret(
            ("password", "password_file"),
            "Write the password of the bot's account",
            forms::long(1),
        );
        let access_token = section.secret(
            ("access_token", "access_token_file"),
            "Write an access token of the bot's account",
            forms::long(8),
        );
        match (password?, access_token?) {
            (Some(password), None) => Ok(Login::Password(password)),
            (None, Some(token)) => Ok(Login::AccessToken(token)),
            (None, None) => Err(section.fault(
                "password",
                "there is neither password nor access_token",
                "Give one of the two, for the account in user_id",
            )),
            (Some(_), Some(_)) => Err(section.fault(
                "password",
                "both password and access_token are given",
                "Leave one of the two out",
            )),
        }
    }
}

fn user(text: &str) -> Result<String, String> {
    let right = text.len() <= 255
        && !text.contains(char::is_whitespace)
        && text
            .strip_prefix('@')
            .and_then(|rest| rest.split_once(':'))
            .is_some_and(|(local, host)| !local.is_empty() && server(host).is_ok());
    if right { Ok(text.to_owned()) } else { Err(format!("\"{text}\" is no Matrix user id")) }
}

fn inviter(text: &str) -> Result<String, String> {
    match text.strip_prefix(':') {
        Some(name) => server(name).map(|_| text.to_owned()),
        None => user(text),
    }
}

/// A server's name, perhaps with a port.
fn server(text: &str) -> Result<String, String> {
    let right = !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
    if right { Ok(text.to_owned()) } else { Err(format!("\"{text}\" is no server's name")) }
}

/// It must not be a word that people begin a message with.
fn prefix(text: &str) -> Result<String, String> {
    let right = (2..=16).contains(&text.chars().count())
        && !text.contains(char::is_whitespace)
        && text.starts_with(|c: char| c.is_ascii_punctuation() && c != '/' && c != '<');
    if right { Ok(text.to_owned()) } else { Err(format!("\"{text}\" is no prefix for commands")) }
}
