//! Roles: what users and participants may do.

use partyline_core::Failure;

use super::{Client, Pages, pages::SMALL_PAGE};
use crate::wire::Form;
use crate::wire::rest::Role;

const RESOURCE: &str = "roles";

impl Client {
    /// The roles of the service.
    ///
    /// # Errors
    /// See [`Client`].
    pub fn roles(&self) -> Result<Pages<'_, Role>, Failure> {
        let mut url = self.service(&["Roles"])?;
        url.query_pairs_mut().append_pair("PageSize", &SMALL_PAGE.to_string());
        Ok(self.pages(RESOURCE, "roles", url))
    }

    /// One role.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn role(&self, sid: &str) -> Result<Role, Failure> {
        self.get(RESOURCE, self.service(&["Roles", sid])?).await
    }

    /// Makes a role of this kind (`conversation` or `service`) with these rights (`sendMessage`
    /// and so on).
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn create_role(
        &self,
        name: &str,
        kind: &str,
        permissions: &[&str],
    ) -> Result<Role, Failure> {
        let form = rights(permissions).with("FriendlyName", name).with("Type", kind);
        self.post(RESOURCE, self.service(&["Roles"])?, &form).await
    }

    /// Gives a role these rights, and no others.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn update_role(&self, sid: &str, permissions: &[&str]) -> Result<Role, Failure> {
        self.post(RESOURCE, self.service(&["Roles", sid])?, &rights(permissions)).await
    }

    /// Removes a role.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn delete_role(&self, sid: &str) -> Result<(), Failure> {
        self.delete(RESOURCE, self.service(&["Roles", sid])?).await
    }
}

fn rights<'a>(permissions: &[&'a str]) -> Form<'a> {
    let mut form = Form::default();
    for permission in permissions {
        form.push("Permission", *permission);
    }
    form
}
