//! Messages, and their receipts.

use partyline_core::Failure;

use super::{
    Client, Pages,
    pages::{PAGE, SMALL_PAGE},
};
use crate::wire::rest::{Message, Receipt};
use crate::wire::{Attributes, Form};

const RESOURCE: &str = "messages";

/// A message to be sent.
///
/// `Debug` shows which fields are set, not what people write.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NewMessage {
    /// Who says it; `system` where nobody is named.
    pub author: Option<String>,
    /// What it says, at most 1600 characters.
    pub body: Option<String>,
    /// Its attributes, at most 4 KB.
    pub attributes: Option<Attributes>,
    /// An uploaded file, `ME…`.
    pub media_sid: Option<String>,
    /// A template, `HX…`; body and file are ignored then.
    pub content_sid: Option<String>,
    /// The template's variables, a JSON object of texts.
    pub content_variables: Option<String>,
}

/// The order of a list of messages, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Oldest,
    /// Newest first.
    Newest,
}

impl Client {
    /// The messages of a conversation. `T` is [`Message`], or whatever else is to be read of one.
    ///
    /// # Errors
    /// See [`Client`].
    pub fn messages<T>(
        &self,
        conversation: &str,
        order: Order,
        page_size: usize,
    ) -> Result<Pages<'_, T>, Failure> {
        let mut url = self.service(&["Conversations", conversation, "Messages"])?;
        let order = match order {
            Order::Oldest => "asc",
            Order::Newest => "desc",
        };
        url.query_pairs_mut()
            .append_pair("Order", order)
            .append_pair("PageSize", &page_size.clamp(1, PAGE).to_string());
        Ok(self.pages(RESOURCE, "messages", url))
    }

    /// One message.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn message(&self, conversation: &str, sid: &str) -> Result<Message, Failure> {
        self.get(RESOURCE, self.service(&["Conversations", conversation, "Messages", sid])?).await
    }

    /// Sends a message to everybody in the conversation. No webhook tells of it: the bridge never
    /// asks for `X-Twilio-Webhook-Enabled`.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn send_message(
        &self,
        conversation: &str,
        new: &NewMessage,
    ) -> Result<Message, Failure> {
        let url = self.service(&["Conversations", conversation, "Messages"])?;
        self.post(RESOURCE, url, &new.form()).await
    }

    /// Changes a message's body and attributes, for SDK clients: phones keep what they have.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn update_message(
        &self,
        conversation: &str,
        sid: &str,
        body: Option<&str>,
        attributes: Option<&Attributes>,
    ) -> Result<Message, Failure> {
        let mut form = Form::default();
        form.push_some("Body", body);
        form.push_some("Attributes", attributes.map(Attributes::as_str));
        let url = self.service(&["Conversations", conversation, "Messages", sid])?;
        self.post(RESOURCE, url, &form).await
    }

    /// Removes a message, for SDK clients: phones keep what they have.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn delete_message(&self, conversation: &str, sid: &str) -> Result<(), Failure> {
        let url = self.service(&["Conversations", conversation, "Messages", sid])?;
        self.delete(RESOURCE, url).await
    }

    /// What became of a message on each phone.
    ///
    /// # Errors
    /// See [`Client`].
    pub fn receipts(
        &self,
        conversation: &str,
        message: &str,
    ) -> Result<Pages<'_, Receipt>, Failure> {
        let path = ["Conversations", conversation, "Messages", message, "Receipts"];
        let mut url = self.service(&path)?;
        url.query_pairs_mut().append_pair("PageSize", &SMALL_PAGE.to_string());
        Ok(self.pages("receipts", "delivery_receipts", url))
    }
}

impl NewMessage {
    /// The form that is posted.
    #[must_use]
    pub fn form(&self) -> Form<'_> {
        let mut form = Form::default();
        form.push_some("Author", self.author.as_deref());
        form.push_some("Body", self.body.as_deref());
        form.push_some("Attributes", self.attributes.as_ref().map(Attributes::as_str));
        form.push_some("MediaSid", self.media_sid.as_deref());
        form.push_some("ContentSid", self.content_sid.as_deref());
        form.push_some("ContentVariables", self.content_variables.as_deref());
        form
    }
}

impl std::fmt::Debug for NewMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewMessage").field("form", &self.form()).finish()
    }
}
