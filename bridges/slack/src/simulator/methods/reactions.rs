//! `reactions.*`.

use serde_json::json;

use super::super::Ts;
use super::{Answer, Arguments, Refusal, Workspace, channel_id, shown, ts};

fn item(workspace: &Workspace, arguments: &Arguments) -> Result<(String, Ts), Refusal> {
    let id = channel_id(workspace, arguments, false)?;
    let at = ts(arguments, "timestamp", "bad_timestamp")?.ok_or("no_item_specified")?;
    workspace.channels[&id].message(at).ok_or("message_not_found")?;
    Ok((id, at))
}

fn change(workspace: &mut Workspace, arguments: &Arguments, on: bool) -> Answer {
    let name = arguments.text("name").ok_or("invalid_name")?;
    let emoji = name.trim_matches(':');
    if emoji.is_empty() || emoji.contains(|c: char| c.is_whitespace() || !c.is_ascii()) {
        return Err("invalid_name".into());
    }
    let (id, at) = item(workspace, arguments)?;
    let app = workspace.options.identity.user.clone();
    match workspace.react(&id, at, &app, emoji, on) {
        Some(true) => Ok(json!({})),
        Some(false) if on => Err("already_reacted".into()),
        Some(false) => Err("no_reaction".into()),
        None => Err("message_not_found".into()),
    }
}

pub(super) fn add(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    change(workspace, arguments, true)
}

pub(super) fn remove(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    change(workspace, arguments, false)
}

pub(super) fn get(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let (id, at) = item(workspace, arguments)?;
    let message = workspace.channels[&id].message(at).ok_or("message_not_found")?;
    let message = shown(workspace, message, false);
    Ok(json!({"type": "message", "channel": id, "message": message}))
}
