//! The bridge to Matrix: one bot account that speaks for everybody.
//!
//! | room of the house | what it does |
//! |---|---|
//! | [`Matrix`] | the bridge; implements the traits of `partyline-core` |
//! | `config` | what it is told |
//! | `login`, `session` | login, the kept session, the device |
//! | `sync` | the road in: syncs, gaps, invitations (`invites`) |
//! | `inbound`, `message` | events → ours (pure) |
//! | `outbound` | ours → content (pure) |
//! | `text` | bodies, names, HTML (pure) |
//! | `deliver`, `client`, `history`, `rooms`, `ticks` | requests |
//! | `error` | answers → verdicts (pure) |
//! | `health` | how the network is doing |
//!
//! Sends are idempotent: the transaction id is the delivery's id, so a repeat gives the first
//! event again. What has piled up for a room goes as one message; it holds the ids of all its
//! deliveries, so that after a repeat it is read which they were. In an encrypted room the bot reads
//! and writes as far as its keys go; what it cannot decrypt is counted.

mod client;
mod config;
mod deliver;
mod error;
mod health;
mod history;
mod inbound;
mod invites;
mod login;
mod members;
mod message;
mod outbound;
mod rooms;
mod session;
mod sync;
mod text;
mod ticks;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use bytes::Bytes;
use matrix_sdk::deserialized_responses::TimelineEvent;
use matrix_sdk::ruma::events::room::power_levels::UserPowerLevel;
use matrix_sdk::ruma::{RoomId, UserId};
use matrix_sdk::{Client, Room, RoomState};
use partyline_core::{
    Clock, Cursor, Event, Failure, Happening, Incoming, Intake, Network, PersonId, Place, Profile,
    Profiles, Ranks, ReadBack, Reason, RoomChange, Watch, WatchState, guarded,
};
use serde_json::Value;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

pub use config::{Config, Credentials};
use health::Health;
use history::Since;
use inbound::Reader;
use members::Members;
use session::Session;

/// The most characters of content in one message. An event may have 65,536 bytes in all, which
/// this leaves room for in any script, encrypted or not.
pub(crate) const LIMIT: usize = 10_000;

/// The bot.
#[derive(Debug)]
pub struct Matrix {
    config: Config,
    clock: Arc<dyn Clock>,
    reader: Reader,
    members: Members,
    health: Health,
    /// The session and the client that has it. None before the first login.
    current: RwLock<Option<(Session, Client)>>,
    /// One login at a time.
    logins: Semaphore,
    /// Turns to send.
    turns: Semaphore,
    /// A sync has come through since the start: the rooms are known.
    rooms_known: AtomicBool,
    /// A send found that the token is not accepted any longer.
    token_gone: Notify,
    /// There are new invitations.
    invited: Notify,
}

impl Matrix {
    /// The bot, with its kept session if there is one. The homeserver need not be up: the rest is
    /// [`Matrix::run`]'s affair, or [`Watch::probe`]'s.
    ///
    /// # Errors
    /// The store directory cannot be used.
    pub async fn connect(config: Config, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        session::make_store(&config).await?;
        let current = match session::load(&config).await? {
            Some(session) => {
                let client = session::open(&config, &session).await?;
                Some((session, client))
            }
            None => None,
        };
        Ok(Self {
            reader: Reader { own: config.user_id.clone(), prefix: config.command_prefix.clone() },
            members: Members::new(),
            health: Health::new(),
            current: RwLock::new(current),
            logins: Semaphore::new(1),
            turns: Semaphore::new(config.concurrency.max(1)),
            rooms_known: AtomicBool::new(false),
            token_gone: Notify::new(),
            invited: Notify::new(),
            config,
            clock,
        })
    }

    /// Receives until it is told to stop: logs in, follows the homeserver, accepts invitations,
    /// and begins again after every outage. What is not stored when it stops is read back after
    /// the next start.
    pub async fn run(&self, intake: Arc<dyn Intake>, stop: CancellationToken) {
        stop.run_until_cancelled(async {
            loop {
                let client = self.log_in_until_it_works().await;
                tokio::select! {
                    () = sync::follow(self, &client, intake.as_ref()) => {}
                    () = invites::watch(&self.config, &client, &self.invited, self.clock.as_ref()) => {}
                    () = self.token_gone.notified() => {}
                }
            }
        })
        .await;
    }

    /// The room, if the bot is in it.
    fn room(&self, place: &Place) -> Result<Room, Failure> {
        let Some((_, client)) = self.current() else {
            return Err(Failure::later(
                Reason::Unavailable,
                None,
                "The Matrix bot is not logged in yet; it is tried again by itself.",
            ));
        };
        let room = match <&RoomId>::try_from(parts(place).0) {
            Ok(id) if place.network() == Network::Matrix => client.get_room(id),
            _ => return Err(error::not_joined()),
        };
        match room {
            Some(room) if room.state() == RoomState::Invited => Err(Failure::later(
                Reason::Unavailable,
                None,
                "The Matrix bot is invited into this room and not in it yet. It follows the \
                 invitations of those whom matrix.inviters names; then it is tried again by itself.",
            )),
            Some(room) => Ok(room),
            None if self.rooms_known.load(Ordering::Relaxed) => Err(error::not_joined()),
            None => Err(Failure::later(
                Reason::Unavailable,
                None,
                "The Matrix bot has not read its rooms yet; it is tried again by itself.",
            )),
        }
    }

