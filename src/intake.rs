//! The one door in: everything from every platform, live or read back, comes through
//! [`Door::accept`].

mod refused;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use partyline_core::{
    Address, Again, Channel, Cursor, Event, EventKey, Happening, Incoming, Intake, Lateness, Lost,
    MemberChange, Network, NotStored, Place, Speaker, Stored,
};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::alerts::Signs;
use crate::catchup::{Polls, words};
use crate::config::Optout;
use crate::contacts::Names;
use crate::crash::{Point, point};
use crate::keyed::Keyed;
use crate::ledger::{
    Accepted, Entry, Lane, Ledger, LedgerError, Limit, Order, Owed, Plea, Skipped,
    StoredParticipant, Telling, Through,
};
use crate::links::Links;
use crate::moderation::{self, Moderation};
use crate::optouts::Leaving;
use crate::policy::twilio_answers;
use crate::route::{Limits, Route, linked_place, posts, route};
use refused::Refused;

/// Events read back that go into the ledger in one commit.
const CHUNK: usize = 200;

/// What is woken by what came.
#[derive(Clone)]
pub struct Wakers {
    /// Lanes with something to send.
    pub lanes: Arc<Keyed<Lane>>,
    /// Places with a command to carry out.
    pub commands: Arc<Keyed<Place>>,
    /// Places to read back.
    pub reads: Arc<Keyed<Place>>,
    /// Conversations after which their rooms are to be named.
    pub names: Arc<Keyed<Place>>,
    /// People who opted out, or in again, by what the ledger knows them by.
    pub optouts: Arc<Keyed<String>>,
    /// The groups that some of them are about to be taken out of.
    pub leaving: Arc<Leaving>,
    /// Conversations of the inbox for which something is to be done.
    pub inbox: Arc<Keyed<Place>>,
    /// Told when somebody wrote who may be in no conversation.
    pub strangers: Arc<Notify>,
    /// Phones for which something is held.
    pub phones: Arc<Keyed<Place>>,
    /// Told when there is news of how far messages came.
    pub ticks: Arc<Notify>,
    /// Told of what is said to conversations, where they have to be asked for answers.
    pub polls: Option<Arc<Polls>>,
    /// Told of what is said in Slack's rooms, which are compared with their histories.
    pub comparisons: Option<Arc<Polls>>,
}

impl Wakers {
    /// Those of a program whose work is among these tasks. Nobody is told of what is said.
    #[must_use]
    pub fn new(tasks: &TaskTracker) -> Self {
        Self {
            lanes: Keyed::new(tasks.clone()),
            commands: Keyed::new(tasks.clone()),
            reads: Keyed::new(tasks.clone()),
            names: Keyed::new(tasks.clone()),
            optouts: Keyed::new(tasks.clone()),
            leaving: Arc::default(),
            inbox: Keyed::new(tasks.clone()),
            strangers: Arc::default(),
            phones: Keyed::new(tasks.clone()),
            ticks: Arc::default(),
            polls: None,
            comparisons: None,
        }
    }

    /// Whoever decides when places are read again.
    pub(crate) fn turns(&self) -> impl Iterator<Item = &Arc<Polls>> {
        self.polls.iter().chain(&self.comparisons)
    }

    /// Wakes whatever this outcome gives work to.
    pub fn wake(&self, accepted: Accepted) {
        for (id, leaving) in accepted.optouts {
            self.leaving.mark(&id, leaving);
            self.optouts.wake(id);
        }
        for lane in accepted.wake {
            if let Some(polls) = &self.polls {
                polls.stir(&lane.place);
            }
            self.lanes.wake(lane);
        }
        for place in accepted.commands {
            self.commands.wake(place);
        }
        for place in accepted.inbox {
            self.inbox.wake(place);
        }
        if accepted.strangers {
            self.strangers.notify_one();
        }
        if accepted.ticks {
            self.ticks.notify_one();
        }
        for place in accepted.gaps {
            self.reads.wake(place);
        }
        for phone in accepted.phones {
            self.phones.wake(phone);
        }
        for place in accepted.renamed {
            self.names.wake(place);
        }
    }
}

/// The door. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    ledger: Ledger,
    links: Arc<Links>,
    names: Arc<Names>,
    limits: Arc<Limits>,
    wakers: Wakers,
    signs: Arc<Signs>,
    refused: Arc<Refused>,
    late: Late,
    optout: Arc<Optout>,
    inbox: Option<Place>,
    moderation: Arc<Moderation>,
}

/// What is done with what comes.
#[derive(Clone)]
pub struct Rules {
    /// With what comes late.
    pub late: Late,
    /// With words by which people on phones ask for no more messages.
    pub optout: Optout,
    /// The room with a thread for each person who writes without being in a group.
    pub inbox: Option<Place>,
    /// With what members may not say.
    pub moderation: Arc<Moderation>,
}

