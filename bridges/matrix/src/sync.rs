//! The road in: one sync after the other, each stored before the next is asked.
//!
//! The SDK keeps its sync token before anybody has seen the events, and handing it an older token
//! does not bring them back. So the token is not what "nothing is lost" rests on: the ledger's
//! cursor is. A room is *behind* when a sync cannot be trusted to hold all that is new in it:
//! every room after a start or a login, and one whose timeline is `limited` (only the newest of
//! what happened). What is new in a room that is behind is read from its history, from the cursor
//! on, in place of what the sync says of it. A repeat does no harm: intake knows it by its key.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use matrix_sdk::config::SyncSettings;
use matrix_sdk::deserialized_responses::TimelineEvent;
use matrix_sdk::ruma::OwnedRoomId;
use matrix_sdk::ruma::api::client::filter::{
    Filter, FilterDefinition, RoomEventFilter, RoomFilter,
};
use matrix_sdk::ruma::api::client::sync::sync_events;
use matrix_sdk::ruma::presence::PresenceState;
use matrix_sdk::store::StateStoreDataKey;
use matrix_sdk::sync::{State, SyncResponse, Timeline};
use matrix_sdk::{Client, Room};
use partyline_core::{Again, Backoff, Intake, Lost, Network, NotStored, Verdict};
use tokio::time::Instant;

use crate::history::{self, Since};
use crate::{Matrix, error, place_of};

/// How many rooms are handed on at a time. Within a room, one event after the other.
const ROOMS_AT_ONCE: usize = 16;

/// After so many tries in a row to read a room's history, what the sync says is taken: with a hole
/// is better than never. It is logged and counted.
const TRIES: u32 = 10;

/// How long a sync waits for news while a room's history has to be asked for again.
const SOON: Duration = Duration::from_secs(2);

/// How much longer than the homeserver was asked to wait a sync may take: a connection that is dead
/// and does not know it is found by that.
const MARGIN: Duration = Duration::from_secs(10);

/// Syncs begin at least so far apart: while much is said, one brings what came meanwhile. To answer a
/// sync is more work for a homeserver than to take a message. What is said after a silence comes at
/// once all the same, by the sync that waits for it.
const APART: Duration = Duration::from_millis(150);

/// The rooms that are behind, and how often their history was asked for in vain.
type Behind = HashMap<OwnedRoomId, u32>;

/// The waits between tries: from half a second to ten, jittered, without end.
pub(crate) const fn waits() -> Backoff {
    Backoff::new(Duration::from_millis(500), Duration::from_secs(10))
}

/// Follows the homeserver until the token is not accepted any longer.
pub(crate) async fn follow(matrix: &Matrix, client: &Client, intake: &dyn Intake) {
    until_stored(|| intake.reconnected(Network::Matrix, None)).await;
    let mut first = is_first(client).await;
    let mut behind: Behind =
        client.joined_rooms().iter().map(|room| (room.room_id().to_owned(), 0)).collect();
    // The first answer comes at once, so that the state is known at once.
    let mut patience = Duration::ZERO;
    let mut failing = waits();
    // The first one may have much to tell.
    let mut bound = matrix.config.request_timeout;
    loop {
        let next = Instant::now() + APART;
        let asked = tokio::time::timeout(bound, client.sync_once(settings(matrix, patience))).await;
        match asked.unwrap_or(Err(matrix_sdk::Error::Timeout)) {
            Ok(answer) => {
                matrix.synced();
                if !answer.rooms.invited.is_empty() {
                    matrix.invited.notify_one();
                }
                behind = Road { matrix, client, intake, first }.hand_on(answer, behind).await;
                metrics::gauge!("partyline_matrix_rooms_behind").set(count(behind.len()));
                first = false;
                patience = if behind.is_empty() { matrix.config.sync_timeout } else { SOON };
                failing = waits();
                bound = patience + MARGIN;
                tokio::time::sleep_until(next).await;
            }
            Err(error) => {
                let failure =
                    error::failure(&error, "read what is new in its rooms", matrix.clock.now());
                metrics::counter!("partyline_matrix_sync_failures_total").increment(1);
                matrix.health.failed(&failure);
                if error::is_token_gone(&failure) {
                    return;
                }
                let wait = match failure.verdict {
                    Verdict::Later(Some(wait)) => wait,
                    _ => failing.wait(),
                };
                tokio::time::sleep(wait).await;
                // The answer comes at once, if one comes; each try may take longer than the one
                // before, since what was missed may be much.
                bound = if patience.is_zero() { bound + MARGIN } else { MARGIN };
                bound = bound.min(matrix.config.request_timeout);
                patience = Duration::ZERO;
            }
        }
    }
}

fn count(rooms: usize) -> f64 {
    f64::from(u32::try_from(rooms).unwrap_or(u32::MAX))
}

/// Whether this device has never synced.
async fn is_first(client: &Client) -> bool {
    let token = client.state_store().get_kv_data(StateStoreDataKey::SyncToken).await;
    !matches!(token, Ok(Some(_)))
}

fn settings(matrix: &Matrix, patience: Duration) -> SyncSettings {
    let mut timeline = RoomEventFilter::default();
    timeline.limit = Some(matrix.config.timeline_limit.into());
    let mut room = RoomFilter::default();
    room.timeline = timeline;
    room.state = RoomEventFilter::with_lazy_loading();
    // Receipts and typing; per-room settings of the account.
    room.ephemeral = RoomEventFilter::ignore_all();
    room.account_data = RoomEventFilter::ignore_all();
    let mut filter = FilterDefinition::default();
    filter.presence = Filter::ignore_all();
    filter.room = room;
    SyncSettings::new()
        .filter(sync_events::v3::Filter::FilterDefinition(filter))
        .set_presence(PresenceState::Offline)
        .timeout(patience)
}

