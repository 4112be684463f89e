//! What a bridge can do, and the one door in.
//!
//! The powers are small traits of their own, so that a new platform can begin with [`Deliver`].

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Address, Event, Failure, MessageId, Network, Outgoing, PersonId, Place, Sent};

/// Sends to a platform.
#[async_trait]
pub trait Deliver: Send + Sync {
    /// The most characters of content that one message there can hold, once a name of
    /// [`NAME_LIMIT`](crate::NAME_LIMIT) characters and a part number stand in front of it.
    fn limit(&self) -> usize;

    /// Sends it. The bridge keeps the platform's rates itself and waits for its turn here; the
    /// call is bounded in time. Dropping the future leaves the send unknown.
    ///
    /// # Errors
    /// With the verdict that the lane acts on.
    async fn send(&self, outgoing: &Outgoing) -> Result<Sent, Failure>;

    /// Looks up whether it was sent before. `None` means that sending it (again) cannot double
    /// it: it is not there, or the platform itself knows a repeat.
    ///
    /// # Errors
    /// `Later` where the look-up can be tried again, `Unknown` where this delivery can never be
    /// looked up: a person must decide.
    async fn find(&self, outgoing: &Outgoing) -> Result<Option<Sent>, Failure>;

    /// The most deliveries that can go as one message.
    fn most_together(&self) -> usize {
        1
    }

    /// How many of these, which wait one behind the other for one place, are to go as one message:
    /// at least 1. More than that only where many have piled up.
    fn together(&self, _waiting: &[Outgoing]) -> usize {
        1
    }

    /// Sends the first of these, with those that go [together](Deliver::together) with it, and
    /// answers how many went. `again` says that the first was sent before, with whatever else, and
    /// that nobody knows whether that was processed.
    ///
    /// # Errors
    /// As in [`Deliver::send`].
    async fn send_first(
        &self,
        waiting: &[Outgoing],
        _again: bool,
    ) -> Result<(Sent, usize), Failure> {
        self.send(&waiting[0]).await.map(|sent| (sent, 1))
    }

    /// As [`Deliver::find`] for the first of these, and answers how many of them the message holds
    /// that was found.
    ///
    /// # Errors
    /// Likewise.
    async fn find_first(&self, waiting: &[Outgoing]) -> Result<Option<(Sent, usize)>, Failure> {
        self.find(&waiting[0]).await.map(|sent| Some((sent?, 1)))
    }
}

/// How far a place has been read: everything up to here went through intake. With neither field,
/// the place was empty when it was first read: everything in it is new.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The highest [`Event::ordinal`] that intake has, with none missing below it.
    pub ordinal: Option<u64>,
    /// The last message that intake has, where the platform has no ordinals.
    pub last: Option<MessageId>,
}

/// Reads back what was missed.
#[async_trait]
pub trait ReadBack: Send + Sync {
    /// Everything in the place after the cursor, oldest first, own posts included (as
    /// [`Happening::Echo`](crate::Happening::Echo)). Given no cursor: the newest message only, so
    /// that the cursor has somewhere to begin (history is not relayed).
    ///
    /// # Errors
    /// With a verdict; nothing half-read is returned.
    async fn read_back(
        &self,
        place: &Place,
        after: Option<&Cursor>,
    ) -> Result<Vec<Incoming>, Failure>;

    /// The same by as few calls as possible, for a look whether something is missing: it may leave
    /// out what only more calls would show.
    ///
    /// # Errors
    /// As in [`ReadBack::read_back`].
    async fn glance(&self, place: &Place, after: &Cursor) -> Result<Vec<Incoming>, Failure> {
        self.read_back(place, Some(after)).await
    }
}

/// Tells what was written to a sender, whether or not a hook told of it at the time.
#[async_trait]
pub trait MessageLog: Send + Sync {
    /// What phones have written to this sender since then (in whole seconds), oldest first, as
    /// [`Happening::Wrote`](crate::Happening::Wrote) under the keys of the hooks that tell of it; of
    /// files, how many there are.
    ///
    /// # Errors
    /// With a verdict; nothing half-read is returned.
    async fn written(&self, sender: &Address, since: Timestamp) -> Result<Written, Failure>;

    /// One of these with what only a call of its own tells: its files.
    ///
    /// # Errors
    /// With a verdict.
    async fn complete(&self, piece: Incoming) -> Result<Incoming, Failure>;
}

/// What was written to a sender.
#[derive(Debug, Default)]
pub struct Written {
    /// The oldest of it, a bounded number.
    pub pieces: Vec<Incoming>,
    /// Whether more was written after these.
    pub more: bool,
}

/// A person as a platform shows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The name shown there.
    pub name: Option<String>,
    /// The picture shown there.
    pub picture: Option<url::Url>,
}

