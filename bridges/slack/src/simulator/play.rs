//! What people in the workspace do: the hands of a test.

mod interact;

use bytes::Bytes;
use serde_json::json;

use super::message::rich_text;
use super::sockets::uuid;
use super::workspace::Workspace;
use super::{Author, Failed, Message, Simulator, Ts, User};

/// The result of something a person did.
type Done<T = ()> = Result<T, Failed>;

impl Simulator {
    /// Adds a user under this name and picture; gives the id. Handle and e-mail address are made
    /// of the name (`Maya Ellis`: `maya.ellis`, `maya.ellis@example.com`).
    pub fn add_user(&self, name: &str, picture: Option<&str>) -> String {
        let mut workspace = self.shared.workspace();
        let id = workspace.id("U");
        let mut handle = name.to_lowercase().split_whitespace().collect::<Vec<_>>().join(".");
        if workspace.handles.contains_key(&handle) {
            handle = format!("{handle}.{}", id.to_lowercase());
        }
        let updated = workspace.seconds();
        workspace.put_user(User {
            id: id.clone(),
            name: name.to_owned(),
            picture: picture.map(str::to_owned),
            email: format!("{handle}@example.com"),
            handle,
            is_bot: false,
            deleted: false,
            updated,
        });
        id
    }

    /// Changes a user's name and picture, as they would in their profile.
    ///
    /// # Errors
    /// There is no such user.
    pub fn change_user(&self, id: &str, name: &str, picture: Option<&str>) -> Done {
        let mut workspace = self.shared.workspace();
        let updated = workspace.seconds();
        let team = workspace.options.identity.team.clone();
        let user = workspace.users.get_mut(id).ok_or(Failed::Unknown("user"))?;
        user.name = name.to_owned();
        user.picture = picture.map(str::to_owned);
        user.updated = updated;
        let object = user.object(&team);
        workspace.emit(id, json!({"type": "user_change", "user": object, "cache_ts": updated}));
        workspace.outbox.changed();
        Ok(())
    }

    /// Makes a user group of these users; gives the id.
    pub fn add_user_group(&self, users: &[&str]) -> String {
        let mut workspace = self.shared.workspace();
        let id = workspace.id("S");
        let users = users.iter().map(|&user| user.to_owned()).collect();
        workspace.user_groups.insert(id.clone(), users);
        id
    }

    /// Makes a public channel with these members and the app; gives the id.
    pub fn add_channel(&self, name: &str, members: &[&str]) -> String {
        self.new_channel(name, members, false)
    }

    /// Makes a private channel with these members and the app; gives the id.
    pub fn add_private_channel(&self, name: &str, members: &[&str]) -> String {
        self.new_channel(name, members, true)
    }

    fn new_channel(&self, name: &str, members: &[&str], private: bool) -> String {
        let mut workspace = self.shared.workspace();
        let app = workspace.options.identity.user.clone();
        let id = workspace.make_channel(name, &app, private);
        if let Some(channel) = workspace.channels.get_mut(&id) {
            channel.members.extend(members.iter().map(|&member| member.to_owned()));
        }
        id
    }

    /// Somebody types a message; gives its `ts`. `@handle`, `#channel` and addresses become
    /// links, the rest is escaped, as Slack's own client does.
    ///
    /// # Errors
    /// There is no such channel or user, or the channel is archived.
    pub fn user_says(&self, channel: &str, user: &str, text: &str) -> Done<Ts> {
        self.say(channel, user, text, None, false)
    }

    /// Somebody answers in a thread, with or without sending it to the channel too.
    ///
    /// # Errors
    /// There is no such channel, user or message, or the channel is archived.
    pub fn user_replies(
        &self,
        channel: &str,
        user: &str,
        head: Ts,
        text: &str,
        broadcast: bool,
    ) -> Done<Ts> {
        self.say(channel, user, text, Some(head), broadcast)
    }

    fn say(
        &self,
        channel: &str,
        user: &str,
        text: &str,
        head: Option<Ts>,
        broadcast: bool,
    ) -> Done<Ts> {
        let mut workspace = self.shared.workspace();
        let mut message = typed(&mut workspace, channel, user, text)?;
        if head.is_some_and(|head| workspace.channels[channel].message(head).is_none()) {
            return Err(Failed::Unknown("message"));
        }
        (message.thread_ts, message.broadcast) = (head, broadcast && head.is_some());
        workspace.post(message).map(|message| message.ts).ok_or(Failed::Unknown("channel"))
    }

    /// Slack takes one gesture for two: the same message once more, under another `ts` and with
    /// the same `client_msg_id`, as has been seen.
    ///
    /// # Errors
    /// There is no such message.
    pub fn repeat(&self, channel: &str, ts: Ts) -> Done<Ts> {
        let mut workspace = self.shared.workspace();
        let place = workspace.channels.get(channel).ok_or(Failed::Unknown("channel"))?;
        let again = Message::clone(place.message(ts).ok_or(Failed::Unknown("message"))?);
        workspace.post(again).map(|message| message.ts).ok_or(Failed::Unknown("channel"))
    }

    /// Somebody says `/me …`.
    ///
    /// # Errors
    /// There is no such channel or user, or the channel is archived.
    pub fn user_emotes(&self, channel: &str, user: &str, text: &str) -> Done<Ts> {
        let mut workspace = self.shared.workspace();
        let mut message = typed(&mut workspace, channel, user, text)?;
        message.subtype = Some("me_message");
        workspace.post(message).map(|message| message.ts).ok_or(Failed::Unknown("channel"))
    }

