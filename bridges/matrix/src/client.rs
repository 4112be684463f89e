//! The requests of the bridge: sends, look-ups, profiles.

use std::ops::ControlFlow;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use matrix_sdk::Room;
use matrix_sdk::config::RequestConfig;
use matrix_sdk::ruma::api::client::profile::get_profile;
use matrix_sdk::ruma::{EventId, TransactionId, UserId};
use partyline_core::{
    Cursor, Event, Failure, Happening, Incoming, MessageId, Outgoing, Place, Reason, Sent,
};
use tokio::time::timeout;

use crate::history::{self, Since};
use crate::outbound;
use crate::{Matrix, error, text};

/// The longest that one send may take. It is shorter than for other requests, for a repeat does no
/// harm: it has the first one's transaction id.
const SEND: Duration = Duration::from_secs(15);

/// For how long a repeat under the same transaction id is surely known to the homeserver. The
/// specification states no time; Synapse keeps transaction ids for half an hour in memory, and for
/// a day in its database.
const REPEATS_KNOWN: SignedDuration = SignedDuration::from_mins(20);

/// How much the homeserver's clock may be behind ours when history is searched.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(5);

/// Whether sending it once more cannot make a second message. A delivery that will be written down
/// only later, by a clock that was moved back, may be of any age.
pub(crate) fn is_repeat_known(matrix: &Matrix, outgoing: &Outgoing) -> bool {
    let age = matrix.clock.now().duration_since(outgoing.since);
    !age.is_negative() && age < REPEATS_KNOWN
}

/// Sends these as one message, under the first delivery's id as the transaction id.
///
/// # Errors
/// With the verdict. What may have been processed is `Later` while a repeat is harmless, and
/// `Unknown` after.
pub(crate) async fn send(
    matrix: &Matrix,
    room: &Room,
    outgoing: &[Outgoing],
) -> Result<Sent, Failure> {
    let content = outbound::contents(outgoing);
    let outgoing = &outgoing[0];
    let transaction: &TransactionId = outgoing.id.as_str().into();
    // In an encrypted room a send can be several requests (members, keys).
    let bound = 2 * matrix.config.request_timeout;
    let Ok(Ok(_turn)) = timeout(bound, matrix.turns.acquire()).await else {
        return Err(Failure::later(
            Reason::RateLimited,
            None,
            "Too many messages to Matrix are under way; it is tried again by itself.",
        ));
    };
    let within = RequestConfig::new().disable_retry().timeout(SEND);
    let sending = room
        .send_raw("m.room.message", content)
        .with_transaction_id(transaction)
        .with_request_config(within);
    let failure = match timeout(bound, sending.into_future()).await {
        Ok(Ok(answer)) => {
            let id = MessageId::new(answer.response.event_id.as_str());
            return Ok(Sent { id: Some(id), ordinal: None });
        }
        Ok(Err(error)) => error::failure(&error, "post in the room", matrix.clock.now()),
        Err(_) => Failure::unknown(
            Reason::Unavailable,
            "The Matrix bot tried to post in the room, but the homeserver took too long.",
        ),
    };
    Err(if is_repeat_known(matrix, outgoing) { error::repeatable(failure) } else { failure })
}

/// How many of these deliveries, from the first on, are in this message of ours.
///
/// # Errors
/// The homeserver could not be asked: `Later`.
pub(crate) async fn held_by(
    matrix: &Matrix,
    room: &Room,
    sent: &Sent,
    waiting: &[Outgoing],
) -> Result<usize, Failure> {
    let id = sent.id.as_ref().and_then(|id| <&EventId>::try_from(id.as_str()).ok());
    let Some(id) = id else { return Ok(1) };
    let event = room.event(id, None).await.map_err(|error| {
        let about = "read its own message in the room";
        error::repeatable(error::failure(&error, about, matrix.clock.now()))
    })?;
    let (value, _) = matrix.read(&waiting[0].to, &event);
    Ok(outbound::holds(&value["content"], waiting).max(1))
}

