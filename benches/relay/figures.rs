//! Percentiles, the table, the JSON.

use std::fmt::Write as _;
use std::time::Duration;

/// What was measured, in the order of measuring.
#[derive(Default)]
pub(crate) struct Figures(Vec<Row>);

/// One line of the table.
struct Row {
    what: String,
    cells: Vec<Cell>,
}

struct Cell {
    /// `p50`, `p99`, `longest`; empty where the row has one figure only.
    label: &'static str,
    value: f64,
    unit: &'static str,
}

impl Figures {
    pub(crate) fn note(&mut self, what: &str, value: f64, unit: &'static str) {
        let cells = vec![Cell { label: "", value, unit }];
        self.0.push(Row { what: what.to_owned(), cells });
    }

    /// The median, the 99th percentile and the longest of these times.
    pub(crate) fn times(&mut self, what: &str, mut times: Vec<Duration>) {
        times.sort_unstable();
        let cells = [("p50", 50), ("p99", 99), ("longest", 100)];
        let cells = cells.map(|(label, percent)| Cell {
            label,
            value: percentile(&times, percent),
            unit: "ms",
        });
        self.0.push(Row { what: what.to_owned(), cells: cells.into() });
    }

    /// So many in that time.
    pub(crate) fn rate(&mut self, what: &str, count: usize, took: Duration) {
        self.note(what, count as f64 / took.as_secs_f64(), "a second");
    }

    /// A table in Markdown, ready for the README.
    pub(crate) fn table(&self) -> String {
        let mut table = String::from("| what | figure |\n|---|---|\n");
        for Row { what, cells } in &self.0 {
            let cells: Vec<String> = cells.iter().map(Cell::to_string).collect();
            let _ = writeln!(table, "| {what} | {} |", cells.join(", "));
        }
        table
    }

    /// One object: what was measured, with its unit, and the figure.
    pub(crate) fn json(&self) -> String {
        let cells = self.0.iter().flat_map(|row| row.cells.iter().map(|cell| (&row.what, cell)));
        let object: serde_json::Map<String, serde_json::Value> = cells
            .map(|(what, Cell { label, value, unit })| {
                let between = if label.is_empty() { "" } else { ", " };
                (format!("{what}{between}{label} ({unit})"), (*value).into())
            })
            .collect();
        serde_json::Value::Object(object).to_string() + "\n"
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { label, value, unit } = self;
        let between = if label.is_empty() { "" } else { " " };
        // Three figures or so: more would be chance.
        let digits = match *value {
            100.0.. => 0,
            10.0.. => 1,
            _ => 2,
        };
        write!(f, "{label}{between}{value:.digits$} {unit}")
    }
}

/// In milliseconds, by the nearest rank: a time that really was measured. The times are in order.
fn percentile(times: &[Duration], percent: usize) -> f64 {
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}
