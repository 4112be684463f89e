//! The Web API's methods: each a row with its scopes and the function that does it.
//!
//! Names, arguments, answers and errors are those of Slack's documentation of each method.

mod chat;
mod conversations;
mod files;
mod members;
mod misc;
mod reactions;
mod users;
mod views;

use serde_json::{Map, Value};

use super::Message;
use super::Ts;
use super::arguments::Arguments;
use super::channel::Channel;
use super::workspace::Workspace;

/// What a method gives back: the answer without `ok`, or Slack's error.
pub(super) type Answer = Result<Value, Refusal>;

/// A refusal: Slack's error, with what else stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) error: &'static str,
    pub(super) beside: Map<String, Value>,
    /// The wait in seconds of a 429.
    pub(super) retry_after: Option<u32>,
}

impl From<&'static str> for Refusal {
    fn from(error: &'static str) -> Self {
        Self { error, beside: Map::new(), retry_after: None }
    }
}

impl Refusal {
    /// The token lacks a scope.
    pub(super) fn missing_scope(needed: &str, provided: &[String]) -> Self {
        let mut refusal = Self::from("missing_scope");
        refusal.beside.insert("needed".into(), needed.into());
        refusal.beside.insert("provided".into(), provided.join(",").into());
        refusal
    }

    /// An argument is not as it must be; what is wrong, one by one.
    fn faulty(error: &'static str, faults: &[String]) -> Self {
        let mut refusal = Self::from(error);
        let beside = serde_json::json!({ "messages": faults });
        refusal.beside.insert("response_metadata".into(), beside);
        refusal
    }

    fn rate_limited(seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::from("ratelimited") }
    }
}

/// Which token a method takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// None is needed.
    None,
    /// The bot's.
    Bot,
    /// The app's, for Socket Mode.
    App,
}

/// A method.
pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) token: Token,
    /// Any one of these scopes will do; none are needed where there are none.
    pub(super) scopes: &'static [&'static str],
    pub(super) run: fn(&mut Workspace, &Arguments) -> Answer,
}

const fn bot(
    name: &'static str,
    scopes: &'static [&'static str],
    run: fn(&mut Workspace, &Arguments) -> Answer,
) -> Method {
    Method { name, token: Token::Bot, scopes, run }
}

const READ: &[&str] = &["channels:read", "groups:read"];
const HISTORY: &[&str] = &["channels:history", "groups:history"];
const MANAGE: &[&str] = &["channels:manage", "groups:write"];

/// All methods there are here, in the order of their names.
pub(super) static METHODS: &[Method] = &[
    Method { name: "api.test", token: Token::None, scopes: &[], run: misc::api_test },
    Method {
        name: "apps.connections.open",
        token: Token::App,
        scopes: &[],
        run: misc::connections_open,
    },
    bot("auth.revoke", &[], misc::auth_revoke),
    bot("auth.test", &[], misc::auth_test),
    bot("bots.info", &["users:read"], misc::bots_info),
    bot("chat.delete", &["chat:write"], chat::delete),
    bot("chat.postEphemeral", &["chat:write"], chat::post_ephemeral),
    bot("chat.postMessage", &["chat:write"], chat::post_message),
    bot("chat.update", &["chat:write"], chat::update),
    bot("conversations.archive", MANAGE, conversations::archive),
    bot("conversations.create", MANAGE, conversations::create),
    bot("conversations.history", HISTORY, conversations::history),
    bot("conversations.info", READ, conversations::info),
    bot("conversations.invite", MANAGE, members::invite),
    bot("conversations.join", &["channels:join"], members::join),
    bot("conversations.kick", MANAGE, members::kick),
    bot("conversations.leave", MANAGE, members::leave),
    bot("conversations.list", READ, conversations::list),
    bot("conversations.members", READ, members::list),
    bot("conversations.open", &["im:write"], conversations::open),
    bot("conversations.rename", MANAGE, conversations::rename),
    bot("conversations.replies", HISTORY, conversations::replies),
    bot("conversations.setTopic", MANAGE, conversations::set_topic),
    bot("conversations.unarchive", MANAGE, conversations::unarchive),
    bot("files.completeUploadExternal", &["files:write"], files::complete_upload),
    bot("files.getUploadURLExternal", &["files:write"], files::get_upload_url),
    bot("files.info", &["files:read"], files::info),
    bot("reactions.add", &["reactions:write"], reactions::add),
    bot("reactions.get", &["reactions:read"], reactions::get),
    bot("reactions.remove", &["reactions:write"], reactions::remove),
    bot("team.info", &["team:read"], misc::team_info),
    bot("usergroups.users.list", &["usergroups:read"], users::group),
    bot("users.conversations", READ, conversations::of_user),
    bot("users.info", &["users:read"], users::info),
    bot("users.list", &["users:read"], users::list),
    bot("users.lookupByEmail", &["users:read.email"], users::lookup_by_email),
    bot("users.profile.get", &["users.profile:read"], users::profile_get),
    bot("views.open", &[], views::open),
    bot("views.publish", &[], views::publish),
    bot("views.push", &[], views::push),
    bot("views.update", &[], views::update),
];

