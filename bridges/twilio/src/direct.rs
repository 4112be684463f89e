//! What goes to one phone alone, outside of any conversation: by the Messaging API of 2010-04-01.
//!
//! Such a message carries no id of ours. So one of which nobody knows whether it was sent is looked
//! up by its words, among the messages from that sender to that address that no other delivery is
//! known to be. One that failed does not count: it reached nobody, and sent again it doubles nothing.

use partyline_core::{Action, Address, Failure, MessageId, Outgoing, Part, Sent, Template};

use crate::attribution::Attribution;
use crate::client::DirectSend;
use crate::look_up::look_up;
use crate::wire::messaging::DirectMessage;
use crate::{Twilio, outbound};

/// Where Twilio tells what becomes of a message, under the daemon's public address.
const STATUS_PATH: &str = "/webhooks/twilio/messaging";

/// How many messages a look-up goes through at most.
const LOOK_UP_LIMIT: usize = 1000;

impl Twilio {
    /// Sends it to a phone.
    pub(crate) async fn send_to_phone(
        &self,
        (sender, address): (Address, Address),
        outgoing: &Outgoing,
    ) -> Result<Sent, Failure> {
        let message = outbound::message(outgoing, &self.config.attribution)?;
        let send = DirectSend {
            from: sender,
            to: address,
            body: message.body,
            content_sid: message.content_sid,
            content_variables: message.content_variables,
            media_urls: Vec::new(),
            status_callback: self.status_callback(),
        };
        let sent = self.client.send_direct(&send).await?;
        Ok(Sent { id: Some(MessageId::new(sent.sid)), ordinal: None })
    }

    /// Looks for it among the newest messages to that phone, back to the time at which it was
    /// written down.
    pub(crate) async fn find_on_phone(
        &self,
        (sender, address): (Address, Address),
        outgoing: &Outgoing,
    ) -> Result<Option<Sent>, Failure> {
        let Some(wanted) = self.wanted(outgoing).await? else { return Ok(None) };
        let pages = self.client.direct_messages(&sender, &address)?;
        let unsure = "went to the same phone. Ask its owner, then retry or drop it.";
        look_up(pages, outgoing, (LOOK_UP_LIMIT, unsure), |message| {
            let id = MessageId::new(&*message.sid);
            let is_it =
                wanted.is(message, &self.config.attribution) && !outgoing.known.contains(&id);
            (message.date_created, is_it.then_some(Sent { id: Some(id), ordinal: None }))
        })
        .await
    }

    /// What is looked for; nothing where there is nothing to be found.
    async fn wanted<'a>(&self, outgoing: &'a Outgoing) -> Result<Option<Wanted<'a>>, Failure> {
        Ok(Some(match &outgoing.action {
            Action::Post { content, part, .. } => {
                Wanted::Said { words: content.in_words().plain, part: *part }
            }
            Action::Notice { text } | Action::Card { text, .. } | Action::Remark { text, .. } => {
                Wanted::Text(&text.plain)
            }
            Action::Template { sid, variables } => {
                let template: Template = self.client.template(sid).await?.into();
                Wanted::Filled(template.filled(variables))
            }
            Action::Answer { .. } => return Ok(None),
        }))
    }

    /// Where Twilio is to tell what becomes of a message; nowhere where it does not call the bridge.
    fn status_callback(&self) -> Option<url::Url> {
        let (public_url, _) = self.webhook_settings()?;
        format!("{}{STATUS_PATH}", public_url.as_str().trim_end_matches('/')).parse().ok()
    }
}

/// What a message is known by.
enum Wanted<'a> {
    /// Words under somebody's name. The name, and the time in front where it is late, may be others
    /// by now.
    Said { words: String, part: Option<Part> },
    /// The bridge's own words.
    Text(&'a str),
    /// A template with its variables filled in.
    Filled(String),
}

impl Wanted<'_> {
    fn is(&self, message: &DirectMessage, pattern: &Attribution) -> bool {
        let failed = ["failed", "undelivered", "canceled"];
        let Some(body) = message.body.as_deref() else { return false };
        if message.status.as_deref().is_some_and(|status| failed.contains(&status)) {
            return false;
        }
        match self {
            Self::Said { words, part } => pattern.can_be(body, words, *part),
            Self::Text(text) => same(body, text),
            Self::Filled(text) => same(body, text),
        }
    }
}

/// Whether two texts are the same but for their white space, with which platforms are free.
fn same(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str, status: &str) -> DirectMessage {
        let json = serde_json::json!({ "sid": "SM1", "body": body, "status": status });
        serde_json::from_value(json).expect("a message")
    }

    #[test]
    fn what_was_said_is_known_under_any_name_and_time_and_not_by_its_end() {
        let pattern = Attribution::default();
        let is = |words: &str, part, body: &str| {
            Wanted::Said { words: words.to_owned(), part }.is(&message(body, "sent"), &pattern)
        };
        assert!(is("ok", None, "*Ravi*: ok"));
        assert!(is("ok", None, "*Ravi K.*: [18 Nov 14:05 UTC] ok"));
        let part = Some(Part { number: 1, of: 2 });
        assert!(is("ok", part, "*Ravi*: [14:05 UTC] (1/2) ok"));
        assert!(!is("ok", None, "*Ravi*: (1/2) ok"));
        assert!(!is("ok", part, "*Ravi*: (2/2) ok"));
        assert!(!is("ok", None, "*Ravi*: not ok"));
        assert!(!is("ok", None, "ok"));
        assert!(is("two\nlines ", None, "*Ravi*: two\nlines"));
    }

    #[test]
    fn what_failed_reached_nobody() {
        let pattern = Attribution::default();
        let text = Wanted::Filled("The team has news.".into());
        assert!(text.is(&message("The team  has news.\n", "delivered"), &pattern));
        assert!(!text.is(&message("The team has news.", "failed"), &pattern));
        assert!(!text.is(&message("The team has no news.", "sent"), &pattern));
    }
}
