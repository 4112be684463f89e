//! What is done now and then: what is old is deleted, and a run that lasted is noted as a good one.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::parts::Parts;
use crate::config::Config;
use crate::intake::Wakers;
use crate::ledger::{Ledger, LedgerError};
use crate::links::Links;
use crate::poison::{GOOD_RUN, Guard};

/// How often what is old is looked for.
const FORGET: Duration = Duration::from_secs(60);
/// The pause between two rounds while there is more to delete, in which others write.
const BETWEEN: Duration = Duration::from_millis(100);
/// How long the answers to the operator's commands are kept; a key to repeat one is known as
/// long.
const ANSWERS: SignedDuration = SignedDuration::from_hours(24);

/// Notes, once it has, that this run lasted as long as a good one does.
pub(super) async fn survive(guard: Arc<Guard>) {
    tokio::time::sleep(GOOD_RUN).await;
    guard.ended_well().await;
}

/// Puts conversations of the inbox away that were closed so long ago; whether there may be more.
async fn put_away(
    ledger: &Ledger,
    links: &Links,
    wakers: &Wakers,
    age: SignedDuration,
) -> Result<bool, LedgerError> {
    let (threads, accepted) = ledger.inbox_put_away(age).await?;
    for thread in &threads {
        links.untie(thread);
    }
    wakers.wake(accepted);
    Ok(!threads.is_empty())
}

/// Deletes what is older than the configuration has it kept: bodies, keys, rows of the audit, and
/// answers that nobody fetched.
pub(super) fn forget(parts: &Parts, config: &Config) -> impl Future<Output = ()> + Send + use<> {
    let span = |span| SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    let (retention, remember) = (span(config.relay.retention), span(config.relay.remember));
    let audit = span(config.audit.retention);
    let (ledger, links) = (parts.ledger.clone(), parts.links.clone());
    let wakers = parts.wakers.clone();
    async move {
        loop {
            let round = async {
                let more = [
                    ledger.forget(retention).await?,
                    ledger.forget_keys(remember).await?,
                    ledger.forget_records(audit, ANSWERS).await?,
                    put_away(&ledger, &links, &wakers, remember).await?,
                ];
                Ok::<_, LedgerError>(more.contains(&true))
            };
            let pause = match round.await {
                Ok(true) => BETWEEN,
                Ok(false) => FORGET,
                Err(error) => {
                    tracing::error!(%error, "what is old could not be deleted; tried again in a minute");
                    FORGET
                }
            };
            tokio::time::sleep(pause).await;
        }
    }
}
