//! What the steps of every operation need: the platforms, tries that are spaced out, marks that
//! survive a crash, and how it ends.

use std::collections::BTreeMap;
use std::time::Duration;

use partyline_core::{
    Button, CommandLine, Failure, Groups, Manage, MessageId, Network, Place, Reason, Verdict,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::Operations;
use crate::commands::Desk;
use crate::ledger::{Change, Ended, GroupChange, LedgerError, Owed, PendingCommand};

/// How often a call is tried while its platform says "later".
const TRIES: u32 = 6;

/// The longest wait between tries: somebody waits for the answer.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How an operation ended.
#[derive(Default)]
pub(crate) struct Done {
    /// How, as the audit has it.
    pub(super) ended: Ended,
    pub(super) answer: String,
    pub(super) changes: Vec<Change>,
    /// What is owed beside the answer.
    pub(super) owed: Vec<Owed>,
    /// What was shown of the answer before it was whole.
    pub(super) replaces: Option<MessageId>,
    /// The group that it was about, where the words do not say it: one that was made.
    pub(super) about: Option<Place>,
    /// The same account as the answer, for programs.
    pub(super) details: Map<String, Value>,
    /// What the audit has as the command's words, where they must not stay.
    pub(super) erased: Option<String>,
    /// What can be done by pressing it, under the answer.
    pub(super) buttons: Vec<Button>,
}

impl Done {
    /// Nothing was done, because of what was asked.
    pub(super) fn said(answer: impl Into<String>) -> Self {
        Self { ended: Ended::Refused, answer: answer.into(), ..Self::default() }
    }

    /// It was done, and changed nothing that the ledger keeps.
    pub(super) fn answered(answer: impl Into<String>) -> Self {
        Self { answer: answer.into(), ..Self::default() }
    }

    pub(super) fn changed(answer: impl Into<String>, changes: Vec<Change>) -> Self {
        Self { answer: answer.into(), changes, ..Self::default() }
    }

    /// The same with one more thing that programs are told.
    pub(super) fn with(mut self, key: &str, value: impl Serialize) -> Self {
        self.details.insert(key.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }
}

/// Why an operation could not go on.
pub(super) enum Stop {
    /// A platform refused, or is out of reach.
    Platform(Failure),
    /// The ledger could not be used; the command is tried again.
    Ledger(LedgerError),
    /// The program is stopping; the command goes on after the next start.
    Stopping,
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

/// An operation at work.
pub(super) struct Work<'a> {
    pub(super) operations: &'a Operations,
    pub(super) command: &'a PendingCommand,
    pub(super) line: &'a CommandLine,
    /// What is done already, by step.
    marks: BTreeMap<String, Value>,
    /// When the next progress may be shown.
    next_showing: Instant,
}

/// What was shown of an answer so far: a mark, so that it is changed after a kill, too.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Shown {
    last: Option<MessageId>,
}

/// The mark of [`Shown`].
const SHOWN: &str = "shown";

/// The first progress is shown after this, and each at least so much later than the one before:
/// Slack takes some 50 changes a minute (docs.slack.dev, "Rate limits", Tier 3).
const SHOW_AFTER: Duration = Duration::from_secs(2);

impl<'a> Work<'a> {
    pub(super) async fn new(
        operations: &'a Operations,
        command: &'a PendingCommand,
        line: &'a CommandLine,
    ) -> Result<Self, LedgerError> {
        let marks = operations.desk.ledger.steps_done(command).await?;
        let next_showing = Instant::now() + SHOW_AFTER;
        Ok(Self { operations, command, line, marks, next_showing })
    }

    pub(super) fn desk(&self) -> &'a Desk {
        &self.operations.desk
    }

    /// What tells about conversations.
    pub(super) fn groups(&self) -> Result<&'a dyn Groups, Stop> {
        let twilio = self.desk().networks.get(Network::Twilio);
        twilio.and_then(|powers| powers.groups.as_deref()).ok_or_else(no_twilio)
    }

    /// What changes them.
    pub(super) fn manage(&self) -> Result<&'a dyn Manage, Stop> {
        let twilio = self.desk().networks.get(Network::Twilio);
        twilio.and_then(|powers| powers.manage.as_deref()).ok_or_else(no_twilio)
    }

    /// Makes a call that can be repeated, until it works or will not.
    pub(super) async fn attempt<T, F>(&self, call: impl Fn() -> F) -> Result<T, Stop>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut pause = Duration::from_millis(250);
        let mut tries = 1;
        loop {
            let failure = match call().await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            let asked = match failure.verdict {
                Verdict::Later(wait) => wait.unwrap_or_default(),
                Verdict::Unknown => Duration::ZERO,
                Verdict::Never => return Err(failure.into()),
            };
            if tries == TRIES {
                return Err(failure.into());
            }
            self.operations.pause(pause.max(asked.min(LONGEST_WAIT))).await;
            if self.operations.stop.is_cancelled() {
                return Err(Stop::Stopping);
            }
            tries += 1;
            pause *= 2;
        }
    }

    /// The result of a step that is done.
    pub(super) fn marked<T: DeserializeOwned>(&self, step: &str) -> Option<T> {
        serde_json::from_value(self.marks.get(step)?.clone()).ok()
    }

    /// Writes down that a step is done, and owes what it sends.
    pub(super) async fn mark<T: Serialize>(
        &mut self,
        step: &str,
        result: &T,
        owed: Vec<Owed>,
    ) -> Result<(), Stop> {
        let value = serde_json::to_value(result).unwrap_or_default();
        let ledger = &self.desk().ledger;
        let accepted = ledger.step_done(self.command, step, value.clone(), owed).await?;
        self.operations.wakers.wake(accepted);
        self.marks.insert(step.to_owned(), value);
        Ok(())
    }

    /// Shows how far it is, in place of the answer to come, every two seconds at most. That it could
    /// not be shown does no harm.
    pub(super) async fn progress(&mut self, text: &str) -> Result<(), Stop> {
        if Instant::now() < self.next_showing {
            return Ok(());
        }
        let network = self.line.answer.place.network();
        let powers = self.desk().networks.get(network);
        let Some(revise) = powers.and_then(|powers| powers.revise.as_deref()) else {
            return Ok(());
        };
        let mut shown = self.marked::<Shown>(SHOWN).unwrap_or_default();
        match revise.show(&self.line.answer, text, shown.last.as_ref()).await {
            Ok(message) if shown.last.as_ref() != Some(&message) => {
                shown.last = Some(message);
                self.mark(SHOWN, &shown, Vec::new()).await?;
            }
            Ok(_) => {}
            Err(failure) => tracing::debug!("progress is not shown: {failure}"),
        }
        self.next_showing = Instant::now() + SHOW_AFTER;
        Ok(())
    }

    /// Asks the platform for a group that the directory does not know. That there is none is an
    /// answer.
    pub(super) async fn look_up(&self, reference: &str) -> Result<(), Stop> {
        let groups = self.groups()?;
        let found = self.attempt(|| groups.conversation(reference)).await;
        match found {
            Ok(info) => {
                let note = GroupChange::Note(Box::new(info));
                Ok(self.desk().ledger.change_groups(vec![note]).await?)
            }
            Err(Stop::Platform(failure))
                if matches!(failure.reason, Reason::NoSuchPlace | Reason::Refused) =>
            {
                Ok(())
            }
            Err(stop) => Err(stop),
        }
    }

    /// The end of an operation as the person who asked for it hears it; `None` when the program is
    /// stopping.
    pub(super) fn ended(&self, ended: Result<Done, Stop>) -> Result<Option<Done>, LedgerError> {
        let replaces = self.marked::<Shown>(SHOWN).and_then(|shown| shown.last);
        match ended {
            Ok(done) => Ok(Some(Done { replaces, ..done })),
            Err(Stop::Stopping) => Ok(None),
            Err(Stop::Ledger(error)) => Err(error),
            Err(Stop::Platform(failure)) => {
                let said = match failure.verdict {
                    Verdict::Never => Done::said(failure.sentence),
                    Verdict::Later(_) | Verdict::Unknown => {
                        let sentence =
                            format!("{} Give the command again later.", failure.sentence);
                        Done { ended: Ended::Failed, ..Done::said(sentence) }
                    }
                };
                Ok(Some(Done { replaces, ..said }))
            }
        }
    }
}

pub(super) fn no_twilio() -> Stop {
    Stop::Platform(Failure::never(
        Reason::NoSuchPlace,
        "Twilio is not configured here, so there are no groups.",
    ))
}
