//! Views that the app opened or published, with what people filled into them.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

/// How many views are kept.
const KEPT: usize = 1000;

/// A modal or a home tab.
#[derive(Clone, PartialEq)]
pub struct View {
    /// The id, `V…`.
    pub id: String,
    /// Who sees it.
    pub user: String,
    /// The view as the app gave it.
    pub view: Value,
    /// Its state's hash; each update has a new one.
    pub hash: String,
    /// The one at the bottom of those that stand on one another: its own id where it stands alone.
    pub root: String,
    /// The one below it.
    pub previous: Option<String>,
    /// Whether the person still has it before them, or below another.
    pub open: bool,
    /// What the app found wrong in it, by block.
    pub errors: BTreeMap<String, String>,
    /// What stands in its fields, by block: the element's part of `state.values`.
    pub(super) filled: BTreeMap<String, Value>,
    /// What the app gave last to choose from, by block.
    pub(super) offered: BTreeMap<String, Vec<Value>>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View")
            .field("id", &self.id)
            .field("user", &self.user)
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

impl View {
    pub(super) fn new(id: String, user: String, view: Value, hash: String) -> Self {
        let mut new = Self {
            root: id.clone(),
            id,
            previous: None,
            user,
            view: Value::Null,
            hash: String::new(),
            open: true,
            errors: BTreeMap::new(),
            filled: BTreeMap::new(),
            offered: BTreeMap::new(),
        };
        new.replace(view, hash);
        new
    }

    /// The app puts another view in its place. What stands in a field stays where the field does:
    /// the same block with the same action.
    pub(super) fn replace(&mut self, view: Value, hash: String) {
        let before = std::mem::replace(&mut self.view, view);
        (self.hash, self.errors) = (hash, BTreeMap::new());
        let mut filled = BTreeMap::new();
        for block in inputs(&self.view) {
            let id = block["block_id"].as_str().unwrap_or_default();
            let stays = inputs(&before).any(|one| {
                one["block_id"] == block["block_id"]
                    && one["element"]["action_id"] == block["element"]["action_id"]
            });
            let value = match self.filled.remove(id) {
                Some(value) if stays => Some(value),
                _ => initial(&block["element"]),
            };
            filled.extend(value.map(|value| (id.to_owned(), value)));
        }
        self.filled = filled;
    }

    /// The input block of this id.
    #[must_use]
    pub fn input(&self, block: &str) -> Option<&Value> {
        inputs(&self.view).find(|one| one["block_id"] == block)
    }

    /// What stands in the field of this block: each value with its label.
    #[must_use]
    pub fn filled_in(&self, block: &str) -> Vec<(String, String)> {
        let Some(filled) = self.filled.get(block) else { return Vec::new() };
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let plain = [&filled["value"], &filled["selected_conversation"]];
        let plain = plain.into_iter().filter(|value| value.is_string());
        let many = filled["selected_options"].as_array().into_iter().flatten();
        let one = Some(&filled["selected_option"]).filter(|one| one.is_object());
        let options = many.chain(one).map(|one| (word(&one["value"]), word(&one["text"]["text"])));
        plain.map(|value| (word(value), word(value))).chain(options).collect()
    }

    /// The button of this action.
    #[must_use]
    pub fn button(&self, action: &str) -> Option<&Value> {
        button(&self.view["blocks"], action)
    }

    /// What stands in its fields: `state.values`.
    pub(super) fn values(&self) -> Value {
        let mut values = Map::new();
        for block in inputs(&self.view) {
            let element = &block["element"];
            let id = block["block_id"].as_str().unwrap_or_default();
            let empty = json!({"type": element["type"], "value": null});
            let value = self.filled.get(id).cloned().unwrap_or(empty);
            let action = element["action_id"].as_str().unwrap_or_default();
            values.insert(id.to_owned(), json!({action: value}));
        }
        values.into()
    }

    /// The block that a person has to fill in before Slack sends it off.
    pub(super) fn missing(&self) -> Option<String> {
        let blocks = inputs(&self.view).filter(|block| block["optional"] != true);
        let mut ids = blocks.filter_map(|block| block["block_id"].as_str());
        ids.find(|id| !self.filled.contains_key(*id)).map(str::to_owned)
    }

