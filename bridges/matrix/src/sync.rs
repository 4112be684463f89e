//! The road in: one sync after the other, each stored before the next is asked.
//!
//! The SDK keeps its sync token before anybody has seen the events, and an older token does not
//! bring them back. So the token is not what nothing-is-lost rests on: the ledger's cursor is.
//! After every start and login, [`Intake::reconnected`] makes the daemon read each room back to
//! its cursor; while it runs, a sync that brings only the newest of what happened (`limited`) is
//! filled from the room's history, back to that same cursor.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::StreamExt;
use matrix_sdk::config::SyncSettings;
use matrix_sdk::deserialized_responses::TimelineEvent;
use matrix_sdk::ruma::api::client::filter::{
    Filter, FilterDefinition, RoomEventFilter, RoomFilter,
};
use matrix_sdk::ruma::api::client::sync::sync_events;
use matrix_sdk::ruma::presence::PresenceState;
use matrix_sdk::store::StateStoreDataKey;
use matrix_sdk::sync::{State, SyncResponse, Timeline};
use matrix_sdk::{Client, Room};
use partyline_core::{
    Event, Failure, Happening, Intake, Network, NotStored, Place, Reason, RoomChange, Verdict,
};

use crate::history::{self, Since};
use crate::{Matrix, error, place_of};

/// How many rooms of one sync are handed on at a time. Within a room, one event after the other.
const ROOMS_AT_ONCE: usize = 16;

/// How often a room's history is asked for while the sync waits for it.
const FILL_TRIES: usize = 5;

/// The waits between tries: from half a second to half a minute, jittered, without end.
pub(crate) fn waits() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(30))
        .with_jitter()
        .without_max_times()
        .build()
}

