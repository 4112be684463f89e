//! What people want of a form, read from Slack's payloads. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use partyline_core::{
    AnswerTo, CommandLine, Event, EventKey, FormRequest, Given, Happening, MessageId, Network,
    PersonId, Press,
};
use serde::{Deserialize, Serialize};

use crate::answers::{self, Handle};
use crate::{ts, wire};

/// The actions of the Home tab's buttons: another page, and a form.
pub(crate) const PAGE: &str = "home.page";
pub(crate) const OPEN: &str = "home.open.";

/// What somebody wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A form is to be opened.
    Open(Box<Opening>),
    /// Something was chosen on which the form depends: it is to be drawn anew.
    Redraw { view: String, hash: Option<String>, at: String, kept: Kept, request: FormRequest },
    /// Choices for a field, by the beginning of one.
    Find { request: FormRequest, field: String, text: String },
    /// A form was sent off.
    Submit { view: String, kept: Kept, request: FormRequest },
    /// A question is answered with no: these words stand in its place.
    Say { to: AnswerTo, text: String },
    /// Somebody looks at the Home tab.
    Home { user: String, channel: String, page: u32 },
}

/// A form to be opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    /// With this it is opened, once and within three seconds.
    pub(crate) trigger: String,
    pub(crate) kept: Kept,
    pub(crate) request: FormRequest,
    /// The command that was typed, to be answered as such where the form cannot be opened.
    pub(crate) instead: Option<Event>,
}

/// What a view carries unseen, its `private_metadata`: where it was opened, and what for.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) form: String,
    pub(crate) room: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) thread: Option<String>,
    /// How the answer finds the person ([`Handle`]).
    #[serde(default)]
    pub(crate) handle: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) unseen: BTreeMap<String, Vec<String>>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // An address to answer at, and whom it is about.
        f.debug_struct("Kept").field("form", &self.form).finish_non_exhaustive()
    }
}

/// The private data of the Home tab: the channel of the messages with the person.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeptHome {
    pub(crate) home: String,
}

impl Kept {
    /// What the daemon is asked; `None` where the room is none.
    pub(crate) fn request(
        &self,
        by: PersonId,
        name: Option<String>,
        filled: BTreeMap<String, Vec<String>>,
    ) -> Option<FormRequest> {
        let mut values = self.unseen.clone();
        values.extend(filled);
        Some(FormRequest {
            form: self.form.clone(),
            by,
            name,
            room: ts::channel(&self.room)?,
            message: self.message.as_deref().map(MessageId::new),
            thread: self
                .thread
                .as_ref()
                .and_then(|ts| format!("{}:{}/{ts}", Network::Slack, self.room).parse().ok()),
            values,
        })
    }
}

/// What an interaction comes to, where it has to do with a form or a button of ours.
pub(crate) enum Came {
    Ask(Ask),
    /// A command was given by a button.
    Command(Box<Event>),
}

/// Reads an interaction; `None` where it is none of ours.
pub(crate) fn read(interaction: wire::Interaction, now: Timestamp) -> Option<Came> {
    let user = interaction.user.as_ref()?;
    let by = PersonId::new(Network::Slack, user.id.as_deref()?);
    let name = user.name.clone().or_else(|| user.username.clone()).filter(|name| !name.is_empty());
    match interaction.kind.as_deref()? {
        "message_action" => shortcut(interaction, by, name).map(Came::Ask),
        "block_actions" if interaction.view.is_none() => pressed(interaction, by, name, now),
        "block_actions" => chosen(interaction, by, name).map(Came::Ask),
        "block_suggestion" => {
            let (_, request, _) = form(interaction.view?, by, name)?;
            let text = interaction.value.unwrap_or_default();
            Some(Came::Ask(Ask::Find { request, field: interaction.block_id?, text }))
        }
        "view_submission" => {
            let (kept, request, view) = form(interaction.view?, by, name)?;
            Some(Came::Ask(Ask::Submit { view: view.id?, kept, request }))
        }
        _ => None,
    }
}

/// The form that a view is, with what stands in it, and the rest of the view.
fn form(
    mut view: wire::View,
    by: PersonId,
    name: Option<String>,
) -> Option<(Kept, FormRequest, wire::View)> {
    let kept: Kept = serde_json::from_str(view.private_metadata.as_deref()?).ok()?;
    let state = view.state.take().and_then(|state| state.values).unwrap_or_default();
    let values = state.into_iter().filter_map(|(field, values)| {
        let all: Vec<String> = values.into_values().flat_map(wire::FieldValue::all).collect();
        (!all.is_empty()).then_some((field, all))
    });
    let request = kept.request(by, name, values.collect())?;
    Some((kept, request, view))
}

