//! Messages: added, changed, removed.

use jiff::Timestamp;

use super::super::events::{self, Cause, Effects};
use super::super::happening::Happening;
use super::super::model::{MediaItem, Message, Sid, State};
use super::super::refusal::Refusal;
use super::World;
use super::conversations::check_attributes;

/// The longest body that goes out to phones, in characters (doc).
const BODY: usize = 1600;
/// The most bytes that a message of SDK clients alone can have (doc: 32 KB).
const BODY_BYTES: usize = 32 * 1024;

/// What a request says of a message.
#[derive(Clone, Default)]
pub(in super::super) struct Wish {
    pub(in super::super) author: Option<String>,
    pub(in super::super) body: Option<String>,
    pub(in super::super) attributes: Option<String>,
    pub(in super::super) media: Vec<MediaItem>,
    pub(in super::super) content_sid: Option<String>,
    pub(in super::super) content_variables: Option<String>,
    pub(in super::super) channel_message_sid: Option<Sid>,
    /// When it was said, where that is not now: history that is brought in.
    pub(in super::super) created: Option<Timestamp>,
}

/// A message that has passed the checks and is kept by [`World::add_message`]; its SID and index
/// are given then.
#[derive(Clone)]
pub(in super::super) struct Draft {
    pub(in super::super) message: Message,
    /// What phones show of a template.
    pub(in super::super) filled: Option<String>,
}

impl World {
    /// What a new message would be, after all checks; nothing is kept yet.
    pub(in super::super) fn draft_message(
        &mut self,
        conversation: &str,
        wish: Wish,
    ) -> Result<Draft, Refusal> {
        let now = self.now();
        let filled = self.fill_template(&wish)?;
        let group = self.open_group(conversation)?;
        let template = filled.is_some();
        let body = wish.body.filter(|body| !template && !body.is_empty());
        let media = if template { Vec::new() } else { wish.media };
        let phones = group.participants.values().any(|one| one.binding.is_some());
        check_body(body.as_deref(), phones, media.is_empty() && !template)?;
        if let Some(attributes) = &wish.attributes {
            check_attributes(attributes, 4 * 1024)?;
        }
        let author = wish.author.unwrap_or_else(|| "system".to_owned());
        let participant_sid = group.author(&author).map(|one| one.sid.clone());
        let message = Message {
            sid: "".into(),
            conversation_sid: group.conversation.sid.clone(),
            index: 0,
            author,
            body,
            media,
            attributes: wish.attributes.unwrap_or_else(|| "{}".to_owned()),
            participant_sid,
            content_sid: wish.content_sid.map(Sid::from).filter(|_| template),
            channel_message_sid: wish.channel_message_sid,
            receipts: Vec::new(),
            created: wish.created.unwrap_or(now),
            updated: wish.created.unwrap_or(now),
        };
        Ok(Draft { message, filled })
    }

    /// The text of the wished template, where there is one.
    fn fill_template(&self, wish: &Wish) -> Result<Option<String>, Refusal> {
        let Some(sid) = &wish.content_sid else { return Ok(None) };
        let template = self
            .settings
            .template(sid)
            .ok_or_else(|| Refusal::bad(21655, "The ContentSid is Invalid"))?;
        let values = match wish.content_variables.as_deref() {
            None | Some("") => serde_json::Map::new(),
            Some(text) => serde_json::from_str(text)
                .map_err(|_| Refusal::bad(21656, "The Content Variables parameter is invalid"))?,
        };
        Ok(Some(template.filled(&values)))
    }

    /// Keeps a message, wakes the conversation, and sends it to the other members' phones.
    pub(in super::super) fn add_message(
        &mut self,
        draft: Draft,
        cause: &Cause,
        effects: &mut Effects,
    ) -> Result<Message, Refusal> {
        let sid = self.sid("IM");
        let keep = self.keep_messages;
        let Draft { mut message, filled } = draft;
        let conversation = message.conversation_sid.clone();
        let group = self.open_group(&conversation)?;
        message.sid = sid;
        message.index = group.next_index;
        group.next_index += 1;
        let woken = group.conversation.state == State::Inactive;
        group.message_by_sid.insert(message.sid.clone(), message.index);
        group.messages.push_back(message.clone());
        while group.messages.len() > keep {
            if let Some(old) = group.messages.pop_front() {
                group.message_by_sid.remove(&old.sid);
            }
        }
        let service = group.conversation.messaging_service_sid.clone();
        if woken {
            self.set_state(&conversation, State::Active, "EVENT", cause, effects)?;
        } else {
            self.touch(&conversation);
        }
        let params = events::message(&message, service.as_ref());
        self.hook(effects, "onMessageAdded", cause, Some(&conversation), params);
        effects.tell(Happening::Message(message.clone()));
        self.send_to_phones(&message, filled.as_deref(), effects);
        Ok(self.group(&conversation)?.message(&message.sid).cloned().unwrap_or(message))
    }

    /// Changes one.
    pub(in super::super) fn update_message(
        &mut self,
        conversation: &str,
        id: &str,
        wish: &Wish,
        cause: &Cause,
        effects: &mut Effects,
    ) -> Result<Message, Refusal> {
        let now = self.now();
        let group = self.open_group(conversation)?;
        let phones = group.participants.values().any(|one| one.binding.is_some());
        let service = group.conversation.messaging_service_sid.clone();
        let index = *group.message_by_sid.get(id).ok_or_else(no_message)?;
        let position = group.position(index).ok_or_else(no_message)?;
        let message = &mut group.messages[position];
        if let Some(body) = &wish.body {
            check_body(Some(body), phones, false)?;
            message.body = Some(body.clone());
        }
        if let Some(attributes) = &wish.attributes {
            check_attributes(attributes, 4 * 1024)?;
            message.attributes.clone_from(attributes);
        }
        if let Some(author) = &wish.author {
            message.author.clone_from(author);
        }
        message.updated = now;
        let message = message.clone();
        let params = events::message_changed(&message, service.as_ref());
        let conversation = message.conversation_sid.clone();
        self.hook(effects, "onMessageUpdated", cause, Some(&conversation), params);
        effects.tell(Happening::MessageUpdated(message.clone()));
        Ok(message)
    }

    /// Removes one; its index stays empty.
    pub(in super::super) fn remove_message(
        &mut self,
        conversation: &str,
        id: &str,
        cause: &Cause,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let now = self.now();
        let group = self.group_mut(conversation)?;
        let service = group.conversation.messaging_service_sid.clone();
        let index = group.message_by_sid.remove(id).ok_or_else(no_message)?;
        let message = group
            .position(index)
            .and_then(|position| group.messages.remove(position))
            .ok_or_else(no_message)?;
        let params = events::removed(events::message_changed(&message, service.as_ref()), now);
        let conversation = message.conversation_sid;
        self.hook(effects, "onMessageRemoved", cause, Some(&conversation), params);
        effects.tell(Happening::MessageRemoved { conversation, message: message.sid });
        Ok(())
    }
}

pub(in super::super) fn no_message() -> Refusal {
    Refusal::not_found(50500, "Message")
}

fn check_body(body: Option<&str>, phones: bool, alone: bool) -> Result<(), Refusal> {
    let body = body.unwrap_or_default();
    if body.is_empty() && alone {
        return Err(Refusal::bad(50501, "Message body or media is required"));
    }
    if body.len() > BODY_BYTES || (phones && body.chars().count() > BODY) {
        return Err(Refusal::bad(50504, "Message body is too long"));
    }
    Ok(())
}
