//! Users of the workspace, and how Slack shows them.

use serde_json::{Value, json};

/// A user.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The id, `U…`.
    pub id: String,
    /// The handle, what stands behind `@`.
    pub handle: String,
    /// The name as it is shown.
    pub name: String,
    /// The address of the picture.
    pub picture: Option<String>,
    /// The address for `users.lookupByEmail`.
    pub email: String,
    /// Whether it is the app's own user.
    pub is_bot: bool,
    /// Whether the account was deactivated.
    pub deleted: bool,
    /// When it last changed, in seconds of the epoch.
    pub updated: u64,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Where the pictures of those without one are said to be.
const NO_PICTURE: &str = "https://avatars.slack-edge.com/none";

impl User {
    /// The picture, or the stand-in.
    pub(super) fn picture_url(&self) -> &str {
        self.picture.as_deref().unwrap_or(NO_PICTURE)
    }

    /// The user object, as in `users.info`.
    pub(super) fn object(&self, team: &str) -> Value {
        json!({
            "id": self.id,
            "team_id": team,
            "name": self.handle,
            "deleted": self.deleted,
            "color": "9f69e7",
            "real_name": self.name,
            "tz": "Europe/Amsterdam",
            "tz_label": "Central European Time",
            "tz_offset": 3600,
            "profile": self.profile(team),
            "is_admin": false,
            "is_owner": false,
            "is_primary_owner": false,
            "is_restricted": false,
            "is_ultra_restricted": false,
            "is_bot": self.is_bot,
            "is_app_user": false,
            "updated": self.updated,
        })
    }

    /// The profile, as in `users.profile.get`.
    pub(super) fn profile(&self, team: &str) -> Value {
        let picture = self.picture_url();
        json!({
            "title": "",
            "phone": "",
            "skype": "",
            "real_name": self.name,
            "real_name_normalized": self.name,
            "display_name": self.name,
            "display_name_normalized": self.name,
            "fields": {},
            "status_text": "",
            "status_emoji": "",
            "status_expiration": 0,
            "avatar_hash": "ge3b51ca72de",
            "email": self.email,
            "image_24": picture,
            "image_32": picture,
            "image_48": picture,
            "image_72": picture,
            "image_192": picture,
            "image_512": picture,
            "team": team,
        })
    }
}
