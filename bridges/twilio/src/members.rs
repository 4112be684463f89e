//! What the daemon asks about a conversation.

use partyline_core::{Address, ConversationState, Failure, Place};

use crate::inbound::member_address;
use crate::wire::rest;
use crate::{Twilio, sid_of};

/// The most participants of a conversation (Twilio's documentation says 1000).
const MOST_PARTICIPANTS: usize = 1000;

/// A member of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// `MB…`.
    pub sid: String,
    /// How the member is reached. `None` where it is by a channel that the bridge does not know.
    pub address: Option<Address>,
    /// The sender that serves the member. SDK clients have none.
    pub sender: Option<Address>,
    /// The name in the participant's attributes.
    pub name: Option<String>,
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Its place; the SID is [`Place::id`].
    pub place: Place,
    /// What people call it.
    pub name: Option<String>,
    /// What programs call it.
    pub unique_name: Option<String>,
    /// Its state. `None` where Twilio has a new word for it.
    pub state: Option<ConversationState>,
    /// Its attributes, a JSON object as text.
    pub attributes: String,
}

impl Twilio {
    /// The members of a conversation.
    ///
    /// # Errors
    /// With a verdict; the conversation may not be there.
    pub async fn participants(&self, conversation: &Place) -> Result<Vec<Participant>, Failure> {
        let pages = self.client.participants(sid_of(conversation)?)?;
        Ok(pages.all(MOST_PARTICIPANTS).await?.into_iter().map(Participant::from).collect())
    }

    /// A conversation.
    ///
    /// # Errors
    /// With a verdict; the conversation may not be there.
    pub async fn conversation(&self, conversation: &Place) -> Result<Conversation, Failure> {
        self.client.conversation(sid_of(conversation)?).await.map(Conversation::from)
    }
}

impl From<rest::Participant> for Participant {
    fn from(participant: rest::Participant) -> Self {
        let binding = participant.messaging_binding.unwrap_or_default();
        let sender = binding.proxy_address.as_deref().and_then(|sender| sender.parse().ok());
        Self {
            address: member_address(binding.address.as_deref(), participant.identity.as_deref()),
            sender,
            name: participant.attributes.name(),
            sid: participant.sid,
        }
    }
}

impl From<rest::Conversation> for Conversation {
    fn from(conversation: rest::Conversation) -> Self {
        Self {
            place: Place::conversation(&conversation.sid),
            name: conversation.friendly_name,
            unique_name: conversation.unique_name,
            state: conversation.state,
            attributes: conversation.attributes.as_str().to_owned(),
        }
    }
}
