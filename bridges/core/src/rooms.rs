//! Rooms: made, named, and put away, where a platform lets the bridge do so; and answers that are
//! changed in place.

use async_trait::async_trait;

use crate::{AnswerTo, Failure, MessageId, PersonId, Place};

/// A room to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRoom {
    /// Names it when it is made once more: the same key and name give the same room, as far as the
    /// platform can tell.
    pub key: String,
    /// What people are to call it. The bridge writes it as its platform takes it.
    pub name: String,
    /// What it is for.
    pub topic: Option<String>,
    /// Whether an earlier try may have made it: then it is looked for first.
    pub again: bool,
}

/// Makes rooms and changes them. Every call but [`Rooms::make`] can simply be repeated.
#[async_trait]
pub trait Rooms: Send + Sync {
    /// Makes a room, with the bridge in it.
    ///
    /// # Errors
    /// With a verdict. After `Unknown`, it is made again with [`NewRoom::again`].
    async fn make(&self, new: &NewRoom) -> Result<Place, Failure>;

    /// Lets somebody in; one who is in it is success.
    ///
    /// # Errors
    /// With a verdict.
    async fn invite(&self, room: &Place, person: &PersonId) -> Result<(), Failure>;

    /// Gives it another name, as near to this as the platform allows.
    ///
    /// # Errors
    /// With a verdict; [`Reason::Conflict`](crate::Reason::Conflict) where the name is taken.
    async fn rename(&self, room: &Place, name: &str) -> Result<(), Failure>;

    /// Says what it is for.
    ///
    /// # Errors
    /// With a verdict.
    async fn set_topic(&self, room: &Place, topic: &str) -> Result<(), Failure>;

    /// Puts it away, under the name that its group has; one that is put away is success. Where the
    /// platform has no archive, its name says so.
    ///
    /// # Errors
    /// With a verdict.
    async fn archive(&self, room: &Place, name: &str) -> Result<(), Failure>;

    /// Brings it back, under the name that its group has.
    ///
    /// # Errors
    /// With a verdict.
    async fn unarchive(&self, room: &Place, name: &str) -> Result<(), Failure>;

    /// Those of these rooms that somebody is in, as far as the platform lets the bridge see it.
    ///
    /// # Errors
    /// With a verdict.
    async fn joined(&self, person: &PersonId, rooms: Vec<Place>) -> Result<Vec<Place>, Failure>;
}

/// Shows how something is getting on, in the answer to a command, which is changed in place.
#[async_trait]
pub trait Revise: Send + Sync {
    /// Shows this text as the answer, in place of what was shown before, and gives what the next
    /// one replaces. A text that is not shown does no harm: nobody tries again.
    ///
    /// # Errors
    /// It was not shown.
    async fn show(
        &self,
        to: &AnswerTo,
        text: &str,
        before: Option<&MessageId>,
    ) -> Result<MessageId, Failure>;

    /// Where the same person gets an answer hours or days later.
    fn later(&self, to: &AnswerTo) -> AnswerTo {
        to.clone()
    }
}
