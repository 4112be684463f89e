//! What Slack's webhooks bring, in the HTTP transport: checked, then read.
//!
//! Reading is all that happens here. The daemon's routes bound the body, hand it in, store what
//! comes back and answer Slack, in that order.

use bytes::Bytes;
use http::HeaderMap;
use partyline_core::{Incoming, Proof};
use serde::Deserialize;

use crate::inbound::{self, Called};
use crate::{Slack, signature, wire};

/// What a request to the events route is.
#[derive(Debug)]
pub enum EventsRequest {
    /// Slack checks the address: answer 200 with this as text.
    Challenge(String),
    /// Store it, then answer 200.
    Incoming(Incoming),
    /// Understood, and nothing to store: a user's profile changed, say. Answer 200.
    Passed,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// The signature is missing, old or wrong: 403.
    #[error("the request is not signed by Slack")]
    Signature,
    /// The body cannot be read at all: 400.
    #[error("the body is not what Slack sends there")]
    Unparsable,
}

impl Slack {
    /// Reads a request to the Events API's address.
    ///
    /// # Errors
    /// [`Reject`], with the status to answer.
    pub fn receive_events(
        &self,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<EventsRequest, Reject> {
        self.signed(headers, &body)?;
        let called =
            self.reading(|reader| reader.events(&body)).map_err(|error| unparsable(&error))?;
        Ok(match called {
            Called::Challenge(challenge) => EventsRequest::Challenge(challenge),
            Called::Read(reading) => match self.incoming(reading, "webhook", body) {
                Some(incoming) => EventsRequest::Incoming(incoming),
                None => EventsRequest::Passed,
            },
        })
    }

    /// Reads a slash command.
    ///
    /// # Errors
    /// [`Reject`], with the status to answer.
    pub fn receive_command(&self, headers: &HeaderMap, body: Bytes) -> Result<Incoming, Reject> {
        self.signed(headers, &body)?;
        let command = wire::SlashCommand::deserialize(inbound::form(&body))
            .map_err(|error| unparsable(&error))?;
        if command.command.is_none() {
            return Err(Reject::Unparsable);
        }
        let reading = self.reading(|reader| reader.command(&command));
        Ok(self.kept(reading, "webhook", body))
    }

    /// Reads what somebody did with a button, a menu or a view.
    ///
    /// # Errors
    /// [`Reject`], with the status to answer.
    pub fn receive_interactivity(
        &self,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Incoming, Reject> {
        self.signed(headers, &body)?;
        let form = inbound::form(&body);
        let payload = form.get("payload").and_then(|value| value.as_str());
        let payload = payload.ok_or(Reject::Unparsable)?;
        let reading = self
            .reading(|reader| reader.interaction(payload.as_bytes()))
            .map_err(|error| unparsable(&error))?;
        Ok(self.kept(reading, "webhook", body))
    }

    fn signed(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Reject> {
        let Some(secret) = &self.config.signing_secret else {
            tracing::warn!("a webhook came, but slack.signing_secret is not set: refused");
            return Err(Reject::Signature);
        };
        if let Err(fault) = signature::check(secret, headers, body, self.clock.now()) {
            tracing::warn!(why = %fault, "a request to a Slack webhook was refused");
            metrics::counter!("partyline_slack_rejects_total", "why" => "signature").increment(1);
            return Err(Reject::Signature);
        }
        if headers.contains_key("x-slack-retry-num") {
            metrics::counter!("partyline_slack_retries_total", "via" => "webhook").increment(1);
        }
        self.board.inbound(Proof::Proved);
        Ok(())
    }
}

fn unparsable(error: &serde_json::Error) -> Reject {
    // The line and column only: the text of the error can quote what somebody wrote.
    tracing::warn!(line = error.line(), column = error.column(), "a Slack webhook cannot be read");
    metrics::counter!("partyline_slack_rejects_total", "why" => "unparsable").increment(1);
    Reject::Unparsable
}
