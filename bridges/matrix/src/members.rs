//! Names of people in rooms: from the member events that sync brings (the SDK's store keeps them),
//! with a bounded cache in front, so that no message costs a request.

use matrix_sdk::Room;
use matrix_sdk::ruma::UserId;
use matrix_sdk::ruma::api::client::state::get_state_event_for_key::v3::Request;
use matrix_sdk::ruma::api::error::ErrorKind;
use matrix_sdk::ruma::events::StateEventType;
use matrix_sdk::ruma::events::room::member::MembershipState;
use quick_cache::sync::Cache;

use crate::text;

/// How many names are held.
const HELD: usize = 10_000;

/// What was asked of people in rooms lately: by room and person.
#[derive(Debug)]
pub(crate) struct Members {
    names: Cache<(String, String), Option<String>>,
    joined: Cache<(String, String), bool>,
}

/// What is read of a member event.
#[derive(serde::Deserialize)]
struct Membership {
    membership: MembershipState,
}

impl Members {
    pub(crate) fn new() -> Self {
        Self { names: Cache::new(HELD), joined: Cache::new(HELD) }
    }

    /// The person's name in the room, as far as it is known here. Asks nobody.
    pub(crate) async fn name(&self, room: &Room, user: &UserId) -> Option<String> {
        let key = (room.room_id().to_string(), user.to_string());
        if let Some(name) = self.names.get(&key) {
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
        self.names.insert(key, name.clone());
        name
    }

    /// Whether somebody of whom sync has told nothing is in the room: the homeserver is asked, once
    /// until something about them changes. If it does not answer, they are not.
    pub(crate) async fn has_joined(&self, room: &Room, user: &UserId) -> bool {
        let key = (room.room_id().to_string(), user.to_string());
        if let Some(joined) = self.joined.get(&key) {
            return joined;
        }
        let kind = StateEventType::RoomMember;
        let request = Request::new(room.room_id().to_owned(), kind, user.to_string());
        let content = match room.client().send(request).await {
            Ok(response) => {
                serde_json::from_str::<Membership>(response.event_or_content.get()).ok()
            }
            // Who was never in it has no such event.
            Err(error) if error.client_api_error_kind() == Some(&ErrorKind::NotFound) => None,
            Err(error) => {
                tracing::debug!(%error, "a Matrix member could not be asked for");
                return false;
            }
        };
        let joined = content.is_some_and(|content| content.membership == MembershipState::Join);
        self.joined.insert(key, joined);
        joined
    }

    /// The person changed in the room: what is held of them is looked up again.
    pub(crate) fn forget(&self, room: &Room, user: &str) {
        let key = (room.room_id().to_string(), user.to_owned());
        self.names.remove(&key);
        self.joined.remove(&key);
    }
}
