//! Buttons, menus, views and shortcuts, as they come in.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ChannelRef, Message, lenient, lenient_list};

/// A button, a menu, a view or a shortcut that somebody used (docs.slack.dev, "Interaction
/// payloads").
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Interaction {
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub(crate) kind: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) user: Option<Actor>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) channel: Option<ChannelRef>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) trigger_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) response_url: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) callback_id: Option<String>,
    /// The message that a shortcut was used on.
    #[serde(deserialize_with = "lenient")]
    pub(crate) message: Option<Message>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) container: Option<Container>,
    #[serde(deserialize_with = "lenient_list")]
    pub(crate) actions: Vec<Used>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) view: Option<View>,
    /// The field of a menu whose choices are asked for, and what was typed in it.
    #[serde(deserialize_with = "lenient")]
    pub(crate) block_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) value: Option<String>,
}

/// Who used it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Actor {
    #[serde(deserialize_with = "lenient")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) username: Option<String>,
}

/// What a button stands in.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Container {
    #[serde(deserialize_with = "lenient")]
    pub(crate) message_ts: Option<String>,
}

/// A button that was pressed, or a menu in which something was chosen.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Used {
    #[serde(deserialize_with = "lenient")]
    pub(crate) action_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) action_ts: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) value: Option<String>,
}

/// A modal or a home tab, with what stands in its fields: by block and action.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct View {
    #[serde(deserialize_with = "lenient")]
    pub(crate) id: Option<String>,
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub(crate) kind: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) hash: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) private_metadata: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) state: Option<ViewState>,
}

/// What stands in a view's fields.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ViewState {
    #[serde(deserialize_with = "lenient")]
    pub(crate) values: Option<BTreeMap<String, BTreeMap<String, FieldValue>>>,
}

/// What stands in one field, whichever kind it is.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct FieldValue {
    #[serde(deserialize_with = "lenient")]
    value: Option<String>,
    #[serde(deserialize_with = "lenient")]
    selected_option: Option<Chosen>,
    #[serde(deserialize_with = "lenient_list")]
    selected_options: Vec<Chosen>,
    #[serde(deserialize_with = "lenient")]
    selected_conversation: Option<String>,
}

/// What was chosen from a menu.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Chosen {
    value: String,
}

impl FieldValue {
    /// All that stands in it, in order.
    pub(crate) fn all(self) -> Vec<String> {
        let one =
            [self.value, self.selected_option.map(|one| one.value), self.selected_conversation];
        let many = self.selected_options.into_iter().map(|one| one.value);
        one.into_iter().flatten().chain(many).filter(|value| !value.trim().is_empty()).collect()
    }
}

/// The answer of `views.open`, `views.update` and `views.publish`.
#[derive(Debug, Deserialize)]
pub(crate) struct ViewAnswer {
    pub(crate) view: ViewId,
}

/// The view that an answer is about.
#[derive(Debug, Deserialize)]
pub(crate) struct ViewId {
    pub(crate) id: String,
}
