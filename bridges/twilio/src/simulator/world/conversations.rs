//! Conversations: made, changed, removed.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::SignedDuration;

use super::super::events::{self, Cause, Effects};
use super::super::happening::Happening;
use super::super::model::{Conversation, Sid, State};
use super::super::refusal::Refusal;
use super::{Group, World};

/// What a request says of a conversation. `None` leaves a field as it is.
#[derive(Clone, Default)]
pub(in super::super) struct Wish {
    pub(in super::super) friendly_name: Option<String>,
    pub(in super::super) unique_name: Option<String>,
    pub(in super::super) attributes: Option<String>,
    pub(in super::super) messaging_service_sid: Option<String>,
    pub(in super::super) state: Option<State>,
    pub(in super::super) inactive_after: Option<SignedDuration>,
    pub(in super::super) closed_after: Option<SignedDuration>,
}

impl World {
    /// What a new conversation would be, after all checks; nothing is kept yet.
    pub(in super::super) fn draft_conversation(
        &mut self,
        wish: &Wish,
    ) -> Result<Conversation, Refusal> {
        if wish.state == Some(State::Closed) {
            return Err(Refusal::bad(50384, "Initial state can't be 'closed'"));
        }
        let now = self.now();
        let mut draft = Conversation {
            sid: self.sid("CH"),
            friendly_name: None,
            unique_name: None,
            attributes: "{}".to_owned(),
            messaging_service_sid: Some(self.settings.messaging_service_sid.clone()),
            state: State::Active,
            inactive_after: None,
            closed_after: None,
            date_inactive: None,
            date_closed: None,
            created: now,
            updated: now,
        };
        self.wish(&mut draft, wish)?;
        Ok(draft)
    }

    /// Applies a request's fields, after checking them.
    fn wish(&self, one: &mut Conversation, wish: &Wish) -> Result<(), Refusal> {
        check_names(wish)?;
        if let Some(name) = &wish.unique_name
            && !name.is_empty()
            && self.unique_names.get(name).is_some_and(|sid| *sid != one.sid)
        {
            return Err(Refusal::new(
                409,
                50353,
                "Conversation with provided unique name already exists",
            ));
        }
        if let Some(attributes) = &wish.attributes {
            check_attributes(attributes, 16 * 1024)?;
            one.attributes.clone_from(attributes);
        }
        if let Some(sid) = &wish.messaging_service_sid {
            if !Sid::is_form(sid, "MG") {
                return Err(Refusal::bad(20001, "MessagingServiceSid is not a valid SID"));
            }
            one.messaging_service_sid = Some(sid.as_str().into());
        }
        if let Some(name) = &wish.friendly_name {
            one.friendly_name = (!name.is_empty()).then(|| name.clone());
        }
        if let Some(name) = &wish.unique_name {
            one.unique_name = (!name.is_empty()).then(|| name.clone());
        }
        if let Some(state) = wish.state {
            one.state = state;
        }
        one.inactive_after = timer(wish.inactive_after, one.inactive_after);
        one.closed_after = timer(wish.closed_after, one.closed_after);
        Ok(())
    }

    /// Keeps a draft.
    pub(in super::super) fn add_conversation(
        &mut self,
        draft: Conversation,
        cause: &Cause,
        effects: &mut Effects,
    ) -> Sid {
        let sid = draft.sid.clone();
        let order = self.order();
        self.listed.insert(order, sid.clone());
        if let Some(name) = &draft.unique_name {
            self.unique_names.insert(name.clone(), sid.clone());
        }
        self.groups.insert(
            sid.clone(),
            Group {
                conversation: draft,
                order,
                participants: BTreeMap::new(),
                participant_by_sid: HashMap::new(),
                messages: VecDeque::new(),
                message_by_sid: HashMap::new(),
                next_index: 0,
                webhooks: BTreeMap::new(),
            },
        );
        self.touch(&sid);
        let one = self.groups[&sid].conversation.clone();
        let params = events::conversation(&one);
        self.hook(effects, "onConversationAdded", cause, Some(&sid), params);
        effects.tell(Happening::Conversation(one));
        sid
    }

