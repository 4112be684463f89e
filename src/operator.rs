//! The operator's commands: by the admin API and from the command line.
//!
//! They go the way of every command: accepted into the ledger, then carried out by
//! [`crate::operations`], so that rights, the audit and a kill in the middle mean the same. What is
//! different is that they come with their arguments apart, under a key that makes a repeat a
//! repeat, and that their answer stands in the ledger until it is fetched.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use partyline_core::{
    AnswerTo, CommandLine, Event, EventKey, Given, Happening, Incoming, Intake, Network, PersonId,
    Place,
};

use crate::commands::Desk;
use crate::ledger::{Answered, Asked, LedgerError};

/// A command on its way.
pub struct Order {
    /// Makes a repeat a repeat.
    pub key: EventKey,
    /// What was asked for, as one text: a repeat under the key asks for the same.
    pub asked: String,
    /// Who gives it.
    pub by: PersonId,
    /// What it is about; commands about one thing are carried out one after another.
    pub about: String,
    /// The command's words: `group create`; empty where they are in front of the arguments.
    pub command: &'static str,
    /// Its arguments, as words or by name.
    pub given: Given,
}

/// Why a command was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// The key was used for something else.
    #[error("this key was used for another request: use a new one")]
    OtherRequest,
    /// The key was used, and what came of it is forgotten.
    #[error("this key was used more than 24 hours ago: use a new one")]
    Forgotten,
    /// The ledger could not take it.
    #[error("{0}")]
    NotStored(String),
}

impl From<LedgerError> for NotTaken {
    fn from(error: LedgerError) -> Self {
        Self::NotStored(error.to_string())
    }
}

/// Gives commands in the operator's name.
#[derive(Clone)]
pub struct Operator {
    desk: Arc<Desk>,
    intake: Arc<dyn Intake>,
}

impl Operator {
    /// Gives commands to this desk through this door.
    #[must_use]
    pub fn new(desk: Arc<Desk>, intake: Arc<dyn Intake>) -> Self {
        Self { desk, intake }
    }

    /// What commands may look at.
    #[must_use]
    pub fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Gives a command and waits for its end; `None` where it is not done by then, and goes on.
    ///
    /// # Errors
    /// It was not taken: nothing comes of it.
    pub async fn give(
        &self,
        order: Order,
        patience: Duration,
    ) -> Result<Option<Answered>, NotTaken> {
        let Order { key, asked, by, about, command, given } = order;
        match self.desk.ledger.asked(&key).await? {
            (Asked::Unknown, _) => {
                let place = Place::new(Network::Operator, &about);
                let event = Event {
                    key: key.clone(),
                    place: place.clone(),
                    at: self.desk.clock.now(),
                    ordinal: None,
                    happening: Happening::Command(CommandLine {
                        line: command.to_owned(),
                        given: Some(given),
                        by,
                        name: None,
                        answer: AnswerTo { place, handle: asked.clone() },
                    }),
                };
                let incoming = Incoming {
                    network: Network::Operator,
                    via: "api",
                    raw: Bytes::from(asked.clone()),
                    events: vec![event],
                };
                let stored = self.intake.accept(incoming).await;
                stored.map_err(|error| NotTaken::NotStored(error.to_string()))?;
            }
            (_, Some(before)) if before != asked => return Err(NotTaken::OtherRequest),
            (Asked::Closed(None), _) => return Err(NotTaken::Forgotten),
            (Asked::Open | Asked::Closed(Some(_)), _) => {}
        }
        match tokio::time::timeout(patience, self.end(&key)).await {
            Ok(ended) => ended,
            Err(_) => Ok(None),
        }
    }

    async fn end(&self, key: &EventKey) -> Result<Option<Answered>, NotTaken> {
        loop {
            // Before the look, so that an end in between is not missed.
            let mut ended = std::pin::pin!(self.desk.ended.notified());
            ended.as_mut().enable();
            match self.desk.ledger.asked(key).await? {
                (Asked::Closed(Some(answered)), _) => return Ok(Some(answered)),
                (Asked::Closed(None), _) => return Err(NotTaken::Forgotten),
                (Asked::Open | Asked::Unknown, _) => ended.await,
            }
        }
    }
}
