//! The work on commands: each that is in the ledger is carried out, room by room, and ended in one
//! commit.

use std::sync::Arc;
use std::time::Duration;

use partyline_core::{Action, CommandLine, Happening, Network, Place};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Operation;
use super::work::{Done, Work};
use crate::commands::{self, Desk, Outcome};
use crate::crash::{Point, point};
use crate::intake::Wakers;
use crate::ledger::{
    Answered, AuditEntry, Change, Ended, Ending, LedgerError, LinkChange, Owed, PendingCommand,
};
use crate::poison::{Guard, PANICS, Poison};
use crate::policy::MISSED;
use crate::schedule;

/// The mark of the operation itself.
const BEGUN: &str = "operation";

/// An operation that was begun, and what the audit says of it.
#[derive(Serialize, Deserialize)]
struct Begun {
    operation: Operation,
    what: String,
    conversation: Option<Place>,
    subject: String,
}

/// Carries out the commands that are in the ledger.
pub struct Operations {
    pub(super) desk: Arc<Desk>,
    pub(super) wakers: Wakers,
    pub(super) stop: CancellationToken,
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
        let done = Done { ended: Ended::Failed, ..Done::said(sentence) };
        self.finish(command, line, done, Some(audited(command, line, "command"))).await
    }

    async fn work(&self, command: &PendingCommand) -> Result<(), LedgerError> {
        let Happening::Command(line) = &command.event.happening else { return Ok(()) };
        point(Point::CommandBegin);
        let Some((done, audit)) = self.carry_out(command, line).await? else { return Ok(()) };
        point(Point::CommandFinish);
        self.finish(command, line, done, audit).await
    }

    /// Ends a command: all that comes of it is one commit.
    async fn finish(
        &self,
        command: &PendingCommand,
        line: &CommandLine,
        done: Done,
        audit: Option<AuditEntry>,
    ) -> Result<(), LedgerError> {
        let Done { ended, answer, changes, owed, replaces, about, mut details, erased, buttons } =
            done;
        let answer = match schedule::of(&command.event.key) {
            Some((id, _)) => {
                // Whoever lost the right meanwhile hears so each time.
                let hint = match ended {
                    Ended::Denied => " `schedule cancel` takes it back.",
                    _ => "",
                };
                format!("`{}`, scheduled as {id}: {answer}{hint}", line.line)
            }
            None => answer,
        };
        let erase = erased.is_some();
        let audit = audit.map(|entry| {
            let subject = erased.unwrap_or_else(|| entry.subject.clone());
            AuditEntry { ended, said: answer.clone(), subject, ..entry }
        });
        let mut ending = Ending { owed, changes: changes.clone(), audit, answered: None, erase };
        if line.by.network == Network::Operator {
            if let Some(group) = about {
                details.insert("group".to_owned(), group.id().into());
            }
            let details = Some(details).filter(|details| !details.is_empty()).map(Value::Object);
            ending.answered = Some(Answered { ended, said: answer, details });
        } else {
            let mut answer = Owed::answer(&line.answer, self.desk.clock.now(), answer);
            if let Action::Answer { replaces: shown, buttons: below, .. } = &mut answer.action {
                (*shown, *below) = (replaces, buttons);
            }
            ending.owed.insert(0, answer);
        }
        let accepted = self.desk.ledger.finish(command, ending).await?;
        point(Point::CommandFinished);
        if line.by.network == Network::Operator {
            self.desk.ended.notify_waiters();
        }
        for change in changes {
            self.in_memory(change);
        }
        metrics::counter!("partyline_commands_total").increment(1);
        self.wakers.wake(accepted);
        if erase && let Err(error) = self.desk.ledger.compact().await {
            tracing::error!(%error, "what was erased may still stand in the ledger's file; the next start removes it");
        }
        Ok(())
    }

    /// What memory has to know of a change.
    fn in_memory(&self, change: Change) {
        match change {
            Change::Link(LinkChange::Tie { link, .. }) => {
                if let Err(taken) = self.desk.links.tie(link.clone()) {
                    tracing::error!(room = %link.room, conversation = %taken.0,
                        "a room was tied twice; the first link stands until the next start");
                }
            }
            Change::Link(LinkChange::Untie { room }) => drop(self.desk.links.untie(&room)),
            Change::Schedule(_) => self.desk.scheduled.notify_one(),
            Change::Broadcast(_) => self.desk.broadcast.notify_one(),
            Change::Mute(change) => self.desk.moderation.change(&change),
            Change::Block(change) => self.desk.blocks.change(&change),
            Change::Group(_)
            | Change::Queue(_)
            | Change::Again(_)
            | Change::Role(_)
            | Change::Suppression(_)
            | Change::Inbox(_)
            | Change::Invitation(..) => {}
        }
    }

    /// Does what a command says, and gives its row in the audit; `None` when the program is
    /// stopping.
    async fn carry_out(
        &self,
        command: &PendingCommand,
        line: &CommandLine,
    ) -> Result<Option<(Done, Option<AuditEntry>)>, LedgerError> {
        let room = command.event.place.clone();
        let mut work = Work::new(self, command, line).await?;
        if let Some(begun) = work.marked::<Begun>(BEGUN) {
            return begun.go_on(&mut work).await;
        }
        if let Some(sentence) = self.missed(command) {
            return Ok(Some((Done::said(sentence), Some(audited(command, line, "schedule")))));
        }
        let desk = || Arc::clone(&self.desk);
        let mut carried = commands::carry_out(desk(), room.clone(), line, false).await?;
        if let Outcome::LookUp(reference) = &carried.outcome {
            match work.look_up(reference).await {
                Ok(()) => carried = commands::carry_out(desk(), room, line, true).await?,
                Err(stop) => return Ok(work.ended(Err(stop))?.map(|done| (done, None))),
            }
        }
        let (conversation, subject) = (carried.group, carried.subject);
        let audit = carried.command.filter(|row| row.changes()).map(|row| AuditEntry {
            conversation: conversation.clone(),
            subject: subject.clone(),
            ..audited(command, line, row.words)
        });
        let done = match carried.outcome {
            Outcome::Answer(answer) => Some(Done::changed(answer, Vec::new())),
            Outcome::Refused(answer) => Some(Done::said(answer)),
            Outcome::Question(answer, buttons) => Some(Done { buttons, ..Done::said(answer) }),
            Outcome::Denied(answer) => Some(Done { ended: Ended::Denied, ..Done::said(answer) }),
            Outcome::Change(change, answer) => Some(Done::changed(answer, vec![change])),
            Outcome::LookUp(_) => Some(Done::said("There is no such group.")),
            Outcome::Operation(operation) if operation.is_question() => {
                let ended = operation.run(&mut work).await;
                work.ended(ended)?
            }
            Outcome::Operation(operation) => {
                let what = audit.map_or_else(String::new, |entry| entry.what);
                let begun = Begun { operation, what, conversation, subject };
                return match work.mark(BEGUN, &begun, Vec::new()).await {
                    Ok(()) => begun.go_on(&mut work).await,
                    Err(stop) => Ok(work.ended(Err(stop))?.map(|done| (done, None))),
                };
            }
        };
        Ok(done.map(|done| (done, audit)))
    }

    /// Why a command is not done whose time was too long ago: what was meant for then can be wrong now.
    fn missed(&self, command: &PendingCommand) -> Option<String> {
        let (_, due) = schedule::of(&command.event.key)?;
        (self.desk.clock.now().duration_since(due) > MISSED).then(|| {
            format!(
                "It was to be done at {due:.0}, more than a day ago, and the bridge was down until now: it was not done. Give it by hand if it still is to be."
            )
        })
    }

    pub(crate) async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.stop.cancelled() => {}
        }
    }
}

impl Begun {
    /// Works on it until its end, and gives its row in the audit.
    async fn go_on(
        self,
        work: &mut Work<'_>,
    ) -> Result<Option<(Done, Option<AuditEntry>)>, LedgerError> {
        let ended = self.operation.run(work).await;
        let Some(mut done) = work.ended(ended)? else { return Ok(None) };
        done.about = done.about.or(self.conversation);
        let audit = AuditEntry {
            conversation: done.about.clone(),
            subject: self.subject,
            ..audited(work.command, work.line, &self.what)
        };
        Ok(Some((done, Some(audit))))
    }
}

/// The row of a command in the audit; how it ended is put in at its end.
fn audited(command: &PendingCommand, line: &CommandLine, what: &str) -> AuditEntry {
    AuditEntry {
        by: line.by.to_string(),
        name: line.name.clone(),
        from: command.event.place.clone(),
        what: what.to_owned(),
        conversation: None,
        subject: String::new(),
        ended: Ended::Failed,
        said: String::new(),
    }
}
