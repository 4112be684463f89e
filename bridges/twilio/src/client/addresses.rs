//! Address configurations: what is done with a message from a stranger. They belong to the whole
//! account.

use partyline_core::{Address, Channel, Failure};
use url::Url;

use super::{Client, Pages, address, pages::SMALL_PAGE};
use crate::wire::Form;
use crate::wire::rest::AddressConfiguration;

const RESOURCE: &str = "addresses";

/// How conversations are made for strangers; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct AddressSettings {
    /// What people call the address.
    pub friendly_name: Option<String>,
    /// Whether a conversation is made, in the bridge's own service.
    pub auto_creation: Option<bool>,
    /// Who is told.
    pub webhook_url: Option<Url>,
    /// Of which events, `onMessageAdded` and so on.
    pub webhook_filters: Vec<String>,
}

impl Client {
    /// The configured addresses of the account.
    ///
    /// # Errors
    /// See [`Client`].
    pub fn addresses(&self) -> Result<Pages<'_, AddressConfiguration>, Failure> {
        let mut url = self.address_url(&[])?;
        url.query_pairs_mut().append_pair("PageSize", &SMALL_PAGE.to_string());
        Ok(self.pages(RESOURCE, "address_configurations", url))
    }

    /// One of them, by SID or address.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn address(&self, sid: &str) -> Result<AddressConfiguration, Failure> {
        self.get(RESOURCE, self.address_url(&[sid])?).await
    }

    /// Configures an address of the account.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn create_address(
        &self,
        address: &Address,
        settings: &AddressSettings,
    ) -> Result<AddressConfiguration, Failure> {
        let kind = match address.channel() {
            Channel::WhatsApp => "whatsapp",
            Channel::Sms => "sms",
            Channel::Messenger => "messenger",
            Channel::Client => "chat",
        };
        let form =
            settings.form(&self.service_sid).with("Type", kind).with("Address", address.as_str());
        self.post(RESOURCE, self.address_url(&[])?, &form).await
    }

    /// Changes the configuration of an address.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn update_address(
        &self,
        sid: &str,
        settings: &AddressSettings,
    ) -> Result<AddressConfiguration, Failure> {
        self.post(RESOURCE, self.address_url(&[sid])?, &settings.form(&self.service_sid)).await
    }

    /// Removes the configuration of an address.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn delete_address(&self, sid: &str) -> Result<(), Failure> {
        self.delete(RESOURCE, self.address_url(&[sid])?).await
    }

    fn address_url(&self, path: &[&str]) -> Result<Url, Failure> {
        let path = [&["v1", "Configuration", "Addresses"], path].concat();
        address(&self.bases.conversations, &path)
    }
}

impl AddressSettings {
    fn form<'a>(&'a self, service_sid: &'a str) -> Form<'a> {
        let mut form = Form::default();
        form.push_some("FriendlyName", self.friendly_name.as_deref());
        if let Some(enabled) = self.auto_creation {
            form.push("AutoCreation.Enabled", if enabled { "true" } else { "false" });
            form.push("AutoCreation.Type", "webhook");
            form.push("AutoCreation.ConversationServiceSid", service_sid);
        }
        if let Some(url) = &self.webhook_url {
            form.push("AutoCreation.WebhookUrl", url.as_str());
            form.push("AutoCreation.WebhookMethod", "POST");
        }
        for filter in &self.webhook_filters {
            form.push("AutoCreation.WebhookFilters", filter.as_str());
        }
        form
    }
}
