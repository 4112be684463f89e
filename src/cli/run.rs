//! `partyline run`: the daemon.

use std::sync::Arc;

use anyhow::Context;
use partyline_core::SystemClock;
use tokio::net::TcpListener;

use super::Failed;
use crate::app;
use crate::config::Config;
use crate::crash;
use crate::lifecycle::Lifecycle;
use crate::telemetry;

/// Runs until it is told to stop.
pub(super) async fn run(config: &Config) -> Result<(), Failed> {
    telemetry::log(&config.logging);
    let metrics = telemetry::metrics().context("metrics could not be started")?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let listen = config.http.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!("{listen} (http.listen) cannot be listened on: is another program using it?")
    })?;
    let lifecycle = Lifecycle::default();
    lifecycle.listen().context("signals cannot be listened to")?;
    app::run(config, listener, metrics, crash::clock(Arc::new(SystemClock)), lifecycle).await?;
    Ok(())
}
