//! Forms, shortcuts, buttons and the Home tab.
//!
//! Slack gives three seconds for an acknowledgement, and as long for a form to be opened. So a form
//! is opened first, with next to nothing in it, and loaded after. What is sent off is a command:
//! it is checked, stored, and only then acknowledged, under the id of its view, so that a form
//! that is sent off twice is one command.

pub(crate) mod ask;
mod view;

use std::time::Duration;

use bytes::Bytes;
use partyline_core::{
    AnswerTo, CommandLine, Event, EventKey, Failure, Fault, Forms, Given, Happening, Incoming,
    Intake, Network, NotStored, PersonId, Place, Text, Verdict,
};
use quick_cache::sync::Cache;
use serde_json::{Value, json};

use crate::{Slack, ts, wire};
use ask::{Ask, Kept, Opening};

/// A form can be opened for so long (docs.slack.dev, "Handling user interaction": a `trigger_id`
/// expires after three seconds).
const TRIGGER: Duration = Duration::from_secs(3);

/// How long what was filled in is checked before it is taken unchecked: its command checks it too.
const CHECK: Duration = Duration::from_millis(1500);

/// How long choices are looked for. Slack shows none after three seconds.
const SEARCH: Duration = Duration::from_millis(2500);

/// How often a view is put in its place.
const TRIES: u32 = 3;

/// Forms of which it is remembered when something was last chosen in them.
const DRAWN: usize = 1024;

/// The longest sentence under a field.
const FAULT: usize = 500;

/// Something that somebody wants of a form, with the bytes that it came in.
#[derive(Debug)]
pub struct Asked {
    pub(crate) ask: Ask,
    pub(crate) via: &'static str,
    pub(crate) raw: Bytes,
}

/// What is answered at once.
#[derive(Debug, Default)]
pub struct Served {
    /// What the acknowledgement says, as JSON; an empty one is right too.
    pub body: Option<Value>,
    /// What is to be done after it ([`Slack::attend`]).
    pub rest: Option<Box<Asked>>,
}

/// When something was last chosen in a form: what came before it is not drawn any more.
pub(crate) struct Drawn(Cache<String, String>);

impl Drawn {
    pub(crate) fn new() -> Self {
        Self(Cache::new(DRAWN))
    }

    fn note(&self, view: &str, at: &str) {
        if !self.is_past(view, at) {
            self.0.insert(view.to_owned(), at.to_owned());
        }
    }

    fn is_past(&self, view: &str, at: &str) -> bool {
        self.0.get(view).is_some_and(|last| ts::ordinal(&last) > ts::ordinal(at))
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("partyline_slack_forms_total", "outcome" => outcome).increment(1);
}

impl Slack {
    /// Answers what somebody wants of a form, in the time that Slack gives; what takes longer is
    /// left to be done after the acknowledgement.
    ///
    /// # Errors
    /// What was filled in could not be stored: it must not be acknowledged.
    pub async fn serve(
        &self,
        asked: Box<Asked>,
        forms: &dyn Forms,
        intake: &dyn Intake,
    ) -> Result<Served, NotStored> {
        match &asked.ask {
            Ask::Find { request, field, text } => {
                let found = tokio::time::timeout(SEARCH, forms.find(request, field, text)).await;
                let options = view::options(&found.unwrap_or_default());
                Ok(Served { body: Some(json!({"options": options})), rest: None })
            }
            Ask::Submit { request, kept, view } => {
                let checked = tokio::time::timeout(CHECK, forms.check(request)).await;
                let faults = checked.unwrap_or_default();
                if !faults.is_empty() {
                    count("faulty");
                    return Ok(Served { body: Some(errors(faults)), rest: None });
                }
                let command = forms.command(request);
                let event = Event {
                    key: EventKey::new(format!("form:{view}")),
                    place: request.room.clone(),
                    at: self.clock.now(),
                    ordinal: None,
                    happening: Happening::Command(CommandLine {
                        line: command.words,
                        given: Some(Given::Named(command.arguments)),
                        by: request.by.clone(),
                        name: request.name.clone(),
                        answer: AnswerTo {
                            place: request.room.clone(),
                            handle: kept.handle.clone(),
                        },
                    }),
                };
                intake.accept(incoming(event, asked.via, asked.raw.clone())).await?;
                count("submitted");
                Ok(Served::default())
            }
            Ask::Redraw { view, at, .. } => {
                self.drawn.note(view, at);
                Ok(Served { body: None, rest: Some(asked) })
            }
            Ask::Open(_) | Ask::Say { .. } | Ask::Home { .. } => {
                Ok(Served { body: None, rest: Some(asked) })
            }
        }
    }

    /// Does what was left to be done after the acknowledgement: opens, loads, draws.
    pub async fn attend(&self, asked: Box<Asked>, forms: &dyn Forms, intake: &dyn Intake) {
        let Asked { ask, via, raw } = *asked;
        match ask {
            Ask::Open(opening) => self.open(*opening, via, raw, forms, intake).await,
            Ask::Redraw { view, hash, at, kept, request } => {
                let drawn = view::form(&forms.form(&request).await, &kept);
                self.redraw(&view, hash.as_deref(), &at, &drawn).await;
            }
            Ask::Say { to, text } => {
                if let Err(failure) = self.answer(None, &to, (&Text::plain(text), &[])).await {
                    tracing::warn!(room = %to.place, "a question still stands there: {failure}");
                }
            }
            Ask::Home { user, channel, page } => self.home(&user, &channel, page, forms).await,
            Ask::Find { .. } | Ask::Submit { .. } => {}
        }
    }

