//! Rows, as people read them.

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
