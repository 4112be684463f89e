//! `conversations.*`: who is in a channel.

use serde_json::json;

use super::conversations::object;
use super::{Answer, Arguments, Workspace, channel_id, joined, page};

pub(super) fn list(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let id = channel_id(workspace, arguments, false)?;
    let channel = &workspace.channels[&id];
    let (members, next) = page(arguments, 100, |from, count| {
        let from = from.unwrap_or_default();
        channel.members.range(from..).take(count).map(|id| (id.clone(), id.clone())).collect()
    })?;
    Ok(json!({"members": members, "response_metadata": {"next_cursor": next}}))
}

pub(super) fn join(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let id = channel_id(workspace, arguments, false)?;
    let app = workspace.options.identity.user.clone();
    let channel = &workspace.channels[&id];
    if channel.archived {
        return Err("is_archived".into());
    }
    if channel.private {
        return Err("method_not_supported_for_channel_type".into());
    }
    let already = !workspace.join(&id, &app, None);
    let mut answer = json!({"channel": object(workspace, &id)});
    if already {
        answer["warning"] = "already_in_channel".into();
        answer["response_metadata"] = json!({"warnings": ["already_in_channel"]});
    }
    Ok(answer)
}

pub(super) fn invite(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let users = arguments.text("users").ok_or("no_user")?;
    let app = workspace.options.identity.user.clone();
    let channel = joined(workspace, arguments, false)?;
    if channel.archived {
        return Err("is_archived".into());
    }
    let (id, members) = (channel.id.clone(), channel.members.clone());
    for user in users.split(',').map(str::trim) {
        if user == app {
            return Err("cant_invite_self".into());
        }
        if !workspace.users.contains_key(user) {
            return Err("user_not_found".into());
        }
        if members.contains(user) {
            return Err("already_in_channel".into());
        }
    }
    for user in users.split(',').map(str::trim) {
        workspace.join(&id, user, Some(&app));
    }
    Ok(json!({"channel": object(workspace, &id)}))
}

pub(super) fn kick(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let user = arguments.text("user").ok_or("user_not_found")?;
    let channel = joined(workspace, arguments, false)?;
    if !channel.members.contains(&user) {
        return Err("not_in_channel".into());
    }
    let id = channel.id.clone();
    if user == workspace.options.identity.user {
        return Err("cant_kick_self".into());
    }
    workspace.leave(&id, &user);
    Ok(json!({"errors": {}}))
}

pub(super) fn leave(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let id = channel_id(workspace, arguments, false)?;
    let app = workspace.options.identity.user.clone();
    if !workspace.leave(&id, &app) {
        return Ok(json!({"not_in_channel": true}));
    }
    Ok(json!({}))
}
