//! Twilio's names of things.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;

/// Twilio's name of a thing: two letters for its kind and 32 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Sid(Arc<str>);

impl Sid {
    /// The SID as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text has the form of a SID of this kind (`CH`, `IM` …).
    #[must_use]
    pub fn is_form(text: &str, kind: &str) -> bool {
        text.len() == 34
            && text.starts_with(kind)
            && text.as_bytes()[kind.len()..].iter().all(u8::is_ascii_hexdigit)
    }
}

impl Deref for Sid {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Sid {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Sid {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Sid {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
