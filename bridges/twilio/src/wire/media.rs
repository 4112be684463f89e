//! Files of a message.

use partyline_core::File;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::lenient::whole;

/// The files of a message: in a webhook a text that holds a JSON array, in REST the array itself.
///
/// The spelling of an item's keys differs between the two (`ContentType`, `content_type`), so only
/// their letters count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media(pub Vec<File>);

impl Media {
    /// From a webhook's `Media` parameter. What cannot be read still is a file, of which nothing
    /// is known: people are told that there was one.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match serde_json::from_str(text) {
            Ok(value) => Self::from_value(&value),
            Err(_) => Self(vec![File::default()]),
        }
    }

    fn from_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::default(),
            Value::Array(items) => Self(items.iter().map(file).collect()),
            Value::String(text) if text.trim().is_empty() => Self::default(),
            one => Self(vec![file(one)]),
        }
    }
}

impl<'de> Deserialize<'de> for Media {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(from)? {
            Value::String(text) if !text.trim().is_empty() => Self::parse(&text),
            value => Self::from_value(&value),
        })
    }
}

fn file(item: &Value) -> File {
    let mut file = File::default();
    let Value::Object(fields) = item else { return file };
    for (key, value) in fields {
        let key: String =
            key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        let text = || value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        match key.as_str() {
            "sid" | "mediasid" => file.id = text().unwrap_or_default(),
            "filename" | "name" => file.name = text(),
            "contenttype" | "mediatype" | "mimetype" => file.media_type = text(),
            "size" | "bytes" => file.size = whole(value),
            _ => {}
        }
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read() {
        let hook =
            r#"[{"Sid":"ME1","Filename":"plan.pdf","ContentType":"application/pdf","Size":12}]"#;
        let rest =
            r#"[{"sid":"ME1","filename":"plan.pdf","content_type":"application/pdf","size":"12"}]"#;
        assert_eq!(Media::parse(hook), Media::parse(rest));
        assert_eq!(Media::parse(hook).0[0].size, Some(12));
        let nested: Media = serde_json::from_value(Value::String(hook.into())).expect("media");
        assert_eq!(nested, Media::parse(hook));
    }

    #[test]
    fn what_cannot_be_read_is_a_file_all_the_same() {
        assert_eq!(Media::parse("{").0, [File::default()]);
        assert_eq!(Media::parse("[{}]").0, [File::default()]);
        assert_eq!(Media::parse("[]").0, []);
        assert_eq!(serde_json::from_str::<Media>("null").expect("media").0, []);
    }
}
