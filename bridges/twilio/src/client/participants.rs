//! Participants, and in which conversations somebody is one.

use partyline_core::{Address, Failure};

use super::{
    Client, Pages,
    pages::{PAGE, SMALL_PAGE},
};
use crate::wire::Form;
use crate::wire::rest::{Participant, ParticipantConversation};

const RESOURCE: &str = "participants";

/// A participant to be added: a phone with the sender that serves it, or an SDK client.
#[derive(Clone)]
pub struct NewParticipant {
    /// The phone's address, or the client's identity.
    pub address: Address,
    /// The sender that serves a phone.
    pub sender: Option<Address>,
    /// The sender of a group MMS.
    pub projected: Option<Address>,
    /// A JSON object, at most 4 KB.
    pub attributes: Option<String>,
    /// `RL…`.
    pub role_sid: Option<String>,
}

/// What is to be changed about a participant; what is `None` stays.
#[derive(Clone, Default)]
pub struct ParticipantChange {
    /// A JSON object, at most 4 KB, in place of the one before.
    pub attributes: Option<String>,
    /// `RL…`.
    pub role_sid: Option<String>,
    /// Another sender.
    pub sender: Option<Address>,
}

impl Client {
    /// The participants of a conversation.
    ///
    /// # Errors
    /// See [`Client`].
    pub fn participants(&self, conversation: &str) -> Result<Pages<'_, Participant>, Failure> {
        let mut url = self.service(&["Conversations", conversation, "Participants"])?;
        url.query_pairs_mut().append_pair("PageSize", &PAGE.to_string());
        Ok(self.pages(RESOURCE, "participants", url))
    }

    /// One participant.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn participant(&self, conversation: &str, sid: &str) -> Result<Participant, Failure> {
        let url = self.service(&["Conversations", conversation, "Participants", sid])?;
        self.get(RESOURCE, url).await
    }

    /// Adds a participant. One who is there already is refused with code 50416, 50433 or 50437,
    /// which makes it safe to try again.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn add_participant(
        &self,
        conversation: &str,
        new: &NewParticipant,
    ) -> Result<Participant, Failure> {
        let mut form = Form::default();
        match new.address.identity() {
            Some(identity) => form.push("Identity", identity),
            None => form.push("MessagingBinding.Address", new.address.as_str()),
        }
        form.push_some("MessagingBinding.ProxyAddress", new.sender.as_ref().map(Address::as_str));
        form.push_some(
            "MessagingBinding.ProjectedAddress",
            new.projected.as_ref().map(Address::as_str),
        );
        form.push_some("Attributes", new.attributes.as_deref());
        form.push_some("RoleSid", new.role_sid.as_deref());
        let url = self.service(&["Conversations", conversation, "Participants"])?;
        self.post(RESOURCE, url, &form).await
    }

    /// Changes a participant.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn update_participant(
        &self,
        conversation: &str,
        sid: &str,
        change: &ParticipantChange,
    ) -> Result<Participant, Failure> {
        let mut form = Form::default();
        form.push_some("Attributes", change.attributes.as_deref());
        form.push_some("RoleSid", change.role_sid.as_deref());
        form.push_some(
            "MessagingBinding.ProxyAddress",
            change.sender.as_ref().map(Address::as_str),
        );
        let url = self.service(&["Conversations", conversation, "Participants", sid])?;
        self.post(RESOURCE, url, &form).await
    }

    /// Removes a participant, which frees the pair of address and sender.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn remove_participant(&self, conversation: &str, sid: &str) -> Result<(), Failure> {
        let url = self.service(&["Conversations", conversation, "Participants", sid])?;
        self.delete(RESOURCE, url).await
    }

    /// The conversations that somebody is in, by address or identity.
    ///
    /// # Errors
    /// See [`Client`].
    pub fn conversations_of(
        &self,
        who: &Address,
    ) -> Result<Pages<'_, ParticipantConversation>, Failure> {
        let mut url = self.service(&["ParticipantConversations"])?;
        let (name, value) = match who.identity() {
            Some(identity) => ("Identity", identity),
            None => ("Address", who.as_str()),
        };
        url.query_pairs_mut()
            .append_pair(name, value)
            .append_pair("PageSize", &SMALL_PAGE.to_string());
        Ok(self.pages("participant_conversations", "conversations", url))
    }
}
