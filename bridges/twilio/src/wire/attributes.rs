//! The `Attributes` of a thing: a text that holds a JSON object, which belongs to everybody.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// The most bytes that the attributes of a message or participant may have (Twilio's
/// documentation says 4 KB).
pub const LIMIT: usize = 4096;

/// The most bytes that the attributes of a conversation may have (the official OpenAPI document).
pub const CONVERSATION_LIMIT: usize = 16 * 1024;

/// The key of a conversation's attributes that says what it is for.
pub const DESCRIPTION: &str = "description";

/// The key of a conversation's attributes that says who made it.
pub const CREATED_BY: &str = "createdBy";

/// The key under which the bridge writes.
const KEY: &str = "partyline";

/// The attributes of a thing, as the text that Twilio carries. Empty where there are none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(String);

/// What the bridge writes into a message's attributes, under `partyline`.
///
/// `Debug` shows the delivery and the origin only.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ours {
    /// The delivery that this message was: only on the bridge's own posts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
    /// The network it came from: likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The name that was put in front of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The body before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Attributes {
    /// Attributes from the text that holds them.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the bridge wrote there, if it did.
    #[must_use]
    pub fn ours(&self) -> Option<Ours> {
        #[derive(Deserialize)]
        struct Held {
            partyline: Option<Ours>,
        }
        // Nearly all messages have none: a look spares them the parser.
        if !self.0.contains(KEY) {
            return None;
        }
        serde_json::from_str::<Held>(&self.0).ok()?.partyline
    }

    /// The name that somebody gave a participant. The keys are those in use in the field.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let fields: BTreeMap<String, serde_json::Value> = serde_json::from_str(&self.0).ok()?;
        ["name", "displayName", "display_name", "friendlyName"]
            .iter()
            .filter_map(|key| fields.get(*key)?.as_str())
            .map(str::trim)
            .find(|name| !name.is_empty())
            .map(str::to_owned)
    }

    /// A field that is a text and not blank.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<String> {
        let fields: BTreeMap<String, serde_json::Value> = serde_json::from_str(&self.0).ok()?;
        fields.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// The attributes with these fields set (an empty one taken out), every other key as it was, to
    /// the letter. `None` where there is no JSON object to add to, or where it would be more than
    /// `limit` bytes.
    #[must_use]
    pub fn with_fields(&self, fields: &[(&str, &str)], limit: usize) -> Option<Self> {
        let text = if self.0.trim().is_empty() { "{}" } else { &self.0 };
        let mut all: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
        for (key, value) in fields {
            if value.is_empty() {
                all.remove(*key);
            } else {
                all.insert((*key).to_owned(), serde_json::value::to_raw_value(value).ok()?);
            }
        }
        let text = serde_json::to_string(&all).ok()?;
        (text.len() <= limit).then_some(Self(text))
    }

    /// The attributes with ours added, every other key as it was, to the letter. `None` where
    /// there is no JSON object to add to, where ours are there already, or where it would be more
    /// than [`LIMIT`] bytes.
    #[must_use]
    pub fn with_ours(&self, ours: &Ours) -> Option<Self> {
        let text = if self.0.trim().is_empty() { "{}" } else { &self.0 };
        let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
        if fields.contains_key(KEY) {
            return None;
        }
        fields.insert(KEY.to_owned(), serde_json::value::to_raw_value(ours).ok()?);
        let text = serde_json::to_string(&fields).ok()?;
        (text.len() <= LIMIT).then_some(Self(text))
    }
}

impl<'de> Deserialize<'de> for Attributes {
    /// From the text that REST documents, or from an object, should one ever come.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match serde_json::Value::deserialize(from)? {
            serde_json::Value::String(text) => Self(text),
            serde_json::Value::Null => Self::default(),
            other => Self(other.to_string()),
        })
    }
}

impl std::fmt::Debug for Attributes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attributes({} bytes)", self.0.len())
    }
}

impl std::fmt::Debug for Ours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ours")
            .field("delivery", &self.delivery)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_peoples_keys_are_kept_to_the_letter() {
        let theirs = Attributes::new(r#"{"big":12345678901234567890123, "x":1.10}"#);
        let ours = Ours { name: Some("Maya".into()), ..Ours::default() };
        let merged = theirs.with_ours(&ours).expect("merged");
        assert_eq!(
            merged.as_str(),
            r#"{"big":12345678901234567890123,"partyline":{"name":"Maya"},"x":1.10}"#
        );
        assert_eq!(merged.ours(), Some(ours.clone()));
        assert_eq!(merged.with_ours(&ours), None);
    }

    #[test]
    fn fields_are_set_and_taken_out_beside_other_peoples() {
        let theirs = Attributes::new(r#"{"crm": {"id": 1.10}, "description":"old"}"#);
        let set = theirs.with_fields(&[("description", "new"), ("createdBy", "slack:U1")], 100);
        let set = set.expect("an object");
        assert_eq!(
            set.as_str(),
            r#"{"createdBy":"slack:U1","crm":{"id": 1.10},"description":"new"}"#
        );
        assert_eq!(set.field("description").as_deref(), Some("new"));
        let gone = set.with_fields(&[("description", "")], 100).expect("an object");
        assert_eq!(gone.field("description"), None);
        assert_eq!(theirs.with_fields(&[("description", "longer")], 20), None);
        assert_eq!(Attributes::new("[]").with_fields(&[], 100), None);
    }

    #[test]
    fn what_is_no_object_is_left_alone() {
        for text in ["[]", "1", "\"x\"", "{", "null"] {
            assert_eq!(Attributes::new(text).with_ours(&Ours::default()), None, "{text}");
        }
        let full = format!("{{\"x\":\"{}\"}}", "y".repeat(LIMIT - 10));
        assert_eq!(Attributes::new(full).with_ours(&Ours::default()), None);
    }

    #[test]
    fn the_name_has_four_spellings() {
        let name = |text: &str| Attributes::new(text).name();
        assert_eq!(name(r#"{"name":" Maya "}"#).as_deref(), Some("Maya"));
        assert_eq!(name(r#"{"name":"","displayName":"Maya"}"#).as_deref(), Some("Maya"));
        assert_eq!(name(r#"{"display_name":"Maya"}"#).as_deref(), Some("Maya"));
        assert_eq!(name(r#"{"friendlyName":"Maya","name":7}"#).as_deref(), Some("Maya"));
        assert_eq!(name("nonsense"), None);
    }

    proptest! {
        #[test]
        fn any_object_keeps_its_keys(
            keys in proptest::collection::btree_map("[a-z]{1,8}", any::<i64>(), 0..8)
        ) {
            let text = serde_json::to_string(&keys).expect("JSON");
            let ours = Ours { body: Some("hi".into()), ..Ours::default() };
            let merged = Attributes::new(text).with_ours(&ours).expect("merged");
            let mut after: BTreeMap<String, serde_json::Value> =
                serde_json::from_str(merged.as_str()).expect("JSON");
            prop_assert!(after.remove("partyline").is_some());
            let before: BTreeMap<String, serde_json::Value> =
                keys.into_iter().map(|(key, value)| (key, value.into())).collect();
            prop_assert_eq!(after, before);
        }

        #[test]
        fn nothing_makes_it_panic(text in any::<String>()) {
            let attributes = Attributes::new(format!("partyline{text}"));
            let _ = (attributes.ours(), attributes.name(), attributes.with_ours(&Ours::default()));
        }
    }
}