/// Tells who somebody is.
#[async_trait]
pub trait Profiles: Send + Sync {
    /// The person's profile, from a bounded cache where it is fresh. `place` is where they spoke.
    ///
    /// # Errors
    /// With a verdict, when the platform could not be asked.
    async fn profile(&self, person: &PersonId, place: &Place) -> Result<Profile, Failure>;
}

/// Tells who stands above others, where a platform has ranks of its own.
#[async_trait]
pub trait Ranks: Send + Sync {
    /// Whether the platform's ranks make this person an administrator in this room, as the
    /// configuration has it (a Slack user group, a Matrix power level). Answered from a cache
    /// where it is fresh.
    ///
    /// # Errors
    /// With a verdict, when the platform could not be asked.
    async fn is_admin(&self, person: &PersonId, room: &Place) -> Result<bool, Failure>;
}

/// Whether one direction works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "why")]
pub enum Proof {
    /// It was seen to work.
    Proved,
    /// Nothing speaks against it, but nothing has come yet that proves it; why.
    Unproved(String),
    /// It does not work; why, and what to do.
    Failed(String),
}

/// The state of a network, for `/ready` and `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WatchState {
    /// From the platform to the bridge.
    pub inbound: Proof,
    /// From the bridge to the platform.
    pub outbound: Proof,
}

/// Tells how a network is doing.
#[async_trait]
pub trait Watch: Send + Sync {
    /// The state as last seen; asks nobody.
    fn state(&self) -> WatchState;

    /// Who else gets what is meant for the bridge, in a sentence with what to do, as last seen; asks nobody.
    fn company(&self) -> Option<String> {
        None
    }

    /// Asks the platform (credentials, scopes) and notes the result in [`Watch::state`].
    ///
    /// # Errors
    /// What is wrong, with a remedy.
    async fn probe(&self) -> Result<(), Failure>;
}

/// What came from a platform in one piece.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Who sent it.
    pub network: Network,
    /// By which way: `webhook`, `socket`, `sync`, `list`; for metrics.
    pub via: &'static str,
    /// The bytes as they came.
    pub raw: Bytes,
    /// What was understood of them. Empty where nothing was: then the bytes are kept and
    /// counted, so that a parser's mistake loses nothing.
    pub events: Vec<Event>,
}

/// What intake did with an [`Incoming`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Events that were new.
    pub fresh: usize,
    /// Events that had come before.
    pub repeats: usize,
}

/// Something of a place could not be read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// What happened, in a sentence for people.
    pub why: String,
    /// Whether it is read later.
    pub again: Again,
}

/// Whether what could not be read is read later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// From time to time, from where it is missing on.
    Yes,
    /// From where it is missing on, but not by itself: the sentence says when.
    NotByItself,
    /// It is lost.
    No,
}

/// It could not be stored: do not acknowledge it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("what came could not be stored: {0}")]
pub struct NotStored(pub String);

/// The one door in. Implemented by the daemon, called by bridges that receive by themselves
/// (sockets, sync); what comes by webhook is handed in by the HTTP routes.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Stores it, with a delivery for each destination. When this returns `Ok`, it is durable and
    /// may be acknowledged. The events of one call are taken in order; calls for one place that
    /// must keep an order are made one after another.
    ///
    /// # Errors
    /// Nothing was stored; the platform must be told to try again.
    async fn accept(&self, incoming: Incoming) -> Result<Stored, NotStored>;

    /// How far this place has been read.
    ///
    /// # Errors
    /// The ledger could not be read.
    async fn cursor(&self, place: &Place) -> Result<Option<Cursor>, NotStored>;

    /// The network (re)connected after events may have been missed: its rooms' new events are
    /// held until each room has been read back from its cursor. Returns when that is noted, before
    /// the reading is done; call it before the first [`Intake::accept`] of the new connection.
    /// `now` is the time by the platform's clock, where it told it: a room that was never read
    /// begins there.
    ///
    /// # Errors
    /// The ledger could not be read.
    async fn reconnected(&self, network: Network, now: Option<Timestamp>) -> Result<(), NotStored>;

    /// The network withholds events for a while: what comes from its rooms is held, until
    /// [`Intake::reconnected`] has them read back. Whoever does not hold does nothing.
    ///
    /// # Errors
    /// It could not be noted.
    async fn withheld(&self, network: Network) -> Result<(), NotStored> {
        let _ = network;
        Ok(())
    }

    /// Stores what a bridge has read back of a place by itself: everything after its cursor, oldest
    /// first, in place of what came live meanwhile. What comes too late is left out, and the places
    /// tied to this one are told, as they are of what was lost. Handed in again after a failure, it
    /// does no harm. (Whoever knows of no lateness takes all of it in turn.)
    ///
    /// # Errors
    /// Not all of it was stored.
    async fn missed(
        &self,
        _place: &Place,
        pieces: Vec<Incoming>,
        _lost: Option<Lost>,
    ) -> Result<(), NotStored> {
        for piece in pieces {
            self.accept(piece).await?;
        }
        Ok(())
    }
}
