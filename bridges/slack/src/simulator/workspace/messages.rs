//! Messages of the workspace: posted, changed, deleted, reacted to, and shown to one person alone.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Workspace, kind};
use crate::simulator::message::Reaction;
use crate::simulator::{Author, Ephemeral, Happening, Message, Ts};

/// How many ephemeral messages a channel keeps.
const KEPT_EPHEMERALS: usize = 100;

impl Workspace {
    /// Posts a message: gives it its `ts`, keeps it, tells of it. `None`: no such channel.
    pub(in crate::simulator) fn post(&mut self, mut message: Message) -> Option<Arc<Message>> {
        let now = Ts::at(self.now());
        let options = Arc::clone(&self.options);
        let app = &options.identity;
        let channel = self.channels.get_mut(&message.channel)?;
        message.ts = channel.tick(now);
        if let Some(head) = message.thread_ts {
            let parent = channel.message(head);
            message.parent_user = parent.and_then(|m| m.user(app)).map(str::to_owned);
            if message.broadcast {
                message.subtype = Some("thread_broadcast");
            }
        }
        let message = Arc::new(message);
        channel.put(Arc::clone(&message), options.kept_messages);
        if let Some(head) = message.thread_ts {
            channel.replied(head, &message, app);
        }
        let (seen, private) = (channel.members.contains(&app.user), channel.private);
        self.outbox.tell(Happening::Posted(Arc::clone(&message)));
        if seen && self.outbox.is_connected() {
            let mut event = message.object(app, options.metadata_in_events);
            event.insert("channel".into(), message.channel.as_str().into());
            event.insert("event_ts".into(), message.ts.to_string().into());
            event.insert("channel_type".into(), kind(private).into());
            self.emit(&message.channel, event.into());
        }
        Some(message)
    }

    /// Changes a message in its place and tells of it. `None`: there is no such message.
    pub(in crate::simulator) fn change(
        &mut self,
        channel: &str,
        ts: Ts,
        change: impl FnOnce(&mut Message, Ts),
    ) -> Option<Arc<Message>> {
        let now = Ts::at(self.now());
        let options = Arc::clone(&self.options);
        let place = self.channels.get_mut(channel)?;
        let before = Arc::clone(place.message(ts)?);
        let at = place.tick(now);
        let mut after = Message::clone(&before);
        change(&mut after, at);
        let after = Arc::new(after);
        place.put(Arc::clone(&after), options.kept_messages);
        let (seen, private) = (place.members.contains(&options.identity.user), place.private);
        self.outbox.tell(Happening::Changed(Arc::clone(&after)));
        if seen && self.outbox.is_connected() {
            let object = |m: &Message| m.object(&options.identity, options.metadata_in_events);
            self.emit(
                channel,
                json!({
                    "type": "message", "subtype": "message_changed", "hidden": true,
                    "message": object(&after), "previous_message": object(&before),
                    "channel": channel, "ts": at, "event_ts": at, "channel_type": kind(private),
                }),
            );
        }
        Some(after)
    }

    /// Deletes a message and tells of it; a thread's head with replies becomes a tombstone.
    pub(in crate::simulator) fn delete(&mut self, channel: &str, ts: Ts) -> Option<()> {
        let now = Ts::at(self.now());
        let options = Arc::clone(&self.options);
        let place = self.channels.get_mut(channel)?;
        place.message(ts)?;
        if place.replies(ts).next().is_some() {
            self.change(channel, ts, |message, _| {
                message.subtype = Some("tombstone");
                message.text = "This message was deleted.".to_owned();
                message.author = Author::User("USLACKBOT".to_owned());
                (message.blocks, message.attachments, message.metadata) = (None, None, None);
                message.files.clear();
            })?;
            return Some(());
        }
        let at = place.tick(now);
        let message = place.take(ts)?;
        if let Some(head) = message.thread_ts {
            place.count_replies(head, &options.identity);
        }
        let (seen, private) = (place.members.contains(&options.identity.user), place.private);
        self.outbox.tell(Happening::Deleted { channel: channel.to_owned(), ts });
        if seen {
            self.emit(channel, json!({
                "type": "message", "subtype": "message_deleted", "hidden": true,
                "deleted_ts": ts, "channel": channel, "ts": at, "event_ts": at,
                "previous_message": message.object(&options.identity, options.metadata_in_events),
                "channel_type": kind(private),
            }));
        }
        Some(())
    }

    /// Puts a reaction on a message or takes it off. False: it was so already.
    pub(in crate::simulator) fn react(
        &mut self,
        channel: &str,
        ts: Ts,
        user: &str,
        emoji: &str,
        on: bool,
    ) -> Option<bool> {
        let options = Arc::clone(&self.options);
        let now = Ts::at(self.now());
        let place = self.channels.get_mut(channel)?;
        let mut message = Message::clone(place.message(ts)?);
        let reaction = message.reactions.iter_mut().find(|r| r.name == emoji);
        match (reaction, on) {
            (Some(r), true) if !r.users.iter().any(|u| u == user) => r.users.push(user.to_owned()),
            (None, true) => message
                .reactions
                .push(Reaction { name: emoji.to_owned(), users: vec![user.to_owned()] }),
            (Some(r), false) if r.users.iter().any(|u| u == user) => {
                r.users.retain(|u| u != user);
                message.reactions.retain(|r| !r.users.is_empty());
            }
            _ => return Some(false),
        }
        let author = message.user(&options.identity).map(str::to_owned);
        place.put(Arc::new(message), options.kept_messages);
        let at = place.tick(now);
        let seen = place.members.contains(&options.identity.user);
        self.outbox.tell(Happening::Reacted {
            channel: channel.to_owned(),
            ts,
            user: user.to_owned(),
            emoji: emoji.to_owned(),
            on,
        });
        if seen {
            let mut event = json!({
                "type": if on { "reaction_added" } else { "reaction_removed" },
                "user": user, "reaction": emoji, "event_ts": at,
                "item": {"type": "message", "channel": channel, "ts": ts},
            });
            if let Some(author) = author {
                event["item_user"] = author.into();
            }
            self.emit(channel, event);
        }
        Some(true)
    }

    /// Shows somebody a message that nobody else sees.
    pub(in crate::simulator) fn whisper(
        &mut self,
        channel: &str,
        user: &str,
        text: &str,
        blocks: Option<Value>,
    ) -> Option<Ts> {
        let now = Ts::at(self.now());
        let place = self.channels.get_mut(channel)?;
        let ts = place.tick(now);
        let ephemeral = Ephemeral {
            channel: channel.to_owned(),
            user: user.to_owned(),
            ts,
            text: text.to_owned(),
            blocks,
        };
        place.ephemerals.push_back(ephemeral.clone());
        if place.ephemerals.len() > KEPT_EPHEMERALS {
            place.ephemerals.pop_front();
        }
        self.outbox.tell(Happening::Ephemeral(ephemeral));
        Some(ts)
    }

    /// Changes what somebody was shown before; whether it is still there.
    pub(in crate::simulator) fn rewhisper(
        &mut self,
        channel: &str,
        ts: Ts,
        text: &str,
        blocks: Option<Value>,
    ) -> bool {
        let shown = self.channels.get_mut(channel).map(|place| &mut place.ephemerals);
        let Some(ephemeral) = shown.and_then(|all| all.iter_mut().find(|one| one.ts == ts)) else {
            return false;
        };
        (ephemeral.text, ephemeral.blocks) = (text.to_owned(), blocks);
        self.outbox.tell(Happening::Ephemeral(ephemeral.clone()));
        true
    }
}
