//! A message, and how Slack shows it.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::options::Identity;
use super::{StoredFile, Ts};

/// Who posted a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// A user, by id.
    User(String),
    /// The app, under its own name or another.
    App {
        /// The name it was posted under (`username`).
        username: Option<String>,
        /// The picture it was posted with (`icon_url`).
        icon_url: Option<String>,
        /// The emoji it was posted with (`icon_emoji`).
        icon_emoji: Option<String>,
    },
}

impl Author {
    /// The app under its own name.
    pub(super) const APP: Self = Self::App { username: None, icon_url: None, icon_emoji: None };
}

/// A reaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// The emoji's name, without colons.
    pub name: String,
    /// Who put it there, by id.
    pub users: Vec<String>,
}

/// A message in a channel.
#[derive(Clone, PartialEq)]
pub struct Message {
    /// The channel's id.
    pub channel: String,
    /// Its id and time.
    pub ts: Ts,
    /// The head of the thread it belongs to.
    pub thread_ts: Option<Ts>,
    /// Whether a reply was also sent to the channel.
    pub broadcast: bool,
    /// Who posted it.
    pub author: Author,
    /// The text as Slack stores it: escaped, mentions in brackets.
    pub text: String,
    /// The subtype, where it is not a plain message.
    pub subtype: Option<&'static str>,
    /// Who changed it last, and when.
    pub edited: Option<(String, Ts)>,
    /// Reactions, in the order in which they came.
    pub reactions: Vec<Reaction>,
    /// Files.
    pub files: Vec<Arc<StoredFile>>,
    /// Blocks, as they were given.
    pub blocks: Option<Value>,
    /// Attachments, as they were given, and unfurled links.
    pub attachments: Option<Value>,
    /// Metadata, as they were given.
    pub metadata: Option<Value>,
    /// The client's own id of what a person sent.
    pub client_msg_id: Option<String>,
    /// The author of the thread's head.
    pub(super) parent_user: Option<String>,
    /// Replies, of a thread's head: how many, who, the newest.
    pub(super) replies: Option<(usize, Vec<String>, Ts)>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("channel", &self.channel)
            .field("ts", &self.ts)
            .field("subtype", &self.subtype)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

impl Message {
    /// A message with nothing but a text.
    pub(super) fn new(channel: &str, author: Author, text: String) -> Self {
        Self {
            channel: channel.to_owned(),
            ts: Ts::FIRST,
            thread_ts: None,
            broadcast: false,
            author,
            text,
            subtype: None,
            edited: None,
            reactions: Vec::new(),
            files: Vec::new(),
            blocks: None,
            attachments: None,
            metadata: None,
            client_msg_id: None,
            parent_user: None,
            replies: None,
        }
    }

    /// Whether it stands in the channel itself, not only in a thread.
    #[must_use]
    pub fn in_channel(&self) -> bool {
        self.broadcast || self.thread_ts.is_none_or(|head| head == self.ts)
    }

    /// The buttons under it, by action and label.
    #[must_use]
    pub fn buttons(&self) -> Vec<(String, String)> {
        super::blocks::buttons(self.blocks.as_ref())
    }

    /// What Slack asks before the button of this action is pressed.
    #[must_use]
    pub fn asks(&self, action: &str) -> Option<String> {
        super::blocks::asks(self.blocks.as_ref(), action)
    }

    /// The id of the user who posted it; none for a post of the app under another name.
    pub(super) fn user<'a>(&'a self, app: &'a Identity) -> Option<&'a str> {
        match &self.author {
            Author::User(id) => Some(id),
            Author::App { username: None, icon_url: None, icon_emoji: None } => Some(&app.user),
            Author::App { .. } => None,
        }
    }

    /// The message object, as in `conversations.history`.
    pub(super) fn object(&self, app: &Identity, with_metadata: bool) -> Map<String, Value> {
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| {
            object.insert(key.to_owned(), value);
        };
        put("type", "message".into());
        put("text", self.text.as_str().into());
        put("ts", self.ts.to_string().into());
        put("team", app.team.as_str().into());
        let user = self.user(app);
        if let Some(user) = user {
            put("user", user.into());
        }
        if let Author::App { username, icon_url, icon_emoji } = &self.author {
            put("bot_id", app.bot.as_str().into());
            put("app_id", app.app.as_str().into());
            put("bot_profile", app.bot_profile());
            if user.is_none() {
                put("subtype", "bot_message".into());
                put("username", username.as_deref().unwrap_or(&app.name).into());
                put("icons", icons(icon_url.as_deref(), icon_emoji.as_deref()));
            }
        }
        if let Some(subtype) = self.subtype {
            put("subtype", subtype.into());
        }
        if let Some(id) = &self.client_msg_id {
            put("client_msg_id", id.as_str().into());
        }
        if let Some(head) = self.thread_ts {
            put("thread_ts", head.to_string().into());
        }
        if let Some(parent) = &self.parent_user {
            put("parent_user_id", parent.as_str().into());
        }
        if let Some((count, users, latest)) = &self.replies {
            put("reply_count", (*count).into());
            put("reply_users_count", users.len().into());
            put("reply_users", users.as_slice().into());
            put("latest_reply", latest.to_string().into());
            put("subscribed", false.into());
        }
        if let Some((by, at)) = &self.edited {
            put("edited", json!({"user": by, "ts": at}));
        }
        if !self.reactions.is_empty() {
            put("reactions", self.reactions());
        }
        if !self.files.is_empty() {
            put("files", self.files.iter().map(|file| file.object(app)).collect());
            put("upload", false.into());
        }
        for (key, value) in [("blocks", &self.blocks), ("attachments", &self.attachments)] {
            if let Some(value) = value {
                put(key, value.clone());
            }
        }
        if let Some(metadata) = self.metadata.as_ref().filter(|_| with_metadata) {
            put("metadata", metadata.clone());
        }
        object
    }

    fn reactions(&self) -> Value {
        self.reactions
            .iter()
            .map(|r| json!({"name": r.name, "users": r.users, "count": r.users.len()}))
            .collect()
    }
}

fn icons(url: Option<&str>, emoji: Option<&str>) -> Value {
    match (url, emoji) {
        (Some(url), _) => {
            json!({"image_36": url, "image_48": url, "image_64": url, "image_72": url})
        }
        (None, Some(emoji)) => json!({"emoji": emoji}),
        (None, None) => json!({}),
    }
}

/// The blocks under a plain text that a person typed in Slack's own client.
pub(super) fn rich_text(text: &str, id: &str) -> Value {
    json!([{"type": "rich_text", "block_id": id, "elements": [
        {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    ]}])
}
