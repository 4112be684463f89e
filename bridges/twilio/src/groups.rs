//! What the daemon asks about conversations, and what it does with them.

use async_trait::async_trait;
use partyline_core::{
    Address, ConversationChange, ConversationInfo, ConversationPage, ConversationState, Failure,
    Fate, Groups, Manage, MemberInfo, Membership, MessageId, NewConversation, Place, Reason,
    ReceiptStatus, Template,
};
use serde_json::Value;

use crate::client::{self, NewParticipant};
use crate::error::{ALREADY_IN, NAME_TAKEN, conversation_in};
use crate::inbound::{member_address, word};
use crate::wire::attributes::{CONVERSATION_LIMIT, CREATED_BY, DESCRIPTION};
use crate::wire::messaging::DirectMessage;
use crate::wire::{Attributes, content, rest};
use crate::{Twilio, sid_of};

/// The most participants of a conversation (Twilio's documentation says 1000).
const MOST_PARTICIPANTS: usize = 1000;

/// The most conversations of one address that are looked at: one for each sender is all there can
/// be open, but closed ones stay in the list.
const MOST_MEMBERSHIPS: usize = 5000;

/// The most receipts of one message that are read: one for each phone in a conversation.
const MOST_RECEIPTS: usize = 1000;

/// The most templates that are looked at.
const MOST_TEMPLATES: usize = 5000;

#[async_trait]
impl Groups for Twilio {
    async fn conversation(&self, reference: &str) -> Result<ConversationInfo, Failure> {
        self.client.conversation(reference).await.map(info)
    }

    async fn members(&self, conversation: &Place) -> Result<Vec<MemberInfo>, Failure> {
        let pages = self.client.participants(sid_of(conversation)?)?;
        Ok(pages.all(MOST_PARTICIPANTS).await?.into_iter().map(member).collect())
    }

    async fn fates(&self, place: &Place, message: &MessageId) -> Result<Vec<Fate>, Failure> {
        if let Some((_, address)) = place.as_phone() {
            let sent = self.client.direct(message.as_str()).await?;
            return Ok(sent_directly(&address, &sent).into_iter().collect());
        }
        let pages = self.client.receipts(sid_of(place)?, message.as_str())?;
        let all = pages.all(MOST_RECEIPTS).await?;
        Ok(all.into_iter().filter_map(fate).collect())
    }

    async fn list(&self, after: Option<&str>) -> Result<ConversationPage, Failure> {
        let mut pages = match after {
            Some(next) => self.client.conversations_from(next)?,
            None => self.client.conversations(None, 100)?,
        };
        let conversations = pages.next_page().await?.unwrap_or_default();
        Ok(ConversationPage {
            conversations: conversations.into_iter().map(info).collect(),
            next: pages.next().map(str::to_owned),
        })
    }
}

