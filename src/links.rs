//! The links in force, in memory: those of the configuration and those made by command.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use partyline_core::{Link, Network, Place};

/// Which rooms a conversation is tied to, and which conversation a room is tied to.
#[derive(Debug, Default)]
pub struct Links(RwLock<Maps>);

#[derive(Debug, Default)]
struct Maps {
    rooms: HashMap<Place, Vec<Place>>,
    conversation: HashMap<Place, Place>,
}

/// The room is tied to this conversation already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken(pub Place);

impl Links {
    /// No link.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ties a room to a conversation. Tying it to the same one again changes nothing.
    ///
    /// # Errors
    /// The room is tied to another conversation.
    pub fn tie(&self, link: Link) -> Result<(), Taken> {
        let mut maps = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match maps.conversation.get(&link.room) {
            Some(taken) if *taken == link.conversation => Ok(()),
            Some(taken) => Err(Taken(taken.clone())),
            None => {
                maps.rooms.entry(link.conversation.clone()).or_default().push(link.room.clone());
                maps.conversation.insert(link.room, link.conversation);
                Ok(())
            }
        }
    }

    /// Unties a room, and says from what.
    pub fn untie(&self, room: &Place) -> Option<Place> {
        let mut maps = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let conversation = maps.conversation.remove(room)?;
        if let Some(rooms) = maps.rooms.get_mut(&conversation) {
            rooms.retain(|other| other != room);
            if rooms.is_empty() {
                maps.rooms.remove(&conversation);
            }
        }
        Some(conversation)
    }

    /// Everywhere that something said in this place is also to be said. Empty where it is tied to
    /// nothing.
    #[must_use]
    pub fn others(&self, place: &Place) -> Vec<Place> {
        let maps = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if place.is_conversation() {
            return maps.rooms.get(place).cloned().unwrap_or_default();
        }
        let Some(conversation) = maps.conversation.get(place) else { return Vec::new() };
        let rooms = maps.rooms.get(conversation).into_iter().flatten();
        std::iter::once(conversation).chain(rooms.filter(|room| *room != place)).cloned().collect()
    }

    /// The conversation that a room is tied to.
    #[must_use]
    pub fn conversation(&self, room: &Place) -> Option<Place> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).conversation.get(room).cloned()
    }

    /// Whether it is tied to anything.
    #[must_use]
    pub fn knows(&self, place: &Place) -> bool {
        let maps = self.0.read().unwrap_or_else(PoisonError::into_inner);
        maps.rooms.contains_key(place) || maps.conversation.contains_key(place)
    }

    /// All places of a network that are tied to something.
    #[must_use]
    pub fn places(&self, network: Network) -> Vec<Place> {
        let maps = self.0.read().unwrap_or_else(PoisonError::into_inner);
        maps.rooms
            .keys()
            .chain(maps.conversation.keys())
            .filter(|place| place.network() == network)
            .cloned()
            .collect()
    }

    /// Links in the order of their rooms, from after the room `after` on, at most `limit`.
    #[must_use]
    pub fn page(&self, after: Option<&str>, limit: usize) -> Vec<Link> {
        let maps = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<(String, &Place, &Place)> = maps
            .conversation
            .iter()
            .map(|(room, conversation)| (room.to_string(), room, conversation))
            .filter(|(text, ..)| after.is_none_or(|after| text.as_str() > after))
            .collect();
        all.sort_unstable_by(|(one, ..), (other, ..)| one.cmp(other));
        all.into_iter()
            .take(limit)
            .map(|(_, room, conversation)| Link {
                conversation: conversation.clone(),
                room: room.clone(),
            })
            .collect()
    }

    /// How many rooms are tied to a conversation.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).conversation.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_said_in_one_is_said_in_all_the_others() {
        let links = Links::new();
        let conversation = place("twilio:CH0123456789abcdef0123456789abcdef");
        let (slack, matrix) = (place("slack:C1"), place("matrix:!a:b"));
        for room in [&slack, &matrix] {
            links.tie(Link { conversation: conversation.clone(), room: room.clone() }).unwrap();
        }
        assert_eq!(links.others(&conversation), [slack.clone(), matrix.clone()]);
        assert_eq!(links.others(&slack), [conversation.clone(), matrix.clone()]);
        assert_eq!(links.untie(&slack), Some(conversation.clone()));
        assert!(links.others(&slack).is_empty());
        assert_eq!(links.others(&matrix), [conversation]);
    }

    #[test]
    fn a_room_has_one_conversation() {
        let links = Links::new();
        let first = place("twilio:CH0123456789abcdef0123456789abcdef");
        let second = place("twilio:CH1123456789abcdef0123456789abcdef");
        let room = place("slack:C1");
        links.tie(Link { conversation: first.clone(), room: room.clone() }).unwrap();
        assert_eq!(
            links.tie(Link { conversation: second, room: room.clone() }),
            Err(Taken(first.clone()))
        );
        assert!(links.tie(Link { conversation: first, room }).is_ok());
    }
}
