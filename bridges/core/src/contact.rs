//! Contacts: who is behind an address.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

/// A person whom the team knows by name. Kept in the contact store under
/// [`Address::contact_key`](crate::Address::contact_key).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The canonical key: `+14155550100`, `messenger:…` or `client:…`.
    pub key: String,
    /// The name that everybody is shown.
    pub name: String,
    /// The team, for finding and for broadcasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// A picture of the person, shown beside the name where a platform can. HTTP or HTTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Url>,
    /// Anything else that the team keeps about the person.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// When it was last changed.
    pub updated: Timestamp,
}

impl std::fmt::Debug for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contact").field("key", &crate::mask(&self.key)).finish_non_exhaustive()
    }
}
