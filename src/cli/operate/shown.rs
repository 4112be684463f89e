//! Rows and tallies, as people read them.

use std::fmt::Write as _;

use serde_json::Value;

/// A row of a list: its values, without the names of what is plain.
pub(super) fn line(row: &Value) -> String {
    let Some(row) = row.as_object() else { return row.to_string() };
    let mut line = String::new();
    for (name, value) in row {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Bool(false) => continue,
            Value::Bool(true) => name.clone(),
            Value::Object(object) if object.is_empty() => continue,
            Value::Array(list) if list.is_empty() => continue,
            other => format!("{name}={other}"),
        };
        if text.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push_str("  ");
        }
        // A row is a line, and nothing in it moves the cursor.
        line.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }));
    }
    line
}

/// What became of an import.
pub(super) fn tally(tally: &Value, dry_run: bool) -> String {
    let count = |name: &str| tally[name].as_u64().unwrap_or_default();
    let rows = |name: &str| tally[name].as_array().cloned().unwrap_or_default();
    let mut text = String::new();
    for change in rows("changes") {
        let was = change["was"].as_str().map(|was| format!(" (was {was})")).unwrap_or_default();
        let _ = writeln!(
            text,
            "line {}: {} {}{was}",
            change["line"],
            change["number"].as_str().unwrap_or_default(),
            change["name"].as_str().unwrap_or_default()
        );
    }
    let more = (count("new") + count("changed")).saturating_sub(rows("changes").len() as u64);
    if more > 0 {
        let _ = writeln!(text, "… and {more} more");
    }
    for fault in rows("faults") {
        let why = fault["why"].as_str().unwrap_or_default();
        let _ = writeln!(text, "line {}: not taken: {why}", fault["line"]);
    }
    let (new, changed) =
        if dry_run { ("would be new", "would change") } else { ("new", "changed") };
    let _ = writeln!(
        text,
        "{} {new}, {} {changed}, {} the same, {} wrong.",
        count("new"),
        count("changed"),
        count("same"),
        count("wrong")
    );
    text
}
