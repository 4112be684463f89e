//! What people in the workspace see: the eyes of a test.

use std::sync::Arc;

use super::{Author, Ephemeral, Message, Simulator, StoredFile, User, View};

impl Simulator {
    /// All messages of a channel that are kept, replies too, oldest first.
    #[must_use]
    pub fn messages(&self, channel: &str) -> Vec<Arc<Message>> {
        let workspace = self.shared.workspace();
        workspace.channels.get(channel).map_or_else(Vec::new, |c| c.messages().cloned().collect())
    }

    /// A message's author as shown in the channel: name, and address of the picture.
    #[must_use]
    pub fn shown_author(&self, message: &Message) -> (String, Option<String>) {
        let app = &self.shared.options.identity;
        match &message.author {
            Author::User(id) => {
                self.user(id).map_or_else(|| (id.clone(), None), |user| (user.name, user.picture))
            }
            Author::App { username, icon_url, .. } => {
                (username.clone().unwrap_or_else(|| app.name.clone()), icon_url.clone())
            }
        }
    }

    /// A text of Slack's as a person reads it in the client: names for mentions, nothing escaped.
    #[must_use]
    pub fn shown_text(&self, text: &str) -> String {
        let workspace = self.shared.workspace();
        super::typed::read(text, |id| workspace.users.get(id).map(|user| user.name.clone()))
    }

    /// What single people were shown in a channel, oldest first.
    #[must_use]
    pub fn ephemerals(&self, channel: &str) -> Vec<Ephemeral> {
        let workspace = self.shared.workspace();
        let channel = workspace.channels.get(channel);
        channel.map_or_else(Vec::new, |c| c.ephemerals.iter().cloned().collect())
    }

    /// The channels, by id and name.
    #[must_use]
    pub fn channels(&self) -> Vec<(String, String)> {
        let workspace = self.shared.workspace();
        workspace.channels.values().map(|c| (c.id.clone(), c.name.clone())).collect()
    }

    /// A user.
    #[must_use]
    pub fn user(&self, id: &str) -> Option<User> {
        self.shared.workspace().users.get(id).cloned()
    }

    /// A file.
    #[must_use]
    pub fn file(&self, id: &str) -> Option<Arc<StoredFile>> {
        self.shared.workspace().files.get(id).cloned()
    }

    /// The views that the app opened or published, oldest first.
    #[must_use]
    pub fn views(&self) -> Vec<View> {
        self.shared.workspace().views.all().cloned().collect()
    }
}
