//! `views.*`: modals and home tabs.

use serde_json::{Value, json};

use super::super::Happening;
use super::super::blocks;
use super::super::promises::Pulled;
use super::super::views::View;
use super::{Answer, Arguments, Refusal, Workspace};

/// How many views stand on one another at most.
const STACKED: usize = 3;

fn given(arguments: &Arguments, kind: &str) -> Result<Value, Refusal> {
    let view = arguments.json("view").map_err(|()| "invalid_arguments")?;
    let view = view.ok_or("invalid_arguments")?;
    match blocks::view(&view, kind) {
        faults if faults.is_empty() => Ok(view),
        faults => Err(Refusal::faulty("invalid_arguments", &faults)),
    }
}

/// Tells of a view that was opened or changed.
fn shown(workspace: &Workspace, id: &str) -> Answer {
    let view = workspace.views.get(id).ok_or("not_found")?;
    workspace.outbox.tell(Happening::View(id.to_owned()));
    Ok(json!({"view": view.object(&workspace.options.identity)}))
}

fn keep(workspace: &mut Workspace, user: String, view: Value) -> Answer {
    let (id, hash) = (workspace.id("V"), workspace.hash());
    workspace.views.put(View::new(id.clone(), user, view, hash));
    shown(workspace, &id)
}

fn replace(workspace: &mut Workspace, arguments: &Arguments, id: &str, view: Value) -> Answer {
    let hash = workspace.hash();
    let before = workspace.views.get_mut(id).ok_or("not_found")?;
    if arguments.text("hash").is_some_and(|hash| hash != before.hash) {
        return Err("hash_conflict".into());
    }
    before.replace(view, hash);
    shown(workspace, id)
}

pub(super) fn open(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let view = given(arguments, "modal")?;
    let user = pulled(workspace, arguments)?.user;
    keep(workspace, user, view)
}

/// The same, above the one in which the trigger was given: three at most (docs.slack.dev,
/// `views.push`).
pub(super) fn push(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let view = given(arguments, "modal")?;
    let pulled = pulled(workspace, arguments)?;
    let below = pulled.view.ok_or("invalid_trigger_id")?;
    let below = workspace.views.get(&below).filter(|below| below.open).ok_or("not_found")?;
    let (previous, root) = (below.id.clone(), below.root.clone());
    if workspace.views.all().filter(|view| view.open && view.root == root).count() >= STACKED {
        return Err("push_limit_reached".into());
    }
    let (id, hash) = (workspace.id("V"), workspace.hash());
    let above = View::new(id.clone(), pulled.user, view, hash);
    workspace.views.put(View { root, previous: Some(previous), ..above });
    shown(workspace, &id)
}

fn pulled(workspace: &mut Workspace, arguments: &Arguments) -> Result<Pulled, Refusal> {
    let trigger = arguments.text("trigger_id").ok_or("invalid_trigger_id")?;
    let now = workspace.now();
    Ok(workspace.promises.pull(&trigger, now)?)
}

pub(super) fn update(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let view = given(arguments, "modal")?;
    let id = arguments.text("view_id").ok_or("not_found")?;
    if !workspace.views.get(&id).is_some_and(|before| before.open) {
        return Err("not_found".into());
    }
    replace(workspace, arguments, &id, view)
}

pub(super) fn publish(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let view = given(arguments, "home")?;
    let user = arguments.text("user_id").ok_or("invalid_arguments")?;
    if !workspace.users.contains_key(&user) {
        return Err("user_not_found".into());
    }
    match workspace.views.home(&user).cloned() {
        Some(id) => replace(workspace, arguments, &id, view),
        None => keep(workspace, user, view),
    }
}
