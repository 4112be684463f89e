//! What the daemon says of itself: logs and metrics.
//!
//! Logs go to the standard error stream, so that the standard output of a command can be piped.
//! Metrics are kept in memory and rendered by the route `/metrics`; nothing here listens.

use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Logging};

/// The upper bounds of the buckets of every `…_seconds` histogram: from a look-up in memory to a
/// send that waited out a rate limit.
const SECONDS: [f64; 15] = [
    0.000_05, 0.000_25, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0, 60.0,
    300.0,
];

/// How often what the histograms took in is put into their buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts logging. Does nothing where something else has started it already, as tests do.
pub fn log(logging: &Logging) {
    // The configuration has checked it.
    let filter = EnvFilter::try_new(&logging.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match logging.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    drop(started);
}

/// Starts counting, for the whole process. The handle renders what was counted; whoever holds it
/// runs [`upkeep`] as well.
///
/// # Errors
/// Something else in this process counts already.
pub fn metrics() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

/// Keeps the memory of the histograms bounded between two readings of them; runs until it is
/// dropped.
pub async fn upkeep(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

/// A metric's name and what it says, in one line.
type Described = (&'static str, &'static str);

const COUNTERS: &[Described] = &[
    ("partyline_contacts_changes_total", "Contacts put or removed"),
    ("partyline_contacts_damaged_total", "Contacts met that could not be read"),
    ("partyline_contacts_failures_total", "Names that the contact store could not be asked for"),
];

const GAUGES: &[Described] = &[("partyline_names_in_memory", "Contacts whose names are in memory")];

const SPANS: &[Described] = &[];

fn describe() {
    for (name, what) in COUNTERS {
        describe_counter!(*name, *what);
    }
    for (name, what) in GAUGES {
        describe_gauge!(*name, *what);
    }
    for (name, what) in SPANS {
        describe_histogram!(*name, Unit::Seconds, *what);
    }
}
