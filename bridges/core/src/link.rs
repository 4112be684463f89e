//! Links: which rooms a conversation is tied to.

use serde::{Deserialize, Serialize};

use crate::Place;

/// A conversation tied to a room. A conversation can be tied to several rooms (several links); a
/// room is tied to one conversation at most, so that what is said in it has one meaning.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Link {
    /// The conversation.
    pub conversation: Place,
    /// The room.
    pub room: Place,
}
