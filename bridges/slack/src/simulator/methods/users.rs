//! `users.*`.

use serde_json::json;

use super::super::User;
use super::{Answer, Arguments, Refusal, Workspace, page};

fn user<'a>(workspace: &'a Workspace, arguments: &Arguments) -> Result<&'a User, Refusal> {
    let id = arguments.text("user").ok_or("user_not_found")?;
    workspace.users.get(&id).ok_or_else(|| "user_not_found".into())
}

pub(super) fn info(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let team = &workspace.options.identity.team;
    Ok(json!({"user": user(workspace, arguments)?.object(team)}))
}

pub(super) fn profile_get(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let team = &workspace.options.identity.team;
    Ok(json!({"profile": user(workspace, arguments)?.profile(team)}))
}

pub(super) fn lookup_by_email(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let email = arguments.text("email").ok_or("users_not_found")?;
    let id = workspace.emails.get(&email.to_lowercase()).ok_or("users_not_found")?;
    Ok(json!({"user": workspace.users[id].object(&workspace.options.identity.team)}))
}

pub(super) fn list(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let team = &workspace.options.identity.team;
    let (members, next) = page(arguments, 1000, |from, count| {
        let from = from.unwrap_or_default();
        let users = workspace.users.range(from..).take(count);
        users.map(|(id, user)| (id.clone(), user.object(team))).collect()
    })?;
    Ok(json!({
        "members": members,
        "cache_ts": workspace.seconds(),
        "response_metadata": {"next_cursor": next},
    }))
}

/// `usergroups.users.list`.
pub(super) fn group(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let id = arguments.text("usergroup").ok_or("no_such_subteam")?;
    let users = workspace.user_groups.get(&id).ok_or("no_such_subteam")?;
    Ok(json!({"users": users}))
}
