//! Operations: what a command does over several calls, and the work on commands itself.
//!
//! A command is an event in the ledger that is still to be done. Its work is repeated from the
//! beginning after a crash, so each step is safe to repeat, and the last step (the answer, the
//! change of the links, the event being done) is one commit.

mod link;

use std::sync::Arc;
use std::time::Duration;

use partyline_core::{Failure, Happening, Place, Verdict};
use tokio_util::sync::CancellationToken;

use crate::commands::{self, Desk, Outcome};
use crate::crash::{Point, point};
use crate::intake::Wakers;
use crate::ledger::{Change, LedgerError, LinkChange, Owed, PendingCommand};
use crate::poison::{Guard, PANICS, Poison};

/// How often a step is tried while its platform says "later".
const TRIES: u32 = 5;

/// Steps on the platforms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Ties a conversation to a room, once the conversation is known to be there.
    Link {
        /// The conversation's SID or unique name.
        reference: String,
        /// The room.
        room: Place,
        /// Who asked for it.
        by: String,
    },
}

/// How an operation ended.
pub(crate) struct Done {
    answer: String,
    change: Option<Change>,
}

impl Done {
    fn said(answer: impl Into<String>) -> Self {
        Self { answer: answer.into(), change: None }
    }
}

/// Carries out the commands that are in the ledger.
pub struct Operations {
    desk: Arc<Desk>,
    wakers: Wakers,
    stop: CancellationToken,
    guard: Arc<Guard>,
}

impl Operations {
    /// Goes on with every command that is not done, and with those that come.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn start(
        desk: Arc<Desk>,
        wakers: Wakers,
        stop: CancellationToken,
        guard: Arc<Guard>,
    ) -> Result<(), LedgerError> {
        let waiting = desk.ledger.places_commanded().await?;
        let operations = Arc::new(Self { desk, wakers: wakers.clone(), stop, guard });
        wakers.commands.runs(move |place| {
            let operations = Arc::clone(&operations);
            async move { operations.run(&place).await }
        });
        for place in waiting {
            wakers.commands.wake(place);
        }
        Ok(())
    }

    async fn run(&self, place: &Place) {
        while !self.stop.is_cancelled() {
            let worked = match self.desk.ledger.next_command(place).await {
                Ok(None) => return,
                Ok(Some(command)) => self.guarded(&command).await,
                Err(error) => Err(error),
            };
            if let Err(error) = worked {
                tracing::error!(%place, %error, "a command could not be carried out; trying again");
                self.pause(Duration::from_secs(1)).await;
            }
        }
    }

    /// Works on a command; one on which the bridge itself fails is given up with an answer that
    /// says so.
    async fn guarded(&self, command: &PendingCommand) -> Result<(), LedgerError> {
        let name = || format!("command {}", command.number);
        for _ in 0..PANICS {
            match self.guard.attempt(name, self.work(command)).await {
                Ok(worked) => return worked,
                Err(Poison::Panicked) => self.pause(Duration::from_secs(1)).await,
                Err(Poison::Deadly) => break,
            }
        }
        let Happening::Command(line) = &command.event.happening else { return Ok(()) };
        tracing::error!(place = %command.event.place, number = command.number,
            "a command was given up: the bridge failed on it by a mistake of its own");
        let sentence = "The bridge failed on this command by a mistake of its own, and gave it up. \
            See with `status` whether it took effect, and report it with the bridge's log.";
        let owed = vec![Owed::answer(&line.answer, self.desk.clock.now(), sentence)];
        let accepted = self.desk.ledger.finish(command, owed, None).await?;
        self.wakers.wake(accepted);
        Ok(())
    }

    async fn work(&self, command: &PendingCommand) -> Result<(), LedgerError> {
        let Happening::Command(line) = &command.event.happening else { return Ok(()) };
        let room = command.event.place.clone();
        point(Point::CommandBegin);
        let outcome = commands::carry_out(Arc::clone(&self.desk), room, line).await?;
        let done = match outcome {
            Outcome::Answer(answer) => Done { answer, change: None },
            Outcome::Change(change, answer) => Done { answer, change: Some(change) },
            Outcome::Operation(operation) => match self.operate(&operation).await? {
                Some(done) => done,
                None => return Ok(()),
            },
        };
        let owed = vec![Owed::answer(&line.answer, self.desk.clock.now(), done.answer)];
        point(Point::CommandFinish);
        let accepted = self.desk.ledger.finish(command, owed, done.change.clone()).await?;
        point(Point::CommandFinished);
        match done.change {
            Some(Change::Link(LinkChange::Tie { link, .. })) => {
                if let Err(taken) = self.desk.links.tie(link.clone()) {
                    tracing::error!(room = %link.room, conversation = %taken.0,
                        "a room was tied twice; the first link stands until the next start");
                }
            }
            Some(Change::Link(LinkChange::Untie { room })) => drop(self.desk.links.untie(&room)),
            Some(Change::Queue(_)) | None => {}
        }
        metrics::counter!("partyline_commands_total").increment(1);
        self.wakers.wake(accepted);
        Ok(())
    }

    /// Works on an operation until it ends; `None` when the program is stopping.
    async fn operate(&self, operation: &Operation) -> Result<Option<Done>, LedgerError> {
        let mut pause = Duration::from_millis(250);
        for tries in 1.. {
            let failure = match self.step(operation).await {
                Ok(done) => return Ok(Some(done)),
                Err(Stop::Ledger(error)) => return Err(error),
                Err(Stop::Platform(failure)) => failure,
            };
            let wait = match failure.verdict {
                Verdict::Later(wait) if tries < TRIES => wait.unwrap_or_default(),
                Verdict::Unknown if tries < TRIES => Duration::ZERO,
                Verdict::Never => return Ok(Some(Done::said(failure.sentence))),
                Verdict::Later(_) | Verdict::Unknown => {
                    let sentence =
                        format!("{} Nothing was changed; try again later.", failure.sentence);
                    return Ok(Some(Done::said(sentence)));
                }
            };
            self.pause(pause.max(wait.min(Duration::from_secs(30)))).await;
            if self.stop.is_cancelled() {
                return Ok(None);
            }
            pause *= 2;
        }
        Ok(None)
    }

    async fn step(&self, operation: &Operation) -> Result<Done, Stop> {
        match operation {
            Operation::Link { reference, room, by } => {
                link::run(&self.desk, reference, room, by).await
            }
        }
    }

    async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.stop.cancelled() => {}
        }
    }
}

/// Why an operation could not go on.
enum Stop {
    Platform(Failure),
    Ledger(LedgerError),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Platform(failure)
    }
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}
