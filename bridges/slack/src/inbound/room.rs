//! What happens to channels.

use partyline_core::{Happening, RoomChange};

use super::Reader;
use crate::wire;

impl Reader<'_> {
    /// The change of a room that an event of this name is, if it is one. Private channels have
    /// names of their own for the same events (`group_…`).
    pub(super) fn room(&self, name: &str, fields: &wire::Fields) -> Option<Happening> {
        let user = match &fields.user {
            Some(wire::UserRef::Id(id)) => Some(id.as_str()),
            Some(wire::UserRef::User(user)) => user.id.as_deref(),
            None => None,
        };
        let change = match name {
            "channel_archive" | "group_archive" => RoomChange::Archived,
            "channel_unarchive" | "group_unarchive" => RoomChange::Unarchived,
            "channel_deleted" | "group_deleted" => RoomChange::Deleted,
            "channel_left" | "group_left" => RoomChange::Left,
            "channel_rename" | "group_rename" => {
                RoomChange::Renamed(fields.channel.as_ref()?.name()?.to_owned())
            }
            "member_joined_channel" if self.is_own_user(user) => RoomChange::Joined,
            "member_left_channel" if self.is_own_user(user) => RoomChange::Left,
            _ => return None,
        };
        Some(Happening::Room { change })
    }
}