/// What is done with what comes late.
#[derive(Clone, Debug)]
pub struct Late {
    /// How much of what was missed is still relayed.
    pub limit: Limit,
    /// How its times are told.
    pub lateness: Lateness,
}

impl Door {
    /// A door to this ledger.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        links: Arc<Links>,
        names: Arc<Names>,
        limits: Limits,
        wakers: Wakers,
        signs: Arc<Signs>,
        rules: Rules,
    ) -> Self {
        let (refused, limits) = (Arc::default(), Arc::new(limits));
        let Rules { late, optout, inbox, moderation } = rules;
        let optout = Arc::new(optout);
        Self {
            ledger,
            links,
            names,
            limits,
            wakers,
            signs,
            refused,
            late,
            optout,
            inbox,
            moderation,
        }
    }

    /// Has what could not be stored read back, once it can be. Runs until it is dropped.
    pub fn make_up(&self) -> impl Future<Output = ()> + Send + use<> {
        let door = self.clone();
        async move { door.refused.read_back(&door.ledger, &door.wakers).await }
    }

    /// Takes in what was read back from a place: it is held until [`Door::release`] puts it in
    /// order with what came live meanwhile.
    ///
    /// # Errors
    /// Not all of it was stored.
    pub async fn accept_read_back(&self, pieces: Vec<Incoming>) -> Result<(), NotStored> {
        let mut pieces = pieces.into_iter();
        loop {
            let chunk: Vec<Incoming> = pieces.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                return Ok(());
            }
            let mut entries = Vec::with_capacity(chunk.len());
            for piece in chunk {
                if piece.events.is_empty() {
                    self.keep_unread(piece).await?;
                } else {
                    entries.extend(self.entries(piece, true));
                }
            }
            self.store(entries).await?;
            point(Point::ReadChunk);
        }
    }

    /// Lets go what was read back of a place, less what comes too late, and tells the places tied
    /// to it of that, and of what could not be read.
    ///
    /// # Errors
    /// Nothing was released.
    pub async fn release(
        &self,
        place: &Place,
        through: Through,
        lost: Option<Lost>,
    ) -> Result<(), LedgerError> {
        let telling = Telling {
            to: self.links.others(place),
            again: lost.as_ref().is_some_and(|lost| lost.again != Again::No),
            lost: lost.map(|lost| words::lost(&lost, place)),
        };
        let (from, lateness, now) = (place.clone(), self.late.lateness.clone(), self.ledger.now());
        let tell = move |skipped: &Skipped, to: &Place| {
            metrics::counter!("partyline_messages_skipped_total",
                "network" => from.network().as_str())
            .increment(skipped.messages as u64);
            words::skipped(skipped, &from, to, &lateness, now)
        };
        let accepted =
            self.ledger.release_missed(place, through, self.late.limit, telling, tell).await?;
        point(Point::ReadReleased);
        self.wakers.wake(accepted);
        Ok(())
    }

    /// The places of those messages in what a list showed that no event brought, one for each.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn missing(&self, pieces: &[Incoming]) -> Result<Vec<Place>, LedgerError> {
        let Some(network) = pieces.first().map(|piece| piece.network) else {
            return Ok(Vec::new());
        };
        let said: HashMap<EventKey, Place> = pieces
            .iter()
            .flat_map(|piece| &piece.events)
            .filter(|event| matches!(event.happening, Happening::Message { .. }))
            .map(|event| (event.key.clone(), linked_place(event, &self.links)))
            .filter(|(_, place)| self.links.knows(place))
            .collect();
        let unknown = self.ledger.unknown(network, said.keys().cloned().collect()).await?;
        Ok(said.into_iter().filter(|(key, _)| unknown.contains(key)).map(|(_, p)| p).collect())
    }

    async fn keep_unread(&self, incoming: Incoming) -> Result<(), NotStored> {
        metrics::counter!("partyline_unparsed_total",
            "network" => incoming.network.as_str(), "via" => incoming.via)
        .increment(1);
        tracing::warn!(network = %incoming.network, via = incoming.via, bytes = incoming.raw.len(),
            "something came that was not understood; its bytes are kept in the ledger (table unparsed)");
        let Incoming { network, via, raw, .. } = incoming;
        let kept = self.ledger.keep_unparsed(network, via, raw).await;
        kept.map_err(|error| NotStored(error.to_string()))
    }

    /// Something of this place could not be read back, and may be missing.
    pub fn unread(&self, place: &Place) {
        self.signs.unread(place);
    }

    /// What of a piece is to be kept, with what is owed because of it.
    fn entries(&self, incoming: Incoming, read_back: bool) -> Vec<Entry> {
        let Incoming { network, via, raw, events } = incoming;
        events
            .into_iter()
            .filter_map(|mut event| {
                event.place = linked_place(&event, &self.links);
                match route(&event, &self.links, &self.limits) {
                    Route::Pass(why) => {
                        // By kind, not by the platform's name of it: on Matrix, strangers choose that.
                        metrics::counter!("partyline_events_passed_total",
                            "network" => network.as_str(),
                            "event" => event.happening.name(), "why" => why)
                        .increment(1);
                        None
                    }
                    Route::Keep { mut owed, unlinked } => {
                        if let Some(notices) = self.stopped(&event) {
                            owed = notices;
                        }
                        // Behind what was refused, a room's messages wait for it.
                        let held = event.ordinal.is_some() && !event.place.is_conversation();
                        let held = held && self.refused.has(&event.place);
                        let order = order(&event, read_back || held);
                        let (group, tell) = self.concerned(&event);
                        let raw = raw.clone();
                        let plea = self.plea(&event);
                        owed.extend(self.for_the_inbox(&event, unlinked));
                        let inbox = self.is_of_the_inbox(&event);
                        Some(Entry {
                            event,
                            raw,
                            via,
                            owed,
                            order,
                            unlinked,
                            group,
                            tell,
                            plea,
                            inbox,
                        })
                    }
                    // What is read back moves the cursor when it is released.
                    Route::Cursor if read_back => None,
                    Route::Cursor => Some(Entry {
                        event,
                        raw: Bytes::new(),
                        via,
                        owed: Vec::new(),
                        order: Order::CursorOnly,
                        unlinked: false,
                        group: None,
                        tell: Vec::new(),
                        plea: None,
                        inbox: false,
                    }),
                }
            })
            .collect()
    }

    /// Whether it can concern the inbox: said in a conversation, by a stranger, or in one of its threads.
    fn is_of_the_inbox(&self, event: &Event) -> bool {
        let Some(room) = &self.inbox else { return false };
        let within =
            || event.place.id().strip_prefix(room.id()).is_some_and(|rest| rest.starts_with('/'));
        match &event.happening {
            Happening::Message { .. } => {
                event.place.is_conversation()
                    || (event.place.network() == room.network() && within())
            }
            Happening::Wrote { .. } => true,
            _ => false,
        }
    }

    /// What the inbox is owed because of what somebody on a phone wrote that is said nowhere else.
    fn for_the_inbox(&self, event: &Event, unlinked: bool) -> Vec<Owed> {
        let Some(room) = &self.inbox else { return Vec::new() };
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

    /// What the rooms are owed instead of what a member said, where that is stopped.
    fn stopped(&self, event: &Event) -> Option<Vec<Owed>> {
        let stopped = self.moderation.after(event)?;
        let Happening::Message { speaker, .. } = &event.happening else { return None };
        moderation::count(&stopped, "relay");
        let name = self.names.resolve_now(speaker, &event.place);
        let name = name.map_or_else(|| "A member".to_owned(), |named| named.name);
        let text = self.moderation.sentence(&stopped, &name, "", self.ledger.now());
        Some(moderation::notices(&self.links, &event.place, &text, event.at))
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

    async fn store(&self, entries: Vec<Entry>) -> Result<Stored, NotStored> {
        if entries.is_empty() {
            return Ok(Stored::default());
        }
        let door = self.clone();
        // In a task of its own: a caller that goes away between the commit and the wake-up must
        // not leave what is stored lying until the next start.
        tokio::spawn(async move {
            let notes: Vec<Note> = entries.iter().filter_map(|entry| note(&entry.event)).collect();
            point(Point::IntakeBegin);
            let said = entries.iter().filter(|entry| can_be_read_back(entry));
            let places: Vec<Place> = said.map(|entry| entry.event.place.clone()).collect();
            let accepted = match door.ledger.accept(entries).await {
                Ok(accepted) => accepted,
                Err(error) => {
                    door.refused.note(places);
                    return Err(error);
                }
            };
            point(Point::IntakeStored);
            if let Some(turns) = &door.wakers.comparisons {
                places.iter().for_each(|place| turns.stir(place));
            }
            let stored = Stored { fresh: accepted.fresh, repeats: accepted.repeats };
            if stored.repeats > 0 {
                metrics::counter!("partyline_events_repeated_total")
                    .increment(stored.repeats as u64);
            }
            let noted = door.take_notes(notes).await;
            point(Point::IntakeNoted);
            // What is stored is sent, even where the names could not be noted: a repeat wakes nobody.
            door.wakers.wake(accepted);
            point(Point::IntakeWoken);
            noted.map(|()| stored)
        })
        .await
        .unwrap_or_else(|error| Err(LedgerError::Unusable(error.to_string())))
        .map_err(|error: LedgerError| NotStored(error.to_string()))
    }

    async fn take_notes(&self, notes: Vec<Note>) -> Result<(), LedgerError> {
        for note in notes {
            match note {
                Note::Here(participant) => {
                    if let Some(address) = &participant.address {
                        let name = participant.name.as_deref();
                        self.names.learn_member(&participant.conversation, address, name);
                    }
                    self.ledger.note_participants(vec![participant]).await?;
                }
                Note::Gone { conversation, sid, address } => {
                    if let Some(address) = address {
                        self.names.forget_member(&conversation, &address);
                    }
                    self.ledger.forget_participant(&conversation, &sid).await?;
                }
                Note::ProfileName { address, name } => {
                    // Every message brings it; it is written down where it is new.
                    if self.names.learn_profile(&address, &name) {
                        self.ledger.note_profile(address.contact_key(), &name).await?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Intake for Door {
    async fn accept(&self, incoming: Incoming) -> Result<Stored, NotStored> {
        if incoming.events.is_empty() {
            return self.keep_unread(incoming).await.map(|()| Stored::default());
        }
        let entries = self.entries(incoming, false);
        self.store(entries).await
    }

    async fn cursor(&self, place: &Place) -> Result<Option<Cursor>, NotStored> {
        self.ledger.cursor(place).await.map_err(|error| NotStored(error.to_string()))
    }

    async fn missed(
        &self,
        place: &Place,
        pieces: Vec<Incoming>,
        lost: Option<Lost>,
    ) -> Result<(), NotStored> {
        let through = match newest(&pieces).last {
            Some(last) => Through::Message(last),
            None => Through::Hold(self.ledger.hold_on(place).await.map_err(not_stored)?),
        };
        self.accept_read_back(pieces).await?;
        self.release(place, through, lost).await.map_err(not_stored)
    }

    async fn reconnected(&self, network: Network, now: Option<Timestamp>) -> Result<(), NotStored> {
        self.hold(network, now).await?;
        if network == Network::Slack {
            for room in self.links.places(network) {
                self.wakers.reads.wake(room);
            }
        }
        Ok(())
    }

    async fn withheld(&self, network: Network) -> Result<(), NotStored> {
        self.hold(network, None).await
    }
}

impl Door {
    async fn hold(&self, network: Network, now: Option<Timestamp>) -> Result<(), NotStored> {
        // A Matrix sync fills its own gaps, in order; a Twilio conversation's index shows them.
        if network != Network::Slack {
            return Ok(());
        }
        // A channel that was never read begins now.
        let rooms = self.links.places(network);
        let now = now.map_or_else(|| now_in_slack(&self.ledger), ordinal_in_slack);
        let held = self.ledger.hold(rooms, now).await;
        held.map_err(|error| NotStored(error.to_string()))?;
        point(Point::HoldPlaced);
        Ok(())
    }
}

/// The ordinal that a Slack message of this time would have: microseconds.
fn ordinal_in_slack(time: Timestamp) -> u64 {
    u64::try_from(time.as_microsecond()).unwrap_or_default()
}

fn now_in_slack(ledger: &Ledger) -> u64 {
    ordinal_in_slack(ledger.now())
}

/// Whether a list shows it: it was said, and has a place in the order of its conversation or room.
fn can_be_read_back(entry: &Entry) -> bool {
    entry.event.ordinal.is_some() && entry.event.happening.message().is_some()
}

/// The message that a place has been read to by what was read back of it.
pub(crate) fn newest(pieces: &[Incoming]) -> Cursor {
    let mut cursor = Cursor::default();
    for event in pieces.iter().flat_map(|piece| &piece.events) {
        cursor.ordinal = cursor.ordinal.max(event.ordinal);
        cursor.last = event.happening.message().cloned().or(cursor.last);
    }
    cursor
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

fn not_stored(error: impl std::fmt::Display) -> NotStored {
    NotStored(error.to_string())
}

/// What is remembered of an event beside the ledger's rows of it.
enum Note {
    Here(StoredParticipant),
    Gone { conversation: Place, sid: String, address: Option<Address> },
    ProfileName { address: Address, name: String },
}

fn note(event: &Event) -> Option<Note> {
    match &event.happening {
        Happening::Member { change: MemberChange::Removed, participant, address, .. } => {
            Some(Note::Gone {
                conversation: event.place.clone(),
                sid: participant.clone(),
                address: address.clone(),
            })
        }
        Happening::Member { participant, address, sender, name, .. } => {
            Some(Note::Here(StoredParticipant {
                conversation: event.place.clone(),
                sid: participant.clone(),
                address: address.clone(),
                sender: sender.clone(),
                name: name.clone(),
            }))
        }
        Happening::Wrote { address, name: Some(name), .. } => {
            Some(Note::ProfileName { address: address.clone(), name: name.clone() })
        }
        _ => None,
    }
}
