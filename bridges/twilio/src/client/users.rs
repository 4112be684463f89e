//! Users: the identities of SDK clients.

use partyline_core::Failure;

use super::{Client, Pages, pages::SMALL_PAGE};
use crate::wire::Form;
use crate::wire::rest::User;

const RESOURCE: &str = "users";

/// What a user has, or is to have; what is `None` stays.
#[derive(Clone, Default)]
pub struct UserChange {
    /// What people call it.
    pub friendly_name: Option<String>,
    /// A JSON object.
    pub attributes: Option<String>,
    /// `RL…`.
    pub role_sid: Option<String>,
}

impl Client {
    /// The users of the service.
    ///
    /// # Errors
    /// See [`Client`].
    pub fn users(&self) -> Result<Pages<'_, User>, Failure> {
        let mut url = self.service(&["Users"])?;
        url.query_pairs_mut().append_pair("PageSize", &SMALL_PAGE.to_string());
        Ok(self.pages(RESOURCE, "users", url))
    }

    /// One user, by SID or identity.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn user(&self, sid: &str) -> Result<User, Failure> {
        self.get(RESOURCE, self.service(&["Users", sid])?).await
    }

    /// Makes a user with this identity.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn create_user(&self, identity: &str, user: &UserChange) -> Result<User, Failure> {
        let form = user.form().with("Identity", identity);
        self.post(RESOURCE, self.service(&["Users"])?, &form).await
    }

    /// Changes a user.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn update_user(&self, sid: &str, change: &UserChange) -> Result<User, Failure> {
        self.post(RESOURCE, self.service(&["Users", sid])?, &change.form()).await
    }

    /// Removes a user.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn delete_user(&self, sid: &str) -> Result<(), Failure> {
        self.delete(RESOURCE, self.service(&["Users", sid])?).await
    }
}

impl UserChange {
    fn form(&self) -> Form<'_> {
        let mut form = Form::default();
        form.push_some("FriendlyName", self.friendly_name.as_deref());
        form.push_some("Attributes", self.attributes.as_deref());
        form.push_some("RoleSid", self.role_sid.as_deref());
        form
    }
}