/// The method of this name.
pub(super) fn method(name: &str) -> Option<&'static Method> {
    METHODS.binary_search_by(|m| m.name.cmp(name)).ok().map(|at| &METHODS[at])
}

/// The id of the channel in the argument `channel`: an id, or, where `names` are taken too, a
/// name with or without `#`. A private channel without the app does not exist for it.
fn channel_id(
    workspace: &Workspace,
    arguments: &Arguments,
    names: bool,
) -> Result<String, Refusal> {
    let given = arguments.text("channel").ok_or("channel_not_found")?;
    let given = workspace.directs.get(&given).cloned().unwrap_or(given);
    let named = || workspace.names.get(given.trim_start_matches('#')).cloned();
    let id = match workspace.channels.contains_key(&given) {
        true => given,
        false => names.then(named).flatten().ok_or("channel_not_found")?,
    };
    let channel = &workspace.channels[&id];
    if !workspace.app_sees(channel) {
        return Err("channel_not_found".into());
    }
    Ok(id)
}

/// The channel in the argument `channel`, with the app in it.
fn joined<'a>(
    workspace: &'a mut Workspace,
    arguments: &Arguments,
    names: bool,
) -> Result<&'a mut Channel, Refusal> {
    let id = channel_id(workspace, arguments, names)?;
    let app = workspace.options.identity.user.clone();
    let channel = workspace.channels.get_mut(&id).ok_or("channel_not_found")?;
    if !channel.members.contains(&app) {
        return Err("not_in_channel".into());
    }
    Ok(channel)
}

/// A `ts` among the arguments; `bad` is the error for one that is none.
fn ts(arguments: &Arguments, name: &str, bad: &'static str) -> Result<Option<Ts>, Refusal> {
    arguments.text(name).map(|text| text.parse().map_err(|_| bad.into())).transpose()
}

/// The argument `limit`: from 1 to 999 ("under 1000"), 0 meaning the default.
fn limit(arguments: &Arguments, default: usize) -> Result<usize, Refusal> {
    match arguments.text("limit").map(|text| text.parse::<usize>()) {
        None | Some(Ok(0)) => Ok(default),
        Some(Ok(limit @ 1..=999)) => Ok(limit),
        Some(_) => Err("invalid_limit".into()),
    }
}

/// The place in the argument `cursor`: what [`cursor_at`] wrote.
fn cursor(arguments: &Arguments) -> Result<Option<String>, Refusal> {
    let Some(cursor) = arguments.text("cursor") else { return Ok(None) };
    cursor
        .strip_prefix("next:")
        .map(|key| Some(key.to_owned()))
        .ok_or_else(|| "invalid_cursor".into())
}

/// A cursor to this key.
fn cursor_at(key: impl std::fmt::Display) -> Value {
    format!("next:{key}").into()
}

/// A page of rows that come in the order of a key: those from the cursor on, and the cursor of
/// the next page (empty where there is none).
fn page<T>(
    arguments: &Arguments,
    default: usize,
    from: impl FnOnce(Option<String>, usize) -> Vec<(String, T)>,
) -> Result<(Vec<T>, Value), Refusal> {
    let limit = limit(arguments, default)?;
    let mut rows = from(cursor(arguments)?, limit + 1);
    let next = match rows.len() > limit {
        true => rows.pop().map_or_else(|| "".into(), |(key, _)| cursor_at(key)),
        false => "".into(),
    };
    Ok((rows.into_iter().map(|(_, row)| row).collect(), next))
}

/// The message as it is shown to the app.
fn shown(workspace: &Workspace, message: &Message, with_metadata: bool) -> Value {
    Value::Object(message.object(&workspace.options.identity, with_metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_methods_are_in_the_order_of_their_names() {
        assert!(METHODS.is_sorted_by_key(|method| method.name));
        assert!(METHODS.iter().all(|m| method(m.name).is_some()));
    }
}