    /// Somebody sends a file, with a comment or an empty one.
    ///
    /// # Errors
    /// There is no such channel or user, or the channel is archived.
    pub fn user_sends_file(
        &self,
        channel: &str,
        user: &str,
        name: &str,
        bytes: impl Into<Bytes>,
        comment: &str,
    ) -> Done<Ts> {
        let mut workspace = self.shared.workspace();
        let mut message = typed(&mut workspace, channel, user, comment)?;
        let id = workspace.id("F");
        message.files = vec![workspace.store_file(id, name, None, user, bytes.into())];
        message.subtype = Some("file_share");
        workspace.share(message).map(|message| message.ts).ok_or(Failed::Unknown("channel"))
    }

    /// Somebody changes a message.
    ///
    /// # Errors
    /// There is no such message.
    pub fn user_edits(&self, channel: &str, user: &str, ts: Ts, text: &str) -> Done {
        let mut workspace = self.shared.workspace();
        let after = typed(&mut workspace, channel, user, text)?;
        let changed = workspace.change(channel, ts, |message, now| {
            (message.text, message.blocks) = (after.text, after.blocks);
            message.edited = Some((user.to_owned(), now));
        });
        changed.map(|_| ()).ok_or(Failed::Unknown("message"))
    }

    /// Slack unfurls a link: the message changes, its text does not.
    ///
    /// # Errors
    /// There is no such message.
    pub fn unfurl(&self, channel: &str, ts: Ts, title: &str) -> Done {
        let attachment = json!([{"id": 1, "fallback": title, "title": title}]);
        let change = |message: &mut Message, _| message.attachments = Some(attachment);
        let changed = self.shared.workspace().change(channel, ts, change);
        changed.map(|_| ()).ok_or(Failed::Unknown("message"))
    }

    /// Somebody deletes a message.
    ///
    /// # Errors
    /// There is no such message.
    pub fn user_deletes(&self, channel: &str, ts: Ts) -> Done {
        self.shared.workspace().delete(channel, ts).ok_or(Failed::Unknown("message"))
    }

    /// Somebody puts a reaction on a message (`on`) or takes it off.
    ///
    /// # Errors
    /// There is no such message.
    pub fn user_reacts(&self, channel: &str, user: &str, ts: Ts, emoji: &str, on: bool) -> Done {
        let done = self.shared.workspace().react(channel, ts, user, emoji, on);
        done.map(|_| ()).ok_or(Failed::Unknown("message"))
    }

    /// Lets somebody into a channel; the app too, by its id in [`Identity`](super::Identity).
    pub fn join(&self, channel: &str, user: &str) -> bool {
        self.shared.workspace().join(channel, user, None)
    }

    /// Takes somebody out of a channel.
    pub fn leave(&self, channel: &str, user: &str) -> bool {
        self.shared.workspace().leave(channel, user)
    }

    /// Takes the app out of a channel.
    pub fn remove_bot(&self, channel: &str) -> bool {
        let app = self.shared.options.identity.user.clone();
        self.leave(channel, &app)
    }

    /// Archives a channel, or opens it again.
    pub fn archive(&self, channel: &str, on: bool) {
        let mut workspace = self.shared.workspace();
        workspace.archive(channel, "U06SIMADMIN", on);
    }

    /// Gives a channel another name.
    pub fn rename(&self, channel: &str, name: &str) {
        self.shared.workspace().rename(channel, name);
    }

    /// Deletes a channel.
    pub fn delete_channel(&self, channel: &str) -> bool {
        self.shared.workspace().delete_channel(channel)
    }

    /// Tells the app that it gets too many events and misses some (`app_rate_limited`).
    pub fn limit_events(&self) {
        let workspace = self.shared.workspace();
        let app = &workspace.options.identity;
        let notice = json!({
            "type": "app_rate_limited", "token": app.verification_token, "team_id": app.team,
            "minute_rate_limited": workspace.seconds() / 60 * 60, "api_app_id": app.app,
        });
        workspace.outbox.event("app", "app_rate_limited", &notice);
    }

    /// Revokes the bot's token.
    pub fn revoke_token(&self) {
        self.shared.workspace().revoke();
    }

    /// Gives the app its token back.
    pub fn restore_token(&self) {
        self.shared.workspace().revoked = false;
    }
}

/// A message as somebody types it.
fn typed(workspace: &mut Workspace, channel: &str, user: &str, text: &str) -> Done<Message> {
    if !workspace.users.contains_key(user) {
        return Err(Failed::Unknown("user"));
    }
    let place = workspace.channels.get(channel).ok_or(Failed::Unknown("channel"))?;
    if place.archived {
        return Err(Failed::Archived);
    }
    let written = super::typed::written(
        text,
        |handle| workspace.handles.get(handle).cloned(),
        |name| workspace.names.get(name).cloned(),
    );
    let mut message = Message::new(channel, Author::User(user.to_owned()), written);
    let nonce = workspace.nonce();
    message.client_msg_id = u128::from_str_radix(&nonce, 16).ok().map(uuid);
    if !text.is_empty() {
        message.blocks = Some(rich_text(text, &nonce[..5]));
    }
    Ok(message)
}
