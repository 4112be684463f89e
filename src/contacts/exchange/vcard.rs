//! vCard: 2.1, 3.0 and 4.0 are read, 4.0 is written.
//!
//! Of a card are read: `FN` (else `N`), every `TEL` but those of fax machines and pagers (each is
//! a contact), `IMPP` with an address of ours, the first of `CATEGORIES` (else `ORG`) as the team,
//! `PHOTO` where it is an address, and `EMAIL`, `TITLE` and `NOTE` as metadata. Nothing is lost of
//! what is written here: other metadata goes as `X-PARTYLINE-META`.

use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;

use partyline_core::Contact;

use super::quoted::{escaped, from_quoted_printable, parts, unescaped};
use super::{Draft, RECORD_LIMIT, Wrong};

/// Where a line of a vCard is folded, in bytes (RFC 6350, 3.2).
const FOLD: usize = 75;

/// Metadata that vCard has properties for.
const META: &[(&str, &str)] = &[("EMAIL", "email"), ("TITLE", "title"), ("NOTE", "note")];

/// Reads cards.
pub(super) fn read(
    source: impl Read,
    mut each: impl FnMut(Result<Draft, Wrong>) -> ControlFlow<()>,
) -> Result<(), Wrong> {
    let mut lines = Lines { source: BufReader::new(source), number: 0 };
    let mut card: Option<Card> = None;
    let mut any = false;
    while let Some(line) = lines.next()? {
        let text = String::from_utf8_lossy(&line);
        let plain = text.trim().to_ascii_uppercase();
        let ended = match (plain.as_str(), &mut card) {
            ("BEGIN:VCARD", open) => {
                any = true;
                open.replace(Card::new(lines.number))
                    .map(|cut| Err(Wrong::new(cut.line, "this card has no END:VCARD")))
            }
            ("END:VCARD", open) => open.take().map(Card::draft),
            (_, Some(card)) => {
                card.add(line);
                None
            }
            (_, None) => None,
        };
        if ended.is_some_and(|ended| each(ended).is_break()) {
            return Ok(());
        }
    }
    if let Some(cut) = card {
        let _ = each(Err(Wrong::new(cut.line, "this card has no END:VCARD: the file is cut off")));
    }
    if any { Ok(()) } else { Err(Wrong::new(1, "there is no BEGIN:VCARD in the file")) }
}

/// The lines of a file, without their ends.
struct Lines<R> {
    source: BufReader<R>,
    number: u64,
}

impl<R: Read> Lines<R> {
    fn next(&mut self) -> Result<Option<Vec<u8>>, Wrong> {
        let mut line = Vec::new();
        self.number += 1;
        let number = self.number;
        let read = self.source.by_ref().take(RECORD_LIMIT as u64).read_until(b'\n', &mut line);
        let read =
            read.map_err(|error| Wrong::new(number, format!("it cannot be read: {error}")))?;
        if read == RECORD_LIMIT {
            return Err(Wrong::new(number, "this line is longer than 1 MiB"));
        }
        while line.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
            line.pop();
        }
        Ok((read > 0).then_some(line))
    }
}

/// A card while it is read: its lines, unfolded.
struct Card {
    line: u64,
    properties: Vec<Vec<u8>>,
    size: usize,
}

impl Card {
    const fn new(line: u64) -> Self {
        Self { line, properties: Vec::new(), size: 0 }
    }

    fn add(&mut self, line: Vec<u8>) {
        self.size += line.len();
        if self.size > RECORD_LIMIT {
            self.properties.clear();
            return;
        }
        if let Some(open) = self.properties.last_mut() {
            if let [b' ' | b'\t', rest @ ..] = line.as_slice() {
                open.extend_from_slice(rest);
                return;
            }
            if open.ends_with(b"=") && Property::is_quoted_printable(open) {
                open.pop();
                open.extend_from_slice(&line);
                return;
            }
        }
        self.properties.push(line);
    }

    fn draft(self) -> Result<Draft, Wrong> {
        let wrong = |why: &str| Wrong::new(self.line, why);
        if self.size > RECORD_LIMIT {
            return Err(wrong("this card is larger than 1 MiB: leave its picture out"));
        }
        let mut draft = Draft { line: self.line, ..Draft::default() };
        let (mut structured, mut organisation) = (String::new(), None);
        for line in &self.properties {
            let Some(property) = Property::parse(line) else { continue };
            let value = property.text().map_err(|why| wrong(&why))?;
            let value = value.trim();
            match property.name.as_str() {
                "FN" => draft.name = one_line(&unescaped(value)),
                "N" => structured = person(value),
                "TEL" => draft.numbers.extend(property.number(value)),
                "IMPP" if value.starts_with("client:") || value.starts_with("messenger:") => {
                    draft.numbers.push(unescaped(value));
                }
                "CATEGORIES" => {
                    let first = unescaped(parts(value, ',')[0]);
                    draft.team = draft.team.or(Some(one_line(&first)));
                }
                "ORG" => organisation = Some(one_line(&unescaped(parts(value, ';')[0]))),
                "PHOTO" if value.starts_with("http://") || value.starts_with("https://") => {
                    draft.picture = Some(value.to_owned());
                }
                "X-PARTYLINE-META" => {
                    if let [key, value] = parts(value, ';')[..] {
                        draft.meta.insert(unescaped(key), unescaped(value));
                    }
                }
                name => {
                    if let Some((_, key)) = META.iter().find(|(one, _)| *one == name) {
                        draft.meta.entry((*key).to_owned()).or_insert_with(|| unescaped(value));
                    }
                }
            }
        }
        draft.meta.retain(|_, value| !value.is_empty());
        draft.team = draft.team.or(organisation).filter(|team| !team.is_empty());
        if draft.name.is_empty() {
            draft.name = structured;
        }
        if draft.numbers.is_empty() {
            return Err(wrong("this card has no telephone number"));
        }
        Ok(draft)
    }
}

