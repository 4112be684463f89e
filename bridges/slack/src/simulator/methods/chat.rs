//! `chat.*`: posting, changing and deleting the app's messages.

use serde_json::{Value, json};

use super::super::outbox::count;
use super::super::typed::linked;
use super::super::{Author, Message};
use super::{Answer, Arguments, Refusal, Workspace, channel_id, joined, shown, ts};

/// Characters of a post; Slack cuts there.
const POST_CHARACTERS: usize = 40_000;
/// Characters of a changed message; Slack refuses more.
const UPDATE_CHARACTERS: usize = 4_000;

pub(super) fn post_message(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let message = composed(workspace, arguments)?;
    let (rate, now) = (workspace.options.posts, workspace.now());
    let channel = workspace.channels.get_mut(&message.channel).ok_or("channel_not_found")?;
    if let Some(rate) = rate
        && let Err(seconds) = channel.bucket.take(rate, now)
    {
        count(&workspace.outbox.tally().rate_limited);
        return Err(Refusal::rate_limited(seconds));
    }
    let message = workspace.post(message).ok_or("channel_not_found")?;
    count(&workspace.outbox.tally().posts);
    Ok(json!({
        "channel": message.channel,
        "ts": message.ts,
        "message": shown(workspace, &message, true),
    }))
}

/// The message in the arguments of `chat.postMessage`.
fn composed(workspace: &mut Workspace, arguments: &Arguments) -> Result<Message, Refusal> {
    // A user's id stands for the messages between that user and the app.
    if let Some(user) = arguments.text("channel").filter(|id| id.starts_with('U')) {
        workspace.direct(&user).ok_or("channel_not_found")?;
    }
    let cut = workspace.options.cut_long_text;
    let channel = joined(workspace, arguments, true)?;
    if channel.archived {
        return Err("is_archived".into());
    }
    let id = channel.id.clone();
    let mut text = body(workspace, arguments)?;
    if text.chars().count() > POST_CHARACTERS {
        if !cut {
            return Err("msg_too_long".into());
        }
        text = text.chars().take(POST_CHARACTERS).collect();
    }
    let author = author(workspace, arguments)?;
    let mut message = Message::new(&id, author, text);
    message.thread_ts = ts(arguments, "thread_ts", "invalid_thread_ts")?;
    message.broadcast = message.thread_ts.is_some() && arguments.flag("reply_broadcast");
    message.blocks = blocks(arguments)?;
    message.attachments = list(arguments, "attachments", "invalid_attachments")?;
    message.metadata = metadata(arguments)?;
    Ok(message)
}

/// The text, with names linked where the app asked for that. There must be a text, blocks or
/// attachments.
fn body(workspace: &Workspace, arguments: &Arguments) -> Result<String, Refusal> {
    let text = arguments.text("text").unwrap_or_default();
    let given = |name| arguments.text(name).is_some_and(|list| list != "[]");
    if text.trim().is_empty() && !given("blocks") && !given("attachments") {
        return Err("no_text".into());
    }
    if arguments.flag("link_names") || arguments.text("parse").as_deref() == Some("full") {
        return Ok(linked(
            &text,
            |handle| workspace.handles.get(handle).cloned(),
            |name| workspace.names.get(name).cloned(),
        ));
    }
    Ok(text)
}

/// Under which name and picture the app posts; another than its own takes a scope.
pub(super) fn author(workspace: &Workspace, arguments: &Arguments) -> Result<Author, Refusal> {
    let [username, icon_url, icon_emoji] =
        ["username", "icon_url", "icon_emoji"].map(|name| arguments.text(name));
    if username.is_none() && icon_url.is_none() && icon_emoji.is_none() {
        return Ok(Author::APP);
    }
    let needed = "chat:write.customize";
    if !workspace.options.scopes.iter().any(|scope| scope == needed) {
        return Err(Refusal::missing_scope(needed, &workspace.options.scopes));
    }
    Ok(Author::App { username, icon_url, icon_emoji })
}

fn list(arguments: &Arguments, name: &str, bad: &'static str) -> Result<Option<Value>, Refusal> {
    let value = arguments.json(name).map_err(|()| bad)?;
    match value {
        Some(Value::Array(list)) if list.is_empty() => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list.into())),
        Some(_) => Err(bad.into()),
        None => Ok(None),
    }
}

/// Blocks that Slack takes in a message.
fn blocks(arguments: &Arguments) -> Result<Option<Value>, Refusal> {
    let Some(list) = list(arguments, "blocks", "invalid_blocks_format")? else { return Ok(None) };
    match super::super::blocks::message(&list) {
        faults if faults.is_empty() => Ok(Some(list)),
        faults => Err(Refusal::faulty("invalid_blocks", &faults)),
    }
}

fn metadata(arguments: &Arguments) -> Result<Option<Value>, Refusal> {
    let Some(metadata) = arguments.json("metadata").map_err(|()| "invalid_metadata_format")? else {
        return Ok(None);
    };
    if !metadata["event_type"].is_string() || !metadata["event_payload"].is_object() {
        return Err("invalid_metadata_schema".into());
    }
    Ok(Some(metadata))
}

pub(super) fn post_ephemeral(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let user = arguments.text("user").ok_or("user_not_in_channel")?;
    let channel = joined(workspace, arguments, true)?;
    if channel.archived {
        return Err("is_archived".into());
    }
    if !channel.members.contains(&user) {
        return Err("user_not_in_channel".into());
    }
    let id = channel.id.clone();
    let text = body(workspace, arguments)?;
    if text.chars().count() > POST_CHARACTERS {
        return Err("msg_too_long".into());
    }
    let blocks = blocks(arguments)?;
    let ts = workspace.whisper(&id, &user, &text, blocks).ok_or("channel_not_found")?;
    Ok(json!({"message_ts": ts}))
}

pub(super) fn update(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let id = channel_id(workspace, arguments, false)?;
    let at = ts(arguments, "ts", "message_not_found")?.ok_or("message_not_found")?;
    let text = body(workspace, arguments)?;
    if text.chars().count() > UPDATE_CHARACTERS {
        return Err("msg_too_long".into());
    }
    let blocks = blocks(arguments)?;
    let attachments = list(arguments, "attachments", "invalid_attachments")?;
    let metadata = metadata(arguments)?;
    let message = workspace.channels[&id].message(at).ok_or("message_not_found")?;
    if !matches!(message.author, Author::App { .. }) {
        return Err("cant_update_message".into());
    }
    let by = workspace.options.identity.user.clone();
    let message = workspace.change(&id, at, |message, now| {
        message.text = text;
        message.edited = Some((by, now));
        message.blocks = blocks;
        message.attachments = attachments;
        if metadata.is_some() {
            message.metadata = metadata;
        }
    });
    let message = message.ok_or("message_not_found")?;
    Ok(json!({
        "channel": id,
        "ts": at,
        "text": message.text,
        "message": shown(workspace, &message, true),
    }))
}

pub(super) fn delete(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let id = channel_id(workspace, arguments, false)?;
    let at = ts(arguments, "ts", "message_not_found")?.ok_or("message_not_found")?;
    let message = workspace.channels[&id].message(at).ok_or("message_not_found")?;
    if !matches!(message.author, Author::App { .. }) {
        return Err("cant_delete_message".into());
    }
    workspace.delete(&id, at).ok_or("message_not_found")?;
    Ok(json!({"channel": id, "ts": at}))
}
