//! Commands and interactions: what the app is told, and its answers.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::outbox::Kind;
use super::promises::{Address, Pulled};
use super::run::{ANSWERS, Answer, Failed, Run, Step};
use super::server::with_faults;
use super::shared::Shared;
use super::wire::Scissors;
use super::workspace::Workspace;
use super::{Author, Happening, Message, Ts};

/// Somebody does something that the app answers to.
pub(super) struct Request<'a> {
    pub(super) kind: Kind,
    pub(super) channel: &'a str,
    pub(super) user: &'a str,
    /// The message that the button pressed is in.
    pub(super) original: Option<Ts>,
    /// The view that was sent off.
    pub(super) view: Option<&'a str>,
    /// What is told of it, without trigger and response address.
    pub(super) payload: Value,
}

impl<'a> Request<'a> {
    pub(super) const fn new(kind: Kind, channel: &'a str, user: &'a str, payload: Value) -> Self {
        Self { kind, channel, user, original: None, view: None, payload }
    }
}

/// Sends it to the app and returns at once.
pub(super) fn start(shared: &Arc<Shared>, request: Request<'_>) -> Run {
    let (sender, steps) = mpsc::channel(ANSWERS);
    let mut payload = request.payload;
    let mut workspace = shared.workspace();
    let now = workspace.now();
    let (id, key) = (workspace.nonce(), workspace.nonce());
    let trigger = format!("{}.{}.{}", now.as_millisecond(), &id[..12], workspace.nonce());
    let team = workspace.options.identity.team.clone();
    let url = format!("{}/commands/{team}/{id}/{key}", workspace.base);
    let view = payload["view"]["id"].as_str().map(str::to_owned);
    let pulled = Pulled { user: request.user.to_owned(), view };
    workspace.promises.trigger(trigger.clone(), pulled, now);
    let (channel, user) = (request.channel, request.user);
    let address = Address::new(channel, user, request.original, sender.clone(), now);
    workspace.promises.address(format!("{id}/{key}"), address.clone());
    payload["trigger_id"] = trigger.as_str().into();
    // What happens in a view comes from no channel, so that there is none to answer in.
    if !channel.is_empty() {
        payload["response_url"] = url.as_str().into();
    }
    let view = request.view.map(str::to_owned);
    let answer = shared.outbox.ask(request.kind, payload);
    drop(workspace);
    let background = Arc::clone(shared);
    shared.outbox.spawn(async move {
        match answer.await {
            Ok(body) => {
                if let Some(view) = view {
                    let mut workspace = background.workspace();
                    let hash = workspace.hash();
                    workspace.views.answered(&view, body.as_ref(), hash);
                    workspace.outbox.tell(Happening::View(view));
                }
                let _ = sender.try_send(Step::Acknowledged);
                // An answer to a view's submission (`response_action`) is no message.
                let said = body.filter(|body| body.get("response_action").is_none());
                if let Some(body) = said {
                    let _ = deliver(&mut background.workspace(), &address, body, true);
                }
            }
            Err(failed) => {
                let _ = sender.try_send(Step::Failed(failed));
            }
        }
    });
    Run::new(steps, url, trigger)
}

/// An answer that comes to a response address.
pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    Path((_, id, key)): Path<(String, String, String)>,
    body: Bytes,
) -> Response {
    let work = || {
        let Ok(body @ Value::Object(_)) = serde_json::from_slice(&body) else {
            return (StatusCode::BAD_REQUEST, "invalid_payload").into_response();
        };
        let mut workspace = shared.workspace();
        let now = workspace.now();
        let done = workspace
            .promises
            .answer(&format!("{id}/{key}"), now)
            .and_then(|address| deliver(&mut workspace, &address, body, false));
        match done {
            Ok(()) => "ok".into_response(),
            Err(error) => {
                let body = json!({"ok": false, "error": error});
                (StatusCode::NOT_FOUND, axum::Json(body)).into_response()
            }
        }
    };
    with_faults(&shared, &scissors, "response_url", work).await
}

/// Puts an answer where it belongs: in the channel, before the person only, or in the place of
/// the message that was answered to.
fn deliver(
    workspace: &mut Workspace,
    address: &Address,
    body: Value,
    direct: bool,
) -> Result<(), &'static str> {
    let text = body["text"].as_str().unwrap_or_default().to_owned();
    let list = |name: &str| body.get(name).filter(|value| value.is_array()).cloned();
    let (blocks, attachments) = (list("blocks"), list("attachments"));
    let in_channel = body["response_type"] == "in_channel";
    let remove = body["delete_original"] == true;
    if !remove && text.is_empty() && blocks.is_none() && attachments.is_none() {
        return Err("no_text");
    }
    if blocks.as_ref().is_some_and(|blocks| !super::blocks::message(blocks).is_empty()) {
        return Err("invalid_blocks");
    }
    let original = address.original.filter(|_| remove || body["replace_original"] == true);
    match original {
        Some(ts) if remove => {
            workspace.delete(&address.channel, ts);
        }
        Some(ts) if workspace.rewhisper(&address.channel, ts, &text, blocks.clone()) => {}
        Some(ts) => {
            let text = text.clone();
            workspace.change(&address.channel, ts, |message, _| {
                (message.text, message.blocks, message.attachments) = (text, blocks, attachments);
            });
        }
        None if in_channel => {
            let mut message = Message::new(&address.channel, Author::APP, text.clone());
            (message.blocks, message.attachments) = (blocks, attachments);
            workspace.post(message);
        }
        // Of a slash command there is no original, whatever was answered to it before
        // (slackapi/bolt-js#2287): each answer stands by itself.
        None => {
            workspace.whisper(&address.channel, &address.user, &text, blocks);
        }
    }
    let answer = Answer { direct, in_channel, text, body };
    let _ = address.listener.try_send(Step::Answered(answer)); // nobody need listen
    Ok(())
}

/// The payload of a slash command.
pub(super) fn command(
    workspace: &Workspace,
    channel: &str,
    user: &str,
    command: &str,
    text: &str,
) -> Result<Value, Failed> {
    let options = &workspace.options;
    if !options.commands.iter().any(|known| known == command) {
        return Err(Failed::UnknownCommand(command.to_owned()));
    }
    let place = workspace.channels.get(channel).ok_or(Failed::Unknown("channel"))?;
    let person = workspace.users.get(user).ok_or(Failed::Unknown("user"))?;
    let app = &options.identity;
    let text =
        if options.escape_command_text { super::typed::escape(text) } else { text.to_owned() };
    Ok(json!({
        "token": app.verification_token,
        "team_id": app.team,
        "team_domain": app.domain,
        "channel_id": channel,
        "channel_name": if place.private { "privategroup" } else { place.name.as_str() },
        "user_id": user,
        "user_name": person.handle,
        "command": command,
        "text": text,
        "api_app_id": app.app,
        "is_enterprise_install": "false",
    }))
}

/// What every interaction tells.
pub(super) fn interaction(workspace: &Workspace, kind: &str, user: &str) -> Result<Value, Failed> {
    let app = &workspace.options.identity;
    let person = workspace.users.get(user).ok_or(Failed::Unknown("user"))?;
    Ok(json!({
        "type": kind,
        "user": {
            "id": user, "username": person.handle, "name": person.handle, "team_id": app.team,
        },
        "team": {"id": app.team, "domain": app.domain},
        "api_app_id": app.app,
        "token": app.verification_token,
        "enterprise": null,
        "is_enterprise_install": false,
    }))
}
