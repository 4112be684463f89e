//! Who administrates the bridge by Slack's own ranks: the members of one user group.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use partyline_core::Failure;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::client::Client;

/// How long the group counts as it was read.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// How long a group that could not be read is not asked for again.
const PAUSE: Duration = Duration::from_secs(5);

/// The group's members, as last read.
#[derive(Default)]
pub(crate) struct Ranks(Mutex<Option<Known>>);

#[derive(Clone)]
struct Known {
    members: Result<Arc<HashSet<String>>, Failure>,
    since: Instant,
}

impl Ranks {
    /// Whether the user is in the group. One caller reads it, the others wait for what it finds:
    /// the lock is a turn, and the call under it is bounded in time.
    pub(crate) async fn contains(
        &self,
        client: &Client,
        group: &str,
        user: &str,
    ) -> Result<bool, Failure> {
        let mut known = self.0.lock().await;
        let fresh = known.as_ref().filter(|known| {
            known.since.elapsed() < if known.members.is_ok() { FRESH } else { PAUSE }
        });
        let members = match fresh {
            Some(known) => known.members.clone(),
            None => {
                let read = client.user_group(group).await;
                let members = read.map(|users| Arc::new(users.into_iter().collect()));
                *known = Some(Known { members: members.clone(), since: Instant::now() });
                members
            }
        };
        members.map(|members| members.contains(user))
    }
}