/// A name from its parts: family, given, additional, prefixes, suffixes.
fn person(value: &str) -> String {
    let parts = parts(value, ';');
    let part = |at: usize| parts.get(at).map(|part| unescaped(part)).unwrap_or_default();
    one_line(&format!("{} {} {}", part(1), part(2), part(0)))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line of a card, taken apart.
struct Property<'a> {
    name: String,
    /// Upper case; of `TYPE=CELL` and of a bare `CELL` alike.
    parameters: Vec<(String, String)>,
    value: &'a [u8],
}

impl<'a> Property<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut quoted = false;
        let colon = line.iter().position(|byte| {
            quoted ^= *byte == b'"';
            *byte == b':' && !quoted
        })?;
        let front = std::str::from_utf8(&line[..colon]).ok()?.to_uppercase();
        let mut words = front.split(';');
        let name = words.next()?;
        let name = name.rsplit('.').next().unwrap_or(name).to_owned();
        let parameters = words
            .map(|word| match word.split_once('=') {
                Some((key, value)) => (key.to_owned(), value.trim_matches('"').to_owned()),
                None => ("TYPE".to_owned(), word.to_owned()),
            })
            .collect();
        Some(Self { name, parameters, value: &line[colon + 1..] })
    }

    fn is_quoted_printable(line: &[u8]) -> bool {
        Property::parse(line).is_some_and(|property| property.is("QUOTED-PRINTABLE"))
    }

    fn is(&self, what: &str) -> bool {
        self.parameters.iter().any(|(_, value)| value.split(',').any(|one| one == what))
    }

    fn text(&self) -> Result<String, String> {
        let bytes = match self.is("QUOTED-PRINTABLE") {
            true => from_quoted_printable(self.value),
            false => self.value.to_vec(),
        };
        let charset = self.parameters.iter().find(|(key, _)| key == "CHARSET");
        match charset.map(|(_, charset)| charset.as_str()) {
            Some("ISO-8859-1" | "LATIN1") => Ok(bytes.into_iter().map(char::from).collect()),
            _ => String::from_utf8(bytes)
                .map_err(|_| "this card is not in UTF-8: export it as UTF-8".to_owned()),
        }
    }

    /// The number of a `TEL`: WhatsApp's own where it stands there, nothing for a fax machine.
    fn number(&self, value: &str) -> Option<String> {
        if self.is("FAX") || self.is("PAGER") {
            return None;
        }
        if let Some((_, id)) = self.parameters.iter().find(|(key, _)| key == "WAID") {
            return Some(format!("+{id}"));
        }
        // A tel: address may have an extension behind it (RFC 3966).
        let number = unescaped(value.split(';').next().unwrap_or(value));
        (!number.is_empty()).then_some(number)
    }
}

/// The cards of these contacts.
pub(super) fn write(contacts: &[Contact]) -> Vec<u8> {
    let mut cards = Vec::new();
    for contact in contacts {
        line(&mut cards, "BEGIN:VCARD");
        line(&mut cards, "VERSION:4.0");
        line(&mut cards, &format!("FN:{}", escaped(&contact.name)));
        match contact.key.starts_with('+') {
            true => line(&mut cards, &format!("TEL;VALUE=uri:tel:{}", contact.key)),
            false => line(&mut cards, &format!("IMPP:{}", escaped(&contact.key))),
        }
        if let Some(team) = &contact.team {
            line(&mut cards, &format!("CATEGORIES:{}", escaped(team)));
        }
        if let Some(picture) = &contact.picture {
            line(&mut cards, &format!("PHOTO:{picture}"));
        }
        for (key, value) in &contact.meta {
            let property = META.iter().find(|(_, meta)| meta == key);
            match property {
                Some((name, _)) => line(&mut cards, &format!("{name}:{}", escaped(value))),
                None => {
                    let text = format!("X-PARTYLINE-META:{};{}", escaped(key), escaped(value));
                    line(&mut cards, &text);
                }
            }
        }
        line(&mut cards, "END:VCARD");
    }
    cards
}

/// A line, folded between characters.
fn line(out: &mut Vec<u8>, text: &str) {
    let mut width = 0;
    for c in text.chars() {
        if width + c.len_utf8() > FOLD {
            out.extend_from_slice(b"\r\n ");
            width = 1;
        }
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        width += c.len_utf8();
    }
    out.extend_from_slice(b"\r\n");
}
