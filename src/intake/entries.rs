//! What of a piece is to be kept, and what is owed because of it: to the places that it is said in, to
//! the inbox, to whoever asks for no more messages.

use bytes::Bytes;
use partyline_core::{Channel, Event, Happening, Incoming, Network, PersonId, Place, Speaker};

use super::Door;
use crate::config::Optout;
use crate::ledger::{Entry, Order, Owed, Plea, Told};
use crate::moderation::{self, Unasked};
use crate::policy::twilio_answers;
use crate::route::{Route, linked_place, posts, route};

impl Door {
    /// What of a piece is to be kept, with what is owed because of it.
    pub(super) fn entries(&self, incoming: Incoming, read_back: bool) -> Vec<Entry> {
        let Incoming { network, via, raw, events } = incoming;
        events
            .into_iter()
            .flat_map(|event| {
                let room = self.room_too(&event).filter(|_| !read_back);
                room.into_iter().chain([event])
            })
            .filter_map(|mut event| {
                let followed = self.is_the_inbox(&event.place);
                event.place = linked_place(&event, &self.links);
                match route(&event, &self.links, &self.limits) {
                    // What is said in the inbox's room itself is not ours; how far it was read is.
                    Route::Pass(_) if followed && event.happening.message().is_some() => {
                        (!read_back).then(|| Entry::alone(event, via, Order::CursorOnly))
                    }
                    Route::Pass(why) => {
                        // By kind, not by the platform's name of it: on Matrix, strangers choose that.
                        metrics::counter!("partyline_events_passed_total",
                            "network" => network.as_str(),
                            "event" => event.happening.name(), "why" => why)
                        .increment(1);
                        None
                    }
                    Route::Keep { .. } if self.blocks.wrote(&event) => {
                        Some(self.of_somebody_blocked(event, &raw, via, read_back))
                    }
                    Route::Keep { mut owed, unlinked } => {
                        let unasked = self.moderation.after(&event);
                        if unasked.as_ref().is_some_and(|unasked| !unasked.relayed) {
                            owed.clear();
                        }
                        let once = unasked.and_then(|unasked| self.told(&event, unasked));
                        // Behind what was refused, a room's messages wait for it.
                        let held = event.ordinal.is_some() && !event.place.is_conversation();
                        let held = held && self.refused.has(&event.place);
                        let order = order(&event, read_back || held);
                        let (group, tell) = self.concerned(&event);
                        let raw = raw.clone();
                        let plea = self.plea(&event);
                        owed.extend(self.for_the_inbox(&event, unlinked));
                        let inbox = self.is_of_the_inbox(&event);
                        let owner = self.owner(&event).filter(|_| inbox);
                        Some(Entry {
                            event,
                            raw,
                            via,
                            owed,
                            once,
                            order,
                            unlinked,
                            group,
                            tell,
                            plea,
                            inbox,
                            owner,
                        })
                    }
                    // What is read back moves the cursor when it is released.
                    Route::Cursor if read_back => None,
                    Route::Cursor => Some(Entry::alone(event, via, Order::CursorOnly)),
                }
            })
            .collect()
    }

    /// Whether it is the inbox's room where a network reads back rooms only, and not their threads.
    fn is_the_inbox(&self, place: &Place) -> bool {
        self.inbox.room_on(Network::Matrix) == Some(place)
    }

    /// A message in a thread of that room, as one of the room: the room has been read as far as it.
    fn room_too(&self, event: &Event) -> Option<Event> {
        let in_thread =
            self.is_the_inbox(&event.place) && linked_place(event, &self.links) != event.place;
        let id = event.happening.message().filter(|_| in_thread)?.clone();
        let happening = Happening::Echo { id, delivery: None };
        Some(Event { happening, ..event.clone() })
    }

    /// What somebody wrote who is blocked: it is kept, and goes nowhere. That they want no messages is
    /// noted all the same, and not answered.
    fn of_somebody_blocked(
        &self,
        event: Event,
        raw: &Bytes,
        via: &'static str,
        read_back: bool,
    ) -> Entry {
        metrics::counter!("partyline_messages_blocked_total").increment(1);
        let (plea, order) = (self.plea(&event), order(&event, read_back));
        Entry {
            raw: raw.clone(),
            plea: plea.map(|plea| Plea { answer: None, ..plea }),
            ..Entry::alone(event, via, order)
        }
    }

