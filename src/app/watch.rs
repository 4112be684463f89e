//! Has the networks asked whether they work, and the bridge watch itself.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::bridges::bases;
use super::parts::Parts;
use crate::alerts::{self, Keeper, Look, Skew};
use crate::config::{self, Config};

/// How soon a network that does not work is asked again, at the latest.
const PROBE_AGAIN: Duration = Duration::from_secs(5);

/// Has every network asked, now and then, whether it works, and the own public address called.
pub(super) fn probe(config: &Config, caller: &reqwest::Client, parts: &Parts) {
    let every = config.alerts.canary_interval;
    for (network, powers) in parts.networks.iter() {
        let watch = powers.watch.clone();
        parts.lifecycle.keep(async move {
            loop {
                let pause = match watch.probe().await {
                    Ok(()) => every,
                    Err(failure) => {
                        tracing::warn!(%network, "the network does not work: {failure}");
                        every.min(PROBE_AGAIN)
                    }
                };
                tokio::time::sleep(pause).await;
            }
        });
    }
    if config.twilio.ingest == config::Ingest::Webhook {
        let (caller, twilio) = (caller.clone(), parts.bridges.twilio.clone());
        let route = partyline_twilio::setup::ROUTE;
        parts.lifecycle.keep(alerts::canary(caller, twilio, route, every));
    }
}

/// Has the bridge watch itself. What is open is shown on the board.
pub(super) async fn keep_watch(
    config: &Config,
    caller: reqwest::Client,
    parts: &Parts,
) -> anyhow::Result<()> {
    let settings = config.alerts.clone();
    let skew = Arc::new(Skew::default());
    let folder = config.store.folder.clone();
    let (ledger, clock) = (parts.ledger.clone(), parts.clock.clone());
    let (networks, signs) = (parts.networks.clone(), parts.signs.clone());
    let look = Look::new(ledger.clone(), networks, folder, signs, skew.clone(), settings.clone());
    let (wakers, board) = (parts.wakers.clone(), parts.alerts.clone());
    let keeper = Keeper::new(ledger, look, board, wakers, clock.clone(), settings.clone()).await?;
    parts.lifecycle.keep(keeper.run());
    let bases = bases(config);
    parts.lifecycle.keep(async move {
        let allowed = SignedDuration::try_from(settings.clock_off).unwrap_or(SignedDuration::MAX);
        skew.watch(&caller, clock.as_ref(), &bases, settings.canary_interval, allowed).await;
    });
    Ok(())
}
