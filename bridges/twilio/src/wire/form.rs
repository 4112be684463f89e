//! A form as it came, or as it goes.

use std::borrow::Cow;

use serde_json::Value;

/// The pairs of an HTML form, in order; a name may stand more than once.
///
/// `Debug` gives the names only: values hold what people write.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Form<'a> {
    /// Reads a body in `application/x-www-form-urlencoded`. Bytes that are no UTF-8 become
    /// U+FFFD, so that nothing is refused here.
    #[must_use]
    pub fn parse(body: &'a [u8]) -> Self {
        Self(form_urlencoded::parse(body).collect())
    }

    /// Reads a JSON object as if it were a form: texts as they are, everything else as its JSON.
    /// `None` where it is no object.
    #[must_use]
    pub fn from_json(body: &[u8]) -> Option<Self> {
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else { return None };
        let text = |value: Value| match value {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        Some(Self(
            fields.into_iter().map(|(name, value)| (name.into(), text(value).into())).collect(),
        ))
    }

    /// The first value under this name, unless it is empty: Twilio sends empty values for what is
    /// not there.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_ref())
            .filter(|value| !value.is_empty())
    }

    /// The same, owned.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// Adds a pair.
    pub fn push(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        self.0.push((name.into(), value.into()));
    }

    /// Adds a pair where there is a value.
    pub fn push_some(
        &mut self,
        name: impl Into<Cow<'a, str>>,
        value: Option<impl Into<Cow<'a, str>>>,
    ) {
        if let Some(value) = value {
            self.push(name, value);
        }
    }

    /// Adds a pair, and gives the form back.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        self.push(name, value);
        self
    }

    /// All pairs, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The form as a body.
    #[must_use]
    pub fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(self.pairs()).finish()
    }
}

impl std::fmt::Debug for Form<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
