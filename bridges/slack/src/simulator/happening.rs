//! What happens in the workspace, told to whoever listens: the sandbox page, tests.

use std::sync::Arc;

use serde_json::Value;

use super::{Message, Ts};

/// Something that happened in the workspace, in the order in which it happened there.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A message was posted.
    Posted(Arc<Message>),
    /// A message was changed, by a person, the app, or an unfurled link.
    Changed(Arc<Message>),
    /// A message was deleted.
    Deleted {
        /// The channel.
        channel: String,
        /// The message.
        ts: Ts,
    },
    /// A reaction was put on a message or taken off.
    Reacted {
        /// The channel.
        channel: String,
        /// The message.
        ts: Ts,
        /// Who did it.
        user: String,
        /// The emoji's name, without colons.
        emoji: String,
        /// False where it was taken off.
        on: bool,
    },
    /// Somebody, and nobody else, was shown a message.
    Ephemeral(Ephemeral),
    /// A channel was made, renamed, archived or opened again, or its members changed.
    Channel(String),
    /// A view was opened, changed or published; by its id.
    View(String),
    /// A socket of the app was opened or closed; how many are open now.
    Sockets(usize),
}

/// A message that only one person sees. Not in any history.
#[derive(Clone, PartialEq)]
pub struct Ephemeral {
    /// The channel.
    pub channel: String,
    /// Who sees it.
    pub user: String,
    /// Its id and time.
    pub ts: Ts,
    /// The text, escaped.
    pub text: String,
    /// The blocks, where it has some: then Slack shows these.
    pub blocks: Option<Value>,
}

impl Ephemeral {
    /// The buttons under it, by action and label.
    #[must_use]
    pub fn buttons(&self) -> Vec<(String, String)> {
        super::blocks::buttons(self.blocks.as_ref())
    }
}

impl std::fmt::Debug for Ephemeral {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ephemeral")
            .field("channel", &self.channel)
            .field("user", &self.user)
            .field("ts", &self.ts)
            .field("bytes", &self.text.len())
            .finish()
    }
}
