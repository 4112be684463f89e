//! Reads a conversation's list of messages: what was missed, and whether something was sent.

use std::collections::VecDeque;

use async_trait::async_trait;
use bytes::Bytes;
use partyline_core::{
    Action, Cursor, Failure, Incoming, MessageId, Network, Outgoing, Place, ReadBack, Sent, guarded,
};
use serde_json::value::RawValue;

use crate::client::Order;
use crate::look_up::look_up;
use crate::wire::rest::Message;
use crate::{Twilio, inbound, sid_of};

/// How many messages a look-up goes through at most.
const LOOK_UP_LIMIT: usize = 20_000;

/// How many missed messages are read at once: the oldest; the next call reads on.
const READ_LIMIT: usize = 5_000;

/// How many messages a page holds.
const PAGE: usize = 100;

impl Twilio {
    /// Looks for the delivery's id in the attributes of the newest messages, back to the time at
    /// which it was written down.
    pub(crate) async fn find_sent(&self, outgoing: &Outgoing) -> Result<Option<Sent>, Failure> {
        if matches!(outgoing.action, Action::Answer { .. }) {
            return Ok(None);
        }
        let pages = self.client.messages::<Message>(sid_of(&outgoing.to)?, Order::Newest, PAGE)?;
        let unsure = "stand in the conversation. Look at a member's phone, then retry or drop it.";
        look_up(pages, outgoing, (LOOK_UP_LIMIT, unsure), |message| {
            let delivery = message.attributes.ours().and_then(|ours| ours.delivery);
            let is_it = delivery.as_deref() == Some(outgoing.id.as_str());
            let id = Some(MessageId::new(&*message.sid));
            (message.date_created, is_it.then_some(Sent { id, ordinal: message.index }))
        })
        .await
    }

    /// One message of the list, with the bytes that it came in.
    fn incoming(&self, place: &Place, raw: &RawValue, message: Option<Message>) -> Incoming {
        let events = message.and_then(|message| {
            let (now, pattern) = (self.clock.now(), &self.config.attribution);
            guarded(Network::Twilio, || inbound::listed(message, place.clone(), now, pattern))
        });
        Incoming {
            network: Network::Twilio,
            via: "list",
            raw: Bytes::copy_from_slice(raw.get().as_bytes()),
            events: events.into_iter().collect(),
        }
    }
}

#[async_trait]
impl ReadBack for Twilio {
    /// The oldest 5,000 of what was missed; the next call, with the cursor moved on, reads the
    /// rest.
    async fn read_back(
        &self,
        place: &Place,
        after: Option<&Cursor>,
    ) -> Result<Vec<Incoming>, Failure> {
        let conversation = sid_of(place)?;
        let page_size = if after.is_some() { PAGE } else { 1 };
        let mut pages =
            self.client.messages::<Box<RawValue>>(conversation, Order::Newest, page_size)?;
        let mut missed = VecDeque::new();
        'pages: while let Some(page) = pages.next_page().await? {
            for raw in page {
                let message: Option<Message> = serde_json::from_str(raw.get()).ok();
                if message.as_ref().is_some_and(|message| is_known(message, after)) {
                    break 'pages;
                }
                missed.push_front(self.incoming(place, &raw, message));
                if after.is_none() {
                    break 'pages;
                }
                if missed.len() > READ_LIMIT {
                    missed.pop_back();
                }
            }
        }
        self.client.health.list();
        Ok(missed.into())
    }
}

/// Whether everything from this message down went through intake.
fn is_known(message: &Message, after: Option<&Cursor>) -> bool {
    let Some(cursor) = after else { return false };
    match (cursor.ordinal, message.index) {
        (Some(ordinal), Some(index)) => index <= ordinal,
        _ => cursor.last.as_ref().is_some_and(|last| last.as_str() == message.sid),
    }
}
