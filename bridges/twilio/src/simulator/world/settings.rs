//! What is set once: hooks, roles, users, address configurations, templates, media.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use url::Url;

use super::World;
use crate::simulator::events::EVENTS;
use crate::simulator::model::{MediaItem, Message, Sid, Template};
use crate::simulator::refusal::Refusal;
use crate::simulator::templates;

/// A hook's destination: the whole account's or one service's.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct HookConfig {
    pub(in super::super) pre_url: Option<String>,
    pub(in super::super) post_url: Option<String>,
    /// GET or POST.
    pub(in super::super) get: bool,
    pub(in super::super) filters: Vec<String>,
}

impl HookConfig {
    /// Both hooks at one address, for every event.
    pub(in super::super) fn all(url: &Url) -> Self {
        Self {
            pre_url: Some(url.to_string()),
            post_url: Some(url.to_string()),
            get: false,
            filters: EVENTS.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A hook of one conversation.
#[derive(Clone, Debug)]
pub(in super::super) struct ScopedWebhook {
    pub(in super::super) sid: Sid,
    pub(in super::super) target: String,
    pub(in super::super) url: Option<String>,
    pub(in super::super) get: bool,
    pub(in super::super) filters: Vec<String>,
    pub(in super::super) triggers: Vec<String>,
    pub(in super::super) flow_sid: Option<String>,
    pub(in super::super) replay_after: Option<u64>,
    pub(in super::super) created: Timestamp,
    pub(in super::super) updated: Timestamp,
}

/// A role.
#[derive(Clone, Debug)]
pub(in super::super) struct Role {
    pub(in super::super) sid: Sid,
    pub(in super::super) friendly_name: String,
    pub(in super::super) kind: String,
    pub(in super::super) permissions: Vec<String>,
    pub(in super::super) created: Timestamp,
    pub(in super::super) updated: Timestamp,
}

/// A user: somebody with an identity.
#[derive(Clone)]
pub(in super::super) struct User {
    pub(in super::super) sid: Sid,
    pub(in super::super) identity: String,
    pub(in super::super) friendly_name: Option<String>,
    pub(in super::super) attributes: String,
    pub(in super::super) role_sid: Sid,
    pub(in super::super) created: Timestamp,
    pub(in super::super) updated: Timestamp,
}

/// What becomes of a message to a sender from somebody who is in no conversation with it.
#[derive(Clone)]
pub(in super::super) struct AddressConfig {
    pub(in super::super) sid: Sid,
    pub(in super::super) kind: String,
    pub(in super::super) address: String,
    pub(in super::super) friendly_name: Option<String>,
    pub(in super::super) address_country: Option<String>,
    pub(in super::super) enabled: bool,
    pub(in super::super) creation_type: String,
    pub(in super::super) service_sid: Option<String>,
    pub(in super::super) webhook_url: Option<String>,
    pub(in super::super) webhook_get: bool,
    pub(in super::super) webhook_filters: Vec<String>,
    pub(in super::super) studio_flow_sid: Option<String>,
    pub(in super::super) studio_retry_count: Option<u64>,
    pub(in super::super) created: Timestamp,
    pub(in super::super) updated: Timestamp,
}

/// An uploaded file.
#[derive(Clone)]
pub(in super::super) struct StoredMedia {
    pub(in super::super) item: MediaItem,
    pub(in super::super) author: Option<String>,
    pub(in super::super) bytes: Bytes,
    /// The message that carries it; it can stand in one only.
    pub(in super::super) message: Option<Sid>,
    /// Part of the address that works without credentials.
    pub(in super::super) ticket: String,
    pub(in super::super) created: Timestamp,
}

/// A direct message of the Messaging API.
#[derive(Clone)]
pub(in super::super) struct DirectMessage {
    pub(in super::super) sid: Sid,
    pub(in super::super) from: String,
    pub(in super::super) to: String,
    pub(in super::super) body: String,
    pub(in super::super) num_media: usize,
    /// What a phone sent with it; of what goes to phones, only the number is kept.
    pub(in super::super) files: Vec<MediaItem>,
    pub(in super::super) status: &'static str,
    pub(in super::super) error_code: u32,
    pub(in super::super) inbound: bool,
    pub(in super::super) messaging_service_sid: Option<String>,
    pub(in super::super) created: Timestamp,
}

/// All bytes of media kept at most; the oldest file goes first.
const MEDIA_BYTES: usize = 64 * 1024 * 1024;
/// Direct messages kept at most.
const DIRECT: usize = 10_000;

/// What is set once.
pub(in super::super) struct Settings {
    pub(in super::super) messaging_service_sid: Sid,
    pub(in super::super) account_hooks: HookConfig,
    pub(in super::super) service_hooks: HookConfig,
    /// The classic Messaging webhook.
    pub(in super::super) messaging_url: Option<String>,
    pub(in super::super) roles: BTreeMap<u64, Role>,
    pub(in super::super) participant_role: Sid,
    pub(in super::super) user_role: Sid,
    pub(in super::super) users: BTreeMap<u64, User>,
    /// By SID and by identity.
    pub(in super::super) user_by_key: HashMap<String, u64>,
    pub(in super::super) addresses: BTreeMap<u64, AddressConfig>,
    pub(in super::super) templates: BTreeMap<u64, Template>,
    pub(in super::super) template_by_sid: HashMap<Sid, u64>,
    pub(in super::super) media: HashMap<Sid, StoredMedia>,
    media_age: VecDeque<Sid>,
    media_bytes: usize,
    pub(in super::super) direct: HashMap<Sid, DirectMessage>,
    direct_age: VecDeque<Sid>,
    pub(in super::super) default_inactive_timer: Option<String>,
    pub(in super::super) default_closed_timer: Option<String>,
    pub(in super::super) started: Timestamp,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            messaging_service_sid: "".into(),
            account_hooks: HookConfig::default(),
            service_hooks: HookConfig::default(),
            messaging_url: None,
            roles: BTreeMap::new(),
            participant_role: "".into(),
            user_role: "".into(),
            users: BTreeMap::new(),
            user_by_key: HashMap::new(),
            addresses: BTreeMap::new(),
            templates: BTreeMap::new(),
            template_by_sid: HashMap::new(),
            media: HashMap::new(),
            media_age: VecDeque::new(),
            media_bytes: 0,
            direct: HashMap::new(),
            direct_age: VecDeque::new(),
            default_inactive_timer: None,
            default_closed_timer: None,
            started: Timestamp::UNIX_EPOCH,
        }
    }
}

impl Settings {
    pub(in super::super) fn template(&self, sid: &str) -> Option<&Template> {
        self.templates.get(self.template_by_sid.get(sid)?)
    }

