//! Webhooks: those of the service, and those of one conversation.

use partyline_core::Failure;

use super::{Client, Pages};
use crate::wire::Form;
use crate::wire::rest::{ConversationWebhook, ServiceWebhooks};

const RESOURCE: &str = "webhooks";

/// The most webhooks that a conversation has, and a page of them holds.
const CONVERSATION_WEBHOOKS: usize = 5;

/// What is to be changed about the service's webhooks; what is `None` stays. They are called
/// with POST: signatures cover the form.
#[derive(Clone, Debug, Default)]
pub struct ServiceWebhooksChange {
    /// Who is asked before something is done.
    pub pre_webhook_url: Option<String>,
    /// Who is told after.
    pub post_webhook_url: Option<String>,
    /// The events, `onMessageAdded` and so on. Empty: as before.
    pub filters: Vec<String>,
}

impl Client {
    /// The service's webhooks.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn service_webhooks(&self) -> Result<ServiceWebhooks, Failure> {
        self.get(RESOURCE, self.service(&["Configuration", "Webhooks"])?).await
    }

    /// The account's webhooks, which call for every service.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn account_webhooks(&self) -> Result<ServiceWebhooks, Failure> {
        let path = ["v1", "Configuration", "Webhooks"];
        self.get(RESOURCE, super::address(&self.bases.conversations, &path)?).await
    }

    /// Changes the service's webhooks.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn update_service_webhooks(
        &self,
        change: &ServiceWebhooksChange,
    ) -> Result<ServiceWebhooks, Failure> {
        let mut form = Form::default().with("Method", "POST");
        form.push_some("PreWebhookUrl", change.pre_webhook_url.as_deref());
        form.push_some("PostWebhookUrl", change.post_webhook_url.as_deref());
        for filter in &change.filters {
            form.push("Filters", filter.as_str());
        }
        self.post(RESOURCE, self.service(&["Configuration", "Webhooks"])?, &form).await
    }

    /// The webhooks of one conversation.
    ///
    /// # Errors
    /// See [`Client`].
    pub fn conversation_webhooks(
        &self,
        conversation: &str,
    ) -> Result<Pages<'_, ConversationWebhook>, Failure> {
        let mut url = self.service(&["Conversations", conversation, "Webhooks"])?;
        url.query_pairs_mut().append_pair("PageSize", &CONVERSATION_WEBHOOKS.to_string());
        Ok(self.pages(RESOURCE, "webhooks", url))
    }

    /// Lets a conversation call this address after these events. A conversation can have five.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn create_conversation_webhook(
        &self,
        conversation: &str,
        address: &str,
        filters: &[&str],
    ) -> Result<ConversationWebhook, Failure> {
        let mut form = Form::default()
            .with("Target", "webhook")
            .with("Configuration.Url", address)
            .with("Configuration.Method", "POST");
        for filter in filters {
            form.push("Configuration.Filters", *filter);
        }
        let url = self.service(&["Conversations", conversation, "Webhooks"])?;
        self.post(RESOURCE, url, &form).await
    }

    /// Removes a webhook of one conversation.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn delete_conversation_webhook(
        &self,
        conversation: &str,
        sid: &str,
    ) -> Result<(), Failure> {
        let url = self.service(&["Conversations", conversation, "Webhooks", sid])?;
        self.delete(RESOURCE, url).await
    }
}
