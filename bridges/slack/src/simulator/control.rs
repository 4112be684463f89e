//! Control by other processes, under `/_simulator/`: what [`Simulator`] does, by JSON.
//!
//! For test drivers in other languages, and for tests that kill the process they talk to. It is
//! for a machine's own use: whoever reaches it does as they like with the workspace.
//!
//! | request | what it does |
//! |---|---|
//! | `POST users` `{name, picture?}` | adds a user: `{id}` |
//! | `POST channels` `{name, members?, private?}` | makes a channel: `{id}` |
//! | `POST say` `{channel, user, text, thread_ts?, broadcast?}` | `{ts}` |
//! | `POST edit` `{channel, user, ts, text}`, `POST delete` `{channel, ts}` | |
//! | `POST react` `{channel, user, ts, emoji, on}` | |
//! | `POST command` `{channel, user, command, text, answers?, within_ms?}` | waits for the answers |
//! | `POST press` `{channel, user, ts, action_id, value, answers?, within_ms?}` | likewise |
//! | `POST faults` `{fault, target?, count? \| probability, seed, seconds?, delay_ms?, error?}`, `DELETE faults` | |
//! | `POST do` `{what, channel?}` | `drop_sockets`, `half_open_sockets`, `refresh_sockets`, `warn_sockets`, `revoke_token`, `restore_token`, `archive`, `unarchive`, `remove_bot`, `add_bot`, `verify_events_url` |
//! | `GET messages?channel=`, `GET ephemerals?channel=`, `GET views`, `GET state` | what there is |

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::shared::Shared;
use super::{Dose, Failed, Fault, Run, Simulator, Ts};

type Slack = State<Arc<Shared>>;

/// What could not be done, and why.
struct Refused(String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({"error": self.0}))).into_response()
    }
}

impl From<Failed> for Refused {
    fn from(failed: Failed) -> Self {
        Self(failed.to_string())
    }
}

type Done = Result<Json<Value>, Refused>;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/users", post(users))
        .route("/channels", post(channels))
        .route("/say", post(say))
        .route("/edit", post(edit))
        .route("/delete", post(delete))
        .route("/react", post(react))
        .route("/command", post(command))
        .route("/press", post(press))
        .route("/faults", post(faults).delete(no_faults))
        .route("/do", post(act))
        .route("/messages", get(messages))
        .route("/ephemerals", get(ephemerals))
        .route("/views", get(views))
        .route("/state", get(state))
}

fn done() -> Done {
    Ok(Json(json!({})))
}

fn ts(text: &str) -> Result<Ts, Refused> {
    text.parse().map_err(|error: super::InvalidTs| Refused(error.to_string()))
}

#[derive(Deserialize)]
struct NewUser {
    name: String,
    picture: Option<String>,
}

async fn users(State(shared): Slack, Json(user): Json<NewUser>) -> Done {
    let id = Simulator::borrowed(shared).add_user(&user.name, user.picture.as_deref());
    Ok(Json(json!({"id": id})))
}

#[derive(Deserialize)]
struct NewChannel {
    name: String,
    #[serde(default)]
    members: Vec<String>,
    #[serde(default)]
    private: bool,
}

async fn channels(State(shared): Slack, Json(channel): Json<NewChannel>) -> Done {
    let slack = Simulator::borrowed(shared);
    let members: Vec<&str> = channel.members.iter().map(String::as_str).collect();
    let id = match channel.private {
        true => slack.add_private_channel(&channel.name, &members),
        false => slack.add_channel(&channel.name, &members),
    };
    Ok(Json(json!({"id": id})))
}

#[derive(Deserialize)]
struct Said {
    channel: String,
    user: String,
    text: String,
    thread_ts: Option<String>,
    #[serde(default)]
    broadcast: bool,
}

async fn say(State(shared): Slack, Json(said): Json<Said>) -> Done {
    let slack = Simulator::borrowed(shared);
    let Said { channel, user, text, thread_ts, broadcast } = said;
    let at = match thread_ts {
        Some(head) => slack.user_replies(&channel, &user, ts(&head)?, &text, broadcast)?,
        None => slack.user_says(&channel, &user, &text)?,
    };
    Ok(Json(json!({"ts": at})))
}

/// Something done to a message.
#[derive(Deserialize)]
struct Touched {
    channel: String,
    ts: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    emoji: String,
    #[serde(default)]
    on: bool,
}

async fn edit(State(shared): Slack, Json(it): Json<Touched>) -> Done {
    Simulator::borrowed(shared).user_edits(&it.channel, &it.user, ts(&it.ts)?, &it.text)?;
    done()
}

async fn delete(State(shared): Slack, Json(it): Json<Touched>) -> Done {
    Simulator::borrowed(shared).user_deletes(&it.channel, ts(&it.ts)?)?;
    done()
}

async fn react(State(shared): Slack, Json(it): Json<Touched>) -> Done {
    let slack = Simulator::borrowed(shared);
    slack.user_reacts(&it.channel, &it.user, ts(&it.ts)?, &it.emoji, it.on)?;
    done()
}

/// How many answers to wait for, and how long for each.
#[derive(Deserialize)]
struct Wait {
    #[serde(default)]
    answers: usize,
    #[serde(default = "ten_seconds")]
    within_ms: u64,
}

