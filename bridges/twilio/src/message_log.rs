//! What phones wrote to a sender, by the account's log of messages: of what came while nobody answered the
//! Messaging webhook, nothing else tells, where the writer is in no conversation.
//!
//! The list is newest first, and its times are in whole seconds (Twilio's documentation of the Message
//! resource).

use std::collections::VecDeque;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use partyline_core::{
    Address, Failure, File, Happening, Incoming, MessageLog, Network, Written, guarded,
};
use serde_json::value::RawValue;

use crate::Twilio;
use crate::inbound::{self, Envelope, WROTE};
use crate::wire::messaging::LoggedMessage;

/// How many messages are given at once: the oldest; the next call reads on.
const READ_LIMIT: usize = 2_000;

#[async_trait]
impl MessageLog for Twilio {
    async fn written(&self, sender: &Address, since: Timestamp) -> Result<Written, Failure> {
        let mut pages = self.client.log_of::<Box<RawValue>>(sender, since)?;
        let mut written: VecDeque<Incoming> = VecDeque::new();
        let mut more = false;
        'pages: while let Some(page) = pages.next_page().await? {
            for raw in page {
                let message: Option<LoggedMessage> = serde_json::from_str(raw.get()).ok();
                let sent = message.as_ref().and_then(|one| one.date_sent.or(one.date_created));
                // Should the list go on behind what was asked for.
                if sent.is_some_and(|sent| sent.as_second() < since.as_second()) {
                    break 'pages;
                }
                if !message.as_ref().is_some_and(is_outbound) {
                    written.push_front(self.logged(&raw, message));
                }
                if written.len() > READ_LIMIT {
                    written.pop_back();
                    more = true;
                }
            }
        }
        self.client.health.list();
        let mut pieces: Vec<Incoming> = written.into();
        // Two that were taken one after the other can have been told the other way round.
        pieces.sort_by_key(|piece| piece.events.first().map(|event| event.at));
        Ok(Written { pieces, more })
    }

    async fn complete(&self, mut piece: Incoming) -> Result<Incoming, Failure> {
        for event in &mut piece.events {
            let Happening::Wrote { content, .. } = &mut event.happening else { continue };
            let Some(sid) = event.key.as_str().strip_suffix(WROTE) else { continue };
            if content.files.is_empty() {
                continue;
            }
            let files = self.client.logged_files(sid).await?.into_iter();
            content.files = files
                .map(|(file, url)| File {
                    id: file.sid,
                    name: None,
                    media_type: file.content_type,
                    size: None,
                    url,
                })
                .collect();
        }
        Ok(piece)
    }
}

impl Twilio {
    /// A message of the log, with the bytes that it came in.
    fn logged(&self, raw: &RawValue, message: Option<LoggedMessage>) -> Incoming {
        let event = message.and_then(|message| {
            let at = message.date_created.or(message.date_sent);
            let envelope = self.envelope("message_log", &message.sid);
            let now = at.unwrap_or(envelope.now);
            let envelope = Envelope { now, ..envelope };
            guarded(Network::Twilio, || inbound::messaging(message.clone().into(), &envelope))
                .flatten()
        });
        Incoming {
            network: Network::Twilio,
            via: "list",
            raw: Bytes::copy_from_slice(raw.get().as_bytes()),
            events: event.into_iter().collect(),
        }
    }
}

fn is_outbound(message: &LoggedMessage) -> bool {
    message.direction.as_deref().is_some_and(|direction| direction.starts_with("outbound"))
}
