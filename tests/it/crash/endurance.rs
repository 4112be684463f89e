//! Mixed traffic for as long as you like: what the daemon holds must not grow.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::machine::Machine;
use super::{number, seed};

/// The short run.
const SHORT: Duration = Duration::from_secs(6);
/// From so long a run on, there is a verdict on growth: before, the caches are still filling.
const TELLING: Duration = Duration::from_secs(240);
/// Samples of a run.
const SAMPLES: u32 = 40;

/// What the daemon holds at a time.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Duration,
    said: u64,
    rss_kib: u64,
    files: u64,
    threads: u64,
    store_kib: u64,
}

impl Sample {
    fn take(machine: &Machine, at: Duration) -> Self {
        let process = format!("/proc/{}", machine.world.daemon.id());
        let status = std::fs::read_to_string(format!("{process}/status")).expect("it runs");
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let word = line.and_then(|rest| rest.split_whitespace().next());
            word.and_then(|word| word.parse().ok()).expect("a number")
        };
        let files = std::fs::read_dir(format!("{process}/fd")).expect("it runs").count();
        Self {
            at,
            said: machine.said(),
            rss_kib: of("VmRSS:"),
            files: files.try_into().expect("a few"),
            threads: of("Threads:"),
            store_kib: size(&machine.world.daemon.store()) / 1024,
        }
    }
}

/// The bytes in a folder; files that go away meanwhile count for nothing.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => size(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn under_mixed_traffic_memory_files_and_threads_stay_as_they_were() {
    let minutes = number("PARTYLINE_MINUTES").map(|minutes| Duration::from_secs(minutes * 60));
    let length = minutes.unwrap_or(SHORT);
    let mut machine = Machine::new(20, seed()).await;
    machine.begin().await;
    machine.world.daemon.start().await;
    let began = Instant::now();
    let mut samples = Vec::new();
    while began.elapsed() < length {
        let due = length / SAMPLES * u32::try_from(samples.len()).expect("a few");
        if began.elapsed() >= due {
            samples.push(Sample::take(&machine, began.elapsed()));
        }
        machine.say().await;
        if machine.said() % 50 == 0 {
            machine.command().await;
        }
        // The pace of the talk: some forty messages a second.
        tokio::time::sleep(Duration::from_millis(24)).await;
    }
    machine.world.daemon.wait_until_nothing_is_open().await;
    samples.push(Sample::take(&machine, began.elapsed()));
    machine.world.daemon.stop().await;
    println!("{}", table(&samples));
    println!("{}", machine.verdict().await);
    if length >= TELLING {
        check(&samples);
    }
}

fn table(samples: &[Sample]) -> String {
    let mut table = " seconds  messages  RSS MiB  files  threads  store MiB\n".to_owned();
    for one in samples {
        let _ = writeln!(
            table,
            "{:8} {:9} {:8.1} {:6} {:8} {:10.1}",
            one.at.as_secs(),
            one.said,
            one.rss_kib as f64 / 1024.0,
            one.files,
            one.threads,
            one.store_kib as f64 / 1024.0
        );
    }
    table
}

/// Compares the last quarter with the second: the first one is spent filling caches.
fn check(samples: &[Sample]) {
    let quarter = samples.len() / 4;
    let early = &samples[quarter..2 * quarter];
    let late = &samples[samples.len() - quarter..];
    let median = |part: &[Sample], of: fn(&Sample) -> u64| {
        let mut values: Vec<u64> = part.iter().map(of).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    for (what, of, slack) in [
        ("memory in KiB", (|one| one.rss_kib) as fn(&Sample) -> u64, 6 * 1024),
        ("open files", |one| one.files, 10),
        ("threads", |one| one.threads, 3),
    ] {
        let (before, after) = (median(early, of), median(late, of));
        assert!(after <= before + slack, "{what} grew from {before} to {after}");
    }
}