    /// Changes one. The conversation as it is after it.
    pub(in super::super) fn update_conversation(
        &mut self,
        id: &str,
        wish: &Wish,
        cause: &Cause,
        effects: &mut Effects,
    ) -> Result<Conversation, Refusal> {
        let before = self.group(id)?.conversation.clone();
        if before.state == State::Closed {
            return Err(Refusal::closed());
        }
        let mut after = before.clone();
        self.wish(&mut after, wish)?;
        after.updated = self.now();
        let sid = after.sid.clone();
        if before.unique_name != after.unique_name {
            if let Some(name) = &before.unique_name {
                self.unique_names.remove(name);
            }
            if let Some(name) = &after.unique_name {
                self.unique_names.insert(name.clone(), sid.clone());
            }
        }
        let state = after.state;
        after.state = before.state;
        self.group_mut(&sid)?.conversation = after;
        self.touch(&sid);
        let params = events::conversation(&self.group(&sid)?.conversation);
        self.hook(effects, "onConversationUpdated", cause, Some(&sid), params);
        if state == before.state {
            effects.tell(Happening::Conversation(self.group(&sid)?.conversation.clone()));
        } else {
            self.set_state(&sid, state, "API", cause, effects)?;
        }
        Ok(self.group(&sid)?.conversation.clone())
    }

    /// Moves one to a state; closing it frees its bindings.
    pub(in super::super) fn set_state(
        &mut self,
        sid: &Sid,
        state: State,
        reason: &str,
        cause: &Cause,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let now = self.now();
        let group = self.group_mut(sid)?;
        let from = group.conversation.state;
        group.conversation.state = state;
        group.conversation.updated = now;
        if state == State::Closed {
            self.release_bindings(sid);
        }
        self.touch(sid);
        let one = self.group(sid)?.conversation.clone();
        let params = events::state(&one, from.as_str(), reason);
        self.hook(effects, "onConversationStateUpdated", cause, Some(sid), params);
        effects.tell(Happening::Conversation(one));
        Ok(())
    }

    /// Removes one with all that belongs to it.
    pub(in super::super) fn remove_conversation(
        &mut self,
        id: &str,
        cause: &Cause,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let sid = self.resolve(id)?;
        self.release_bindings(&sid);
        let Some(group) = self.groups.remove(&sid) else {
            return Err(Refusal::no_conversation(id));
        };
        self.listed.remove(&group.order);
        self.forget_timers(&group.conversation);
        if let Some(name) = &group.conversation.unique_name {
            self.unique_names.remove(name);
        }
        for (order, participant) in &group.participants {
            self.forget_membership(participant, *order);
        }
        let params = events::removed(events::conversation(&group.conversation), self.now());
        self.hook(effects, "onConversationRemoved", cause, Some(&sid), params);
        effects.tell(Happening::ConversationRemoved { conversation: sid });
        Ok(())
    }

    fn release_bindings(&mut self, sid: &Sid) {
        let Some(group) = self.groups.get(sid) else { return };
        for binding in group.participants.values().filter_map(|one| one.binding.as_ref()) {
            self.bindings.remove(binding);
        }
    }
}

/// A timer's new value: zero switches it off.
fn timer(wish: Option<SignedDuration>, now: Option<SignedDuration>) -> Option<SignedDuration> {
    match wish {
        Some(duration) if duration.is_zero() => None,
        Some(duration) => Some(duration),
        None => now,
    }
}

fn check_names(wish: &Wish) -> Result<(), Refusal> {
    let too_long =
        |name: &Option<String>| name.as_ref().is_some_and(|name| name.chars().count() > 256);
    if too_long(&wish.friendly_name) {
        return Err(Refusal::bad(50003, "Friendly name too long"));
    }
    if too_long(&wish.unique_name) {
        return Err(Refusal::bad(50004, "Unique name too long"));
    }
    if wish.inactive_after.is_some_and(|d| !d.is_zero() && d < SignedDuration::from_mins(1)) {
        return Err(Refusal::bad(50375, "TimeToInactive should be greater or equal to 1 minute"));
    }
    if wish.closed_after.is_some_and(|d| !d.is_zero() && d < SignedDuration::from_mins(10)) {
        return Err(Refusal::bad(50376, "TimeToClosed should be greater or equal to 10 minutes"));
    }
    Ok(())
}

/// Attributes are JSON in a string, of limited size (spec).
pub(in super::super) fn check_attributes(attributes: &str, limit: usize) -> Result<(), Refusal> {
    if attributes.len() > limit {
        return Err(Refusal::bad(50303, "Attributes too long"));
    }
    if serde_json::from_str::<serde::de::IgnoredAny>(attributes).is_err() {
        return Err(Refusal::bad(50304, "Attributes not valid"));
    }
    Ok(())
}
