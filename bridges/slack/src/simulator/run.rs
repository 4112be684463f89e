//! A command or an interaction as the person who started it sees it: what came back.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

/// How many answers wait to be read; an address takes five, and the direct answer.
pub(super) const ANSWERS: usize = 8;

/// Why a command got no answer; Slack shows the person a sentence of its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// The app has no such command.
    #[error("{0} is not a valid command")]
    UnknownCommand(String),
    /// Neither a socket nor the app's address could be reached.
    #[error("the app is not connected: no socket is open, or its address cannot be reached")]
    NotConnected,
    /// The app did not answer in time.
    #[error("the app did not respond in time (operation_timeout)")]
    NoAnswer,
    /// The app answered with an error.
    #[error("the app failed with the status code {0}")]
    Status(u16),
    /// The app's answer was too long to be read.
    #[error("the app's answer is too long")]
    TooLong,
    /// There is no such channel, user, message or view here.
    #[error("there is no {0} of that id in the workspace")]
    Unknown(&'static str),
    /// A field must be filled in, or cannot hold that.
    #[error("the field {0} must be filled in, or cannot hold that")]
    NotTaken(String),
    /// The channel is archived: nobody can write there.
    #[error("the channel is archived")]
    Archived,
    /// Nothing came in the time that the caller gave.
    #[error("nothing came within {0:?}")]
    Nothing(Duration),
}

/// What the app answered.
#[derive(Clone, PartialEq)]
pub struct Answer {
    /// Whether it came with the acknowledgement; otherwise by the response address.
    pub direct: bool,
    /// Whether everybody in the channel sees it; otherwise the person only.
    pub in_channel: bool,
    /// The text.
    pub text: String,
    /// All of it.
    pub body: Value,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("direct", &self.direct)
            .field("in_channel", &self.in_channel)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

/// What becomes of a run, step by step.
#[derive(Debug)]
pub(super) enum Step {
    Acknowledged,
    Failed(Failed),
    Answered(Answer),
}

/// A command or an interaction under way.
pub struct Run {
    pub(super) steps: mpsc::Receiver<Step>,
    /// The address that the app can answer at.
    pub response_url: String,
    /// What the app can open a view with.
    pub trigger_id: String,
    acknowledged: bool,
    early: Vec<Answer>,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Address and trigger let anybody act for the app.
        f.debug_struct("Run").field("acknowledged", &self.acknowledged).finish_non_exhaustive()
    }
}

impl Run {
    pub(super) const fn new(
        steps: mpsc::Receiver<Step>,
        response_url: String,
        trigger_id: String,
    ) -> Self {
        Self { steps, response_url, trigger_id, acknowledged: false, early: Vec::new() }
    }

    /// Waits until the app acknowledged it; at most as long as the app has for that.
    ///
    /// # Errors
    /// What Slack would tell the person.
    pub async fn acknowledged(&mut self) -> Result<(), Failed> {
        while !self.acknowledged {
            match self.steps.recv().await {
                Some(Step::Acknowledged) => self.acknowledged = true,
                Some(Step::Answered(answer)) => self.early.push(answer),
                Some(Step::Failed(failed)) => return Err(failed),
                None => return Err(Failed::NotConnected),
            }
        }
        Ok(())
    }

    /// The next answer, direct or by the response address.
    ///
    /// # Errors
    /// What Slack would tell the person; [`Failed::Nothing`] where none came in this time.
    pub async fn answer(&mut self, within: Duration) -> Result<Answer, Failed> {
        if !self.early.is_empty() {
            return Ok(self.early.remove(0));
        }
        let next = async {
            loop {
                match self.steps.recv().await {
                    Some(Step::Answered(answer)) => return Ok(answer),
                    Some(Step::Acknowledged) => self.acknowledged = true,
                    Some(Step::Failed(failed)) => return Err(failed),
                    None => return Err(Failed::NotConnected),
                }
            }
        };
        tokio::time::timeout(within, next).await.unwrap_or(Err(Failed::Nothing(within)))
    }
}
