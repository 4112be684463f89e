//! Who somebody is in Slack: names and pictures, kept for a while.

use std::time::Duration;

use partyline_core::Profile;
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::wire;

/// How many profiles are kept.
const CAPACITY: usize = 10_000;

/// How long a profile counts as fresh. Changes come as `user_change` events besides.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// The profiles that are known.
pub(crate) struct Profiles(Cache<String, Known>);

#[derive(Clone)]
struct Known {
    profile: Profile,
    since: Instant,
}

impl Profiles {
    pub(crate) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    /// The profile, if it is known and fresh.
    pub(crate) fn fresh(&self, user: &str) -> Option<Profile> {
        self.0.get(user).filter(|known| known.since.elapsed() < FRESH).map(|known| known.profile)
    }

    /// The profile, however old: better than none while Slack cannot be asked.
    pub(crate) fn any(&self, user: &str) -> Option<Profile> {
        self.0.get(user).map(|known| known.profile)
    }

    /// Slack said this of the user.
    pub(crate) fn learn(&self, user: &str, profile: Profile) {
        self.0.insert(user.to_owned(), Known { profile, since: Instant::now() });
    }

    /// The user changed: noted where somebody asked for that user before, so that the cache is
    /// not filled with people who never speak.
    pub(crate) fn changed(&self, user: &str, profile: Profile) {
        if self.0.get(user).is_some() {
            self.learn(user, profile);
        }
    }
}

/// What people see of a user: the display name, else the real name, else the handle.
pub(crate) fn profile(user: &wire::User) -> Profile {
    let shown = user.profile.as_ref();
    let name = [
        shown.and_then(|profile| profile.display_name.as_ref()),
        shown.and_then(|profile| profile.real_name.as_ref()),
        user.real_name.as_ref(),
        user.name.as_ref(),
    ]
    .into_iter()
    .flatten()
    .find(|name| !name.trim().is_empty())
    .cloned();
    let picture =
        shown.and_then(|profile| profile.image_192.clone().or_else(|| profile.image_72.clone()));
    Profile { name, picture }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(json: &str) -> Option<String> {
        profile(&serde_json::from_str(json).expect("user")).name
    }

    #[test]
    fn the_name_that_people_see_goes_first() {
        let whole = r#"{"name":"maya","real_name":"Maya B","profile":{"display_name":"May"}}"#;
        assert_eq!(named(whole).as_deref(), Some("May"));
        let blank = r#"{"name":"maya","profile":{"display_name":" ","real_name":"Maya B"}}"#;
        assert_eq!(named(blank).as_deref(), Some("Maya B"));
        assert_eq!(named(r#"{"name":"maya","profile":7}"#).as_deref(), Some("maya"));
        assert_eq!(named("{}"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_profile_is_fresh_for_an_hour_and_follows_changes() {
        let called = |name: &str| Profile { name: Some(name.into()), picture: None };
        let profiles = Profiles::new();
        profiles.changed("U1", called("Stranger"));
        assert_eq!(profiles.any("U1"), None);
        profiles.learn("U1", called("Maya"));
        profiles.changed("U1", called("Noor"));
        assert_eq!(profiles.fresh("U1"), Some(called("Noor")));
        tokio::time::advance(FRESH).await;
        assert_eq!(profiles.fresh("U1"), None);
        assert_eq!(profiles.any("U1"), Some(called("Noor")));
    }
}
