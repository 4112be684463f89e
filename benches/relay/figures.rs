//! Percentiles, the table, the JSON.

use std::fmt::Write as _;
use std::time::Duration;

/// What was measured, in the order of measuring.
#[derive(Default)]
pub(crate) struct Figures(Vec<Figure>);

struct Figure {
    what: String,
    value: f64,
    unit: &'static str,
}

impl Figures {
    pub(crate) fn note(&mut self, what: &str, value: f64, unit: &'static str) {
        self.0.push(Figure { what: what.to_owned(), value, unit });
    }

    /// The median, the 99th percentile and the longest of these times.
    pub(crate) fn times(&mut self, what: &str, times: Vec<Duration>) {
        let times = Times::new(times);
        self.note(&format!("{what}, p50"), times.percentile(50), "ms");
        self.note(&format!("{what}, p99"), times.percentile(99), "ms");
        self.note(&format!("{what}, longest"), times.percentile(100), "ms");
    }

    /// So many in that time.
    pub(crate) fn rate(&mut self, what: &str, count: usize, took: Duration) {
        self.note(what, count as f64 / took.as_secs_f64(), "/s");
    }

    /// A table in Markdown, ready for the README.
    pub(crate) fn table(&self) -> String {
        let mut table = String::from("| what | figure |\n|---|---:|\n");
        for Figure { what, value, unit } in &self.0 {
            let digits = if *value >= 100.0 { 0 } else { 2 };
            let _ = writeln!(table, "| {what} | {value:.digits$} {unit} |");
        }
        table
    }

    /// One object: what was measured, with its unit, and the figure.
    pub(crate) fn json(&self) -> String {
        let object: serde_json::Map<String, serde_json::Value> = self
            .0
            .iter()
            .map(|Figure { what, value, unit }| (format!("{what} ({unit})"), (*value).into()))
            .collect();
        serde_json::Value::Object(object).to_string() + "\n"
    }
}

/// Times in order of length.
struct Times(Vec<Duration>);

impl Times {
    fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// In milliseconds. The nearest rank: a time that really was measured.
    fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
    }
}
