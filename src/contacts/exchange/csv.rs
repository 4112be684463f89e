//! CSV.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;

use csv::{ByteRecord, ReaderBuilder};
use partyline_core::Contact;

use super::columns::{Column, column};
use super::limit::Bounded;
use super::{Draft, Wrong};

/// Reads a file that begins with `head`.
pub(super) fn read(
    head: &[u8],
    source: impl Read,
    mut each: impl FnMut(Result<Draft, Wrong>) -> ControlFlow<()>,
) -> Result<(), Wrong> {
    let (source, left) = Bounded::new(source);
    let mut reader = ReaderBuilder::new()
        .delimiter(separator(head))
        .has_headers(false)
        .flexible(true)
        .from_reader(source);
    let mut record = ByteRecord::new();
    let mut columns: Option<Vec<Column>> = None;
    loop {
        let line = reader.position().line();
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(Wrong::new(line, broken(&error))),
        }
        left.renew();
        // Blank lines before the record are not part of it.
        let line = record.position().map_or(line, csv::Position::line);
        let fields: Result<Vec<&str>, _> = record.iter().map(std::str::from_utf8).collect();
        let Ok(fields) = fields else {
            if columns.is_none() {
                return Err(Wrong::new(line, NOT_UTF8));
            }
            if each(Err(Wrong::new(line, NOT_UTF8))).is_break() {
                break;
            }
            continue;
        };
        let Some(columns) = &columns else {
            columns = Some(titles(&fields, line)?);
            continue;
        };
        if fields.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        if each(draft(columns, &fields, line)).is_break() {
            break;
        }
    }
    match columns {
        Some(_) => Ok(()),
        None => Err(Wrong::new(1, "the file is empty")),
    }
}

const NOT_UTF8: &str = "this is not UTF-8: save the file as \"CSV UTF-8\"";

fn broken(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Io(error) => error.to_string(),
        _ => "this cannot be read as CSV".to_owned(),
    }
}

/// What stands between the fields: whatever stands most often outside of quotes in the first line.
fn separator(head: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in head.iter().take_while(|byte| **byte != b'\n') {
        quoted ^= *byte == b'"';
        if let Some((_, count)) = counts.iter_mut().find(|(one, _)| one == byte && !quoted) {
            *count += 1;
        }
    }
    // The first of several that are as frequent.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(one, _)| one)
}

fn titles(fields: &[&str], line: u64) -> Result<Vec<Column>, Wrong> {
    let columns: Vec<Column> = fields.iter().map(|title| column(title)).collect();
    if columns.contains(&Column::Number) {
        return Ok(columns);
    }
    let found: Vec<String> =
        fields.iter().take(10).map(|title| title.chars().take(30).collect()).collect();
    Err(Wrong::new(
        line,
        format!(
            "the first line must name the columns, one of them number (or phone, mobile, whatsapp); it has: {}",
            found.join(", ")
        ),
    ))
}

fn draft(columns: &[Column], fields: &[&str], line: u64) -> Result<Draft, Wrong> {
    let mut draft = Draft { line, ..Draft::default() };
    let (mut first, mut last) = ("", "");
    for (column, field) in columns.iter().zip(fields) {
        let field = field.trim();
        if field.is_empty() {
            continue;
        }
        match column {
            // Google puts several of one kind into one field.
            Column::Number => {
                draft.numbers.extend(field.split(":::").map(|one| one.trim().to_owned()));
            }
            Column::Name => field.clone_into(&mut draft.name),
            Column::First => first = field,
            Column::Last => last = field,
            Column::Team => draft.team = Some(field.to_owned()),
            Column::Picture => draft.picture = Some(field.to_owned()),
            Column::Meta => match serde_json::from_str::<BTreeMap<String, String>>(field) {
                Ok(meta) => draft.meta.extend(meta),
                Err(_) => drop(draft.meta.insert("meta".to_owned(), field.to_owned())),
            },
            Column::Other(title) => drop(draft.meta.insert(title.clone(), field.to_owned())),
            Column::Nothing => {}
        }
    }
    if draft.name.is_empty() {
        draft.name = [first, last].join(" ").trim().to_owned();
    }
    if draft.numbers.is_empty() {
        return Err(Wrong::new(line, "there is no number"));
    }
    Ok(draft)
}

/// The lines of these contacts.
pub(super) fn write(contacts: &[Contact]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for contact in contacts {
        let meta = match contact.meta.is_empty() {
            true => String::new(),
            false => serde_json::to_string(&contact.meta).unwrap_or_default(),
        };
        // Into memory, so that nothing can fail.
        let _ = writer.write_record([
            contact.key.as_str(),
            contact.name.as_str(),
            contact.team.as_deref().unwrap_or_default(),
            contact.picture.as_ref().map_or("", url::Url::as_str),
            meta.as_str(),
        ]);
    }
    writer.into_inner().unwrap_or_default()
}
