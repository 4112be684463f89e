//! Contacts from other programs and for them: CSV and vCard.
//!
//! Reading is a stream: a record at a time is in memory, however large the file is, and what is
//! wrong with a record is told and does not end the reading.

mod columns;
mod csv;
mod limit;
mod quoted;
#[cfg(test)]
mod tests;
mod vcard;

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::ops::ControlFlow;
use std::str::FromStr;

use partyline_core::Contact;
use serde::{Deserialize, Serialize};

/// The largest record, in bytes: a vCard with a picture in it, say. A longer one is most likely a
/// quotation that does not end.
const RECORD_LIMIT: usize = 1024 * 1024;

/// How a file of contacts is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated values (RFC 4180), also with semicolons or tabs. The first line names the
    /// columns.
    Csv,
    /// vCard: 2.1, 3.0 (RFC 2426) and 4.0 (RFC 6350) are read, 4.0 is written.
    VCard,
}

impl Format {
    /// The format of a file that begins with these bytes.
    #[must_use]
    pub fn guess(beginning: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&beginning[..beginning.len().min(64)]);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let card = text.get(..11).is_some_and(|begin| begin.eq_ignore_ascii_case("BEGIN:VCARD"));
        if card { Self::VCard } else { Self::Csv }
    }

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::VCard => "text/vcard; charset=utf-8",
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_lowercase().as_str() {
            "csv" => Ok(Self::Csv),
            "vcard" | "vcf" => Ok(Self::VCard),
            _ => Err("a format is csv or vcard".to_owned()),
        }
    }
}

/// A person as a file has them, before anything of it is checked.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// The line on which the record begins, from 1.
    pub line: u64,
    /// The person's numbers or addresses: each becomes a contact.
    pub numbers: Vec<String>,
    /// The name; empty where the file has none.
    pub name: String,
    /// The team.
    pub team: Option<String>,
    /// The address of a picture.
    pub picture: Option<String>,
    /// All columns that have no meaning of their own, by their names.
    pub meta: BTreeMap<String, String>,
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("line", &self.line).finish_non_exhaustive()
    }
}

/// What is wrong with a record, for whoever has the file.
#[derive(
    Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema, thiserror::Error,
)]
#[error("line {line}: {why}")]
pub struct Wrong {
    /// The line on which it stands, from 1.
    pub line: u64,
    /// What is wrong, and what to do.
    pub why: String,
}

impl Wrong {
    fn new(line: u64, why: impl Into<String>) -> Self {
        Self { line, why: why.into() }
    }
}

/// Reads a file and hands out each record, until it is told to stop. Without a format, the
/// file's beginning shows which it is.
///
/// # Errors
/// The file as a whole cannot be read: it names no column of numbers, say.
pub fn read(
    format: Option<Format>,
    mut source: impl Read,
    each: impl FnMut(Result<Draft, Wrong>) -> ControlFlow<()>,
) -> Result<(), Wrong> {
    let head = limit::first_line(&mut source)
        .map_err(|error| Wrong::new(1, format!("the file cannot be read: {error}")))?;
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return Err(Wrong::new(1, "the file is in UTF-16: save it as UTF-8"));
    }
    let head = head.strip_prefix("\u{feff}".as_bytes()).map(<[u8]>::to_vec).unwrap_or(head);
    match format.unwrap_or_else(|| Format::guess(&head)) {
        Format::Csv => csv::read(&head.clone(), Cursor::new(head).chain(source), each),
        Format::VCard => vcard::read(Cursor::new(head).chain(source), each),
    }
}

/// What stands before the first contact of a file.
#[must_use]
pub const fn head(format: Format) -> &'static str {
    match format {
        Format::Csv => "number,name,team,picture,meta\r\n",
        Format::VCard => "",
    }
}

/// Contacts as a file has them. What [`read`] makes of it are the same contacts.
#[must_use]
pub fn write(format: Format, contacts: &[Contact]) -> Vec<u8> {
    match format {
        Format::Csv => csv::write(contacts),
        Format::VCard => vcard::write(contacts),
    }
}
