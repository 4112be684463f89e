//! What a delivery is known by at its destination.
//!
//! A mark follows from what happened and from where it goes, and from nothing that the ledger
//! counts. So a ledger that was restored from a backup, and takes in once more what came after the
//! backup was made, gives each delivery the mark that it had before: looked up by it, the message
//! is found, and not sent a second time.

use partyline_core::{Action, Event, Place};
use rusqlite::params;
use sha2::{Digest, Sha256};

use super::threads::Writing;
use super::{Owed, to_json};

/// How many bytes of the hash make a mark: no two deliveries of one ledger ever share them.
const LENGTH: usize = 16;

/// What an event is known by.
pub(super) struct Key {
    network: String,
    key: String,
}

impl Key {
    pub(super) fn of(event: &Event) -> Self {
        Self {
            network: event.place.network().as_str().to_owned(),
            key: event.key.as_str().to_owned(),
        }
    }
}

impl Key {
    /// The key of an event of our own, about a place.
    pub(super) fn own(place: &Place, key: String) -> Self {
        Self { network: place.network().as_str().to_owned(), key }
    }

    pub(super) fn network(&self) -> &str {
        &self.network
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

/// The key of an event that is in the ledger.
pub(super) fn key_of(writing: &Writing<'_>, event: i64) -> Result<Key, rusqlite::Error> {
    writing
        .connection
        .prepare_cached("SELECT network, key FROM events WHERE id = ?1")?
        .query_row(params![event], |row| Ok(Key { network: row.get(0)?, key: row.get(1)? }))
}

/// The mark of what is owed because of an event. Of a post, what it says is not in it: only which
/// part it is. Anything else is known by its words, for an event can cause several.
pub(super) fn mark(key: &Key, owed: &Owed) -> Result<String, rusqlite::Error> {
    let what = match &owed.action {
        Action::Post { part, .. } => part.map_or(0, |part| part.number).to_string(),
        other => to_json(other)?,
    };
    let mut hash = Sha256::new();
    for piece in [&key.network, &key.key, &owed.lane().to_string(), &what] {
        hash.update(piece.len().to_be_bytes());
        hash.update(piece);
    }
    Ok(hash.finalize()[..LENGTH].iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use partyline_core::{Content, Network, Part, Text};

    use super::*;

    fn post(to: &str, text: &str, part: Option<u32>) -> Owed {
        let part = part.map(|number| Part { number, of: 3 });
        let (name, content) = (String::new(), Content::plain(text));
        owed(to, Action::Post { origin: Network::Twilio, name, picture: None, content, part })
    }

    fn owed(to: &str, action: Action) -> Owed {
        let to: Place = to.parse().unwrap();
        Owed { from: to.clone(), to, speaker: None, at: Timestamp::UNIX_EPOCH, action }
    }

    fn of(key: &str, owed: &Owed) -> String {
        let key = Key { network: "twilio".into(), key: key.into() };
        mark(&key, owed).unwrap()
    }

    /// Written down, because stores and the platforms hold marks that were made before.
    #[test]
    fn a_mark_never_changes() {
        assert_eq!(of("IM1", &post("slack:C1", "hello", None)), "22b72a1b66326bb7e9dc2a7e546cfff2");
    }

    #[test]
    fn it_follows_from_the_event_the_destination_and_the_part() {
        let first = of("IM1", &post("slack:C1", "hello", Some(1)));
        assert_eq!(first, of("IM1", &post("slack:C1", "other words", Some(1))));
        for other in [
            of("IM2", &post("slack:C1", "hello", Some(1))),
            of("IM1", &post("slack:C2", "hello", Some(1))),
            of("IM1", &post("slack:C1", "hello", Some(2))),
            of("IM1", &owed("slack:C1", Action::Notice { text: Text::plain("hello") })),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn several_notices_because_of_one_event_are_told_apart() {
        let notice = |text: &str| owed("slack:C1", Action::Notice { text: Text::plain(text) });
        assert_ne!(of("IM1", &notice("part 1 failed")), of("IM1", &notice("part 2 failed")));
    }
}