    /// Keeps a file; the oldest make room for it.
    pub(in super::super) fn keep_media(&mut self, media: StoredMedia) {
        self.media_bytes += media.bytes.len();
        self.media_age.push_back(media.item.sid.clone());
        self.media.insert(media.item.sid.clone(), media);
        while self.media_bytes > MEDIA_BYTES && self.media_age.len() > 1 {
            if let Some(sid) = self.media_age.pop_front() {
                self.drop_media(&sid);
            }
        }
    }

    /// Forgets a file.
    pub(in super::super) fn drop_media(&mut self, sid: &str) -> bool {
        let gone = self.media.remove(sid);
        self.media_age.retain(|one| &**one != sid);
        self.media_bytes -= gone.as_ref().map_or(0, |media| media.bytes.len());
        gone.is_some()
    }

    /// The direct messages, newest first.
    pub(in super::super) fn direct_newest(&self) -> impl Iterator<Item = &DirectMessage> {
        self.direct_age.iter().rev().filter_map(|sid| self.direct.get(sid))
    }

    /// Keeps a direct message; the oldest make room for it.
    pub(in super::super) fn keep_direct(&mut self, message: DirectMessage) {
        self.direct_age.push_back(message.sid.clone());
        self.direct.insert(message.sid.clone(), message);
        if self.direct_age.len() > DIRECT
            && let Some(sid) = self.direct_age.pop_front()
        {
            self.direct.remove(&sid);
        }
    }
}

impl World {
    /// The settings that a fresh account has.
    pub(super) fn seed_settings(&mut self, options: &crate::simulator::Options) {
        let now = self.now();
        self.settings.started = now;
        self.settings.messaging_service_sid = options.messaging_service_sid.as_str().into();
        if let Some(url) = &options.webhook_url {
            self.settings.service_hooks = HookConfig::all(url);
        }
        self.settings.messaging_url = options.messaging_webhook_url.as_ref().map(Url::to_string);
        self.settings.participant_role = self.add_role(
            "channel user",
            "conversation",
            &["sendMessage", "leaveConversation", "editOwnMessage", "deleteOwnMessage"],
        );
        self.settings.user_role =
            self.add_role("service user", "service", &["joinConversation", "createConversation"]);
        for template in options.templates.clone().unwrap_or_else(templates::seeded) {
            self.add_template(template);
        }
    }

