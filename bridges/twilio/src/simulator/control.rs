//! `/_simulator/…`: the programs' side over HTTP and JSON, for other processes. It needs no
//! credentials; the simulator listens on the loopback unless it is told otherwise.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::events::Cause;
use super::faults::{Fault, FaultKind};
use super::inbound;
use super::inner::Inner;
use super::refusal::Refusal;
use super::saying::{Said, SayError};
use super::world::settings::HookConfig;
use super::world::{conversations, participants};

type Answer = Result<Json<Value>, Refusal>;

/// | route | body, answer |
/// |---|---|
/// | `GET /_simulator/state` | counters, conversations, their sizes |
/// | `GET /_simulator/conversations/{id}/messages` | the messages |
/// | `GET /_simulator/inbox?address=` | what stands on a phone |
/// | `POST /_simulator/conversations` | `name`, `members: [{address, sender, name?}]` → `sid` |
/// | `POST /_simulator/say` | `address`, `conversation` or `sender`, `text`, `wait?` |
/// | `POST /_simulator/phone` | `address`, `on?`, `window?: false`, `read?: true`, `unreachable?` |
/// | `POST /_simulator/webhook` | `url` or null, `messaging_url?` |
/// | `POST /_simulator/faults` | `kind`, `times?`, `probability?`, `seed?`, `number?`, `method?`, `on?`; `{"clear": true}` |
/// | `POST /_simulator/idle` | answers when nothing is under way |
pub(super) fn router() -> Router<Arc<Inner>> {
    Router::new()
        .route("/_simulator/state", get(state))
        .route("/_simulator/conversations", post(make))
        .route("/_simulator/conversations/{id}/messages", get(messages))
        .route("/_simulator/inbox", get(inbox))
        .route("/_simulator/say", post(say))
        .route("/_simulator/phone", post(phone))
        .route("/_simulator/webhook", post(webhook))
        .route("/_simulator/faults", post(faults))
        .route("/_simulator/idle", post(idle))
}

async fn state(State(inner): State<Arc<Inner>>) -> Json<Value> {
    let counters = inner.counters();
    Json(inner.look(|world| {
        let groups: Vec<Value> = world
            .listed
            .values()
            .filter_map(|sid| world.groups.get(sid))
            .map(|group| {
                json!({
                    "conversation": group.conversation,
                    "participants": group.participants.len(),
                    "messages": group.next_index,
                })
            })
            .collect();
        json!({ "counters": counters, "conversations": groups })
    }))
}

#[derive(Deserialize)]
struct Make {
    name: String,
    #[serde(default)]
    members: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    address: String,
    sender: String,
    name: Option<String>,
}

async fn make(State(inner): State<Arc<Inner>>, Json(make): Json<Make>) -> Answer {
    inner.change(|world, effects| {
        let cause = Cause::api(false);
        let wish = conversations::Wish {
            friendly_name: Some(make.name),
            ..conversations::Wish::default()
        };
        let draft = world.draft_conversation(&wish)?;
        let sid = world.add_conversation(draft, &cause, effects);
        for member in make.members {
            let wish = participants::Wish {
                address: Some(member.address.clone()),
                proxy_address: Some(member.sender.clone()),
                ..participants::Wish::default()
            };
            let draft = world.draft_participant(&sid, &wish)?;
            world.add_participant(&sid, draft, &cause, effects)?;
            world.open_window(&member.address, &member.sender);
            world.phone(&member.address).profile_name = member.name;
        }
        Ok(Json(json!({ "sid": sid })))
    })
}

async fn messages(State(inner): State<Arc<Inner>>, Path(id): Path<String>) -> Answer {
    inner.look(|world| Ok(Json(json!({ "messages": world.group(&id)?.messages }))))
}

#[derive(Deserialize)]
struct Whose {
    address: String,
}

async fn inbox(State(inner): State<Arc<Inner>>, Query(whose): Query<Whose>) -> Json<Value> {
    Json(inner.look(|world| {
        let phone = world.phones.get(&whose.address);
        let items: Vec<_> =
            phone.into_iter().flat_map(|phone| phone.inbox.iter().map(|(item, _)| item)).collect();
        json!({ "inbox": items, "on": phone.is_none_or(|phone| phone.on) })
    }))
}