#[async_trait]
impl Manage for Twilio {
    async fn create(&self, new: &NewConversation) -> Result<ConversationInfo, Failure> {
        let description = new.description.as_deref().unwrap_or_default();
        let attributes =
            attributes(&Attributes::default(), description, Some(&new.created_by))?.as_str().into();
        let wanted = client::NewConversation {
            friendly_name: Some(new.name.clone()),
            unique_name: Some(new.unique_name.clone()),
            attributes: Some(attributes),
            messaging_service_sid: self.config.messaging_service_sid.clone(),
        };
        match self.client.create_conversation(&wanted).await {
            Ok(made) => Ok(info(made)),
            Err(failure) if failure.code.as_deref() == Some(NAME_TAKEN) => {
                self.client.conversation(&new.unique_name).await.map(info)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn change(
        &self,
        conversation: &Place,
        change: &ConversationChange,
    ) -> Result<ConversationInfo, Failure> {
        let sid = sid_of(conversation)?;
        let attributes = match &change.description {
            None => None,
            Some(description) => {
                let before = self.client.conversation(sid).await?.attributes;
                Some(attributes(&before, description, None)?.as_str().to_owned())
            }
        };
        let change = client::ConversationChange {
            friendly_name: change.name.clone(),
            attributes,
            state: change.state,
            ..client::ConversationChange::default()
        };
        self.client.update_conversation(sid, &change).await.map(info)
    }

    async fn delete(&self, conversation: &Place) -> Result<(), Failure> {
        self.client.delete_conversation(sid_of(conversation)?).await
    }

    async fn add_member(
        &self,
        conversation: &Place,
        address: &Address,
        sender: Option<&Address>,
    ) -> Result<(), Failure> {
        let sid = sid_of(conversation)?;
        let new = NewParticipant {
            address: address.clone(),
            sender: sender.cloned(),
            projected: None,
            attributes: None,
            role_sid: None,
        };
        match self.client.add_participant(sid, &new).await {
            Ok(_) => Ok(()),
            Err(failure) if is_there(&failure, sid) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    async fn remove_member(&self, conversation: &Place, participant: &str) -> Result<(), Failure> {
        self.client.remove_participant(sid_of(conversation)?, participant).await
    }

    async fn memberships(&self, who: &Address) -> Result<Vec<Membership>, Failure> {
        let all = self.client.conversations_of(who)?.all(MOST_MEMBERSHIPS).await?;
        Ok(all.into_iter().map(membership).collect())
    }

    async fn templates(&self) -> Result<Vec<Template>, Failure> {
        let all = self.client.templates()?.all(MOST_TEMPLATES).await?;
        Ok(all.into_iter().map(Template::from).collect())
    }
}

/// Whether a refusal says that the wanted participant is in this very conversation.
fn is_there(failure: &Failure, sid: &str) -> bool {
    failure.reason == Reason::Conflict
        && (failure.code.as_deref().is_some_and(|code| ALREADY_IN.contains(&code))
            || conversation_in(&failure.sentence) == Some(sid))
}

fn attributes(
    before: &Attributes,
    description: &str,
    created_by: Option<&str>,
) -> Result<Attributes, Failure> {
    let mut fields = vec![(DESCRIPTION, description)];
    fields.extend(created_by.map(|by| (CREATED_BY, by)));
    before.with_fields(&fields, CONVERSATION_LIMIT).ok_or_else(|| {
        Failure::never(
            Reason::Content,
            "The description has no room in the conversation's attributes: they are no JSON object, or would be more than 16 KB. Shorten it.",
        )
    })
}

fn info(conversation: rest::Conversation) -> ConversationInfo {
    ConversationInfo {
        place: Place::conversation(&conversation.sid),
        description: conversation.attributes.field(DESCRIPTION),
        created_by: conversation.attributes.field(CREATED_BY),
        name: conversation.friendly_name,
        unique_name: conversation.unique_name,
        // A state that Twilio invents later: it is there, and sending will tell the rest.
        state: conversation.state.unwrap_or(ConversationState::Active),
        created: conversation.date_created,
        updated: conversation.date_updated,
    }
}

fn member(participant: rest::Participant) -> MemberInfo {
    let binding = participant.messaging_binding.unwrap_or_default();
    MemberInfo {
        address: member_address(binding.address.as_deref(), participant.identity.as_deref()),
        sender: binding.proxy_address.as_deref().and_then(|sender| sender.parse().ok()),
        name: participant.attributes.name(),
        participant: participant.sid,
    }
}

/// `None` where it is not said what became of it, or whose phone it is.
fn fate(receipt: rest::Receipt) -> Option<Fate> {
    let error = receipt.error_code.filter(|code| *code != 0);
    Some(Fate {
        participant: receipt.participant_sid?,
        status: receipt.status.as_deref().and_then(word)?,
        error: error.and_then(|code| u32::try_from(code).ok()),
    })
}

/// What became of a message to one phone alone; `None` where it has not left yet.
fn sent_directly(address: &Address, sent: &DirectMessage) -> Option<Fate> {
    let status = match sent.status.as_deref()? {
        // It will not be tried any more.
        "canceled" => ReceiptStatus::Failed,
        status => word(status)?,
    };
    let error = sent.error_code.filter(|code| *code != 0);
    Some(Fate {
        participant: address.to_string(),
        status,
        error: error.and_then(|code| u32::try_from(code).ok()),
    })
}

fn membership(one: rest::ParticipantConversation) -> Membership {
    let binding = one.participant_messaging_binding.unwrap_or_default();
    Membership {
        conversation: Place::conversation(&one.conversation_sid),
        name: one.conversation_friendly_name.or(one.conversation_unique_name),
        sender: binding.proxy_address.and_then(|sender| sender.parse().ok()),
        state: one.conversation_state.unwrap_or(ConversationState::Active),
    }
}

impl From<content::Template> for Template {
    fn from(one: content::Template) -> Self {
        let approval = one.approval_requests;
        let body = one
            .types
            .unwrap_or_default()
            .into_values()
            .find_map(|kind| kind.get("body").and_then(Value::as_str).map(str::to_owned));
        let word = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Self {
            name: one.friendly_name.unwrap_or_else(|| one.sid.clone()),
            sid: one.sid,
            language: one.language.unwrap_or_default(),
            category: approval.as_ref().and_then(|approval| approval.category.clone()),
            status: approval
                .as_ref()
                .and_then(|approval| approval.status.clone())
                .unwrap_or_else(|| "unsubmitted".to_owned()),
            rejection: approval
                .and_then(|approval| approval.rejection_reason)
                .filter(|reason| !reason.is_empty()),
            body: body.unwrap_or_default(),
            variables: one
                .variables
                .unwrap_or_default()
                .into_iter()
                .map(|(name, example)| (name, word(example)))
                .collect(),
        }
    }
}
