//! The answer to onMessageAdd, the hook that asks before a member's message is given to the
//! others: the name in front of the body.
//!
//! Pure, and from memory: the daemon has 5 seconds, and every one of them delays the message.

use serde::Serialize;

use crate::attribution::{Attribution, BODY_LIMIT, clean_name};
use crate::wire::{Attributes, Ours};

/// The changes that the answer asks Twilio for.
#[derive(Serialize)]
struct Answer<'a> {
    body: String,
    attributes: &'a str,
}

/// The JSON that puts the name in front of the body and keeps the bare body in the attributes,
/// under `partyline`, so that rooms can show it alone. `None` lets the message through as it is.
///
/// In doubt it is let through: a body that is empty or would become longer than 1600 characters,
/// attributes that are no JSON object or would become larger than 4 KB, a message that the bridge
/// has written into before.
#[must_use]
pub fn answer(
    name: &str,
    pattern: &Attribution,
    body: &str,
    attributes: &Attributes,
) -> Option<String> {
    if body.trim().is_empty() {
        return None;
    }
    let named = pattern.fill(name, body);
    if named.chars().count() > BODY_LIMIT {
        return None;
    }
    let ours =
        Ours { name: Some(clean_name(name)), body: Some(body.to_owned()), ..Ours::default() };
    let attributes = attributes.with_ours(&ours)?;
    serde_json::to_string(&Answer { body: named, attributes: attributes.as_str() }).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn answered(body: &str, attributes: &str) -> Option<Value> {
        let answer = answer("Maya", &Attribution::default(), body, &Attributes::new(attributes))?;
        Some(serde_json::from_str(&answer).expect("JSON"))
    }

    #[test]
    fn the_name_is_put_in_front_and_the_bare_body_kept() {
        let answer = answered("hello", r#"{"theirs":1}"#).expect("an answer");
        assert_eq!(answer["body"], "*Maya*: hello");
        let attributes: Value =
            serde_json::from_str(answer["attributes"].as_str().expect("a text")).expect("JSON");
        assert_eq!(
            attributes,
            serde_json::json!({"theirs": 1, "partyline": {"name": "Maya", "body": "hello"}})
        );
        assert!(answered("hello", "").is_some());
    }

    #[test]
    fn in_doubt_it_is_let_through() {
        assert_eq!(answered("", "{}"), None);
        assert_eq!(answered(" \n", "{}"), None);
        assert_eq!(answered("hello", "[]"), None);
        assert_eq!(answered("hello", "{"), None);
        assert_eq!(answered("hello", r#"{"partyline":{"name":"Maya"}}"#), None);
        assert_eq!(answered(&"x".repeat(1593), "{}"), None);
        assert!(answered(&"x".repeat(1592), "{}").is_some());
        assert_eq!(answered(&"é\u{1}".repeat(700), "{}"), None);
    }

    proptest! {
        #[test]
        fn an_answer_never_exceeds_a_limit(
            name in any::<String>(), body in "\\PC{0,1700}", attributes in any::<String>()
        ) {
            let attributes = Attributes::new(attributes);
            if let Some(text) = answer(&name, &Attribution::default(), &body, &attributes) {
                let answer: Value = serde_json::from_str(&text).expect("JSON");
                let body_is = answer["body"].as_str().expect("a text");
                prop_assert!(body_is.chars().count() <= BODY_LIMIT);
                prop_assert!(body_is.ends_with(&body));
                prop_assert!(answer["attributes"].as_str().expect("a text").len() <= 4096);
            }
        }
    }
}
