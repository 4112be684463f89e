//! Asks who is in a conversation of which a receipt came of somebody whom nobody knows, so that a closed
//! window or an opt-out is not taken for a failure. The receipt waits in the ledger meanwhile
//! (`src/ledger/strays.rs`).

use std::sync::Arc;

use partyline_core::{Network, Place, Verdict};
use tokio_util::sync::CancellationToken;

use crate::contacts::Names;
use crate::intake::Wakers;
use crate::keyed::work_off;
use crate::ledger::{Ledger, LedgerError};
use crate::members;
use crate::networks::Networks;

/// Finds out whose receipts are.
pub struct Strays {
    ledger: Ledger,
    names: Arc<Names>,
    networks: Networks,
    wakers: Wakers,
    stop: CancellationToken,
}

impl Strays {
    /// Goes on with what waits, and with what comes.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn start(
        ledger: Ledger,
        names: Arc<Names>,
        networks: Networks,
        wakers: Wakers,
        stop: CancellationToken,
    ) -> Result<(), LedgerError> {
        let waiting = ledger.conversations_with_strays().await?;
        let conversations = wakers.strays.clone();
        let strays = Arc::new(Self { ledger, names, networks, wakers, stop });
        conversations.runs(move |conversation| {
            let strays = Arc::clone(&strays);
            async move {
                let what = "it is not known yet to whom some messages did not come";
                work_off(&strays.stop, what, || strays.step(&conversation)).await;
            }
        });
        for conversation in waiting {
            conversations.wake(conversation);
        }
        Ok(())
    }

    /// Asks once, and settles some of what waited before; whether there may be more.
    async fn step(&self, conversation: &Place) -> Result<bool, String> {
        let newest = self.ledger.newest_stray(conversation).await;
        let Some(newest) = newest.map_err(|error| error.to_string())? else { return Ok(false) };
        let twilio = self.networks.get(Network::Twilio);
        if let Some(groups) = twilio.and_then(|powers| powers.groups.as_deref()) {
            match members::learn(groups, &self.ledger, &self.names, conversation).await {
                // A conversation that is not there any more has no members.
                Err(failure) if failure.verdict != Verdict::Never => return Err(failure.sentence),
                Err(_) | Ok(_) => {}
            }
        }
        let settled = self.ledger.settle_strays(conversation, newest).await;
        self.wakers.wake(settled.map_err(|error| error.to_string())?);
        Ok(true)
    }
}
