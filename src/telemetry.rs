//! What the daemon says of itself: logs and metrics.
//!
//! Logs go to the standard error stream, so that the standard output of a command can be piped.
//! Metrics are kept in memory and rendered by the route `/metrics`; nothing here listens.

mod described;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Logging};

/// The upper bounds of the buckets of every `…_seconds` histogram: from a look-up in memory to a
/// send that waited out a rate limit.
const SECONDS: [f64; 15] = [
    0.000_05, 0.000_25, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0, 60.0,
    300.0,
];

/// The upper bounds of the buckets of how many changes share a commit.
const SIZES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// How often what the histograms took in is put into their buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts logging. Does nothing where something else has started it already, as tests do.
pub fn log(logging: &Logging) {
    // The configuration has checked it.
    let filter = EnvFilter::try_new(&logging.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match logging.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    drop(started);
    std::panic::set_hook(Box::new(tell_panic));
}

/// Logs a panic. What a literal says is ours; a text that was put together can quote what somebody
/// wrote, and is left out.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let what = panic.payload().downcast_ref::<&str>().copied().unwrap_or("(its text is left out)");
    let place = panic.location().map(ToString::to_string);
    tracing::error!(place, what, "the bridge failed, by a mistake of its own");
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        tracing::error!("the way to it:\n{backtrace}");
    }
}

/// Starts counting, for the whole process. The handle renders what was counted; whoever holds it
/// runs [`upkeep`] as well.
///
/// # Errors
/// Something else in this process counts already.
pub fn metrics() -> Result<PrometheusHandle, BuildError> {
    let handle = builder()?.install_recorder()?;
    described::describe();
    Ok(handle)
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full(described::BATCH.to_owned()), &SIZES)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered_with_what_it_says() {
        let recorder = builder().expect("buckets").build_recorder();
        ::metrics::with_local_recorder(&recorder, || {
            described::describe();
            ::metrics::counter!("partyline_unparsed_total", "network" => "slack").increment(2);
            ::metrics::histogram!("partyline_send_seconds", "network" => "slack").record(0.003);
        });
        let handle = recorder.handle();
        handle.run_upkeep();
        let text = handle.render();
        for line in [
            "# HELP partyline_unparsed_total What came and was kept unread, by network and way",
            "# TYPE partyline_unparsed_total counter",
            "partyline_unparsed_total{network=\"slack\"} 2",
            "partyline_send_seconds_bucket{network=\"slack\",le=\"0.005\"} 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
