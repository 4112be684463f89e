//! Participants: who may be one, and where.

use std::collections::BTreeMap;

use super::super::events::{self, Cause, Effects};
use super::super::happening::Happening;
use super::super::model::{Binding, Participant, Sid, State, channel};
use super::super::refusal::Refusal;
use super::World;
use super::conversations::check_attributes;

/// Twilio's limits (doc): participants of a conversation, and those of them behind phones.
const PARTICIPANTS: usize = 1000;
const PHONES: usize = 50;

/// What a request says of a participant.
#[derive(Clone, Default)]
pub(in super::super) struct Wish {
    pub(in super::super) identity: Option<String>,
    pub(in super::super) address: Option<String>,
    pub(in super::super) proxy_address: Option<String>,
    pub(in super::super) projected_address: Option<String>,
    pub(in super::super) attributes: Option<String>,
    pub(in super::super) role_sid: Option<String>,
    pub(in super::super) last_read_message_index: Option<u64>,
    pub(in super::super) last_read_timestamp: Option<String>,
}

impl World {
    /// What a new participant would be, after all checks; nothing is kept yet.
    pub(in super::super) fn draft_participant(
        &mut self,
        conversation: &str,
        wish: &Wish,
    ) -> Result<Participant, Refusal> {
        let group = self.open_group(conversation)?;
        if group.participants.len() >= PARTICIPANTS {
            return Err(Refusal::bad(50417, "Participants limit exceeded"));
        }
        if let Some(identity) = &wish.identity
            && group.author(identity).is_some()
        {
            return Err(Refusal::new(409, 50433, "Participant already exists"));
        }
        let phones = group.participants.values().filter(|one| one.binding.is_some()).count();
        let binding = self.check_binding(wish)?;
        if binding.is_some() && phones >= PHONES {
            return Err(Refusal::bad(50418, "Non-chat participants limit exceeded"));
        }
        if let Some(attributes) = &wish.attributes {
            check_attributes(attributes, 4 * 1024)?;
        }
        let now = self.now();
        Ok(Participant {
            sid: self.sid("MB"),
            identity: wish.identity.clone(),
            binding,
            projected_address: wish.projected_address.clone(),
            attributes: wish.attributes.clone().unwrap_or_else(|| "{}".to_owned()),
            role_sid: wish
                .role_sid
                .as_deref()
                .map_or_else(|| self.settings.participant_role.clone(), Sid::from),
            last_read_message_index: None,
            last_read_timestamp: None,
            created: now,
            updated: now,
        })
    }

    /// The binding that a request asks for: of the right form, ours, and free.
    fn check_binding(&self, wish: &Wish) -> Result<Option<Binding>, Refusal> {
        let (address, proxy) = match (&wish.address, &wish.proxy_address) {
            (None, None) if wish.identity.is_some() || wish.projected_address.is_some() => {
                return Ok(None);
            }
            (None, None) => {
                return Err(Refusal::bad(50411, "Identity or messaging binding address required"));
            }
            (Some(address), _) if !is_address(address) => {
                return Err(Refusal::bad(50407, "Invalid messaging binding address"));
            }
            (_, Some(proxy)) if !is_address(proxy) => {
                return Err(Refusal::bad(50408, "Invalid participant proxy address"));
            }
            (Some(address), Some(proxy)) => (address, proxy),
            (None, Some(_)) => {
                return Err(Refusal::bad(50411, "Messaging binding address is empty"));
            }
            (Some(_), None) => return Err(Refusal::bad(50412, "Proxy address is empty")),
        };
        if address == proxy {
            return Err(Refusal::bad(50409, "Proxy address and address can not be the same"));
        }
        if channel(address) != channel(proxy) {
            return Err(Refusal::bad(
                50414,
                "Participant address type does not match proxy address type",
            ));
        }
        if !self.senders.is_empty() && !self.senders.contains(proxy) {
            return Err(if channel(proxy) == "whatsapp" {
                Refusal::bad(50415, "Proxy address is not a valid WhatsApp sender")
            } else {
                Refusal::bad(50413, "Proxy address does not belong to the account")
            });
        }
        let binding = Binding { address: address.clone(), proxy_address: proxy.clone() };
        match self.bindings.get(&binding) {
            Some(bound) => Err(Refusal::bound(bound)),
            None => Ok(Some(binding)),
        }
    }

