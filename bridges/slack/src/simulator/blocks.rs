//! Block Kit, as Slack takes it: what is wrong with a view, or with the blocks of a message.
//!
//! Source: Slack's documentation, "Block Kit" and "Views". What is refused here is refused there;
//! of blocks that the bridge has no use for, only the kind is checked.

use std::collections::HashSet;

use serde_json::Value;

/// Blocks of a view, and of a message.
const VIEW_BLOCKS: usize = 100;
const MESSAGE_BLOCKS: usize = 50;

const ANYWHERE: [&str; 7] =
    ["actions", "context", "divider", "header", "image", "rich_text", "section"];

/// Elements that choose from what the app or Slack has, and their plural.
const MENUS: [&str; 8] = [
    "static_select",
    "multi_static_select",
    "external_select",
    "multi_external_select",
    "conversations_select",
    "multi_conversations_select",
    "users_select",
    "radio_buttons",
];

/// What was found wrong, as Slack says it in `response_metadata.messages`.
#[derive(Default)]
struct Faults {
    messages: Vec<String>,
    blocks: HashSet<String>,
    actions: HashSet<(String, String)>,
}

/// The buttons among blocks, by action and label.
pub(super) fn buttons(blocks: Option<&Value>) -> Vec<(String, String)> {
    let blocks = blocks.and_then(Value::as_array).into_iter().flatten();
    let elements = blocks.flat_map(|block| block["elements"].as_array().into_iter().flatten());
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    elements
        .filter(|element| element["type"] == "button")
        .map(|button| (word(&button["action_id"]), word(&button["text"]["text"])))
        .collect()
}

/// What Slack asks before the button of this action is pressed.
pub(super) fn asks(blocks: Option<&Value>, action: &str) -> Option<String> {
    let button = super::views::button(blocks?, action)?;
    Some(button["confirm"]["text"]["text"].as_str()?.to_owned())
}

/// What is wrong with a view of this kind (`modal`, `home`).
pub(super) fn view(view: &Value, kind: &str) -> Vec<String> {
    let mut faults = Faults::default();
    if view["type"] != kind {
        faults.add("must be of the right type", "type");
    }
    for (name, most) in [("callback_id", 255), ("external_id", 255), ("private_metadata", 3000)] {
        if view.get(name).is_some_and(|value| length(value).is_none_or(|length| length > most)) {
            faults.add(&format!("must be less than {} characters", most + 1), name);
        }
    }
    let blocks = faults.list(&view["blocks"], VIEW_BLOCKS, "blocks");
    if kind == "modal" {
        faults.text(&view["title"], true, 24, "title");
        for name in ["submit", "close"] {
            if !view[name].is_null() {
                faults.text(&view[name], true, 24, name);
            }
        }
        if blocks.iter().any(|block| block["type"] == "input") && view["submit"].is_null() {
            faults.add("a submit is required when an input block is in the blocks", "submit");
        }
    }
    for (at, block) in blocks.iter().enumerate() {
        faults.block(block, true, &format!("blocks/{at}"));
    }
    faults.messages
}

/// What is wrong with the blocks of a message.
pub(super) fn message(blocks: &Value) -> Vec<String> {
    let mut faults = Faults::default();
    let list = faults.list(blocks, MESSAGE_BLOCKS, "blocks");
    for (at, block) in list.iter().enumerate() {
        faults.block(block, false, &format!("blocks/{at}"));
    }
    faults.messages
}

/// Characters of a text.
fn length(value: &Value) -> Option<usize> {
    value.as_str().map(|text| text.chars().count())
}

impl Faults {
    fn add(&mut self, what: &str, at: &str) {
        self.messages.push(format!("[ERROR] {what} [json-pointer:/{at}]"));
    }