/// Looks for the first of these deliveries in the room's newest messages, back to when it was
/// written down, and says how many of them the message holds.
///
/// # Errors
/// The homeserver could not be asked, or there are too many messages since.
pub(crate) async fn find(
    matrix: &Matrix,
    room: &Room,
    waiting: &[Outgoing],
) -> Result<Option<(Sent, usize)>, Failure> {
    let outgoing = &waiting[0];
    let begin = outgoing.earliest();
    let begin = begin.saturating_sub(CLOCKS_APART).unwrap_or(begin);
    let own = matrix.reader.own.as_str();
    let found = history::walk_back(room, &history::TYPES, matrix.clock.now(), |event| {
        let (value, _) = matrix.read(&outgoing.to, &event);
        let held = outbound::holds(&value["content"], waiting);
        if value["sender"] == own && held > 0 {
            let id = value["event_id"].as_str().map(MessageId::new);
            return ControlFlow::Break(id.map(|id| (id, held)));
        }
        let at = value["origin_server_ts"].as_i64().map(Timestamp::from_millisecond);
        match at {
            Some(Ok(at)) if at < begin => ControlFlow::Break(None),
            _ => ControlFlow::Continue(()),
        }
    })
    .await
    .map_err(|failure| match failure.reason {
        // More messages since than are ever read back: this one cannot be looked up.
        Reason::Refused => Failure::unknown(Reason::Uncertain, failure.sentence),
        _ => failure,
    })?;
    Ok(found.flatten().map(|(id, held)| (Sent { id: Some(id), ordinal: None }, held)))
}

/// What the room holds after the cursor; see [`partyline_core::ReadBack`].
///
/// # Errors
/// The homeserver could not be asked.
pub(crate) async fn read_back(
    matrix: &Matrix,
    room: &Room,
    place: &Place,
    after: Option<&Cursor>,
) -> Result<Vec<Incoming>, Failure> {
    let Some(cursor) = after else { return newest(matrix, room, place).await };
    let events = match matrix.since(room, place, cursor).await? {
        Since::Found(events) => events,
        Since::Cut(events) => {
            history::note_lost(room);
            events
        }
        Since::Gone(newest) => {
            history::note_lost(room);
            newest.into_iter().collect()
        }
    };
    let mut read = Vec::with_capacity(events.len());
    for event in &events {
        read.push(matrix.incoming(room, place, event, "list").await);
    }
    Ok(read)
}

/// The newest message of a room that has no cursor yet. Not a command: an old one must not be
/// carried out.
async fn newest(matrix: &Matrix, room: &Room, place: &Place) -> Result<Vec<Incoming>, Failure> {
    let mut looked_at = 0;
    let found = history::walk_back(room, &history::TYPES, matrix.clock.now(), |event| {
        looked_at += 1;
        match matrix.read(place, &event).1.map(|event| event.happening) {
            Some(Happening::Message { .. } | Happening::Echo { .. }) => {
                ControlFlow::Break(Some(event))
            }
            // A room in which nobody has said anything for long has no newest message.
            _ if looked_at >= 500 => ControlFlow::Break(None),
            _ => ControlFlow::Continue(()),
        }
    })
    .await?;
    Ok(match found.flatten() {
        Some(event) => vec![matrix.incoming(room, place, &event, "list").await],
        None => Vec::new(),
    })
}

/// The person's name on the homeserver, for somebody who is not known in the room.
///
/// # Errors
/// The homeserver could not be asked.
pub(crate) async fn profile_name(
    matrix: &Matrix,
    user: &UserId,
) -> Result<Option<String>, Failure> {
    let Some((_, client)) = matrix.current() else {
        return Err(Failure::later(
            Reason::Unavailable,
            Some(Duration::from_secs(5)),
            "The Matrix bot is not logged in yet.",
        ));
    };
    match client.send(get_profile::v3::Request::new(user.to_owned())).await {
        Ok(profile) => {
            Ok(profile.get("displayname").and_then(|name| name.as_str()).and_then(text::name))
        }
        Err(error) => {
            let failure = error::repeatable(error::http_failure(
                &error,
                "look up somebody's name",
                matrix.clock.now(),
            ));
            // Somebody without a profile, or whom we may not see, has no name.
            match failure.reason {
                Reason::NoSuchPlace | Reason::Forbidden => Ok(None),
                _ => Err(failure),
            }
        }
    }
}

/// Counts what is of no consequence, and what could not be decrypted.
pub(crate) fn count_passed_by(event: &Event) {
    if let Happening::Other { name } = &event.happening {
        metrics::counter!("partyline_matrix_passed_by_total", "event" => name.clone()).increment(1);
    }
}
