//! A method's arguments: from the query, a form or JSON, as Slack takes all three.

use serde_json::{Map, Value};

/// The arguments of one call.
#[derive(Default)]
pub(super) struct Arguments(Map<String, Value>);

/// Why a body could not be read, in Slack's words.
pub(super) type Unreadable = &'static str;

impl Arguments {
    /// Reads the query and the body; what stands in the body goes before.
    pub(super) fn read(query: &str, content_type: &str, body: &[u8]) -> Result<Self, Unreadable> {
        let mut map = Map::new();
        let mut form = |bytes: &[u8]| {
            for (key, value) in form_urlencoded::parse(bytes) {
                map.insert(key.into_owned(), Value::String(value.into_owned()));
            }
        };
        form(query.as_bytes());
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        match kind.to_ascii_lowercase().as_str() {
            _ if body.is_empty() => {}
            "application/json" => match serde_json::from_slice(body) {
                Ok(Value::Object(object)) => map.extend(object),
                Ok(_) => return Err("json_not_object"),
                Err(_) => return Err("invalid_json"),
            },
            "application/x-www-form-urlencoded" => form(body),
            "" => return Err("missing_post_type"),
            _ => return Err("invalid_post_type"),
        }
        Ok(Self(map))
    }

    /// An argument as text; numbers and booleans as they are written. Empty counts as not given.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }

    /// An argument that switches something.
    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.text(name).as_deref(), Some("1" | "true" | "True"))
    }

    /// The same without one of them.
    pub(super) fn without(&self, name: &str) -> Self {
        let mut map = self.0.clone();
        map.remove(name);
        Self(map)
    }

    /// The same with another value of one of them.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut map = self.0.clone();
        map.insert(name.to_owned(), value.into());
        Self(map)
    }

    /// An argument that holds JSON, nested or as a text. `Err` where the text is no JSON.
    pub(super) fn json(&self, name: &str) -> Result<Option<Value>, ()> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text).map(Some).map_err(|_| ()),
            Some(value) => Ok(Some(value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_query_and_json_are_read_alike() {
        for (query, kind, body) in [
            ("a=1&b=x", "", ""),
            ("", "application/x-www-form-urlencoded; charset=utf-8", "a=1&b=x"),
            ("a=2", "application/json", r#"{"a":1,"b":"x"}"#),
        ] {
            let arguments = Arguments::read(query, kind, body.as_bytes()).unwrap();
            assert!(arguments.flag("a"));
            assert_eq!(arguments.text("b").as_deref(), Some("x"));
            assert_eq!(arguments.text("c"), None);
        }
        let bad = |kind: &str, body: &str| Arguments::read("", kind, body.as_bytes()).err();
        assert_eq!(bad("application/json", "{"), Some("invalid_json"));
        assert_eq!(bad("application/json", "[]"), Some("json_not_object"));
        assert_eq!(bad("text/html", "x"), Some("invalid_post_type"));
        assert_eq!(bad("", "x"), Some("missing_post_type"));
    }
}
