//! Forms and the Home tab, written as Slack's views. Pure.
//!
//! Limits are those of docs.slack.dev, "Views" and "Block Kit": 100 blocks, 100 choices, titles of
//! 24 characters, choices of 75.

use partyline_core::{Choice, Field, FieldKind, Form, Home, HomeGroup, Text};
use serde_json::{Value, json};

use super::ask::{Kept, KeptHome, OPEN, PAGE};
use crate::{text, ts};

/// The action of every field: the block's id is the field's name.
pub(crate) const ACTION: &str = "value";

const TITLE: usize = 24;
const LABEL: usize = 2000;
const SECTION: usize = 3000;
const CHOICES: usize = 100;
const CHOICE: usize = 75;
const CHOICE_VALUE: usize = 150;
const BLOCKS: usize = 100;

/// The most that is chosen from one menu: as many as there can be phones in a group.
const CHOSEN: usize = 50;

/// How soon a search of people begins, in letters.
const LETTERS: usize = 2;

fn plain(text: &str, most: usize) -> Value {
    json!({"type": "plain_text", "text": cut(text, most), "emoji": false})
}

/// As much of a text as fits. Slack takes no empty one.
fn cut(text: &str, most: usize) -> String {
    let short = match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    };
    if short.trim().is_empty() { "–".to_owned() } else { short }
}

fn section(words: &str) -> Value {
    // Escaping makes a text five times as long at most.
    let words = text::write(&Text::plain(cut(words, SECTION / 5)));
    json!({"type": "section", "text": {"type": "mrkdwn", "text": words}})
}

fn modal(title: &str, kept: &Kept, blocks: &[Value]) -> Value {
    json!({
        "type": "modal", "callback_id": "partyline", "title": plain(title, TITLE),
        "close": plain("Close", TITLE), "blocks": blocks,
        "private_metadata": serde_json::to_string(kept).unwrap_or_default(),
    })
}

/// What stands there until the form is loaded.
pub(crate) fn loading(kept: &Kept) -> Value {
    modal("One moment", kept, &[section("The form is on its way…")])
}

/// A form.
pub(crate) fn form(form: &Form, kept: &Kept) -> Value {
    let kept = Kept { unseen: form.unseen.clone(), ..kept.clone() };
    let mut blocks: Vec<Value> = form.intro.iter().map(|intro| section(intro)).collect();
    blocks.extend(form.fields.iter().take(BLOCKS - blocks.len()).map(field));
    let mut view = modal(&form.title, &kept, &blocks);
    if let Some(submit) = &form.submit {
        view["submit"] = plain(submit, TITLE);
        view["close"] = plain("Cancel", TITLE);
    }
    view
}

fn field(field: &Field) -> Value {
    let mut element = match &field.kind {
        FieldKind::Line(most) => json!({"type": "plain_text_input", "max_length": most}),
        FieldKind::Lines(most) => {
            json!({"type": "plain_text_input", "multiline": true, "max_length": most})
        }
        FieldKind::Choice(choices) => {
            let options = options(choices);
            let first = options.iter().find(|one| one["value"].as_str() == field.value.as_deref());
            let first = first.cloned();
            let mut element = json!({"type": "static_select", "options": options});
            if let Some(first) = first {
                element["initial_option"] = first;
            }
            element
        }
        FieldKind::Search => json!({"type": "external_select", "min_query_length": 0}),
        FieldKind::SearchMany => json!({"type": "multi_external_select",
            "min_query_length": LETTERS, "max_selected_items": CHOSEN}),
        FieldKind::Room => json!({"type": "conversations_select",
            "filter": {"include": ["public", "private"], "exclude_bot_users": true}}),
    };
    element["action_id"] = ACTION.into();
    if let (FieldKind::Line(_) | FieldKind::Lines(_), Some(value)) = (&field.kind, &field.value) {
        element["initial_value"] = value.as_str().into();
    }
    let mut block = json!({
        "type": "input", "block_id": field.name, "label": plain(&field.label, LABEL),
        "optional": field.optional, "dispatch_action": field.reloads, "element": element,
    });
    if let Some(hint) = &field.hint {
        block["hint"] = plain(hint, LABEL);
    }
    block
}

/// Choices, as Slack takes them. One whose value does not fit cannot be chosen.
pub(crate) fn options(choices: &[Choice]) -> Vec<Value> {
    let fits = |choice: &&Choice| choice.value.chars().count() <= CHOICE_VALUE;
    let option =
        |choice: &Choice| json!({"text": plain(&choice.label, CHOICE), "value": choice.value});
    choices.iter().filter(fits).take(CHOICES).map(option).collect()
}

