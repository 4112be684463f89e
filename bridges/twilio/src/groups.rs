//! What the daemon asks about a conversation.

use async_trait::async_trait;
use partyline_core::{ConversationInfo, ConversationState, Failure, Groups, MemberInfo, Place};

use crate::inbound::member_address;
use crate::wire::rest;
use crate::{Twilio, sid_of};

/// The most participants of a conversation (Twilio's documentation says 1000).
const MOST_PARTICIPANTS: usize = 1000;

#[async_trait]
impl Groups for Twilio {
    async fn conversation(&self, reference: &str) -> Result<ConversationInfo, Failure> {
        let conversation = self.client.conversation(reference).await?;
        Ok(ConversationInfo {
            place: Place::conversation(&conversation.sid),
            name: conversation.friendly_name.or(conversation.unique_name),
            // A state that Twilio invents later: it is there, and sending will tell the rest.
            state: conversation.state.unwrap_or(ConversationState::Active),
        })
    }

    async fn members(&self, conversation: &Place) -> Result<Vec<MemberInfo>, Failure> {
        let pages = self.client.participants(sid_of(conversation)?)?;
        Ok(pages.all(MOST_PARTICIPANTS).await?.into_iter().map(member).collect())
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
