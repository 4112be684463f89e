//! Names of people in rooms: from the member events that sync brings (the SDK's store keeps them),
//! with a bounded cache in front, so that no message costs a request.

use matrix_sdk::Room;
use matrix_sdk::ruma::UserId;
use quick_cache::sync::Cache;

use crate::text;

/// How many names are held.
const HELD: usize = 10_000;

/// The names that were asked for lately.
#[derive(Debug)]
pub(crate) struct Members(Cache<(String, String), Option<String>>);

impl Members {
    pub(crate) fn new() -> Self {
        Self(Cache::new(HELD))
    }

    /// The person's name in the room, as far as it is known here. Asks nobody.
    pub(crate) async fn name(&self, room: &Room, user: &UserId) -> Option<String> {
        let key = (room.room_id().to_string(), user.to_string());
        if let Some(name) = self.0.get(&key) {
            return name;
        }
        let member = match room.get_member_no_sync(user).await {
            Ok(member) => member?,
            Err(error) => {
                tracing::warn!(%error, "a Matrix member could not be looked up in the store");
                return None;
            }
        };
        let name = member.display_name().and_then(text::name).map(|name| {
            // Two of one name in a room are told apart by their ids (client-server API,
            // "Calculating the display name for a user").
            if member.name_ambiguous() { format!("{name} ({user})") } else { name }
        });
        self.0.insert(key, name.clone());
        name
    }

    /// The person changed in the room: what is held of them is looked up again.
    pub(crate) fn forget(&self, room: &Room, user: &str) {
        self.0.remove(&(room.room_id().to_string(), user.to_owned()));
    }
}
