//! What happens to channels, members, files and tokens of the workspace.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::workspace::Workspace;
use super::{Author, Happening, Message, StoredFile};

impl Workspace {
    /// Gives a channel another name.
    pub(super) fn rename(&mut self, id: &str, name: &str) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        let old = std::mem::replace(&mut channel.name, name.to_owned());
        self.names.remove(&old);
        channel.previous_names.push(old);
        self.names.insert(name.to_owned(), id.to_owned());
        let (created, private) = (channel.created, channel.private);
        let kind = if private { "group_rename" } else { "channel_rename" };
        self.emit(
            id,
            json!({"type": kind, "channel": {
                "id": id, "name": name, "name_normalized": name, "created": created,
                "is_channel": !private, "is_mpim": false,
            }}),
        );
        self.outbox.tell(Happening::Channel(id.to_owned()));
    }

    /// Archives a channel, or opens it again.
    pub(super) fn archive(&mut self, id: &str, by: &str, on: bool) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        channel.archived = on;
        let kind = match (channel.private, on) {
            (false, true) => "channel_archive",
            (false, false) => "channel_unarchive",
            (true, true) => "group_archive",
            (true, false) => "group_unarchive",
        };
        if self.app_sees(&self.channels[id]) {
            self.emit(id, json!({"type": kind, "channel": id, "user": by}));
        }
        self.outbox.tell(Happening::Channel(id.to_owned()));
    }

    /// Deletes a channel and all that was said in it.
    pub(super) fn delete_channel(&mut self, id: &str) -> bool {
        let Some(channel) = self.channels.remove(id) else { return false };
        self.names.remove(&channel.name);
        if self.app_sees(&channel) {
            let kind = if channel.private { "group_deleted" } else { "channel_deleted" };
            self.emit(id, json!({"type": kind, "channel": id}));
        }
        self.outbox.tell(Happening::Channel(id.to_owned()));
        true
    }

    /// Lets somebody in. False: they were in already, or there is no such channel.
    pub(super) fn join(&mut self, id: &str, user: &str, inviter: Option<&str>) -> bool {
        let Some(channel) = self.channels.get_mut(id) else { return false };
        if !channel.members.insert(user.to_owned()) {
            return false;
        }
        let private = channel.private;
        let seen = channel.members.contains(&self.options.identity.user);
        if seen {
            let mut event = json!({
                "type": "member_joined_channel", "user": user, "channel": id,
                "channel_type": if private { "G" } else { "C" },
                "team": self.options.identity.team,
            });
            if let Some(inviter) = inviter {
                event["inviter"] = inviter.into();
            }
            self.emit(id, event);
        }
        let text = format!("<@{user}> has joined the channel");
        let mut notice = Message::new(id, Author::User(user.to_owned()), text);
        notice.subtype = Some(if private { "group_join" } else { "channel_join" });
        self.post(notice);
        self.outbox.tell(Happening::Channel(id.to_owned()));
        true
    }

    /// Takes somebody out. False: they were not in, or there is no such channel.
    pub(super) fn leave(&mut self, id: &str, user: &str) -> bool {
        let Some(channel) = self.channels.get_mut(id) else { return false };
        if !channel.members.remove(user) {
            return false;
        }
        let private = channel.private;
        let app = self.options.identity.user.clone();
        if user == app {
            let kind = if private { "group_left" } else { "channel_left" };
            self.emit(id, json!({"type": kind, "channel": id, "actor_id": user}));
        } else if channel.members.contains(&app) {
            self.emit(
                id,
                json!({
                    "type": "member_left_channel", "user": user, "channel": id,
                    "channel_type": if private { "G" } else { "C" },
                    "team": self.options.identity.team,
                }),
            );
        }
        let text = format!("<@{user}> has left the channel");
        let mut notice = Message::new(id, Author::User(user.to_owned()), text);
        notice.subtype = Some(if private { "group_leave" } else { "channel_leave" });
        self.post(notice);
        self.outbox.tell(Happening::Channel(id.to_owned()));
        true
    }

    /// Keeps a file whose bytes have come.
    pub(super) fn store_file(
        &mut self,
        id: String,
        name: &str,
        title: Option<&str>,
        user: &str,
        bytes: Bytes,
    ) -> Arc<StoredFile> {
        let file = Arc::new(StoredFile {
            url: format!(
                "{}/files-pri/{}-{id}/{}",
                self.base,
                self.options.identity.team,
                path_segment(name)
            ),
            id,
            name: name.to_owned(),
            title: title.unwrap_or(name).to_owned(),
            mimetype: media_type(name).to_owned(),
            user: user.to_owned(),
            created: self.seconds(),
            bytes,
        });
        self.files.put(Arc::clone(&file), self.options.kept_file_bytes);
        file
    }

    /// Posts a message with files, and tells of each file.
    pub(super) fn share(&mut self, message: Message) -> Option<Arc<Message>> {
        let message = self.post(message)?;
        if self.channels[&message.channel].members.contains(&self.options.identity.user) {
            for file in &message.files {
                self.emit(
                    &message.channel,
                    json!({
                        "type": "file_shared", "file_id": file.id, "file": {"id": file.id},
                        "user_id": file.user, "channel_id": message.channel,
                    }),
                );
            }
        }
        Some(message)
    }

    /// Revokes the bot's token: every call answers `token_revoked` from here on.
    pub(super) fn revoke(&mut self) {
        let bot = self.options.identity.user.clone();
        self.emit(
            "tokens",
            json!({
                "type": "tokens_revoked", "tokens": {"oauth": [], "bot": [bot]},
            }),
        );
        self.emit("tokens", json!({"type": "app_uninstalled"}));
        self.revoked = true;
        self.outbox.changed();
    }
}

/// The name as one segment of an address.
fn path_segment(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

/// The media type that Slack gives a file, by its name.
fn media_type(name: &str) -> &'static str {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end).to_ascii_lowercase();
    match end.as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "mp4" => "video/mp4",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "csv" => "text/csv",
        _ => "application/octet-stream",
    }
}
