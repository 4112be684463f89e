//! Conversations and who is in them: told by [`Groups`], changed by [`Manage`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Address, ConversationState, Failure, MessageId, Place, ReceiptStatus};

/// A conversation as its platform shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationInfo {
    /// Which one.
    pub place: Place,
    /// What people call it, at most 256 characters.
    pub name: Option<String>,
    /// What programs call it; no two conversations have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_name: Option<String>,
    /// What it is for, from its attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who made it, from its attributes: a person's id, where the bridge made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Its state at Twilio; what is closed can be written in no more, and cannot be opened again (50377).
    pub state: ConversationState,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
}

/// A member of a conversation, as its list of participants has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberInfo {
    /// The participant (`MB…`).
    pub participant: String,
    /// How the member is reached.
    pub address: Option<Address>,
    /// The sender that serves the member.
    pub sender: Option<Address>,
    /// The name in the participant's attributes.
    pub name: Option<String>,
}

/// Tells about conversations.
#[async_trait]
pub trait Groups: Send + Sync {
    /// The conversation with this SID or unique name.
    ///
    /// # Errors
    /// With a verdict; `Never` with [`Reason::NoSuchPlace`](crate::Reason::NoSuchPlace) where there
    /// is none.
    async fn conversation(&self, reference: &str) -> Result<ConversationInfo, Failure>;

    /// Who is in it.
    ///
    /// # Errors
    /// With a verdict.
    async fn members(&self, conversation: &Place) -> Result<Vec<MemberInfo>, Failure>;

    /// What became of a message in a conversation on each phone, or of one that went to one phone alone.
    ///
    /// # Errors
    /// With a verdict.
    async fn fates(&self, place: &Place, message: &MessageId) -> Result<Vec<Fate>, Failure>;

    /// A page of all conversations: the one that `after` names, or the first.
    ///
    /// # Errors
    /// With a verdict.
    async fn list(&self, after: Option<&str>) -> Result<ConversationPage, Failure>;
}

/// What became of a message on one phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// The participant (`MB…`); the address, where it went to that phone alone.
    pub participant: String,
    /// How far it came, or that it failed.
    pub status: ReceiptStatus,
    /// Twilio's error code, where it failed.
    pub error: Option<u32>,
}

/// A page of the list of all conversations, at most 100 (Twilio's largest page).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationPage {
    /// Those of this page, in the platform's order, which says nothing of when they were used.
    pub conversations: Vec<ConversationInfo>,
    /// Names the next page, if there is one; only the bridge takes it apart.
    pub next: Option<String>,
}

/// A conversation to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewConversation {
    /// What programs are to call it: a second one of this name is not made, the first is given.
    pub unique_name: String,
    /// What people are to call it, at most 256 characters.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who makes it: a person's id.
    pub created_by: String,
}

/// What is to be changed about a conversation; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationChange {
    /// What people are to call it, at most 256 characters.
    pub name: Option<String>,
    /// What it is for; an empty one is taken out.
    pub description: Option<String>,
    /// Another state; *inactive* can be taken back, *closed* cannot.
    pub state: Option<ConversationState>,
}

/// Makes and changes conversations, and who is in them. Every call can be repeated: the second
/// one finds what the first has done.
#[async_trait]
pub trait Manage: Send + Sync {
    /// Makes it, or gives the one that has its unique name already.
    ///
    /// # Errors
    /// With a verdict; after `Unknown`, making it again is right.
    async fn create(&self, new: &NewConversation) -> Result<ConversationInfo, Failure>;

    /// Changes it. Other people's attributes are kept.
    ///
    /// # Errors
    /// With a verdict.
    async fn change(
        &self,
        conversation: &Place,
        change: &ConversationChange,
    ) -> Result<ConversationInfo, Failure>;

    /// Removes it with everything in it; that it was gone already is success.
    ///
    /// # Errors
    /// With a verdict.
    async fn delete(&self, conversation: &Place) -> Result<(), Failure>;

    /// Adds somebody, behind this sender where it is a phone. That the very same is in it already
    /// is success.
    ///
    /// # Errors
    /// With a verdict; `Never` with [`Reason::Conflict`](crate::Reason::Conflict) where address
    /// and sender are in another conversation.
    async fn add_member(
        &self,
        conversation: &Place,
        address: &Address,
        sender: Option<&Address>,
    ) -> Result<(), Failure>;

    /// Takes a participant (`MB…`) out; one who is not in it is success.
    ///
    /// # Errors
    /// With a verdict.
    async fn remove_member(&self, conversation: &Place, participant: &str) -> Result<(), Failure>;

    /// Where somebody is a member now.
    ///
    /// # Errors
    /// With a verdict.
    async fn memberships(&self, who: &Address) -> Result<Vec<Membership>, Failure>;

    /// The templates that there are, with WhatsApp's approval of each.
    ///
    /// # Errors
    /// With a verdict.
    async fn templates(&self) -> Result<Vec<Template>, Failure>;
}

/// A conversation that somebody is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The conversation.
    pub conversation: Place,
    /// What people call it.
    pub name: Option<String>,
    /// The sender that serves the member there.
    pub sender: Option<Address>,
    /// The conversation's state.
    pub state: ConversationState,
}

/// A message that WhatsApp has approved, or not, with places to be filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// `HX…`.
    pub sid: String,
    /// Its name.
    pub name: String,
    /// Its language, `en`.
    pub language: String,
    /// `UTILITY`, `MARKETING`, `AUTHENTICATION`.
    pub category: Option<String>,
    /// WhatsApp's word for the approval: `approved`, `pending`, `rejected`, `unsubmitted`.
    pub status: String,
    /// Why it was rejected.
    pub rejection: Option<String>,
    /// What it says, with `{{1}}` where variables go. Empty where it says nothing in words.
    pub body: String,
    /// The variables, each with an example.
    pub variables: BTreeMap<String, String>,
}

impl Template {
    /// What it says with its variables filled in. What stands in a value is no place to be filled;
    /// a place without a value stays as it is.
    #[must_use]
    pub fn filled(&self, variables: &BTreeMap<String, String>) -> String {
        let mut text = String::new();
        let mut rest = self.body.as_str();
        while let Some((before, after)) = rest.split_once("{{") {
            text.push_str(before);
            let Some((key, after)) = after.split_once("}}") else {
                text.push_str("{{");
                rest = after;
                continue;
            };
            match variables.get(key.trim()) {
                Some(value) => text.push_str(value),
                None => text.extend(["{{", key, "}}"]),
            }
            rest = after;
        }
        text + rest
    }
}