/// The Home tab. `channel` is that of the messages with the person.
pub(crate) fn home(home: &Home, channel: &str) -> Value {
    let mut blocks = vec![section(&home.intro)];
    let button = |action: String, label: &str, value: String| json!({"type": "button", "action_id": action, "text": plain(label, CHOICE), "value": value});
    let forms: Vec<Value> = home
        .forms
        .iter()
        .map(|form| button(format!("{OPEN}{}", form.value), &form.label, form.value.clone()))
        .collect();
    if !forms.is_empty() {
        blocks.push(json!({"type": "actions", "elements": forms}));
    }
    for group in home.groups.iter().take((BLOCKS - 4) / 2) {
        blocks.push(json!({"type": "divider"}));
        blocks.push(row(group));
    }
    let mut pages = Vec::new();
    let mut page = |label, number: u32| {
        pages.push(button(format!("{PAGE}.{number}"), label, number.to_string()));
    };
    if home.page > 1 {
        page("Back", home.page - 1);
    }
    if home.more {
        page("More", home.page + 1);
    }
    if !pages.is_empty() {
        blocks.push(json!({"type": "actions", "elements": pages}));
    }
    let kept = serde_json::to_string(&KeptHome { home: channel.to_owned() }).unwrap_or_default();
    json!({"type": "home", "callback_id": "partyline", "private_metadata": kept, "blocks": blocks})
}

/// A group on the Home tab. Its rooms are shown by their names, where they are in Slack.
fn row(group: &HomeGroup) -> Value {
    let escaped = |words: &str| text::write(&Text::plain(cut(words, SECTION / 15)));
    let rooms: Vec<String> = group
        .rooms
        .iter()
        .take(10)
        .map(|room| match room.network() {
            partyline_core::Network::Slack => format!("<#{}>", ts::parts(room).0),
            _ => escaped(&room.to_string()),
        })
        .collect();
    let mut words = format!("*{}*\n{}", escaped(&group.name), escaped(&group.about));
    if !rooms.is_empty() {
        words.push_str(&format!("\nin {}", rooms.join(", ")));
    }
    json!({"type": "section", "text": {"type": "mrkdwn", "text": words}})
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_cut_to_what_slack_takes() {
        assert_eq!(cut("Spring launch", 24), "Spring launch");
        assert_eq!(cut("Spring launch", 7), "Spring…");
        assert_eq!(cut(" ", 7), "–");
    }

    #[test]
    fn a_form_is_written_as_a_view() {
        let field = |name: &str, kind, value: Option<&str>| Field {
            name: name.into(),
            label: name.into(),
            hint: None,
            kind,
            optional: true,
            reloads: false,
            value: value.map(ToOwned::to_owned),
        };
        let rooms = vec![Choice::new("here", "This channel"), Choice::new("none", "None")];
        let made = form(
            &Form {
                title: "A new group".into(),
                submit: Some("Make it".into()),
                intro: Some("<!channel>".into()),
                fields: vec![
                    field("name", FieldKind::Line(256), Some("Spring")),
                    field("room", FieldKind::Choice(rooms), Some("none")),
                ],
                unseen: [("who".to_owned(), vec!["+14155550100".to_owned()])].into(),
            },
            &Kept { form: "group create".into(), room: "C1".into(), ..Kept::default() },
        );
        let words = |text: &str| json!({"type": "plain_text", "text": text, "emoji": false});
        let option = |value: &str, text: &str| json!({"text": words(text), "value": value});
        let expected = json!({
            "type": "modal", "callback_id": "partyline",
            "title": words("A new group"), "submit": words("Make it"), "close": words("Cancel"),
            "private_metadata": r#"{"form":"group create","room":"C1","handle":"","unseen":{"who":["+14155550100"]}}"#,
            "blocks": [
                {"type": "section", "text": {"type": "mrkdwn", "text": "&lt;!channel&gt;"}},
                {"type": "input", "block_id": "name", "label": words("name"), "optional": true,
                 "dispatch_action": false, "element": {"type": "plain_text_input",
                    "action_id": "value", "max_length": 256, "initial_value": "Spring"}},
                {"type": "input", "block_id": "room", "label": words("room"), "optional": true,
                 "dispatch_action": false, "element": {"type": "static_select",
                    "action_id": "value", "initial_option": option("none", "None"),
                    "options": [option("here", "This channel"), option("none", "None")]}},
            ],
        });
        assert_eq!(made, expected, "{made:#}");
    }

    proptest! {
        #[test]
        fn what_people_are_called_never_breaks_a_view(
            name in "\\PC{0,400}", about in "\\PC{0,400}", count in 0usize..120,
        ) {
            let group = HomeGroup { name: name.clone(), about, rooms: Vec::new() };
            let page = Home { intro: name.clone(), groups: vec![group; count], page: 2, more: true,
                forms: vec![Choice::new("group create", name.clone())] };
            let view = home(&page, "D1");
            prop_assert!(view["blocks"].as_array().is_some_and(|blocks| blocks.len() <= BLOCKS));
            for block in view["blocks"].as_array().into_iter().flatten() {
                let words = block["text"]["text"].as_str().unwrap_or("-");
                prop_assert!((1..=SECTION).contains(&words.chars().count()), "{words}");
            }
            let options = options(&vec![Choice::new(name.clone(), name); 200]);
            prop_assert!(options.len() <= CHOICES);
        }
    }
}
