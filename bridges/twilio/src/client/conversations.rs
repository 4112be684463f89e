//! Conversations.

use partyline_core::{ConversationState, Failure};

use super::{
    Client, Pages,
    pages::{PAGE, follow},
};
use crate::wire::Form;
use crate::wire::rest::Conversation;

const RESOURCE: &str = "conversations";

/// A conversation to be made.
#[derive(Clone, Default)]
pub struct NewConversation {
    /// What people call it, at most 256 characters.
    pub friendly_name: Option<String>,
    /// What programs call it; a second one of the same name is refused with code 50353, which
    /// makes it safe to try again.
    pub unique_name: Option<String>,
    /// A JSON object, at most 16 KB.
    pub attributes: Option<String>,
    /// The Messaging Service that its messages go by, `MG…`; without it, the account's default.
    pub messaging_service_sid: Option<String>,
}

/// What is to be changed about a conversation; what is `None` stays.
#[derive(Clone, Default)]
pub struct ConversationChange {
    /// What people call it, at most 256 characters.
    pub friendly_name: Option<String>,
    /// What programs call it.
    pub unique_name: Option<String>,
    /// A JSON object, at most 16 KB, in place of the one before.
    pub attributes: Option<String>,
    /// Another state; one that is closed stays so (50377).
    pub state: Option<ConversationState>,
    /// After how long without a message it becomes inactive, in ISO 8601 (`PT5M`); at least a
    /// minute.
    pub inactive_after: Option<String>,
    /// After how long it is closed, likewise; at least ten minutes.
    pub closed_after: Option<String>,
}

/// A conversation to be made together with its members, 10 at most.
#[derive(Clone, Default)]
pub struct NewParticipants {
    /// The conversation that is made with them, in one call.
    pub conversation: NewConversation,
    /// Each a JSON object with the parameters of a participant.
    pub participants: Vec<String>,
}

impl Client {
    /// One conversation, by SID or unique name.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn conversation(&self, sid: &str) -> Result<Conversation, Failure> {
        self.get(RESOURCE, self.service(&["Conversations", sid])?).await
    }

    /// The conversations of the service, in this state where one is given.
    ///
    /// # Errors
    /// See [`Client`].
    pub fn conversations(
        &self,
        state: Option<ConversationState>,
        page_size: usize,
    ) -> Result<Pages<'_, Conversation>, Failure> {
        let mut url = self.service(&["Conversations"])?;
        url.query_pairs_mut()
            .append_pair("PageSize", &page_size.clamp(1, PAGE).to_string())
            .extend_pairs(state.and_then(state_word).map(|state| ("State", state)));
        Ok(self.pages(RESOURCE, "conversations", url))
    }

    /// The same list from the page on that [`Pages::next`] named.
    ///
    /// # Errors
    /// It names no page.
    pub fn conversations_from(&self, next: &str) -> Result<Pages<'_, Conversation>, Failure> {
        let next = follow(&self.service(&["Conversations"])?, next)?;
        Ok(self.pages(RESOURCE, "conversations", next))
    }

    /// Makes a conversation.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn create_conversation(
        &self,
        new: &NewConversation,
    ) -> Result<Conversation, Failure> {
        self.post(RESOURCE, self.service(&["Conversations"])?, &new.form()).await
    }

    /// Makes a conversation together with its members. Twilio may answer before all of them are
    /// in it (202).
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn create_conversation_with(
        &self,
        new: &NewParticipants,
    ) -> Result<Conversation, Failure> {
        let mut form = new.conversation.form();
        for participant in &new.participants {
            form.push("Participant", participant.as_str());
        }
        let url = self.service(&["ConversationWithParticipants"])?;
        self.post("conversation_with_participants", url, &form).await
    }

    /// Changes a conversation.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn update_conversation(
        &self,
        sid: &str,
        change: &ConversationChange,
    ) -> Result<Conversation, Failure> {
        let mut form = Form::default();
        form.push_some("FriendlyName", change.friendly_name.as_deref());
        form.push_some("UniqueName", change.unique_name.as_deref());
        form.push_some("Attributes", change.attributes.as_deref());
        form.push_some("State", change.state.and_then(state_word));
        form.push_some("Timers.Inactive", change.inactive_after.as_deref());
        form.push_some("Timers.Closed", change.closed_after.as_deref());
        self.post(RESOURCE, self.service(&["Conversations", sid])?, &form).await
    }

    /// Removes a conversation with everything in it.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn delete_conversation(&self, sid: &str) -> Result<(), Failure> {
        self.delete(RESOURCE, self.service(&["Conversations", sid])?).await
    }
}

impl NewConversation {
    fn form(&self) -> Form<'_> {
        let mut form = Form::default();
        form.push_some("FriendlyName", self.friendly_name.as_deref());
        form.push_some("UniqueName", self.unique_name.as_deref());
        form.push_some("Attributes", self.attributes.as_deref());
        form.push_some("MessagingServiceSid", self.messaging_service_sid.as_deref());
        form
    }
}

/// Twilio's word for a state that can be asked for.
const fn state_word(state: ConversationState) -> Option<&'static str> {
    match state {
        ConversationState::Initializing => Some("initializing"),
        ConversationState::Active => Some("active"),
        ConversationState::Inactive => Some("inactive"),
        ConversationState::Closed => Some("closed"),
        ConversationState::Removed => None,
    }
}
