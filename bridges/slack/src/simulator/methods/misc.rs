//! `api.test`, `auth.*`, `apps.connections.open`, `team.info`, `bots.info`.

use serde_json::json;

use super::super::options::bot_icons;
use super::{Answer, Arguments, Workspace};

pub(super) fn api_test(_: &mut Workspace, arguments: &Arguments) -> Answer {
    match arguments.text("error") {
        Some(error) => {
            let mut refusal = super::Refusal::from("error");
            refusal.beside.insert("args".into(), json!({"error": error}));
            refusal.beside.insert("error".into(), error.into());
            Err(refusal)
        }
        None => Ok(json!({"args": {}})),
    }
}

pub(super) fn connections_open(workspace: &mut Workspace, _: &Arguments) -> Answer {
    let ticket = workspace.outbox.sockets().ticket(workspace.now());
    let app = &workspace.options.identity.app;
    let base = workspace.base.replacen("http", "ws", 1);
    Ok(json!({"url": format!("{base}/link/?ticket={ticket}&app_id={app}")}))
}

pub(super) fn auth_revoke(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let really = !arguments.flag("test");
    if really {
        workspace.revoke();
    }
    Ok(json!({"revoked": really}))
}

pub(super) fn auth_test(workspace: &mut Workspace, _: &Arguments) -> Answer {
    let app = &workspace.options.identity;
    Ok(json!({
        "url": format!("https://{}.slack.com/", app.domain),
        "team": app.team_name,
        "user": app.name,
        "team_id": app.team,
        "user_id": app.user,
        "bot_id": app.bot,
        "is_enterprise_install": false,
    }))
}

pub(super) fn team_info(workspace: &mut Workspace, _: &Arguments) -> Answer {
    let app = &workspace.options.identity;
    Ok(json!({"team": {
        "id": app.team,
        "name": app.team_name,
        "domain": app.domain,
        "email_domain": "",
        "icon": {"image_default": true},
    }}))
}

pub(super) fn bots_info(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let app = &workspace.options.identity;
    if arguments.text("bot").is_some_and(|bot| bot != app.bot) {
        return Err("bot_not_found".into());
    }
    Ok(json!({"bot": {
        "id": app.bot,
        "app_id": app.app,
        "user_id": app.user,
        "name": app.name,
        "deleted": false,
        "updated": 1_700_000_000,
        "icons": bot_icons(),
    }}))
}
