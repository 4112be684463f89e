//! Views that the app opened or published: kept, so that a test can read them.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

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
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View")
            .field("id", &self.id)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl View {
    /// The view object, as in an answer of `views.open`.
    pub(super) fn object(&self, app: &super::Identity) -> Value {
        let mut object = json!({
            "id": self.id, "team_id": app.team, "app_id": app.app, "bot_id": app.bot,
            "hash": self.hash, "root_view_id": self.id, "previous_view_id": null,
            "state": {"values": {}}, "callback_id": "", "external_id": "", "private_metadata": "",
            "clear_on_close": false, "notify_on_close": false, "close": null, "submit": null,
            "title": {"type": "plain_text", "text": "", "emoji": true}, "blocks": [],
        });
        for (key, value) in self.view.as_object().into_iter().flatten() {
            object[key.as_str()] = value.clone();
        }
        object
    }
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

    pub(super) fn all(&self) -> impl Iterator<Item = &View> {
        self.by_id.values()
    }
}
