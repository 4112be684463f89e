//! Where an event goes. Pure: an event and the links in, deliveries out.

use std::collections::HashMap;

use jiff::Timestamp;
use partyline_core::{Action, Content, Event, Happening, Network, Part, Place, Speaker};

use crate::ledger::Owed;
use crate::links::Links;

/// The most characters of content that one message of a network may hold.
pub type Limits = HashMap<Network, usize>;

/// What is to be done about an event.
#[derive(Debug, PartialEq, Eq)]
pub enum Route {
    /// Keep it, and send this.
    Keep {
        /// What is owed because of it.
        owed: Vec<Owed>,
        /// It was said in a conversation that no room is tied to.
        unlinked: bool,
    },
    /// Nothing of it is kept, but its place has been read as far as this.
    Cursor,
    /// It is not for us: a room that is tied to nothing, or an event without consequence. It is
    /// counted under this name, nothing of it is kept.
    Pass(&'static str),
}

impl Route {
    const fn keep() -> Self {
        Self::Keep { owed: Vec::new(), unlinked: false }
    }
}

/// Decides about an event. The place of `event` must be the linked one already (see
/// [`linked_place`]).
#[must_use]
pub fn route(event: &Event, links: &Links, limits: &Limits) -> Route {
    match &event.happening {
        Happening::Message { speaker, content, .. } => said(event, speaker, content, links, limits),
        // Our own message back: of a conversation it fills its place in the count, elsewhere it
        // says nothing new.
        Happening::Echo { .. } if event.place.is_conversation() && event.ordinal.is_some() => {
            Route::keep()
        }
        // Without ordinals, the cursor is the last message whoever sent it: it must not stay
        // behind in a room in which mostly phones speak.
        Happening::Echo { .. } if event.ordinal.is_none() && links.knows(&event.place) => {
            Route::Cursor
        }
        Happening::Echo { .. } => Route::Pass("echo"),
        Happening::Other { .. } => Route::Pass("other"),
        Happening::Command(_) => Route::keep(),
        Happening::Receipt { .. }
        | Happening::Member { .. }
        | Happening::Conversation { .. }
        | Happening::Wrote { .. } => Route::keep(),
        Happening::Edited { .. }
        | Happening::Deleted { .. }
        | Happening::Reacted { .. }
        | Happening::Room { .. } => {
            if links.knows(&event.place) || event.place.is_conversation() {
                Route::keep()
            } else {
                Route::Pass("not_linked")
            }
        }
    }
}

/// The place that an event counts for: the thread it stands in where that thread is itself tied
/// to a conversation, otherwise the channel.
#[must_use]
pub fn linked_place(event: &Event, links: &Links) -> Place {
    if let Happening::Message { content: Content { thread: Some(thread), .. }, .. } =
        &event.happening
    {
        let inside = Place::new(event.place.network(), &format!("{}/{thread}", event.place.id()));
        if links.knows(&inside) {
            return inside;
        }
    }
    event.place.clone()
}

fn said(
    event: &Event,
    speaker: &Speaker,
    content: &Content,
    links: &Links,
    limits: &Limits,
) -> Route {
    let others = links.others(&event.place);
    if others.is_empty() {
        return if event.place.is_conversation() {
            Route::Keep { owed: Vec::new(), unlinked: true }
        } else {
            Route::Pass("not_linked")
        };
    }
    if content.is_empty() {
        return Route::keep();
    }
    let owed = others
        .into_iter()
        .flat_map(|to| {
            let limit = limits.get(&to.network()).copied().unwrap_or(usize::MAX);
            posts((&event.place, event.at), speaker, content, &to, limit)
        })
        .collect();
    Route::Keep { owed, unlinked: false }
}

/// A message to one destination: one post, or numbered parts where it is too long for one. It was
/// said in a place at a time.
pub(crate) fn posts(
    (from, at): (&Place, Timestamp),
    speaker: &Speaker,
    content: &Content,
    to: &Place,
    limit: usize,
) -> Vec<Owed> {
    let post = |content: Content, part: Option<Part>| Owed {
        to: to.clone(),
        from: from.clone(),
        speaker: Some(speaker.clone()),
        at,
        action: Action::Post {
            origin: speaker.id.network,
            name: String::new(),
            picture: None,
            content,
            part,
        },
    };
    let words = content.in_words();
    if words.plain.chars().count() <= limit {
        return vec![post(content.clone(), None)];
    }
    // Files and locations are words by now, so that no part says them twice.
    let parts = words.split(limit);
    let of = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    parts
        .into_iter()
        .zip(1..)
        .map(|(text, number)| {
            let content = Content {
                text,
                emote: content.emote,
                reply_to: content.reply_to.clone(),
                thread: content.thread.clone(),
                ..Content::default()
            };
            // What was too long for white space at its end alone is whole after all.
            post(content, (of > 1).then_some(Part { number, of }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use partyline_core::{EventKey, Link, MessageId};
    use proptest::prelude::*;

    use super::*;

    fn links() -> Links {
        let links = Links::new();
        for room in ["slack:C1", "matrix:!a:b", "slack:C2/1.5"] {
            links.tie(Link { conversation: conversation(), room: room.parse().unwrap() }).unwrap();
        }
        links
    }

    fn conversation() -> Place {
        "twilio:CH0123456789abcdef0123456789abcdef".parse().unwrap()
    }

    fn message(place: &str, content: Content) -> Event {
        Event {
            key: EventKey::new("k"),
            place: place.parse().unwrap(),
            at: Timestamp::UNIX_EPOCH,
            ordinal: None,
            happening: Happening::Message {
                id: MessageId::new("m"),
                speaker: Speaker::new(Network::Slack, "U1"),
                content,
            },
        }
    }

    fn owed(event: &Event, limits: &Limits) -> Vec<Owed> {
        match route(event, &links(), limits) {
            Route::Keep { owed, .. } => owed,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_message_goes_everywhere_but_back() {
        let to: Vec<String> = owed(&message("slack:C1", Content::plain("hi")), &Limits::new())
            .iter()
            .map(|owed| owed.to.to_string())
            .collect();
        assert_eq!(to, [conversation().to_string(), "matrix:!a:b".into(), "slack:C2/1.5".into()]);
    }

    #[test]
    fn a_room_that_is_tied_to_nothing_is_none_of_our_business() {
        let event = message("slack:C9", Content::plain("private"));
        assert_eq!(route(&event, &links(), &Limits::new()), Route::Pass("not_linked"));
    }

    #[test]
    fn a_conversation_without_a_room_is_kept_and_counted() {
        let event = message("twilio:CH9999456789abcdef0123456789abcdef", Content::plain("hello?"));
        assert_eq!(
            route(&event, &links(), &Limits::new()),
            Route::Keep { owed: Vec::new(), unlinked: true }
        );
    }

    #[test]
    fn a_linked_thread_is_a_room_of_its_own() {
        let content =
            Content { thread: Some(MessageId::new("1.5")), ..Content::plain("in the thread") };
        let event = message("slack:C2", content.clone());
        assert_eq!(linked_place(&event, &links()).to_string(), "slack:C2/1.5");
        let event = message("slack:C1", content);
        assert_eq!(linked_place(&event, &links()).to_string(), "slack:C1");
    }

    #[test]
    fn white_space_at_the_end_makes_no_part() {
        let limits = Limits::from([(Network::Matrix, 5)]);
        let owed = owed(&message("slack:C1", Content::plain("hello  ")), &limits);
        let parts: Vec<_> = owed
            .iter()
            .filter_map(|owed| match &owed.action {
                Action::Post { part, .. } => *part,
                _ => None,
            })
            .collect();
        assert_eq!(parts, []);
    }

    proptest! {
        #[test]
        fn long_messages_go_in_numbered_parts_and_lose_no_word(
            text in "[a-z ]{1,400}", limit in 10usize..80,
        ) {
            prop_assume!(!text.trim().is_empty());
            let limits = Limits::from([(Network::Matrix, limit)]);
            let owed = owed(&message("slack:C1", Content::plain(text.clone())), &limits);
            let parts: Vec<_> = owed.iter().filter(|owed| owed.to.network() == Network::Matrix)
                .map(|owed| match &owed.action {
                    Action::Post { content, part, .. } => (content.text.plain.clone(), *part),
                    other => panic!("{other:?}"),
                }).collect();
            let squeeze = |s: &str| s.split_whitespace().collect::<String>();
            let whole: String = parts.iter().map(|(text, _)| text.as_str()).collect();
            prop_assert_eq!(squeeze(&whole), squeeze(&text));
            for (at, (text, part)) in parts.iter().enumerate() {
                prop_assert!(text.chars().count() <= limit);
                if parts.len() > 1 {
                    let number = u32::try_from(at + 1).unwrap();
                    let of = u32::try_from(parts.len()).unwrap();
                    prop_assert_eq!(*part, Some(Part { number, of }));
                } else {
                    prop_assert_eq!(*part, None);
                }
            }
        }
    }
}