    /// Keeps a draft. The checks stand again: somebody may have been quicker.
    pub(in super::super) fn add_participant(
        &mut self,
        conversation: &str,
        draft: Participant,
        cause: &Cause,
        effects: &mut Effects,
    ) -> Result<Participant, Refusal> {
        let sid = self.open_group(conversation)?.conversation.sid.clone();
        if let Some(bound) = draft.binding.as_ref().and_then(|one| self.bindings.get(one)) {
            return Err(Refusal::bound(bound));
        }
        let order = self.order();
        if let Some(binding) = &draft.binding {
            self.bindings.insert(binding.clone(), sid.clone());
            self.phone(&binding.address);
        }
        if let Some(key) = membership_key(&draft) {
            self.memberships.entry(key.to_owned()).or_default().insert(order, sid.clone());
        }
        let group = self.open_group(&sid)?;
        group.participant_by_sid.insert(draft.sid.clone(), order);
        group.participants.insert(order, draft.clone());
        self.touch(&sid);
        let params = events::participant(&sid, &draft);
        self.hook(effects, "onParticipantAdded", cause, Some(&sid), params);
        effects.tell(Happening::Participant { conversation: sid, participant: draft.clone() });
        Ok(draft)
    }

    /// Changes one.
    pub(in super::super) fn update_participant(
        &mut self,
        conversation: &str,
        id: &str,
        wish: &Wish,
        cause: &Cause,
        effects: &mut Effects,
    ) -> Result<Participant, Refusal> {
        let now = self.now();
        let group = self.open_group(conversation)?;
        let conversation = group.conversation.sid.clone();
        let newest = group.next_index.checked_sub(1);
        let sid = group.participant(id).ok_or_else(no_participant)?.sid.clone();
        let order = group.participant_by_sid[&sid];
        let one = group.participants.get_mut(&order).ok_or_else(no_participant)?;
        if let Some(attributes) = &wish.attributes {
            check_attributes(attributes, 4 * 1024)?;
            one.attributes.clone_from(attributes);
        }
        if let Some(role) = &wish.role_sid {
            one.role_sid = role.as_str().into();
        }
        if let Some(address) = &wish.projected_address {
            one.projected_address = Some(address.clone());
        }
        if let Some(index) = wish.last_read_message_index {
            if newest.is_none_or(|newest| index > newest) {
                return Err(Refusal::bad(50517, "Last read message index is out of range"));
            }
            one.last_read_message_index = Some(index);
            one.last_read_timestamp = wish.last_read_timestamp.clone();
        }
        one.updated = now;
        let one = one.clone();
        let params = events::participant(&conversation, &one);
        self.hook(effects, "onParticipantUpdated", cause, Some(&conversation), params);
        effects.tell(Happening::Participant { conversation, participant: one.clone() });
        Ok(one)
    }

    /// Removes one and frees the binding.
    pub(in super::super) fn remove_participant(
        &mut self,
        conversation: &str,
        id: &str,
        cause: &Cause,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let group = self.group_mut(conversation)?;
        let open = group.conversation.state != State::Closed;
        let conversation = group.conversation.sid.clone();
        let sid = group.participant(id).ok_or_else(no_participant)?.sid.clone();
        let order = group.participant_by_sid.remove(&sid).ok_or_else(no_participant)?;
        let one = group.participants.remove(&order).ok_or_else(no_participant)?;
        if let Some(binding) = one.binding.as_ref().filter(|_| open) {
            self.bindings.remove(binding);
        }
        self.forget_membership(&one, order);
        let params = events::removed(events::participant(&conversation, &one), self.now());
        self.hook(effects, "onParticipantRemoved", cause, Some(&conversation), params);
        effects.tell(Happening::ParticipantRemoved { conversation, participant: one });
        Ok(())
    }

    pub(in super::super) fn forget_membership(&mut self, one: &Participant, order: u64) {
        let Some(key) = membership_key(one) else { return };
        if let Some(places) = self.memberships.get_mut(key) {
            places.remove(&order);
            if places.is_empty() {
                self.memberships.remove(key);
            }
        }
    }

    /// Where somebody is a participant: by place in the list.
    pub(in super::super) fn memberships_of(&self, key: &str) -> Option<&BTreeMap<u64, Sid>> {
        self.memberships.get(key)
    }
}

fn membership_key(one: &Participant) -> Option<&str> {
    one.binding.as_ref().map(|binding| &*binding.address).or(one.identity.as_deref())
}

pub(in super::super) fn no_participant() -> Refusal {
    Refusal::not_found(50432, "Participant")
}

/// Whether the text can be an address: E.164, with `whatsapp:` or not, or `messenger:ID`.
pub(in super::super) fn is_address(text: &str) -> bool {
    text.len() <= 256
        && (text.strip_prefix("messenger:").is_some_and(|id| !id.is_empty())
            || text.strip_prefix("whatsapp:").unwrap_or(text).strip_prefix('+').is_some_and(
                |digits| {
                    (2..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
                },
            ))
}