    /// Whether it can concern the inbox: said in a conversation, by a stranger, or in one of its threads.
    fn is_of_the_inbox(&self, event: &Event) -> bool {
        match &event.happening {
            _ if self.inbox.room.is_none() => false,
            Happening::Message { .. } => {
                event.place.is_conversation() || self.inbox.has(&event.place)
            }
            Happening::Wrote { .. } => true,
            _ => false,
        }
    }

    /// Who is mentioned, from this message on, when somebody writes again.
    fn owner(&self, event: &Event) -> Option<PersonId> {
        match &event.happening {
            Happening::Message { speaker, .. } if !event.place.is_conversation() => {
                self.inbox.mention.once_answered_by(&speaker.id)
            }
            _ => self.inbox.mention.at_first(),
        }
    }

    /// What the inbox is owed because of what somebody on a phone wrote that is said nowhere else.
    fn for_the_inbox(&self, event: &Event, unlinked: bool) -> Vec<Owed> {
        let Some(room) = &self.inbox.room else { return Vec::new() };
        let (from, speaker, content) = match &event.happening {
            Happening::Message { speaker, content, .. } if unlinked => {
                (event.place.clone(), speaker.clone(), content)
            }
            Happening::Wrote { address, sender: Some(sender), name, content } => {
                let speaker = Speaker::new(Network::Twilio, address.as_str());
                let speaker = Speaker { name: name.clone(), ..speaker };
                (Place::phone(sender, address), speaker, content)
            }
            _ => return Vec::new(),
        };
        let phone = speaker.address().is_some_and(|one| one.channel() != Channel::Client);
        if !phone || content.is_empty() {
            return Vec::new();
        }
        let limit = self.limits.get(&room.network()).copied().unwrap_or(usize::MAX);
        posts((&from, event.at), &speaker, content, room, limit)
    }

    /// What somebody on a phone asks for, where a whole message is a word that asks for it, and what
    /// they are answered, where Twilio does not answer by itself.
    fn plea(&self, event: &Event) -> Option<Plea> {
        let (address, content) = match &event.happening {
            Happening::Message { speaker, content, .. } => (speaker.address()?, content),
            Happening::Wrote { address, content, .. } => (address.clone(), content),
            _ => return None,
        };
        let bare = content.files.is_empty() && address.channel() != Channel::Client;
        let word = &content.text.plain;
        let Optout { words, answers } = &*self.optout;
        let what = words.wish(word).filter(|_| bare)?;
        let ours = answers.by_sms || !twilio_answers(&address, word);
        let answer = ours.then(|| answers.to(what).to_owned());
        Some(Plea { what, answer })
    }

    /// What the rooms are told of something that a member said and Twilio did not ask about.
    fn told(&self, event: &Event, unasked: Unasked) -> Option<Told> {
        moderation::count(&unasked.why, "relay");
        let Happening::Message { speaker, .. } = &event.happening else { return None };
        let name = self.names.resolve_now(speaker, &event.place);
        let name = name.map_or_else(|| "A member".to_owned(), |named| named.name);
        let text = self.moderation.unasked_sentence(&unasked.why, &name, self.ledger.now());
        let owed = moderation::notices(&self.links, &event.place, &text, event.at);
        Some(Told { key: unasked.key, text, owed })
    }

    /// The group that an event in a room concerns, and the rooms that may want to know of it.
    fn concerned(&self, event: &Event) -> (Option<Place>, Vec<Place>) {
        match event.happening {
            Happening::Conversation { .. } => (None, self.links.others(&event.place)),
            Happening::Room { .. } => {
                let mut others = self.links.others(&event.place);
                others.retain(|place| !place.is_conversation());
                (self.links.conversation(&event.place), others)
            }
            _ => (None, Vec::new()),
        }
    }
}

fn order(event: &Event, read_back: bool) -> Order {
    if read_back {
        Order::Held
    } else if event.place.is_conversation() && event.ordinal.is_some() {
        Order::Counted
    } else {
        Order::Arrival
    }
}
