//! `partyline run`: the daemon.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use partyline_core::SystemClock;
use tokio::net::TcpListener;

use super::Failed;
use crate::app::{self, Listeners};
use crate::config::Config;
use crate::crash;
use crate::lifecycle::Lifecycle;
use crate::process;
use crate::telemetry;

/// Runs until it is told to stop.
pub(super) async fn run(config: &Config) -> Result<(), Failed> {
    telemetry::log(&config.logging);
    let metrics = telemetry::metrics().context("metrics could not be started")?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    process::keep_private();
    let listeners = Listeners {
        public: listen("http.listen", config.http.listen).await?,
        operator: match config.http.admin_listen {
            Some(address) => Some(listen("http.admin_listen", address).await?),
            None => None,
        },
    };
    let lifecycle = Lifecycle::default();
    lifecycle.listen().context("signals cannot be listened to")?;
    app::run(config, listeners, metrics, crash::clock(Arc::new(SystemClock)), lifecycle).await?;
    Ok(())
}

async fn listen(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("{address} ({key}) cannot be listened on: is another program using it?")
    })
}
