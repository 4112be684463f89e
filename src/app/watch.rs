//! Has the networks asked whether they work, and the bridge watch itself.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use partyline_core::Clock;

use super::bridges::{Bridges, bases};
use super::until;
use crate::alerts::{self, Board, Keeper, Look, Signs, Skew};
use crate::config::{self, Config};
use crate::intake::Wakers;
use crate::ledger::Ledger;
use crate::lifecycle::Lifecycle;
use crate::networks::Networks;

/// How soon a network that does not work is asked again, at the latest.
const PROBE_AGAIN: Duration = Duration::from_secs(5);

/// Has every network asked, now and then, whether it works, and the own public address called.
pub(super) fn probe(
    config: &Config,
    caller: &reqwest::Client,
    bridges: &Bridges,
    networks: &Networks,
    lifecycle: &Lifecycle,
) {
    let every = config.alerts.canary_interval;
    for (network, powers) in networks.iter() {
        let watch = powers.watch.clone();
        lifecycle.tasks.spawn(until(lifecycle.stop.clone(), async move {
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
        }));
    }
    if config.twilio.ingest == config::Ingest::Webhook {
        let (caller, twilio) = (caller.clone(), bridges.twilio.clone());
        let calls = alerts::canary(caller, twilio, partyline_twilio::setup::ROUTE, every);
        lifecycle.tasks.spawn(until(lifecycle.stop.clone(), calls));
    }
}

/// Has the bridge watch itself. What is open is shown on the board.
pub(super) async fn keep_watch(
    config: &Config,
    caller: reqwest::Client,
    (ledger, networks, wakers): (&Ledger, &Networks, &Wakers),
    (signs, board): (Arc<Signs>, Arc<Board>),
    clock: &Arc<dyn Clock>,
    lifecycle: &Lifecycle,
) -> anyhow::Result<()> {
    let settings = config.alerts.clone();
    let skew = Arc::new(Skew::default());
    let folder = config.store.folder.clone();
    let (ledger, networks) = (ledger.clone(), networks.clone());
    let look = Look::new(ledger.clone(), networks, folder, signs, skew.clone(), settings.clone());
    let (wakers, clock) = (wakers.clone(), clock.clone());
    let keeper = Keeper::new(ledger, look, board, wakers, clock.clone(), settings.clone()).await?;
    lifecycle.tasks.spawn(until(lifecycle.stop.clone(), keeper.run()));
    let bases = bases(config);
    lifecycle.tasks.spawn(until(lifecycle.stop.clone(), async move {
        let allowed = SignedDuration::try_from(settings.clock_off).unwrap_or(SignedDuration::MAX);
        skew.watch(&caller, clock.as_ref(), &bases, settings.canary_interval, allowed).await;
    }));
    Ok(())
}