fn shortcut(interaction: wire::Interaction, by: PersonId, name: Option<String>) -> Option<Ask> {
    let message = interaction.message?;
    let stamp = message.ts?;
    let handle =
        Handle { url: interaction.response_url, user: Some(by.id.clone()), ..Handle::default() };
    let kept = Kept {
        form: interaction.callback_id?,
        room: interaction.channel?.id().to_owned(),
        thread: Some(message.thread_ts.unwrap_or_else(|| stamp.clone())),
        message: Some(stamp),
        handle: handle.written(),
        unseen: BTreeMap::new(),
    };
    opening(interaction.trigger_id?, kept, by, name)
}

fn opening(trigger: String, kept: Kept, by: PersonId, name: Option<String>) -> Option<Ask> {
    let request = kept.request(by, name, BTreeMap::new())?;
    Some(Ask::Open(Box::new(Opening { trigger, kept, request, instead: None })))
}

/// A button under an answer, or a card. One question is answered once, however often it is pressed;
/// under a card, each time that a button is pressed is one of its own.
fn pressed(
    interaction: wire::Interaction,
    by: PersonId,
    name: Option<String>,
    now: Timestamp,
) -> Option<Came> {
    let used = interaction.actions.iter().find(|used| answers::pressed(used).is_some())?;
    let press = answers::pressed(used)?;
    let place = ts::channel(interaction.channel?.id())?;
    let message = interaction.container?.message_ts;
    let handle = Handle {
        url: interaction.response_url,
        user: Some(by.id.clone()),
        replaces: matches!(press, Press::Give(_) | Press::Say(_)),
        direct: false,
    };
    let answer = AnswerTo { place: place.clone(), handle: handle.written() };
    let (key, words) = match press {
        Press::Say(text) => return Some(Came::Ask(Ask::Say { to: answer, text })),
        Press::Open { form, values } => {
            let room = place.id().to_owned();
            let (thread, handle) = (message.clone(), answer.handle);
            let kept = Kept { form, room, message, thread, handle, unseen: values };
            return opening(interaction.trigger_id?, kept, by, name).map(Came::Ask);
        }
        Press::Give(words) => (format!("pressed:{}:{}", place.id(), message?), words),
        Press::Run(words) | Press::Ask { words, .. } => {
            let at = used.action_ts.as_ref()?;
            (format!("pressed:{}:{}:{at}:{}", place.id(), message?, by.id), words)
        }
    };
    Some(Came::Command(Box::new(Event {
        key: EventKey::new(key),
        place,
        at: now,
        ordinal: None,
        happening: Happening::Command(CommandLine {
            line: String::new(),
            given: Some(Given::Words(words)),
            by,
            name,
            answer,
        }),
    })))
}