const fn ten_seconds() -> u64 {
    10_000
}

async fn outcome(mut run: Run, wait: &Wait) -> Done {
    run.acknowledged().await?;
    let mut answers = Vec::new();
    for _ in 0..wait.answers {
        let answer = run.answer(Duration::from_millis(wait.within_ms)).await?;
        answers.push(json!({
            "direct": answer.direct, "in_channel": answer.in_channel, "text": answer.text,
            "body": answer.body,
        }));
    }
    Ok(Json(json!({"response_url": run.response_url, "answers": answers})))
}

#[derive(Deserialize)]
struct Command {
    channel: String,
    user: String,
    command: String,
    #[serde(default)]
    text: String,
    #[serde(flatten)]
    wait: Wait,
}

async fn command(State(shared): Slack, Json(it): Json<Command>) -> Done {
    let slack = Simulator::borrowed(shared);
    outcome(slack.command(&it.channel, &it.user, &it.command, &it.text)?, &it.wait).await
}

#[derive(Deserialize)]
struct Press {
    channel: String,
    user: String,
    ts: String,
    action_id: String,
    #[serde(default)]
    value: String,
    #[serde(flatten)]
    wait: Wait,
}

async fn press(State(shared): Slack, Json(it): Json<Press>) -> Done {
    let slack = Simulator::borrowed(shared);
    let run = slack.press(&it.channel, &it.user, ts(&it.ts)?, &it.action_id, &it.value)?;
    outcome(run, &it.wait).await
}

#[derive(Deserialize)]
struct NewFault {
    fault: String,
    #[serde(default = "everything")]
    target: String,
    count: Option<u32>,
    probability: Option<f64>,
    #[serde(default)]
    seed: u64,
    #[serde(default = "one")]
    seconds: u32,
    #[serde(default)]
    delay_ms: u64,
    #[serde(default = "internal_error")]
    error: String,
}

fn internal_error() -> String {
    "internal_error".to_owned()
}

fn everything() -> String {
    "*".to_owned()
}

const fn one() -> u32 {
    1
}

async fn faults(State(shared): Slack, Json(it): Json<NewFault>) -> Done {
    let fault = Fault::named(&it.fault, it.seconds, Duration::from_millis(it.delay_ms), &it.error)
        .ok_or_else(|| {
            Refused(format!("there is no fault {:?} (error {:?})", it.fault, it.error))
        })?;
    let dose = match it.probability {
        Some(probability) => Dose::Chance { probability, seed: it.seed },
        None => Dose::Next(it.count.unwrap_or(1)),
    };
    Simulator::borrowed(shared).fault(fault, &it.target, dose);
    done()
}

async fn no_faults(State(shared): Slack) -> Done {
    Simulator::borrowed(shared).clear_faults();
    done()
}

#[derive(Deserialize)]
struct Act {
    what: String,
    #[serde(default)]
    channel: String,
}

async fn act(State(shared): Slack, Json(Act { what, channel }): Json<Act>) -> Done {
    let slack = Simulator::borrowed(shared);
    match what.as_str() {
        "drop_sockets" => slack.drop_sockets(),
        "half_open_sockets" => slack.half_open_sockets(),
        "refresh_sockets" => slack.refresh_sockets(false),
        "warn_sockets" => slack.refresh_sockets(true),
        "revoke_token" => slack.revoke_token(),
        "restore_token" => slack.restore_token(),
        "archive" => slack.archive(&channel, true),
        "unarchive" => slack.archive(&channel, false),
        "remove_bot" => {
            slack.remove_bot(&channel);
        }
        "add_bot" => {
            slack.join(&channel, &slack.options().identity.user);
        }
        "verify_events_url" => slack.verify_events_url().await?,
        _ => return Err(Refused(format!("there is nothing to do named {what:?}"))),
    }
    done()
}

#[derive(Deserialize)]
struct In {
    channel: String,
}

async fn messages(State(shared): Slack, Query(In { channel }): Query<In>) -> Json<Value> {
    let slack = Simulator::borrowed(shared);
    let app = &slack.options().identity;
    Json(slack.messages(&channel).iter().map(|message| message.object(app, true)).collect())
}

async fn ephemerals(State(shared): Slack, Query(In { channel }): Query<In>) -> Json<Value> {
    let row = |e: &super::Ephemeral| json!({"user": e.user, "ts": e.ts, "text": e.text});
    Json(Simulator::borrowed(shared).ephemerals(&channel).iter().map(row).collect())
}

async fn views(State(shared): Slack) -> Json<Value> {
    let slack = Simulator::borrowed(shared);
    let app = &slack.options().identity;
    Json(slack.views().iter().map(|view| view.object(app)).collect())
}

async fn state(State(shared): Slack) -> Json<Value> {
    let under_way = shared.outbox.under_way();
    let slack = Simulator::borrowed(shared);
    let channels: Value =
        slack.channels().into_iter().map(|(id, name)| json!({"id": id, "name": name})).collect();
    Json(json!({
        "counters": slack.counters(),
        "sockets": slack.sockets(),
        "under_way": under_way,
        "channels": channels,
    }))
}
