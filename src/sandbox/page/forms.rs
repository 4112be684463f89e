//! Forms, as a person at the page fills them in.

use std::collections::BTreeMap;

use anyhow::Context;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use partyline_slack::simulator::{Failed, View};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{Body, Done, Page, Trouble};

/// What stands in the fields of a form.
#[derive(Deserialize)]
pub(super) struct Filled {
    values: BTreeMap<String, Vec<String>>,
    /// Whether it is sent off.
    #[serde(default)]
    send: bool,
}

/// What somebody searches a menu for.
#[derive(Deserialize)]
pub(super) struct Search {
    field: String,
    text: String,
}

/// Puts what is in the fields into the form, and sends it off where that is wanted. What is wrong
/// with it stands in the form then.
pub(super) async fn fill(
    State(page): State<Page>,
    Path(id): Path<String>,
    filled: Body<Filled>,
) -> Done {
    let Json(Filled { values, send }) = filled?;
    let slack = &page.stage.world.slack;
    let form = slack.view(&id).filter(|form| form.open).context("this form is closed")?;
    for (field, values) in &values {
        put(&page, &form, field, values).await?;
    }
    if send {
        let mut run = slack.send_off(&id)?;
        run.acknowledged().await.context("the bridge does not answer: is it off?")?;
    }
    page.stage.changed.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// Fills in one field, where it has changed.
async fn put(page: &Page, form: &View, field: &str, values: &[String]) -> Result<(), Trouble> {
    let slack = &page.stage.world.slack;
    let block = form.input(field).context("there is no such field")?;
    let text = values.first().map(String::as_str).unwrap_or_default();
    if block["element"]["type"] == "plain_text_input" {
        slack.type_in(&form.id, field, text)?;
        return Ok(());
    }
    let before: Vec<String> = form.filled_in(field).into_iter().map(|(value, _)| value).collect();
    let chosen: Vec<&str> =
        values.iter().map(String::as_str).filter(|value| !value.is_empty()).collect();
    if chosen.is_empty() || chosen == before {
        return Ok(());
    }
    if let Some(mut run) = slack.choose(&form.id, field, &chosen)? {
        run.acknowledged().await.context("the bridge does not answer: is it off?")?;
    }
    Ok(())
}

/// What can be chosen from a menu.
pub(super) async fn search(
    State(page): State<Page>,
    Path(id): Path<String>,
    search: Body<Search>,
) -> Result<Json<Value>, Trouble> {
    let Json(Search { field, text }) = search?;
    // Slack asks once enough is typed.
    let found = match page.stage.world.slack.search(&id, &field, &text).await {
        Err(Failed::NotTaken(_)) => Vec::new(),
        found => found?,
    };
    Ok(Json(json!({ "choices": found })))
}

/// Closes a form.
pub(super) async fn close(
    State(page): State<Page>,
    Path(id): Path<String>,
    nothing: Body<IgnoredAny>,
) -> Done {
    let Json(IgnoredAny) = nothing?;
    page.stage.world.slack.close(&id)?;
    page.stage.changed.notify_one();
    Ok(StatusCode::NO_CONTENT)
}
