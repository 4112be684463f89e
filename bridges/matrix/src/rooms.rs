//! Rooms made, named and put away, and answers that are changed in place.
//!
//! Matrix has no archive: the name of a room that is put away says so.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use matrix_sdk::ruma::api::client::room::create_room::v3 as create_room;
use matrix_sdk::ruma::events::room::member::MembershipState;
use matrix_sdk::ruma::{RoomAliasId, TransactionId, UserId};
use matrix_sdk::{Client, Room};
use partyline_core::{
    AnswerTo, Failure, MessageId, Network, NewRoom, PersonId, Place, Reason, Revise, Rooms, Text,
};
use tokio::time::timeout;

use crate::{Matrix, error, outbound, parts, place_of, text};

/// What stands behind the name of a room that is put away.
const ARCHIVED: &str = " (archived)";

/// Rooms of which the homeserver is asked whether somebody is in them, for one list of groups; and how
/// many at once.
const ASKED: usize = 500;
const AT_ONCE: usize = 16;

#[async_trait]
impl Rooms for Matrix {
    /// A private room. An alias made of the key lets a second try find what the first has made.
    async fn make(&self, new: &NewRoom) -> Result<Place, Failure> {
        let client = self.client()?;
        let alias = format!("partyline_{}", new.key);
        let mut request = create_room::Request::new();
        request.name = text::name(&new.name);
        request.topic = new.topic.clone();
        request.preset = Some(create_room::RoomPreset::PrivateChat);
        request.room_alias_name = Some(alias.clone());
        let failure = match self.bounded(client.create_room(request)).await {
            Some(Ok(room)) => return Ok(place_of(room.room_id())),
            Some(Err(error)) => error::failure(&error, "make a room", self.clock.now()),
            None => slow("make a room"),
        };
        if failure.code.as_deref() != Some("M_ROOM_IN_USE") {
            // The alias makes a repeat harmless.
            return Err(error::repeatable(failure));
        }
        let server = client.user_id().map(UserId::server_name);
        let alias = server.and_then(|server| RoomAliasId::parse(format!("#{alias}:{server}")).ok());
        let Some(alias) = alias else { return Err(failure) };
        match client.resolve_room_alias(&alias).await {
            Ok(found) => Ok(place_of(&found.room_id)),
            Err(error) => Err(error::repeatable(error::http_failure(
                &error,
                "find the room again",
                self.clock.now(),
            ))),
        }
    }

    async fn invite(&self, room: &Place, person: &PersonId) -> Result<(), Failure> {
        let user = <&UserId>::try_from(person.id.as_str()).ok();
        let Some(user) = user.filter(|_| person.network == Network::Matrix) else {
            return Err(Failure::never(
                Reason::Unreachable,
                "Only people of Matrix can be invited into a Matrix room.",
            ));
        };
        let room = self.room(room)?;
        if let Ok(Some(member)) = room.get_member(user).await
            && matches!(member.membership(), MembershipState::Join | MembershipState::Invite)
        {
            return Ok(());
        }
        self.done(room.invite_user_by_id(user), "invite somebody into the room").await
    }

    async fn rename(&self, room: &Place, name: &str) -> Result<(), Failure> {
        let Some(room) = self.whole(room)? else { return Ok(()) };
        self.named(&room, name, "").await
    }

    async fn set_topic(&self, room: &Place, topic: &str) -> Result<(), Failure> {
        let Some(room) = self.whole(room)? else { return Ok(()) };
        self.done(room.set_room_topic(topic), "set the room's topic").await
    }

    async fn archive(&self, room: &Place, name: &str) -> Result<(), Failure> {
        let Some(room) = self.whole(room)? else { return Ok(()) };
        self.named(&room, name, ARCHIVED).await
    }

    async fn unarchive(&self, room: &Place, name: &str) -> Result<(), Failure> {
        let Some(room) = self.whole(room)? else { return Ok(()) };
        self.named(&room, name, "").await
    }

    /// From the member events that sync brought, which are those of people who were seen to do
    /// something. Of other rooms the homeserver is asked, of so many as somebody waits for.
    async fn joined(&self, person: &PersonId, rooms: Vec<Place>) -> Result<Vec<Place>, Failure> {
        let Ok(user) = <&UserId>::try_from(person.id.as_str()) else { return Ok(Vec::new()) };
        let (mut joined, mut unknown) = (Vec::new(), Vec::new());
        for place in rooms {
            let Ok(room) = self.room(&place) else { continue };
            match room.get_member_no_sync(user).await {
                Ok(Some(member)) if *member.membership() == MembershipState::Join => {
                    joined.push(place);
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => unknown.push((place, room)),
            }
        }
        let unknown = unknown.into_iter().take(ASKED);
        let asked = unknown.map(|(place, room)| async move {
            let asking = self.members.has_joined(&room, user);
            self.bounded(asking).await.unwrap_or_default().then_some(place)
        });
        let found = futures_util::stream::iter(asked.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
        joined.extend(found.filter_map(std::future::ready).collect::<Vec<_>>().await);
        Ok(joined)
    }
}

#[async_trait]
impl Revise for Matrix {
    async fn show(
        &self,
        to: &AnswerTo,
        text: &str,
        before: Option<&MessageId>,
    ) -> Result<MessageId, Failure> {
        let room = self.room(&to.place)?;
        let content = outbound::answer(to, &Text::plain(text), before);
        let sending = room
            .send_raw("m.room.message", content)
            .with_transaction_id(&TransactionId::new())
            .into_future();
        match self.bounded(sending).await {
            // An edit is edited no further: it is the first that all of them replace.
            Some(Ok(sent)) => Ok(before
                .cloned()
                .unwrap_or_else(|| MessageId::new(sent.response.event_id.as_str()))),
            Some(Err(error)) => Err(error::failure(&error, "answer in the room", self.clock.now())),
            None => Err(slow("answer in the room")),
        }
    }
}

impl Matrix {
    /// The room, where the place is all of it. A thread is neither named nor put away.
    fn whole(&self, place: &Place) -> Result<Option<Room>, Failure> {
        match parts(place) {
            (_, None) => self.room(place).map(Some),
            (_, Some(_)) => Ok(None),
        }
    }

    fn client(&self) -> Result<Client, Failure> {
        self.current().map(|(_, client)| client).ok_or_else(|| {
            Failure::later(
                Reason::Unavailable,
                Some(Duration::from_secs(1)),
                "The Matrix bot is not logged in yet; it is tried again by itself.",
            )
        })
    }

    async fn named(&self, room: &Room, name: &str, mark: &str) -> Result<(), Failure> {
        let name = text::name(name).unwrap_or_default() + mark;
        self.done(room.set_name(name), "name the room").await
    }

    /// Makes a request that can be repeated without harm.
    async fn done<T, F>(&self, request: F, doing: &str) -> Result<(), Failure>
    where
        F: Future<Output = matrix_sdk::Result<T>>,
    {
        match self.bounded(request).await {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => {
                Err(error::repeatable(error::failure(&error, doing, self.clock.now())))
            }
            None => Err(error::repeatable(slow(doing))),
        }
    }

    async fn bounded<T>(&self, request: impl Future<Output = T>) -> Option<T> {
        timeout(2 * self.config.request_timeout, request).await.ok()
    }
}

fn slow(doing: &str) -> Failure {
    Failure::unknown(
        Reason::Unavailable,
        format!("The Matrix bot tried to {doing}, but the homeserver took too long."),
    )
}
