//! How a command is getting on, in a message that is changed in place.
//!
//! An answer to a slash command cannot be changed: `chat.update` takes no message that only one
//! person sees (docs.slack.dev, "Modifying messages"), and `replace_original` at a `response_url`
//! stands for the message with the button that was pressed, of which a slash command has none (the
//! second answer is then a second message: slackapi/bolt-js#2287, slackapi/bolt-python#1268). So
//! progress is a message of the bot's in its messages with whoever gave the command; in the channel
//! that person is told where it is, and gets the answer.

use partyline_core::{AnswerTo, Failure, MessageId, Reason, Text};
use serde_json::{Value, json};

use crate::answers::Handle;
use crate::{Slack, outbound, text, ts};

/// Characters of a changed message; Slack refuses more (docs.slack.dev, `chat.update`). Escaping
/// makes a text five times as long at most.
const CHANGED: usize = 4000 / 5;

/// What is said where the command was given.
const WHERE: &str = "I am at it. How far it is stands in your direct messages with me.";

impl Slack {
    /// Shows how far it is, in place of what `before` shows, and gives what the next one replaces.
    ///
    /// # Errors
    /// It was not shown.
    pub(crate) async fn show_progress(
        &self,
        to: &AnswerTo,
        text: &Text,
        before: Option<&MessageId>,
    ) -> Result<MessageId, Failure> {
        if let Some(shown) = before {
            self.reword(to, shown, text).await?;
            return Ok(shown.clone());
        }
        let handle = Handle::read(&to.handle);
        let user = handle.user.as_deref().ok_or_else(nobody)?;
        let message = json!({
            "channel": user, "text": line(to, text), "parse": "none", "link_names": false,
        });
        let posted: Value = self.client.change("chat.postMessage", user, &message).await?;
        let shown = id(&posted).ok_or_else(nobody)?;
        if let Some(url) = handle.url.as_deref()
            && let Some(url) = outbound::answer_address(url, &self.config.api_url)
            && let Err(failure) =
                self.client.respond(url, &outbound::answer(&Text::plain(WHERE), false, &[])).await
        {
            tracing::debug!("nobody was told where the progress is shown: {failure}");
        }
        Ok(shown)
    }

    /// The end, in place of the progress. The answer itself is elsewhere, so that a failure does no
    /// harm.
    pub(crate) async fn end_progress(&self, to: &AnswerTo, shown: &MessageId, text: &Text) {
        if let Err(failure) = self.reword(to, shown, text).await {
            tracing::debug!("an old progress still stands there: {failure}");
        }
    }

    async fn reword(&self, to: &AnswerTo, shown: &MessageId, text: &Text) -> Result<(), Failure> {
        let (channel, ts) = shown.as_str().split_once('/').ok_or_else(nobody)?;
        let message = json!({
            "channel": channel, "ts": ts, "text": line(to, text), "parse": "none",
            "link_names": false,
        });
        self.client.change("chat.update", channel, &message).await.map(|_: Value| ())
    }
}

/// By what a message of the bot's is changed: its channel and its time stamp.
pub(crate) fn id(posted: &Value) -> Option<MessageId> {
    Some(message(posted["channel"].as_str()?, posted["ts"].as_str()?))
}

/// The same of a message that is known.
pub(crate) fn message(channel: &str, ts: &str) -> MessageId {
    MessageId::new(format!("{channel}/{ts}"))
}

/// The text, behind the channel that it is about.
fn line(to: &AnswerTo, text: &Text) -> String {
    let parts = text.split(CHANGED);
    let shown = parts.first().map(text::write).unwrap_or_default();
    match ts::parts(&to.place).0 {
        direct if direct.starts_with('D') => shown,
        channel => format!("<#{channel}>: {shown}"),
    }
}

fn nobody() -> Failure {
    Failure::never(Reason::Refused, "Nobody is known to whom the progress could be shown.")
}
