//! The state of the simulated Twilio, and what follows from each change of it.
//!
//! Everything is behind one lock, held for microseconds and never across a wait. A change yields
//! [`Effects`]: the hooks to call and the happenings to tell, in order; they are queued under the
//! same lock, so that their order is the order of the changes.

pub(super) mod codes;
pub(super) mod conversations;
pub(super) mod delivery;
mod hearing;
pub(super) mod messages;
pub(super) mod participants;
pub(super) mod phones;
pub(super) mod settings;
pub(super) mod timers;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use partyline_core::Clock;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::events::{Cause, Effects};
use super::model::{Binding, Conversation, Message, Participant, Sid};
use super::refusal::Refusal;
use codes::{CodeAttempt, Verification};
use phones::PhoneState;
use settings::Settings;

/// The name under which the classic Messaging webhook is told, among the hooks.
pub(super) const MESSAGING: &str = "messaging";

/// A conversation with what belongs to it.
pub(super) struct Group {
    pub(super) conversation: Conversation,
    /// Its place in lists.
    pub(super) order: u64,
    /// By place in lists, which is the order in which they came.
    pub(super) participants: BTreeMap<u64, Participant>,
    pub(super) participant_by_sid: HashMap<Sid, u64>,
    /// By rising index, capped; the indices of those that fell off are not used again.
    pub(super) messages: VecDeque<Message>,
    pub(super) message_by_sid: HashMap<Sid, u64>,
    pub(super) next_index: u64,
    pub(super) webhooks: BTreeMap<u64, settings::ScopedWebhook>,
}

impl Group {
    /// The participant with this SID, or this identity.
    pub(super) fn participant(&self, id: &str) -> Option<&Participant> {
        match self.participant_by_sid.get(id) {
            Some(order) => self.participants.get(order),
            None => self.participants.values().find(|one| one.identity.as_deref() == Some(id)),
        }
    }

    /// The participant whose address or identity this is.
    pub(super) fn author(&self, author: &str) -> Option<&Participant> {
        self.participants.values().find(|one| {
            one.identity.as_deref() == Some(author)
                || one.binding.as_ref().is_some_and(|binding| binding.address == author)
        })
    }

    pub(super) fn position(&self, index: u64) -> Option<usize> {
        self.messages.binary_search_by_key(&index, |message| message.index).ok()
    }

    pub(super) fn message(&self, sid: &str) -> Option<&Message> {
        self.messages.get(self.position(*self.message_by_sid.get(sid)?)?)
    }
}

/// The whole state.
pub(super) struct World {
    /// The simulator's own address.
    pub(super) base: String,
    pub(super) account_sid: Sid,
    pub(super) service_sid: Sid,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) chance: SmallRng,
    /// The next place in a list.
    next_order: u64,
    pub(super) groups: HashMap<Sid, Group>,
    /// Conversations in the order of lists.
    pub(super) listed: BTreeMap<u64, Sid>,
    pub(super) unique_names: HashMap<String, Sid>,
    /// Which conversation each (address, sender) is in: active or inactive ones only.
    pub(super) bindings: HashMap<Binding, Sid>,
    /// By address or identity: where somebody is a participant, by place in the list.
    pub(super) memberships: HashMap<String, BTreeMap<u64, Sid>>,
    /// When which conversation changes its state by itself.
    pub(super) timers: BTreeSet<(Timestamp, Sid)>,
    pub(super) phones: HashMap<String, PhoneState>,
    /// By number: what was sent a code and is not over yet.
    pub(super) verifications: HashMap<String, Verification>,
    /// What became of each sending of a code (`VL…`): whether it was told, and of which number.
    pub(super) code_attempts: HashMap<Sid, CodeAttempt>,
    pub(super) settings: Settings,
    /// At most so many messages are kept in a conversation and on a phone.
    pub(super) keep_messages: usize,
    /// The senders that the account owns; empty: any.
    pub(super) senders: Vec<String>,
    /// Whether phones read at once what arrives.
    pub(super) reads: bool,
}

impl World {
    pub(super) fn new(options: &super::Options, base: &str) -> Self {
        let mut world = Self {
            base: base.to_owned(),
            account_sid: options.account_sid.as_str().into(),
            service_sid: options.service_sid.as_str().into(),
            clock: Arc::clone(&options.clock),
            chance: SmallRng::seed_from_u64(options.seed),
            next_order: 0,
            groups: HashMap::new(),
            listed: BTreeMap::new(),
            unique_names: HashMap::new(),
            bindings: HashMap::new(),
            memberships: HashMap::new(),
            timers: BTreeSet::new(),
            phones: HashMap::new(),
            settings: Settings::default(),
            verifications: HashMap::new(),
            code_attempts: HashMap::new(),
            keep_messages: options.keep_messages.max(1),
            senders: options.senders.clone(),
            reads: options.reads,
        };
        world.seed_settings(options);
        world
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A fresh SID of a kind.
    pub(super) fn sid(&mut self, kind: &str) -> Sid {
        let mut text = String::with_capacity(34);
        // Writing into a String cannot fail.
        let _ = write!(text, "{kind}{:032x}", self.chance.random::<u128>());
        text.into()
    }

    /// A fresh place in a list.
    pub(super) fn order(&mut self) -> u64 {
        self.next_order += 1;
        self.next_order
    }

    /// The SID of a conversation given by SID or unique name.
    pub(super) fn resolve(&self, id: &str) -> Result<Sid, Refusal> {
        if let Some((sid, _)) = self.groups.get_key_value(id) {
            return Ok(sid.clone());
        }
        self.unique_names.get(id).cloned().ok_or_else(|| Refusal::no_conversation(id))
    }

    pub(super) fn group(&self, id: &str) -> Result<&Group, Refusal> {
        let sid = self.resolve(id)?;
        self.groups.get(&sid).ok_or_else(|| Refusal::no_conversation(id))
    }

    pub(super) fn group_mut(&mut self, id: &str) -> Result<&mut Group, Refusal> {
        let sid = self.resolve(id)?;
        self.groups.get_mut(&sid).ok_or_else(|| Refusal::no_conversation(id))
    }

    /// The group, unless it is closed.
    pub(super) fn open_group(&mut self, id: &str) -> Result<&mut Group, Refusal> {
        let group = self.group_mut(id)?;
        if group.conversation.state == super::model::State::Closed {
            return Err(Refusal::closed());
        }
        Ok(group)
    }

    /// Queues a hook with the parameters that every hook has.
    pub(super) fn hook(
        &self,
        effects: &mut Effects,
        event: &'static str,
        cause: &Cause,
        conversation: Option<&Sid>,
        own: super::events::Params,
    ) {
        if cause.hooks {
            let params = self.hook_params(event, cause, own);
            effects.hook(event, conversation.cloned(), params);
        }
    }

    /// The parameters of a hook: the common ones, then its own.
    pub(super) fn hook_params(
        &self,
        event: &'static str,
        cause: &Cause,
        own: super::events::Params,
    ) -> super::events::Params {
        let mut params = vec![
            ("EventType".into(), event.to_owned()),
            ("AccountSid".into(), self.account_sid.to_string()),
            ("ChatServiceSid".into(), self.service_sid.to_string()),
            ("Source".into(), cause.source.to_owned()),
        ];
        if let Some(identity) = &cause.identity {
            params.push(("ClientIdentity".into(), identity.clone()));
        }
        params.extend(own);
        params
    }
}