#[derive(Deserialize)]
struct Say {
    address: String,
    conversation: Option<String>,
    sender: Option<String>,
    text: String,
    #[serde(default = "yes")]
    wait: bool,
}

const fn yes() -> bool {
    true
}

async fn say(State(inner): State<Arc<Inner>>, Json(say): Json<Say>) -> Answer {
    let saying = say.text.into();
    let said = match (say.conversation, say.sender) {
        (Some(conversation), _) if say.wait => {
            inbound::phone_says(&inner, &say.address, &conversation, saying).await
        }
        (Some(conversation), _) => inbound::queue(&inner, &say.address, &conversation, saying)
            .map(|_| Said { message: None, answers: Vec::new() }),
        (None, Some(sender)) => inbound::phone_writes(&inner, &say.address, &sender, saying).await,
        (None, None) => return Err(Refusal::bad(20001, "give a conversation or a sender")),
    };
    match said {
        Ok(said) => Ok(Json(json!({ "message": said.message, "answers": said.answers }))),
        Err(SayError::Refused(refusal)) => Err(refusal),
        Err(error) => Err(Refusal::new(409, 20409, error.to_string())),
    }
}

#[derive(Deserialize)]
struct Change {
    address: String,
    on: Option<bool>,
    window: Option<bool>,
    sender: Option<String>,
    #[serde(default)]
    read: bool,
    unreachable: Option<u32>,
}

async fn phone(State(inner): State<Arc<Inner>>, Json(change): Json<Change>) -> Json<Value> {
    inner.change(|world, effects| {
        if let Some(on) = change.on {
            world.switch_phone(&change.address, on, effects);
        }
        match (change.window, &change.sender) {
            (Some(false), _) => world.phone(&change.address).windows.clear(),
            (Some(true), Some(sender)) => world.open_window(&change.address, sender),
            _ => {}
        }
        if change.read {
            world.read_all(&change.address, effects);
        }
        if let Some(code) = change.unreachable {
            world.phone(&change.address).unreachable = (code != 0).then_some(code);
        }
    });
    Json(json!({}))
}

#[derive(Deserialize)]
struct Webhook {
    url: Option<Url>,
    messaging_url: Option<Url>,
}

async fn webhook(State(inner): State<Arc<Inner>>, Json(webhook): Json<Webhook>) -> Json<Value> {
    inner.change(|world, _| {
        world.settings.service_hooks =
            webhook.url.as_ref().map(HookConfig::all).unwrap_or_default();
        world.settings.messaging_url = webhook.messaging_url.map(String::from);
    });
    Json(json!({}))
}

#[derive(Deserialize)]
struct SetFault {
    kind: Option<String>,
    times: Option<u32>,
    probability: Option<f64>,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    number: u64,
    method: Option<String>,
    on: Option<String>,
    #[serde(default)]
    clear: bool,
}

async fn faults(State(inner): State<Arc<Inner>>, Json(set): Json<SetFault>) -> Answer {
    if set.clear {
        inner.faults.clear();
    }
    if let Some(name) = set.kind {
        let kind = FaultKind::named(&name, set.number)
            .ok_or_else(|| Refusal::bad(20001, format!("there is no fault \"{name}\"")))?;
        let mut fault = match (set.times, set.probability) {
            (_, Some(probability)) => Fault::chance(kind, probability, set.seed),
            (Some(times), None) => Fault::next(kind, times),
            (None, None) => Fault::always(kind),
        };
        if let Some(method) = &set.method {
            fault = fault.method(method);
        }
        if let Some(part) = &set.on {
            fault = fault.on(part);
        }
        inner.faults.set(fault);
    }
    Ok(Json(json!({})))
}

async fn idle(State(inner): State<Arc<Inner>>) -> Json<Value> {
    inner.lanes.idle().await;
    Json(json!({}))
}