    /// One more template, with WhatsApp's word on it; or another word on one that is there.
    pub(in super::super) fn add_template(&mut self, template: Template) {
        let known = self.settings.template_by_sid.get(&template.sid).copied();
        let order = known.unwrap_or_else(|| self.order());
        self.settings.template_by_sid.insert(template.sid.clone(), order);
        self.settings.templates.insert(order, template);
    }

    fn add_role(&mut self, name: &str, kind: &str, permissions: &[&str]) -> Sid {
        let sid = self.sid("RL");
        let now = self.now();
        let order = self.order();
        let role = Role {
            sid: sid.clone(),
            friendly_name: name.to_owned(),
            kind: kind.to_owned(),
            permissions: permissions.iter().map(ToString::to_string).collect(),
            created: now,
            updated: now,
        };
        self.settings.roles.insert(order, role);
        sid
    }

    /// The user with this SID or identity.
    pub(in super::super) fn user(&self, key: &str) -> Option<&User> {
        self.settings.users.get(self.settings.user_by_key.get(key)?)
    }

    /// An uploaded file that no message carries yet.
    pub(in super::super) fn free_media(&self, sid: &str) -> Result<MediaItem, Refusal> {
        match self.settings.media.get(sid) {
            None => Err(Refusal::not_found(50507, "Media")),
            Some(media) if media.message.is_some() => {
                Err(Refusal::bad(50508, "Media is already used by another message"))
            }
            Some(media) => Ok(media.item.clone()),
        }
    }

    /// Notes that a message carries its files.
    pub(in super::super) fn bind_media(&mut self, message: &Message) {
        for item in &message.media {
            if let Some(media) = self.settings.media.get_mut(&item.sid) {
                media.message = Some(message.sid.clone());
            }
        }
    }

    /// Where a file can be had without credentials.
    pub(in super::super) fn ticket_url(&self, media: &StoredMedia) -> String {
        format!("{}/_media/{}/{}", self.base, media.item.sid, media.ticket)
    }

    /// Where an after hook, or a before hook, of this event goes.
    pub(in super::super) fn targets(
        &self,
        event: &str,
        conversation: Option<&str>,
    ) -> Vec<(Arc<str>, bool)> {
        if event == super::MESSAGING {
            return self
                .settings
                .messaging_url
                .iter()
                .map(|url| (url.as_str().into(), false))
                .collect();
        }
        let before = crate::simulator::events::is_before(event);
        let hears = |filters: &[String]| filters.iter().any(|one| one == event);
        let mut targets: Vec<(Arc<str>, bool)> =
            [&self.settings.service_hooks, &self.settings.account_hooks]
                .into_iter()
                .filter(|config| hears(&config.filters))
                .filter_map(|config| {
                    let url = if before { &config.pre_url } else { &config.post_url };
                    Some((url.as_deref()?.into(), config.get))
                })
                .collect();
        // A conversation's own hooks are told, not asked.
        if let Some(group) = conversation.filter(|_| !before).and_then(|id| self.groups.get(id)) {
            targets.extend(
                group
                    .webhooks
                    .values()
                    .filter(|one| one.target == "webhook" && hears(&one.filters))
                    .filter_map(|one| Some((one.url.as_deref()?.into(), one.get))),
            );
        }
        targets
    }
}
