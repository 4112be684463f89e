//! What Slack's webhooks bring, in the HTTP transport: checked, then read.
//!
//! Reading is all that happens here. The daemon's routes bound the body, hand it in, store what
//! comes back and answer Slack, in that order.

use bytes::Bytes;
use http::HeaderMap;
use partyline_core::{Forms, Proof, Seldom};
use serde::Deserialize;

use crate::inbound::{self, Called, Reading};
use crate::{Heard, Slack, signature, wire};

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
    pub fn receive_events(&self, headers: &HeaderMap, body: Bytes) -> Result<Heard, Reject> {
        self.signed(headers, &body)?;
        let called = self.reading(&|_| None, |reader| reader.events(&body));
        let called = called.unwrap_or_else(|| Ok(Called::Read(Reading::unclear())));
        let called = called.map_err(|error| unparsable(&error))?;
        Ok(match called {
            Called::Challenge(challenge) => Heard::Challenge(challenge),
            Called::Read(reading) => self.heard(reading, "webhook", body),
        })
    }

    /// Reads a slash command.
    ///
    /// # Errors
    /// [`Reject`], with the status to answer.
    pub fn receive_command(
        &self,
        headers: &HeaderMap,
        body: Bytes,
        forms: &dyn Forms,
    ) -> Result<Heard, Reject> {
        self.signed(headers, &body)?;
        let form = inbound::form(&body);
        // Slack looks now and then whether the address has a certificate, and sends no command with
        // that (documentation of slash commands, "ssl_check").
        if form.get("ssl_check").is_some() {
            return Ok(Heard::Nothing);
        }
        let command = wire::SlashCommand::deserialize(form).map_err(|error| unparsable(&error))?;
        if command.command.is_none() {
            return Err(Reject::Unparsable);
        }
        let reading = self.reading(&|line| forms.wanted(line), |reader| reader.command(&command));
        Ok(self.heard(reading.unwrap_or_else(Reading::unclear), "webhook", body))
    }

    /// Reads what somebody did with a button, a menu, a view or a shortcut.
    ///
    /// # Errors
    /// [`Reject`], with the status to answer.
    pub fn receive_interactivity(&self, headers: &HeaderMap, body: Bytes) -> Result<Heard, Reject> {
        self.signed(headers, &body)?;
        let form = inbound::form(&body);
        let payload = form.get("payload").and_then(|value| value.as_str());
        let payload = payload.ok_or(Reject::Unparsable)?;
        let reading = self.reading(&|_| None, |reader| reader.interaction(payload.as_bytes()));
        let reading = reading.unwrap_or_else(|| Ok(Reading::unclear()));
        let reading = reading.map_err(|error| unparsable(&error))?;
        Ok(self.heard(reading, "webhook", body))
    }

    fn signed(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Reject> {
        let Some(secret) = &self.config.signing_secret else {
            return Err(Reject::Signature);
        };
        if let Err(fault) = signature::check(secret, headers, body, self.clock.now()) {
            static REFUSED: Seldom = Seldom::new();
            if let Some(more) = REFUSED.due(self.clock.now()) {
                tracing::warn!(why = %fault, more, "a request to a Slack webhook was refused");
            }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::{SignedDuration, Timestamp};
    use partyline_core::{Happening, ManualClock, Watch};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::no_forms::NoForms;
    use crate::{Config, SIGNATURE_HEADER, TIMESTAMP_HEADER, Transport};

    const NOW: i64 = 1_790_000_000;

    fn bridge() -> (Slack, Arc<ManualClock>) {
        let mut config = Config::new("xoxb-1".into());
        config.transport = Transport::Http;
        config.signing_secret = Some("sesame".into());
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(NOW).expect("time")));
        (Slack::new(config, clock.clone()).expect("a bridge"), clock)
    }

    fn signed(body: &str) -> (HeaderMap, Bytes) {
        let timestamp = NOW.to_string();
        let signature = signature::sign(&"sesame".into(), &timestamp, body.as_bytes());
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE_HEADER, signature.parse().expect("header"));
        headers.insert(TIMESTAMP_HEADER, timestamp.parse().expect("header"));
        (headers, Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn the_first_signed_request_proves_the_way_in() {
        let (slack, clock) = bridge();
        let (headers, body) = signed(r#"{"type":"url_verification","challenge":"abc"}"#);
        assert!(matches!(slack.state().inbound, Proof::Unproved(_)));
        let forged = slack.receive_events(&HeaderMap::new(), body.clone());
        assert!(matches!(forged, Err(Reject::Signature)));
        clock.advance(SignedDuration::from_mins(6));
        assert!(matches!(slack.receive_events(&headers, body.clone()), Err(Reject::Signature)));
        assert!(matches!(slack.state().inbound, Proof::Unproved(_)));
        clock.advance(SignedDuration::from_mins(-6));
        let request = slack.receive_events(&headers, body).expect("signed");
        assert!(matches!(request, Heard::Challenge(challenge) if challenge == "abc"));
        assert_eq!(slack.state().inbound, Proof::Proved);
    }

    #[test]
    fn an_event_is_to_be_stored_with_its_bytes() {
        let (slack, _) = bridge();
        let event = json!({"type": "message", "channel": "C1", "user": "U1", "text": "hello",
            "ts": "1712345678.000100"});
        let text = json!({"type": "event_callback", "event_id": "Ev1", "event": event}).to_string();
        let (headers, body) = signed(&text);
        let request = slack.receive_events(&headers, body.clone()).expect("signed");
        let Heard::Keep(incoming) = request else { panic!("an event") };
        assert_eq!((incoming.via, &incoming.raw), ("webhook", &body));
        assert!(matches!(incoming.events[0].happening, Happening::Message { .. }));
        let (headers, body) = signed(r#"{"event":{"type":"team_rename","name":"Other"}}"#);
        let passed = slack.receive_events(&headers, body).expect("signed");
        assert!(matches!(passed, Heard::Nothing));
        let (headers, body) = signed(r#"{"event":{"type":"message","text":"where?"}}"#);
        let unclear = slack.receive_events(&headers, body).expect("signed");
        assert!(matches!(unclear, Heard::Keep(incoming) if incoming.events.is_empty()));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let (slack, _) = bridge();
        for text in ["", "{", "words", "payload=%7B"] {
            let (headers, body) = signed(text);
            let rejects = [
                slack.receive_events(&headers, body.clone()).err(),
                slack.receive_command(&headers, body.clone(), &NoForms).err(),
                slack.receive_interactivity(&headers, body).err(),
            ];
            assert_eq!(rejects, [Some(Reject::Unparsable); 3], "{text}");
        }
    }

    #[test]
    fn a_look_at_the_certificate_is_no_command() {
        let (slack, _) = bridge();
        let (headers, body) = signed("ssl_check=1&token=abc");
        let heard = slack.receive_command(&headers, body, &NoForms).expect("signed");
        assert!(matches!(heard, Heard::Nothing));
    }

    #[test]
    fn commands_and_interactions_come_as_forms() {
        let (slack, _) = bridge();
        let (headers, body) = signed(
            "command=%2Fwa&text=status&channel_id=C1&user_id=U1&trigger_id=1.1\
             &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F1",
        );
        let heard = slack.receive_command(&headers, body, &NoForms).expect("signed");
        let Heard::Keep(incoming) = heard else { panic!("a command") };
        assert!(matches!(incoming.events[0].happening, Happening::Command(_)));
        let (headers, body) = signed(
            "payload=%7B%22type%22%3A%22block_actions%22%2C%22trigger_id%22%3A%221.1%22%2C\
             %22channel%22%3A%7B%22id%22%3A%22C1%22%7D%7D",
        );
        let heard = slack.receive_interactivity(&headers, body).expect("signed");
        let Heard::Keep(incoming) = heard else { panic!("an interaction") };
        assert!(matches!(incoming.events[0].happening, Happening::Other { .. }));
    }

    #[test]
    fn without_a_secret_nothing_is_signed() {
        let mut config = Config::new("xoxb-1".into());
        config.app_token = Some("xapp-1".into());
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(NOW).expect("time")));
        let slack = Slack::new(config, clock).expect("a bridge");
        let (headers, body) = signed("command=%2Fwa");
        assert!(matches!(slack.receive_command(&headers, body, &NoForms), Err(Reject::Signature)));
    }

    proptest! {
        #[test]
        fn no_signed_body_panics(body in "\\PC{0,120}|(command|payload|[a-z]|=|&|%7B|%22|[0-9]){0,40}") {
            let (slack, _) = bridge();
            let (headers, body) = signed(&body);
            let _ = slack.receive_events(&headers, body.clone());
            let _ = slack.receive_command(&headers, body.clone(), &NoForms);
            let _ = slack.receive_interactivity(&headers, body);
        }
    }
}
