//! Ticks, as annotations of the bot's own (client-server API, "Event annotations and reactions").

use std::time::Duration;

use async_trait::async_trait;
use matrix_sdk::ruma::{EventId, TransactionId};
use partyline_core::{Failure, MessageId, Place, Reason, Tick, Ticked, Ticks};
use serde_json::json;

use crate::{Matrix, error};

/// The longest that a tick may take.
const WAIT: Duration = Duration::from_secs(15);

#[async_trait]
impl Ticks for Matrix {
    async fn tick(
        &self,
        place: &Place,
        message: &MessageId,
        tick: Tick,
        before: Option<&Ticked>,
    ) -> Result<Ticked, Failure> {
        let room = self.room(place)?;
        // The same transaction for the same tick: a repeat is no second reaction.
        let transaction = format!("partyline-tick-{}-{message}", tick.name());
        let transaction: &TransactionId = transaction.as_str().into();
        let content = json!({
            "m.relates_to": { "rel_type": "m.annotation", "event_id": message, "key": sign(tick) },
        });
        let sending =
            room.send_raw("m.reaction", content).with_transaction_id(transaction).into_future();
        let failed = |error: &matrix_sdk::Error| {
            error::repeatable(error::failure(error, "react in the room", self.clock.now()))
        };
        let handle = match tokio::time::timeout(WAIT, sending).await {
            Ok(Ok(sent)) => Some(sent.response.event_id.to_string()),
            Ok(Err(error)) => match failed(&error) {
                // The homeserver has forgotten the transaction, and knows the reaction.
                failure if failure.code.as_deref() == Some("M_DUPLICATE_ANNOTATION") => None,
                failure => return Err(failure),
            },
            Err(_) => return Err(slow()),
        };
        let old = before.filter(|before| before.tick != tick);
        let old = old.and_then(|before| <&EventId>::try_from(before.handle.as_deref()?).ok());
        if let Some(old) = old {
            let taken = room.redact(old, None, Some(TransactionId::new()));
            match tokio::time::timeout(WAIT, taken).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    let failure =
                        error::http_failure(&error, "react in the room", self.clock.now());
                    return Err(error::repeatable(failure));
                }
                Err(_) => return Err(slow()),
            }
        }
        Ok(Ticked { tick, handle })
    }
}

/// What is shown.
const fn sign(tick: Tick) -> &'static str {
    match tick {
        Tick::Sent => "✔️",
        Tick::Delivered => "✅",
        Tick::Read => "👀",
        Tick::Failed => "⚠️",
    }
}

fn slow() -> Failure {
    Failure::later(
        Reason::Unavailable,
        None,
        "The Matrix bot tried to react in the room, but the homeserver took too long.",
    )
}
