//! Templates.

use partyline_core::Failure;

use super::{Client, Pages, address, pages::PAGE};
use crate::wire::content::Template;

impl Client {
    /// A template, without WhatsApp's word on it.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn template(&self, sid: &str) -> Result<Template, Failure> {
        self.get("templates", address(&self.bases.content, &["v1", "Content", sid])?).await
    }

    /// The account's templates, with WhatsApp's approval of each.
    ///
    /// # Errors
    /// See [`Client`].
    pub fn templates(&self) -> Result<Pages<'_, Template>, Failure> {
        let mut url = address(&self.bases.content, &["v1", "ContentAndApprovals"])?;
        url.query_pairs_mut().append_pair("PageSize", &PAGE.to_string());
        Ok(self.pages("templates", "contents", url))
    }
}
