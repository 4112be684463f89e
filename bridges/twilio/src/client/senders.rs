//! The numbers and WhatsApp senders of the account.

use partyline_core::Failure;

use super::pages::SMALL_PAGE;
use super::{Client, Pages, address};
use crate::wire::senders::{OwnNumber, WhatsAppSender};

impl Client {
    /// The account's own number, in E.164, if it is one (the API of 2010-04-01).
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn own_number(&self, number: &str) -> Result<Option<OwnNumber>, Failure> {
        let path = ["2010-04-01", "Accounts", &self.account_sid, "IncomingPhoneNumbers.json"];
        let mut url = address(&self.bases.messaging, &path)?;
        url.query_pairs_mut().append_pair("PhoneNumber", number);
        let mut pages: Pages<'_, OwnNumber> = self.pages("numbers", "incoming_phone_numbers", url);
        let page = pages.next_page().await?.unwrap_or_default();
        Ok(page.into_iter().find(|one| one.phone_number.as_deref() == Some(number)))
    }

    /// The account's WhatsApp senders (Twilio's documentation of the Senders API).
    ///
    /// # Errors
    /// See [`Client`].
    pub fn whatsapp_senders(&self) -> Result<Pages<'_, WhatsAppSender>, Failure> {
        let mut url = address(&self.bases.senders, &["v2", "Channels", "Senders"])?;
        url.query_pairs_mut()
            .append_pair("Channel", "whatsapp")
            .append_pair("PageSize", &SMALL_PAGE.to_string());
        Ok(self.pages("senders", "senders", url))
    }
}
