//! The workspace: its people, channels and files, and what can happen in it.
//!
//! Everything that changes it goes through here, under one lock: the change, the
//! [`Happening`] and the event for the app are one step, so all three have one order.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::channel::Channel;
use super::files::Files;
use super::message::Reaction;
use super::outbox::Outbox;
use super::promises::Promises;
use super::views::Views;
use super::{Author, Ephemeral, Happening, Message, Options, Ts, User};

/// How many ephemeral messages a channel keeps.
const KEPT_EPHEMERALS: usize = 100;

/// The state of the workspace.
pub(super) struct Workspace {
    pub(super) options: Arc<Options>,
    /// Where the simulator listens, `http://127.0.0.1:4000`.
    pub(super) base: String,
    pub(super) outbox: Outbox,
    pub(super) users: BTreeMap<String, User>,
    /// User groups, each with its members.
    pub(super) user_groups: BTreeMap<String, Vec<String>>,
    pub(super) emails: HashMap<String, String>,
    pub(super) handles: HashMap<String, String>,
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) names: HashMap<String, String>,
    /// The channels of messages with the app, by user.
    pub(super) directs: HashMap<String, String>,
    pub(super) files: Files,
    pub(super) views: Views,
    pub(super) promises: Promises,
    pub(super) revoked: bool,
    counter: u64,
    rng: StdRng,
}

impl Workspace {
    pub(super) fn new(options: Arc<Options>, base: String, outbox: Outbox) -> Self {
        let mut workspace = Self {
            base,
            outbox,
            users: BTreeMap::new(),
            user_groups: BTreeMap::new(),
            emails: HashMap::new(),
            handles: HashMap::new(),
            channels: BTreeMap::new(),
            names: HashMap::new(),
            directs: HashMap::new(),
            files: Files::default(),
            views: Views::default(),
            promises: Promises::default(),
            revoked: false,
            counter: 0,
            rng: StdRng::seed_from_u64(options.seed),
            options,
        };
        let app = workspace.options.identity.clone();
        let updated = workspace.seconds();
        workspace.put_user(User {
            id: app.user,
            handle: app.name.clone(),
            name: app.name,
            picture: None,
            email: String::new(),
            is_bot: true,
            deleted: false,
            updated,
        });
        workspace
    }

    pub(super) fn now(&self) -> Timestamp {
        self.options.clock.now()
    }

    /// The time in seconds of the epoch.
    pub(super) fn seconds(&self) -> u64 {
        Ts::at(self.now()).seconds()
    }

    /// A new id with this first letter, `C06SIM000001`.
    pub(super) fn id(&mut self, letter: &str) -> String {
        self.counter += 1;
        format!("{letter}06SIM{:06}", self.counter)
    }

    /// Sixteen bytes that look random, as hex.
    pub(super) fn nonce(&mut self) -> String {
        format!("{:032x}", self.rng.random::<u128>())
    }

    /// A new hash of a view's state.
    pub(super) fn hash(&mut self) -> String {
        format!("{}.{}", self.seconds(), &self.nonce()[..8])
    }

    /// The channel of the messages between somebody and the app.
    pub(super) fn direct(&mut self, user: &str) -> Option<String> {
        if !self.users.contains_key(user) {
            return None;
        }
        if let Some(id) = self.directs.get(user) {
            return Some(id.clone());
        }
        let (id, app) = (self.id("D"), self.options.identity.user.clone());
        let mut channel = Channel::new(id.clone(), user, &app, self.seconds(), true);
        channel.members.insert(user.to_owned());
        self.channels.insert(id.clone(), channel);
        self.directs.insert(user.to_owned(), id.clone());
        Some(id)
    }

    pub(super) fn put_user(&mut self, user: User) {
        if !user.email.is_empty() {
            self.emails.insert(user.email.clone(), user.id.clone());
        }
        self.handles.insert(user.handle.clone(), user.id.clone());
        self.users.insert(user.id.clone(), user);
    }

    /// Whether the app gets to know of what happens in this channel: it is a member, or, for what
    /// happens to the channel itself, the channel is public.
    pub(super) fn app_sees(&self, channel: &Channel) -> bool {
        !channel.private || channel.members.contains(&self.options.identity.user)
    }

    /// Makes a channel, with `creator` as its member. The name is taken as it is.
    pub(super) fn make_channel(&mut self, name: &str, creator: &str, private: bool) -> String {
        let id = self.id("C");
        let channel = Channel::new(id.clone(), name, creator, self.seconds(), private);
        self.names.insert(name.to_owned(), id.clone());
        if !private {
            self.emit(
                &id,
                json!({"type": "channel_created", "channel": {
                    "id": id, "name": name, "created": channel.created, "creator": creator,
                }}),
            );
        }
        self.channels.insert(id.clone(), channel);
        self.outbox.tell(Happening::Channel(id.clone()));
        id
    }

    /// Posts a message: gives it its `ts`, keeps it, tells of it. `None`: no such channel.
    pub(super) fn post(&mut self, mut message: Message) -> Option<Arc<Message>> {
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
    pub(super) fn change(
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
    pub(super) fn delete(&mut self, channel: &str, ts: Ts) -> Option<()> {
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
    pub(super) fn react(
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
    pub(super) fn whisper(
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
    pub(super) fn rewhisper(
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

    /// Sends the app an event, in the wrapper of the Events API. `lane` is the channel whose
    /// order it keeps.
    pub(super) fn emit(&mut self, lane: &str, mut event: Value) {
        if !self.outbox.is_connected() {
            self.outbox.missed();
            return;
        }
        let at = Ts::at(self.now());
        if let Some(object) = event.as_object_mut() {
            object.entry("event_ts").or_insert_with(|| at.to_string().into());
        }
        self.counter += 1;
        let app = &self.options.identity;
        let name = event["type"].as_str().unwrap_or_default().to_owned();
        let wrapper = json!({
            "token": app.verification_token,
            "team_id": app.team,
            "context_team_id": app.team,
            "context_enterprise_id": null,
            "api_app_id": app.app,
            "type": "event_callback",
            "event_id": format!("Ev06SIM{:06}", self.counter),
            "event_time": at.seconds(),
            "authed_users": [app.user],
            "authorizations": [{
                "enterprise_id": null, "team_id": app.team, "user_id": app.user,
                "is_bot": true, "is_enterprise_install": false,
            }],
            "is_ext_shared_channel": false,
            "event_context": format!("4-{:012}", self.counter),
            "event": event,
        });
        self.outbox.event(lane, &name, &wrapper);
    }
}

/// The `channel_type` of message events.
pub(super) const fn kind(private: bool) -> &'static str {
    if private { "group" } else { "channel" }
}
