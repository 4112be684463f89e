//! The hook before a message: Twilio asks, and gives a message to nobody that is stopped here.

use std::sync::Arc;
use std::time::Duration;

use partyline_core::{Place, Speaker};

use super::{Moderation, count, notices, stretch, told_under};
use crate::contacts::Names;
use crate::intake::Wakers;
use crate::ledger::{Ledger, Told};
use crate::links::Links;
use crate::policy::{Said, Stopped};

/// How long Twilio waits for the notice to be stored: it gives the hook five seconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// Answers the hook before a message, and tells the rooms.
pub struct Moderator {
    /// The rules, and who is muted.
    pub moderation: Arc<Moderation>,
    /// Where notices are stored.
    pub ledger: Ledger,
    /// The rooms that are told.
    pub links: Arc<Links>,
    /// Who is called what.
    pub names: Arc<Names>,
    /// Told of the notices.
    pub wakers: Wakers,
}

impl Moderator {
    /// Whether a message is stopped before anybody gets it. If it is, the rooms' notice is stored when
    /// this returns, or cannot be: then that is logged.
    pub async fn stops(
        &self,
        conversation: &Place,
        speaker: &Speaker,
        text: &str,
        files: &[&str],
    ) -> bool {
        let said = Said { text, files, at: self.ledger.now() };
        let Some(stopped) = self.moderation.before(conversation, speaker, &said) else {
            return false;
        };
        count(&stopped, "hook");
        tracing::info!(place = %conversation, reason = stopped.as_str(), "a member's message was stopped");
        let told =
            tokio::time::timeout(PATIENCE, self.tell(conversation, speaker, &stopped, &said));
        if told.await.is_err() {
            tracing::error!(place = %conversation, "the rooms are not told that a message was stopped: the ledger is busy");
        }
        true
    }

    async fn tell(
        &self,
        conversation: &Place,
        speaker: &Speaker,
        stopped: &Stopped,
        said: &Said<'_>,
    ) {
        let name = self.names.resolve(speaker, conversation).await.name;
        let text = self.moderation.sentence(stopped, &name, said.text, said.at);
        let owed = notices(&self.links, conversation, &text, said.at);
        // In quiet hours each message is told.
        let when = match stopped {
            Stopped::Quiet(_) => said.at.as_nanosecond().to_string(),
            _ => stretch(said.at),
        };
        let key = told_under(&[conversation.id(), &speaker.id.id, stopped.as_str(), &when]);
        match self.ledger.tell(Told { key, text, owed }).await {
            Ok(accepted) => self.wakers.wake(accepted),
            Err(error) => {
                tracing::error!(place = %conversation, %error, "the rooms are not told that a message was stopped");
            }
        }
    }
}
