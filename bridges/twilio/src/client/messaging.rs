//! Direct messages, without a conversation (the Messaging API of 2010-04-01).

use jiff::Timestamp;
use partyline_core::{Address, Failure};
use url::Url;

use super::pages::{PAGE, Pages};
use super::{Client, address};
use crate::wire::Form;
use crate::wire::messaging::{DirectMessage, LoggedFile};

const RESOURCE: &str = "direct_messages";

/// The log of what phones wrote.
const LOG: &str = "message_log";

/// How many messages of the log are asked for at once: Twilio gives a thousand, which in a script of many
/// bytes is more than an answer may have.
const LOG_PAGE: usize = 500;

/// The most files of a message that are believed (Twilio: ten).
const FILES: usize = 50;

/// A direct message: words, or a template.
#[derive(Clone)]
pub struct DirectSend {
    /// The sender.
    pub from: Address,
    /// The phone.
    pub to: Address,
    /// What it says, at most 1600 characters.
    pub body: Option<String>,
    /// A template, `HX…`.
    pub content_sid: Option<String>,
    /// The template's variables, a JSON object of texts.
    pub content_variables: Option<String>,
    /// Files that Twilio fetches, 10 at most.
    pub media_urls: Vec<Url>,
    /// Who is told what becomes of it.
    pub status_callback: Option<Url>,
}

impl Client {
    /// Sends a direct message.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn send_direct(&self, send: &DirectSend) -> Result<DirectMessage, Failure> {
        let mut form =
            Form::default().with("From", send.from.as_str()).with("To", send.to.as_str());
        form.push_some("Body", send.body.as_deref());
        form.push_some("ContentSid", send.content_sid.as_deref());
        form.push_some("ContentVariables", send.content_variables.as_deref());
        for url in &send.media_urls {
            form.push("MediaUrl", url.as_str());
        }
        form.push_some("StatusCallback", send.status_callback.as_ref().map(Url::as_str));
        self.post(RESOURCE, self.direct_url("Messages.json")?, &form).await
    }

    /// A direct message that was sent.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn direct(&self, sid: &str) -> Result<DirectMessage, Failure> {
        let path =
            ["2010-04-01", "Accounts", &self.account_sid, "Messages", &format!("{sid}.json")];
        self.get(RESOURCE, address(&self.bases.messaging, &path)?).await
    }

    /// What was sent from this sender to this address, newest first, in conversations too.
    ///
    /// # Errors
    /// See [`Client`].
    pub fn direct_messages(
        &self,
        from: &Address,
        to: &Address,
    ) -> Result<Pages<'_, DirectMessage>, Failure> {
        let mut url = self.direct_url("Messages.json")?;
        url.query_pairs_mut()
            .append_pair("To", to.as_str())
            .append_pair("From", from.as_str())
            .append_pair("PageSize", &PAGE.to_string());
        Ok(self.pages(RESOURCE, "messages", url))
    }

    /// What was written to this sender since then, newest first, in conversations too. `T` is
    /// [`LoggedMessage`](crate::wire::messaging::LoggedMessage), or whatever else is to be read of one.
    ///
    /// # Errors
    /// See [`Client`].
    pub fn log_of<T>(&self, sender: &Address, since: Timestamp) -> Result<Pages<'_, T>, Failure> {
        let mut url = self.direct_url("Messages.json")?;
        url.query_pairs_mut()
            .append_pair("To", sender.as_str())
            .append_pair("DateSent>", &since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
            .append_pair("PageSize", &LOG_PAGE.to_string());
        Ok(self.pages(LOG, "messages", url))
    }

    /// The files of a message of the log, each with where it is.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn logged_files(&self, sid: &str) -> Result<Vec<(LoggedFile, Option<Url>)>, Failure> {
        let path = ["2010-04-01", "Accounts", &self.account_sid, "Messages", sid, "Media.json"];
        let url = address(&self.bases.messaging, &path)?;
        let files: Vec<LoggedFile> = self.pages(LOG, "media_list", url.clone()).all(FILES).await?;
        let place = |file: &LoggedFile| {
            let uri = file.uri.as_deref()?;
            url.join(uri.strip_suffix(".json").unwrap_or(uri)).ok()
        };
        Ok(files.into_iter().map(|file| (file.clone(), place(&file))).collect())
    }

    fn direct_url(&self, last: &str) -> Result<Url, Failure> {
        address(&self.bases.messaging, &["2010-04-01", "Accounts", &self.account_sid, last])
    }
}
