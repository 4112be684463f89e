//! Ticks, as reactions of the bridge's own (docs.slack.dev, `reactions.add`, `reactions.remove`;
//! scope `reactions:write`, Tier 3 and Tier 2).

use async_trait::async_trait;
use partyline_core::{Failure, MessageId, Place, Tick, Ticked, Ticks};
use serde_json::{Value, json};

use crate::{Slack, ts};

#[async_trait]
impl Ticks for Slack {
    async fn tick(
        &self,
        place: &Place,
        message: &MessageId,
        tick: Tick,
        before: Option<&Ticked>,
    ) -> Result<Ticked, Failure> {
        let (channel, _) = ts::parts(place);
        let on = |tick: Tick| -> Value {
            json!({"channel": channel, "timestamp": message, "name": emoji(tick)})
        };
        let added = self.client.change("reactions.add", channel, &on(tick)).await;
        but(added, "already_reacted")?;
        if let Some(before) = before.filter(|before| before.tick != tick) {
            let removed = self.client.change("reactions.remove", channel, &on(before.tick)).await;
            but(removed, "no_reaction")?;
        }
        Ok(Ticked { tick, handle: None })
    }
}

/// The emoji, as Slack names it.
const fn emoji(tick: Tick) -> &'static str {
    match tick {
        Tick::Sent => "heavy_check_mark",
        Tick::Delivered => "white_check_mark",
        Tick::Read => "eyes",
        Tick::Failed => "warning",
    }
}

/// Success too, where Slack says that it was so already.
fn but(done: Result<Value, Failure>, already: &str) -> Result<(), Failure> {
    match done {
        Err(failure) if failure.code.as_deref() != Some(already) => Err(failure),
        Ok(_) | Err(_) => Ok(()),
    }
}
