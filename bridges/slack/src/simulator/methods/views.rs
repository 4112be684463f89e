//! `views.*`: modals and home tabs.

use serde_json::{Value, json};

use super::super::Happening;
use super::super::views::View;
use super::{Answer, Arguments, Refusal, Workspace};

fn given(arguments: &Arguments, kind: &str) -> Result<Value, Refusal> {
    let view = arguments.json("view").map_err(|()| "invalid_arguments")?;
    let view = view.ok_or("invalid_arguments")?;
    if view["type"] != kind || !view["blocks"].is_array() {
        return Err("invalid_arguments".into());
    }
    if kind == "modal" && !view["title"].is_object() {
        return Err("invalid_arguments".into());
    }
    Ok(view)
}

fn keep(workspace: &mut Workspace, id: Option<String>, user: String, view: Value) -> Answer {
    let id = id.unwrap_or_else(|| workspace.id("V"));
    let hash = format!("{}.{}", workspace.seconds(), &workspace.nonce()[..8]);
    let view = View { id: id.clone(), user, view, hash };
    let object = view.object(&workspace.options.identity);
    workspace.views.put(view);
    workspace.outbox.tell(Happening::View(id));
    Ok(json!({"view": object}))
}

pub(super) fn open(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let view = given(arguments, "modal")?;
    let trigger = arguments.text("trigger_id").ok_or("invalid_trigger_id")?;
    let now = workspace.now();
    let user = workspace.promises.pull(&trigger, now)?;
    keep(workspace, None, user, view)
}

pub(super) fn update(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let view = given(arguments, "modal")?;
    let id = arguments.text("view_id").ok_or("not_found")?;
    let before = workspace.views.get(&id).ok_or("not_found")?;
    if arguments.text("hash").is_some_and(|hash| hash != before.hash) {
        return Err("hash_conflict".into());
    }
    let user = before.user.clone();
    keep(workspace, Some(id), user, view)
}

pub(super) fn publish(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let view = given(arguments, "home")?;
    let user = arguments.text("user_id").ok_or("invalid_arguments")?;
    if !workspace.users.contains_key(&user) {
        return Err("user_not_found".into());
    }
    let id = workspace.views.home(&user).cloned();
    keep(workspace, id, user, view)
}
