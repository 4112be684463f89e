//! The workspace: its people, channels and files, and what can happen in it.
//!
//! Everything that changes it goes through here, under one lock: the change, the
//! [`Happening`] and the event for the app are one step, so all three have one order.

mod messages;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::channel::Channel;
use super::files::Files;
use super::outbox::Outbox;
use super::promises::Promises;
use super::views::Views;
use super::{Happening, Options, Ts, User};

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
