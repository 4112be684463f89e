//! Composition: the only place that names concrete bridges and stores.

mod bridges;
mod desk;
mod offline;
mod paces;
mod parts;
mod serve;
mod upkeep;
mod watch;
mod work;

use std::sync::Arc;

use anyhow::Context;
use metrics_exporter_prometheus::PrometheusHandle;
use partyline_core::{Clock, Forms, Intake};

use crate::alerts;
use crate::config::Config;
use crate::crash::{Point, point};
use crate::forms::CommandForms;
use crate::lifecycle::Lifecycle;
use crate::schedule;
use crate::telemetry;

pub use bridges::{bases, probes, twilio};
use bridges::{receive, slack_calls};
pub use offline::{Offline, offline};
use parts::{Mode, Parts};
pub use serve::Listeners;

/// Runs the daemon on these listeners until it is told to stop, and drains it.
///
/// # Errors
/// A store or a bridge could not be opened.
pub async fn run(
    config: &Config,
    listeners: Listeners,
    metrics: PrometheusHandle,
    clock: Arc<dyn Clock>,
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    let parts = Parts::open(config, Mode::Daemon, clock, lifecycle.clone()).await?;
    lifecycle.keep(upkeep::survive(parts.guard.clone()));
    work::people(&parts).await?;
    work::lanes(config, &parts).await?;
    let log = work::log_reader(config, &parts);
    work::inbox(config, &parts, &log).await?;
    let desk = Arc::new(desk::desk(config, &parts));
    work::ticks(config, &parts, &desk);
    work::windows(config, &parts, &desk).await?;
    work::commands(&parts, &desk).await?;
    work::catch_up(config, &parts).await?;
    lifecycle.keep(log.keep());
    work::directory(config, &parts);
    let intake: Arc<dyn Intake> = Arc::new(parts.door.clone());
    let forms: Arc<dyn Forms> = Arc::new(CommandForms::new(desk.clone()));
    receive(&parts.bridges, slack_calls(config), &intake, &forms, &lifecycle).await?;
    point(Point::StartReceive);
    let caller = alerts::client().context("no HTTP client could be made")?;
    watch::probe(config, &caller, &parts);
    watch::keep_watch(config, caller, &parts).await?;
    work::broadcasts(config, &parts, &desk);
    lifecycle.tasks.spawn(schedule::keep(desk.clone(), intake.clone(), lifecycle.stop.clone()));
    let api = serve::admin(config, &parts, desk, &intake);
    let rooms = serve::rooms(config, &parts, intake, forms, metrics.clone());
    lifecycle.keep(parts.door.make_up());
    lifecycle.keep(upkeep::forget(&parts, config));
    lifecycle.keep(telemetry::upkeep(metrics));
    serve::serve(listeners, rooms, api, &config.limits, &lifecycle).await?;
    if !lifecycle.drain().await {
        tracing::warn!("not everything under way ended in time; the next start looks it up");
    }
    parts.guard.ended_well().await;
    Ok(())
}