/// Follows the homeserver until the token is not accepted any longer.
pub(crate) async fn follow(matrix: &Matrix, client: &Client, intake: &dyn Intake) {
    until_stored(|| intake.reconnected(Network::Matrix)).await;
    let mut first = is_first(client).await;
    // The first answer comes at once, so that the state is known at once.
    let mut patience = Duration::ZERO;
    let mut failing = waits();
    loop {
        match client.sync_once(settings(matrix, patience)).await {
            Ok(answer) => {
                matrix.synced();
                if !answer.rooms.invited.is_empty() {
                    matrix.invited.notify_one();
                }
                hand_on(matrix, client, intake, answer, first).await;
                first = false;
                patience = matrix.config.sync_timeout;
                failing = waits();
            }
            Err(error) => {
                let failure =
                    error::failure(&error, "tell what is new in its rooms", matrix.clock.now());
                metrics::counter!("partyline_matrix_sync_failures_total").increment(1);
                matrix.health.failed(&failure);
                if error::is_token_gone(&failure) {
                    return;
                }
                let wait = match failure.verdict {
                    Verdict::Later(Some(wait)) => wait,
                    _ => failing.next().unwrap_or_default(),
                };
                tokio::time::sleep(wait).await;
                patience = Duration::ZERO;
            }
        }
    }
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

/// Hands everything of one sync to intake. Returns when it is stored.
async fn hand_on(
    matrix: &Matrix,
    client: &Client,
    intake: &dyn Intake,
    answer: SyncResponse,
    first: bool,
) {
    let rooms = answer.rooms;
    let joined = rooms.joined.into_iter().map(|(id, update)| (id, update.timeline, update.state));
    // Of a room that the bot was put out of, the end: among it, that it was.
    let left = rooms.left.into_iter().map(|(id, mut update)| {
        update.timeline.limited = false;
        (id, update.timeline, update.state)
    });
    futures_util::stream::iter(joined.chain(left))
        .for_each_concurrent(ROOMS_AT_ONCE, |(id, timeline, state)| async move {
            let Some(room) = client.get_room(&id) else { return };
            forget_changed(matrix, &room, &state, &timeline);
            room_news(matrix, &room, intake, timeline, first).await;
        })
        .await;
}

/// Members who changed are looked up again.
fn forget_changed(matrix: &Matrix, room: &Room, state: &State, timeline: &Timeline) {
    let (State::Before(events) | State::After(events)) = state;
    let changed = events
        .iter()
        .filter_map(|event| event.get_field::<String>("state_key").ok().flatten())
        .chain(
            timeline
                .events
                .iter()
                .filter_map(|event| event.raw().get_field::<String>("state_key").ok().flatten()),
        );
    for user in changed.filter(|key| key.starts_with('@')) {
        matrix.members.forget(room, &user);
    }
}

async fn room_news(
    matrix: &Matrix,
    room: &Room,
    intake: &dyn Intake,
    timeline: Timeline,
    first: bool,
) {
    let place = place_of(room.room_id());
    let events = if first || timeline.limited {
        whole(matrix, room, intake, &place, timeline, first).await
    } else {
        timeline.events
    };
    let mut news = Vec::with_capacity(events.len());
    for event in events {
        let incoming = matrix.incoming(room, &place, &event, "sync").await;
        // What lies before the bot's coming is the room's past; it is not relayed.
        if incoming.events.iter().any(is_arrival) {
            news.clear();
        }
        news.push(incoming);
    }
    for incoming in news {
        until_stored(|| intake.accept(incoming.clone())).await;
    }
}

fn is_arrival(event: &Event) -> bool {
    matches!(event.happening, Happening::Room { change: RoomChange::Joined })
}

/// The events of a timeline that may begin too late or too early: exactly what comes after the
/// room's cursor.
async fn whole(
    matrix: &Matrix,
    room: &Room,
    intake: &dyn Intake,
    place: &Place,
    timeline: Timeline,
    first: bool,
) -> Vec<TimelineEvent> {
    let cursor = until_stored(|| intake.cursor(place)).await;
    let Some(last) = cursor.and_then(|cursor| cursor.last) else {
        // A room that nobody reads (yet). Of a bot's very first sync everything is the past, which
        // is not relayed.
        return if first { Vec::new() } else { timeline.events };
    };
    let Timeline { limited, prev_batch, mut events, .. } = timeline;
    let known = events
        .iter()
        .rposition(|event| event.event_id().is_some_and(|id| id.as_str() == last.as_str()));
    if let Some(known) = known {
        return events.split_off(known + 1);
    }
    if !limited {
        return events;
    }
    match fill(matrix, room, last.as_str(), prev_batch).await {
        Ok(Since::Found(mut filled)) => {
            metrics::counter!("partyline_matrix_gaps_total", "outcome" => "filled").increment(1);
            filled.append(&mut events);
            filled
        }
        Ok(Since::Gone(_)) => {
            metrics::counter!("partyline_matrix_gaps_total", "outcome" => "lost").increment(1);
            tracing::error!(
                room = %room.room_id(),
                "the last message that was read is no longer in this Matrix room's history: what \
                 came between it and now could not be read"
            );
            events
        }
        Err(failure) => {
            // The daemon reads it back as after a start; until then the room's news are held.
            metrics::counter!("partyline_matrix_gaps_total", "outcome" => "put_off").increment(1);
            tracing::warn!(room = %room.room_id(), why = failure.sentence, "a gap stays open");
            until_stored(|| intake.reconnected(Network::Matrix)).await;
            events
        }
    }
}

async fn fill(
    matrix: &Matrix,
    room: &Room,
    last: &str,
    from: Option<String>,
) -> Result<Since, Failure> {
    let mut outcome = Err(Failure::later(Reason::Unavailable, None, "The gap was not filled."));
    for wait in waits().take(FILL_TRIES) {
        outcome = history::since(room, last, from.clone(), matrix.clock.now()).await;
        match &outcome {
            Err(Failure { verdict: Verdict::Later(asked), .. }) => {
                tokio::time::sleep(asked.unwrap_or(wait).min(Duration::from_secs(60))).await;
            }
            _ => break,
        }
    }
    outcome
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
                tokio::time::sleep(waits.next().unwrap_or_default()).await;
            }
        }
    }
}