/// Something was used in a view: a menu of a form, or a button of the Home tab.
fn chosen(interaction: wire::Interaction, by: PersonId, name: Option<String>) -> Option<Ask> {
    let used = interaction.actions.into_iter().next()?;
    let view = interaction.view?;
    if view.kind.as_deref() != Some("home") {
        let at = used.action_ts.unwrap_or_default();
        let (kept, request, view) = form(view, by, name)?;
        return Some(Ask::Redraw { view: view.id?, hash: view.hash, at, kept, request });
    }
    let KeptHome { home } = serde_json::from_str(view.private_metadata.as_deref()?).ok()?;
    let action = used.action_id?;
    if let Some(form) = action.strip_prefix(OPEN) {
        let handle = Handle { user: Some(by.id.clone()), ..Handle::default() };
        let (form, handle) = (form.to_owned(), handle.written());
        let kept = Kept { form, room: home, handle, ..Kept::default() };
        return opening(interaction.trigger_id?, kept, by, name);
    }
    // Each button has an action of its own: `home.page.2`.
    action.strip_prefix(PAGE)?;
    let page = used.value?.parse().ok()?;
    Some(Ask::Home { user: by.id, channel: home, page })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn came(payload: Value) -> Option<Came> {
        let interaction = serde_json::from_value(payload).expect("an object");
        read(interaction, Timestamp::UNIX_EPOCH)
    }

    fn kept() -> String {
        let unseen = [("who".to_owned(), vec!["whatsapp:+14155550100".to_owned()])].into();
        let handle = "https://hooks.slack.com/commands/1 U1".to_owned();
        let kept = Kept { form: "dm".into(), room: "C1".into(), handle, unseen, ..Kept::default() };
        serde_json::to_string(&kept).expect("JSON")
    }

    fn submission(values: &Value) -> Value {
        json!({"type": "view_submission", "user": {"id": "U1", "username": "maya"}, "view": {
            "id": "V1", "type": "modal", "private_metadata": kept(), "state": {"values": values}}})
    }

    #[test]
    fn what_was_filled_in_is_read_whatever_kind_of_field_it_is() {
        let values = json!({
            "text": {"value": {"type": "plain_text_input", "value": " hello "}},
            "empty": {"value": {"type": "plain_text_input", "value": null}},
            "one": {"value": {"selected_option": {"value": "a", "text": {}}}},
            "many": {"value": {"selected_options": [{"value": "a"}, 7, {"value": "b"}]}},
            "room": {"value": {"selected_conversation": "C2"}},
            "odd": {"value": [1]},
        });
        let Some(Came::Ask(Ask::Submit { view, request, .. })) = came(submission(&values)) else {
            panic!("a submission")
        };
        assert_eq!((view.as_str(), request.form.as_str()), ("V1", "dm"));
        let values: Vec<(&str, Vec<&str>)> = request
            .values
            .iter()
            .map(|(name, all)| (name.as_str(), all.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(
            values,
            [
                ("many", vec!["a", "b"]),
                ("one", vec!["a"]),
                ("room", vec!["C2"]),
                ("text", vec![" hello "]),
                ("who", vec!["whatsapp:+14155550100"]),
            ]
        );
    }

    #[test]
    fn a_question_is_known_by_its_message() {
        let press = |trigger: &str| {
            let value = r#"{"give":["group","delete","CH1","Spring launch"]}"#;
            let came = came(json!({"type": "block_actions", "trigger_id": trigger,
                "user": {"id": "U1"}, "channel": {"id": "C1"}, "response_url": "https://x.test/1",
                "container": {"type": "message", "message_ts": "1.5"},
                "actions": [{"action_id": "press.0", "value": value}]}));
            let Some(Came::Command(event)) = came else { panic!("a command") };
            *event
        };
        let (once, twice) = (press("1.1"), press("2.2"));
        assert_eq!(once.key, twice.key);
        let Happening::Command(line) = once.happening else { panic!("a command") };
        assert!(matches!(line.given, Some(Given::Words(words)) if words[3] == "Spring launch"));
        assert_eq!(line.answer.handle, "https://x.test/1 U1 replaces");
    }

    #[test]
    fn a_card_can_be_used_again_and_stays() {
        let press = |value: &str, at: &str| {
            came(json!({"type": "block_actions", "trigger_id": "1.1", "user": {"id": "U1"},
                "channel": {"id": "C1"}, "response_url": "https://x.test/1",
                "container": {"type": "message", "message_ts": "1.5"},
                "actions": [{"action_id": "press.0", "value": value, "action_ts": at}]}))
        };
        let command = |at: &str| {
            let came = press(r#"{"run":["inbox","block","+14155550101"]}"#, at);
            let Some(Came::Command(event)) = came else { panic!("a command") };
            let Happening::Command(line) = event.happening else { panic!("a command") };
            assert_eq!(line.answer.handle, "https://x.test/1 U1");
            event.key
        };
        assert_eq!(command("2.1"), command("2.1"));
        assert_ne!(command("2.1"), command("2.2"));
        let form = press(r#"{"open":{"form":"reply_privately","values":{"who":["+1"]}}}"#, "2.1");
        let Some(Came::Ask(Ask::Open(opening))) = form else { panic!("a form") };
        assert_eq!(
            (opening.request.form.as_str(), opening.request.one("who")),
            ("reply_privately", Some("+1"))
        );
        assert_eq!(
            opening.request.thread.map(|thread| thread.to_string()),
            Some("slack:C1/1.5".to_owned())
        );
    }

    #[test]
    fn what_is_not_ours_is_passed_by() {
        for odd in [
            json!({}),
            json!({"type": "view_submission", "user": {"id": "U1"}}),
            json!({"type": "view_submission", "user": {"id": "U1"}, "view": {"id": "V1",
                "private_metadata": "somebody else's"}}),
            json!({"type": "block_actions", "user": {"id": "U1"}, "channel": {"id": "C1"},
                "container": {"message_ts": "1.5"}, "actions": [{"action_id": "other"}]}),
            json!({"type": "view_closed", "user": {"id": "U1"}, "view": {"id": "V1"}}),
            json!({"type": "message_action", "user": {"id": "U1"}, "trigger_id": "1"}),
        ] {
            assert!(came(odd.clone()).is_none(), "{odd}");
        }
    }
}