    /// Opens a form, then loads it. One that cannot be opened was a command all the same, which is
    /// answered as one that was typed; and elsewhere it is said.
    async fn open(
        &self,
        opening: Opening,
        via: &'static str,
        raw: Bytes,
        forms: &dyn Forms,
        intake: &dyn Intake,
    ) {
        let Opening { trigger, kept, request, instead } = opening;
        let arguments = json!({"trigger_id": trigger, "view": view::loading(&kept)});
        let opened = self.client.change("views.open", "a form", &arguments);
        let opened = match tokio::time::timeout(TRIGGER, opened).await {
            Ok(Ok(answer)) => serde_json::from_value::<wire::ViewAnswer>(answer).ok(),
            Ok(Err(failure)) => {
                tracing::warn!(room = %request.room, "a form could not be opened: {failure}");
                None
            }
            Err(_) => {
                tracing::warn!(room = %request.room,
                    "a form could not be opened: Slack took longer than three seconds");
                None
            }
        };
        let Some(opened) = opened else {
            count("unopened");
            return self.not_opened(&kept, &request.room, instead, via, raw, intake).await;
        };
        count("opened");
        let loaded = view::form(&forms.form(&request).await, &kept);
        if let Err(failure) = self.update(&opened.view.id, None, &loaded).await {
            tracing::warn!(room = %request.room, "a form could not be loaded: {failure}");
            let sentence = "The form could not be loaded: close it and open it once more.";
            self.tell(&kept, &request.room, sentence).await;
        }
    }

    async fn not_opened(
        &self,
        kept: &Kept,
        room: &Place,
        instead: Option<Event>,
        via: &'static str,
        raw: Bytes,
        intake: &dyn Intake,
    ) {
        let Some(event) = instead else {
            let sentence = "Slack did not open the form in time: try it once more.";
            return self.tell(kept, room, sentence).await;
        };
        if let Err(error) = intake.accept(incoming(event, via, raw)).await {
            tracing::error!(%error, "a command was not stored");
            let sentence = "The command could not be stored: give it again later.";
            self.tell(kept, room, sentence).await;
        }
    }

    async fn tell(&self, kept: &Kept, room: &Place, sentence: &str) {
        let to = AnswerTo { place: room.clone(), handle: kept.handle.clone() };
        if let Err(failure) = self.answer(None, &to, (&Text::plain(sentence), &[])).await {
            tracing::warn!(%room, "somebody could not be told so: {failure}");
        }
    }

    /// Draws a form anew, unless something was chosen in it since.
    async fn redraw(&self, id: &str, hash: Option<&str>, at: &str, drawn: &Value) {
        let conflict = |failure: &Failure| failure.code.as_deref() == Some("hash_conflict");
        let mut done = self.update(id, hash, drawn).await;
        if done.as_ref().is_err_and(conflict) && !self.drawn.is_past(id, at) {
            // What changed it meanwhile is older than this.
            done = self.update(id, None, drawn).await;
        }
        match done {
            Err(failure) if !conflict(&failure) => {
                tracing::warn!("a form could not be drawn anew: {failure}");
            }
            _ => {}
        }
    }

    async fn update(&self, id: &str, hash: Option<&str>, view: &Value) -> Result<(), Failure> {
        let mut arguments = json!({"view_id": id, "view": view});
        if let Some(hash) = hash {
            arguments["hash"] = hash.into();
        }
        self.patiently("views.update", &arguments).await
    }

    async fn home(&self, user: &str, channel: &str, page: u32, forms: &dyn Forms) {
        let home = forms.home(&PersonId::new(Network::Slack, user), page).await;
        let arguments = json!({"user_id": user, "view": view::home(&home, channel)});
        if let Err(failure) = self.patiently("views.publish", &arguments).await {
            tracing::warn!("a Home tab could not be shown: {failure}");
        }
    }

    /// Makes a call that can be repeated, as often as makes sense while somebody looks on.
    async fn patiently(&self, method: &'static str, arguments: &Value) -> Result<(), Failure> {
        let mut pause = Duration::from_millis(250);
        for _ in 1..TRIES {
            match self.client.change(method, "a view", arguments).await {
                Ok(_) => return Ok(()),
                Err(Failure { verdict: Verdict::Later(wait), .. }) => {
                    pause = pause.max(wait.unwrap_or_default().min(Duration::from_secs(10)));
                }
                Err(Failure { verdict: Verdict::Unknown, .. }) => {}
                Err(failure) => return Err(failure),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        self.client.change(method, "a view", arguments).await.map(drop)
    }
}

fn incoming(event: Event, via: &'static str, raw: Bytes) -> Incoming {
    Incoming { network: Network::Slack, via, raw, events: vec![event] }
}

/// What is wrong, under the fields that it is wrong in.
fn errors(faults: Vec<Fault>) -> Value {
    let mut errors = serde_json::Map::new();
    for Fault { field, sentence } in faults {
        let sentence: String = sentence.chars().take(FAULT).collect();
        errors.entry(field).or_insert_with(|| sentence.into());
    }
    json!({"response_action": "errors", "errors": errors})
}