    /// A sync came through.
    fn synced(&self) {
        self.rooms_known.store(true, Ordering::Relaxed);
        self.health.synced();
    }

    /// The event's JSON, and what is understood of it.
    fn read(&self, place: &Place, event: &TimelineEvent) -> (Value, Option<Event>) {
        let value = serde_json::from_str(event.raw().json().get()).unwrap_or_default();
        let read = || self.reader.read(place, &value, self.clock.now());
        let understood = guarded(Network::Matrix, read).flatten();
        (value, understood)
    }

    /// Whether with this event the bot comes into the room.
    fn is_arrival(&self, place: &Place, event: &TimelineEvent) -> bool {
        let joined = Happening::Room { change: RoomChange::Joined };
        self.read(place, event).1.is_some_and(|event| event.happening == joined)
    }

    /// What is new in a room. A room that was empty when it was first read is new from the bot's
    /// arrival on.
    async fn since(&self, room: &Room, place: &Place, cursor: &Cursor) -> Result<Since, Failure> {
        let now = self.clock.now();
        match &cursor.last {
            Some(last) => history::since(room, last.as_str(), now).await,
            None => history::since_arrival(room, now, |event| self.is_arrival(place, event))
                .await
                .map(Since::Found),
        }
    }

    /// An event as it came, and what is understood of it, with the speaker's name.
    async fn incoming(
        &self,
        room: &Room,
        place: &Place,
        event: &TimelineEvent,
        via: &'static str,
    ) -> Incoming {
        let (value, mut understood) = self.read(place, event);
        if let Some(event) = &mut understood {
            client::count_passed_by(event);
            if let Some(name) = inbound::speaker_name(event)
                && let Some(sender) = value["sender"].as_str()
                && let Ok(sender) = <&UserId>::try_from(sender)
            {
                *name = self.members.name(room, sender).await;
            }
        }
        Incoming {
            network: Network::Matrix,
            via,
            raw: Bytes::copy_from_slice(event.raw().json().get().as_bytes()),
            events: understood.into_iter().collect(),
        }
    }
}

#[async_trait]
impl ReadBack for Matrix {
    async fn read_back(
        &self,
        place: &Place,
        after: Option<&Cursor>,
    ) -> Result<Vec<Incoming>, Failure> {
        let room = self.room(place)?;
        client::read_back(self, &room, place, after).await
    }
}

#[async_trait]
impl Profiles for Matrix {
    async fn profile(&self, person: &PersonId, place: &Place) -> Result<Profile, Failure> {
        let Ok(user) = <&UserId>::try_from(person.id.as_str()) else {
            return Ok(Profile::default());
        };
        let known = match self.room(place) {
            Ok(room) => self.members.name(&room, user).await,
            Err(_) => None,
        };
        let name = match known {
            Some(name) => Some(name),
            None => client::profile_name(self, user).await?,
        };
        // Pictures are mxc addresses, which nobody outside Matrix can fetch.
        Ok(Profile { name, picture: None })
    }
}

#[async_trait]
impl Ranks for Matrix {
    async fn is_admin(&self, person: &PersonId, room: &Place) -> Result<bool, Failure> {
        let (Some(least), Ok(user)) =
            (self.config.admin_power, <&UserId>::try_from(person.id.as_str()))
        else {
            return Ok(false);
        };
        let room = self.room(room)?;
        // From the state that sync brought; nobody is asked.
        match room.get_user_power_level(user).await {
            Ok(UserPowerLevel::Infinite) => Ok(true),
            Ok(UserPowerLevel::Int(level)) => Ok(i64::from(level) >= least),
            Ok(_) => Ok(false),
            Err(error) => Err(Failure::later(
                Reason::Unavailable,
                None,
                format!("The power levels of the room are not known: {error}."),
            )),
        }
    }
}

#[async_trait]
impl Watch for Matrix {
    fn state(&self) -> WatchState {
        self.health.state()
    }

    async fn probe(&self) -> Result<(), Failure> {
        self.log_in().await.map(|_| ())
    }
}

/// A place's room and, where it is a thread's, the event that began it.
pub(crate) fn parts(place: &Place) -> (&str, Option<&str>) {
    match place.id().find("/$") {
        Some(end) => (&place.id()[..end], Some(&place.id()[end + 1..])),
        None => (place.id(), None),
    }
}

/// The place that a room is.
fn place_of(room: &RoomId) -> Place {
    Place::new(Network::Matrix, room.as_str())
}