/// The way of one sync's events into intake.
#[derive(Clone, Copy)]
struct Road<'a> {
    matrix: &'a Matrix,
    client: &'a Client,
    intake: &'a dyn Intake,
    /// It is the first sync of this device: everything in it is the past.
    first: bool,
}

impl Road<'_> {
    /// Hands on what is new in the rooms of a sync and in those that are behind. Returns when it is
    /// stored, with the rooms that are still behind.
    async fn hand_on(self, answer: SyncResponse, mut behind: Behind) -> Behind {
        let rooms = answer.rooms;
        // Of a room that the bot was put out of, the end: among it, that it was.
        for (id, update) in rooms.left {
            behind.remove(&id);
            if let Some(room) = self.client.get_room(&id) {
                self.take(&room, update.timeline.events, "sync").await;
            }
        }
        let mut work: HashMap<OwnedRoomId, (Option<Timeline>, Option<u32>)> =
            behind.into_iter().map(|(id, tries)| (id, (None, Some(tries)))).collect();
        for (id, update) in rooms.joined {
            if let Some(room) = self.client.get_room(&id) {
                self.forget_changed(&room, &update.state, &update.timeline);
            }
            work.entry(id).or_default().0 = Some(update.timeline);
        }
        futures_util::stream::iter(work)
            .map(|(id, (timeline, tries))| async move {
                let room = self.client.get_room(&id)?;
                self.room(&room, timeline, tries).await.map(|tries| (id, tries))
            })
            .buffer_unordered(ROOMS_AT_ONCE)
            .filter_map(std::future::ready)
            .collect()
            .await
    }

    /// Members who changed are looked up again.
    fn forget_changed(self, room: &Room, state: &State, timeline: &Timeline) {
        let (State::Before(events) | State::After(events)) = state;
        let state = events.iter().map(|event| event.get_field::<String>("state_key"));
        let timeline =
            timeline.events.iter().map(|event| event.raw().get_field::<String>("state_key"));
        for key in state.chain(timeline) {
            if let Ok(Some(user)) = key
                && user.starts_with('@')
            {
                self.matrix.members.forget(room, &user);
            }
        }
    }

    /// What is new in one room. Returns how often it was tried in vain, if it is behind now.
    async fn room(
        self,
        room: &Room,
        timeline: Option<Timeline>,
        tries: Option<u32>,
    ) -> Option<u32> {
        let limited = timeline.as_ref().is_some_and(|timeline| timeline.limited);
        let said = timeline.map(|timeline| self.after_arrival(room, timeline.events));
        if !(limited || self.first || tries.is_some()) {
            self.take(room, said.unwrap_or_default(), "sync").await;
            return None;
        }
        let place = place_of(room.room_id());
        let cursor = until_stored(|| self.intake.cursor(&place)).await;
        let Some(cursor) = cursor else {
            // Nothing of this room was ever taken. On a device's first sync all of it is the past.
            if !self.first {
                self.take(room, said.unwrap_or_default(), "sync").await;
            }
            return None;
        };
        let tries = tries.unwrap_or_default() + 1;
        match self.matrix.since(room, &place, &cursor).await {
            Ok(Since::Found(events)) => self.missed(room, events, None).await,
            Ok(Since::Cut(events)) => {
                history::note_lost(room);
                self.missed(room, events, Some(history::too_many())).await;
            }
            Ok(Since::Gone(newest)) => {
                history::note_lost(room);
                let events = said.unwrap_or_else(|| newest.into_iter().collect());
                self.missed(room, events, Some(history::gone())).await;
            }
            Err(failure) if failure.verdict != Verdict::Never && tries < TRIES => {
                tracing::warn!(room = %room.room_id(), tries, "what is new waits: {failure}");
                return Some(tries);
            }
            Err(failure) => {
                tracing::error!(room = %room.room_id(), "what was missed is not read: {failure}");
                history::note_lost(room);
                let lost = Lost { why: failure.sentence, again: Again::Yes };
                self.missed(room, said.unwrap_or_default(), Some(lost)).await;
            }
        }
        None
    }

    /// Hands on what was missed in one room.
    async fn missed(self, room: &Room, events: Vec<TimelineEvent>, lost: Option<Lost>) {
        let place = place_of(room.room_id());
        let mut pieces = Vec::with_capacity(events.len());
        for event in &events {
            pieces.push(self.matrix.incoming(room, &place, event, "list").await);
        }
        until_stored(|| self.intake.missed(&place, pieces.clone(), lost.clone())).await;
    }

    /// What lies before the bot's coming is the room's past, which is not relayed.
    fn after_arrival(self, room: &Room, mut events: Vec<TimelineEvent>) -> Vec<TimelineEvent> {
        let place = place_of(room.room_id());
        let arrival = events.iter().rposition(|event| self.matrix.is_arrival(&place, event));
        events.split_off(arrival.unwrap_or_default())
    }

    /// Hands the events of one room to intake, in order.
    async fn take(self, room: &Room, events: Vec<TimelineEvent>, via: &'static str) {
        let place = place_of(room.room_id());
        for event in events {
            let incoming = self.matrix.incoming(room, &place, &event, via).await;
            until_stored(|| self.intake.accept(incoming.clone())).await;
        }
    }
}

/// Asks intake until it has stored it: the next sync waits, and the homeserver keeps what comes.
async fn until_stored<T, F>(mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, NotStored>>,
{
    let mut waits = waits();
    loop {
        match ask().await {
            Ok(done) => return done,
            Err(error) => {
                tracing::error!(%error, "what came from Matrix waits");
                tokio::time::sleep(waits.wait()).await;
            }
        }
    }
}