    /// The view object, as in an answer of `views.open`.
    pub(super) fn object(&self, app: &super::Identity) -> Value {
        let mut object = json!({
            "id": self.id, "team_id": app.team, "app_id": app.app, "bot_id": app.bot,
            "hash": self.hash, "root_view_id": self.root, "previous_view_id": self.previous,
            "callback_id": "", "external_id": "", "private_metadata": "",
            "clear_on_close": false, "notify_on_close": false, "close": null, "submit": null,
            "title": {"type": "plain_text", "text": "", "emoji": true}, "blocks": [],
        });
        for (key, value) in self.view.as_object().into_iter().flatten() {
            object[key.as_str()] = value.clone();
        }
        object["state"] = json!({"values": self.values()});
        object
    }
}

/// The button of this action among blocks.
pub(super) fn button<'a>(blocks: &'a Value, action: &str) -> Option<&'a Value> {
    let blocks = blocks.as_array().into_iter().flatten();
    let elements = blocks.flat_map(|block| {
        let elements = block["elements"].as_array().into_iter().flatten();
        elements.chain(std::iter::once(&block["accessory"]))
    });
    let mut buttons = elements.filter(|element| element["type"] == "button");
    buttons.find(|button| button["action_id"] == action)
}

fn inputs(view: &Value) -> impl Iterator<Item = &Value> {
    let blocks = view["blocks"].as_array().into_iter().flatten();
    blocks.filter(|block| block["type"] == "input")
}

/// What stands in a field at first.
fn initial(element: &Value) -> Option<Value> {
    let (from, to) = match element["type"].as_str()? {
        "plain_text_input" => ("initial_value", "value"),
        _ => ("initial_option", "selected_option"),
    };
    let value = element.get(from)?;
    Some(json!({"type": element["type"], to: value}))
}

/// The views there are.
#[derive(Default)]
pub(super) struct Views {
    by_id: BTreeMap<String, View>,
    homes: HashMap<String, String>,
}

impl Views {
    pub(super) fn get(&self, id: &str) -> Option<&View> {
        self.by_id.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut View> {
        self.by_id.get_mut(id)
    }

    /// The id of somebody's home tab.
    pub(super) fn home(&self, user: &str) -> Option<&String> {
        self.homes.get(user)
    }

    pub(super) fn put(&mut self, view: View) {
        if view.view["type"] == "home" {
            self.homes.insert(view.user.clone(), view.id.clone());
        }
        self.by_id.insert(view.id.clone(), view);
        // Ids rise, so the first is the oldest.
        if self.by_id.len() > KEPT
            && let Some((_, old)) = self.by_id.pop_first()
        {
            self.homes.retain(|_, id| *id != old.id);
        }
    }

    /// What the app answers to a submission: a view that is not told to stay is closed, and the one
    /// below it stands there again; `clear` closes all of them (docs.slack.dev, "Modals").
    pub(super) fn answered(&mut self, id: &str, answer: Option<&Value>, hash: String) {
        let Some(view) = self.by_id.get_mut(id) else { return };
        view.errors.clear();
        match answer.and_then(|answer| answer["response_action"].as_str()) {
            Some("errors") => {
                let errors = answer.map(|answer| &answer["errors"]);
                let errors = errors.and_then(Value::as_object).into_iter().flatten();
                view.errors = errors
                    .filter_map(|(block, text)| Some((block.clone(), text.as_str()?.to_owned())))
                    .collect();
            }
            Some("update") => {
                let shown = answer.map(|answer| answer["view"].clone()).unwrap_or_default();
                view.replace(shown, hash);
            }
            Some("clear") => {
                let root = view.root.clone();
                let stacked = self.by_id.values_mut().filter(|view| view.root == root);
                stacked.for_each(|view| view.open = false);
            }
            _ => view.open = false,
        }
    }

    /// The modal that somebody has before them: what stands on another was opened after it.
    pub(super) fn on_screen(&self, user: &str) -> Option<&View> {
        // Ids rise, so the last is the newest.
        let modal = |view: &&View| view.open && view.user == user && view.view["type"] == "modal";
        self.by_id.values().rfind(modal)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &View> {
        self.by_id.values()
    }
}