    fn list<'a>(&mut self, value: &'a Value, most: usize, at: &str) -> &'a [Value] {
        let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
        if !value.is_array() || list.len() > most {
            self.add(&format!("must be a list of at most {most}"), at);
        }
        list
    }

    /// A text object of 1 to `most` characters.
    fn text(&mut self, value: &Value, plain: bool, most: usize, at: &str) {
        let kind = value["type"].as_str().unwrap_or_default();
        if kind != "plain_text" && (plain || kind != "mrkdwn") {
            return self.add("must be a text object", at);
        }
        if !length(&value["text"]).is_some_and(|length| (1..=most).contains(&length)) {
            self.add(&format!("must have 1 to {most} characters"), at);
        }
    }

    fn block(&mut self, block: &Value, in_view: bool, at: &str) {
        let kind = block["type"].as_str().unwrap_or_default();
        if !(ANYWHERE.contains(&kind) || in_view && kind == "input") {
            return self.add(&format!("unsupported type: {kind}"), at);
        }
        let id = block["block_id"].as_str().unwrap_or_default();
        if length(&block["block_id"]).is_some_and(|length| length > 255) {
            self.add("must be less than 256 characters", &format!("{at}/block_id"));
        }
        if !id.is_empty() && !self.blocks.insert(id.to_owned()) {
            self.add(&format!("`block_id` {id} already exists"), at);
        }
        // Blocks without an id get one each.
        let id = if id.is_empty() { at } else { id };
        match kind {
            "section" => {
                if block["fields"].is_null() || !block["text"].is_null() {
                    self.text(&block["text"], false, 3000, &format!("{at}/text"));
                }
                for field in self.list_or_none(&block["fields"], 10, &format!("{at}/fields")) {
                    self.text(field, false, 2000, &format!("{at}/fields"));
                }
                if !block["accessory"].is_null() {
                    self.element(&block["accessory"], id, &format!("{at}/accessory"));
                }
            }
            "header" => self.text(&block["text"], true, 150, &format!("{at}/text")),
            "actions" => {
                let elements = self.list(&block["elements"], 25, &format!("{at}/elements"));
                if elements.is_empty() {
                    self.add("must have an element", &format!("{at}/elements"));
                }
                for element in elements {
                    self.element(element, id, &format!("{at}/elements"));
                }
            }
            "input" => {
                self.text(&block["label"], true, 2000, &format!("{at}/label"));
                if !block["hint"].is_null() {
                    self.text(&block["hint"], true, 2000, &format!("{at}/hint"));
                }
                if block["element"]["type"] == "button" {
                    self.add("unsupported type: button", &format!("{at}/element"));
                }
                self.element(&block["element"], id, &format!("{at}/element"));
            }
            _ => {}
        }
    }

    fn list_or_none<'a>(&mut self, value: &'a Value, most: usize, at: &str) -> &'a [Value] {
        if value.is_null() { &[] } else { self.list(value, most, at) }
    }

    fn element(&mut self, element: &Value, block: &str, at: &str) {
        let action = element["action_id"].as_str().unwrap_or_default();
        if length(&element["action_id"]).is_some_and(|length| length > 255) {
            self.add("must be less than 256 characters", &format!("{at}/action_id"));
        }
        if !action.is_empty() && !self.actions.insert((block.to_owned(), action.to_owned())) {
            self.add(&format!("`action_id` {action} already exists"), at);
        }
        match element["type"].as_str().unwrap_or_default() {
            "button" => {
                self.text(&element["text"], true, 75, &format!("{at}/text"));
                let confirm = &element["confirm"];
                if !confirm.is_null() {
                    for (part, most) in
                        [("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)]
                    {
                        self.text(&confirm[part], true, most, &format!("{at}/confirm/{part}"));
                    }
                }
                if length(&element["value"]).is_some_and(|length| length > 2000) {
                    self.add("must be less than 2001 characters", &format!("{at}/value"));
                }
                let style = &element["style"];
                if !style.is_null() && style != "primary" && style != "danger" {
                    self.add("must be primary or danger", &format!("{at}/style"));
                }
            }
            "plain_text_input" => {
                let most = element["max_length"].as_u64().unwrap_or(3000);
                if !(1..=3000).contains(&most) {
                    self.add("must be from 1 to 3000", &format!("{at}/max_length"));
                }
                let initial = length(&element["initial_value"]).unwrap_or_default() as u64;
                if initial > most {
                    self.add("must be no longer than max_length", &format!("{at}/initial_value"));
                }
            }
            menu if MENUS.contains(&menu) => self.menu(element, menu, at),
            other => self.add(&format!("unsupported type: {other}"), at),
        }
    }

    fn menu(&mut self, element: &Value, kind: &str, at: &str) {
        if kind.ends_with("static_select") || kind == "radio_buttons" {
            let options = self.list(&element["options"], 100, &format!("{at}/options"));
            if options.is_empty() {
                self.add("must have an option", &format!("{at}/options"));
            }
            for option in options {
                self.option(option, &format!("{at}/options"));
            }
            let initial = &element["initial_option"];
            if !initial.is_null() && !options.contains(initial) {
                self.add("must be one of the options", &format!("{at}/initial_option"));
            }
        }
        let most = &element["max_selected_items"];
        if !most.is_null() && (!kind.starts_with("multi_") || most.as_u64().is_none_or(|n| n == 0))
        {
            self.add("must be a positive number, of a multi-select", at);
        }
    }

    fn option(&mut self, option: &Value, at: &str) {
        self.text(&option["text"], false, 75, at);
        if !length(&option["value"]).is_some_and(|length| (1..=150).contains(&length)) {
            self.add("a value must have 1 to 150 characters", at);
        }
    }
}

/// What is wrong with the choices that an app gives for a menu.
pub(super) fn options(answer: &Value) -> Vec<String> {
    let mut faults = Faults::default();
    for option in faults.list(&answer["options"], 100, "options") {
        faults.option(option, "options");
    }
    faults.messages
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn modal(blocks: &Value) -> Value {
        json!({"type": "modal", "title": {"type": "plain_text", "text": "Link"},
            "submit": {"type": "plain_text", "text": "Go"}, "blocks": blocks})
    }

    #[test]
    fn what_slack_takes_passes() {
        let button = json!({"type": "button", "action_id": "b", "value": "1",
            "text": {"type": "plain_text", "text": "Go"}});
        let blocks = json!([
            {"type": "section", "text": {"type": "mrkdwn", "text": "*hi*"}, "accessory": button},
            {"type": "divider"},
            {"type": "input", "block_id": "n", "label": {"type": "plain_text", "text": "Name"},
             "element": {"type": "plain_text_input", "action_id": "v"}},
        ]);
        assert_eq!(view(&modal(&blocks), "modal"), [""; 0]);
    }

    #[test]
    fn what_slack_refuses_is_named_with_its_place() {
        let input = |id: &str| {
            json!({"type": "input", "block_id": id, "label": {"type": "plain_text", "text": "N"},
                "element": {"type": "plain_text_input", "action_id": "v"}})
        };
        let option =
            |value: &str| json!({"text": {"type": "plain_text", "text": "x"}, "value": value});
        let select = |options: Value| {
            json!([{"type": "input", "label": {"type": "plain_text", "text": "N"},
                "element": {"type": "static_select", "action_id": "v", "options": options}}])
        };
        let section =
            |text: &str| json!([{"type": "section", "text": {"type": "mrkdwn", "text": text}}]);
        for (blocks, place) in [
            (json!([input("a"), input("a")]), "blocks/1"),
            (section(""), "blocks/0/text"),
            (section(&"x".repeat(3001)), "blocks/0/text"),
            (json!([{"type": "video"}]), "blocks/0"),
            (json!([{"type": "actions", "elements": []}]), "blocks/0/elements"),
            (select(json!([])), "blocks/0/element/options"),
            (select(json!([option(&"x".repeat(151))])), "blocks/0/element/options"),
            (vec![json!({"type": "divider"}); 101].into(), "blocks"),
        ] {
            let faults = view(&modal(&blocks), "modal");
            let expected = format!("[json-pointer:/{place}]");
            assert!(faults.iter().any(|fault| fault.ends_with(&expected)), "{blocks}: {faults:?}");
        }
        let mut long = modal(&json!([]));
        long["title"]["text"] = "x".repeat(25).into();
        long["private_metadata"] = "x".repeat(3001).into();
        assert_eq!(view(&long, "modal").len(), 2);
        let mut without = modal(&json!([input("a")]));
        without["submit"] = Value::Null;
        assert_eq!(view(&without, "modal").len(), 1);
        assert_eq!(message(&json!([input("a")])).len(), 1);
    }
}
