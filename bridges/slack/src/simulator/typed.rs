//! What a person types, as Slack writes it down: `&`, `<`, `>` escaped, names and addresses in
//! angle brackets.

/// Escapes `&`, `<` and `>`, and nothing else.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The text as Slack stores it. `person` and `channel` find the id behind `@handle` and `#name`.
pub(super) fn written(
    text: &str,
    person: impl Fn(&str) -> Option<String>,
    channel: impl Fn(&str) -> Option<String>,
) -> String {
    each_word(text, |word| {
        if word.starts_with("https://") || word.starts_with("http://") {
            return format!("<{}>", escape(word));
        }
        match named(word, &person, &channel) {
            Some((inside, after)) => format!("<{inside}>{}", escape(after)),
            None => escape(word),
        }
    })
}

/// A text that an app posts with `link_names` or `parse: full`: names become mentions, and ring.
pub(super) fn linked(
    text: &str,
    person: impl Fn(&str) -> Option<String>,
    channel: impl Fn(&str) -> Option<String>,
) -> String {
    each_word(text, |word| match named(word, &person, &channel) {
        Some((inside, after)) => format!("<{inside}>{after}"),
        None => word.to_owned(),
    })
}

/// The text as a person reads it in Slack's client: names for mentions, nothing escaped.
pub(super) fn read(text: &str, name: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(&unescape(before));
        let Some((inside, after)) = after.split_once('>') else {
            rest = after;
            continue;
        };
        let (target, label) = inside.split_once('|').unwrap_or((inside, ""));
        out.push_str(&match (target.split_at_checked(1), label) {
            (Some(("@", id)), "") => format!("@{}", name(id).unwrap_or_else(|| id.to_owned())),
            (Some(("#", id)), "") => format!("#{id}"),
            (Some(("#", _)), label) => format!("#{label}"),
            (Some(("!", special)), _) => format!("@{special}"),
            (_, "") => unescape(target),
            (_, label) => unescape(label),
        });
        rest = after;
    }
    out.push_str(&unescape(rest));
    out
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn each_word(text: &str, write: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        out.push_str(&write(word));
        out.push_str(&piece[word.len()..]);
    }
    out
}

/// What stands in brackets for a name, and what follows it in the word.
fn named<'a>(
    word: &'a str,
    person: &impl Fn(&str) -> Option<String>,
    channel: &impl Fn(&str) -> Option<String>,
) -> Option<(String, &'a str)> {
    let name_end = |s: &str| {
        s.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_'))).unwrap_or(s.len())
    };
    let (sign, rest) = (word.get(..1)?, word.get(1..)?);
    let (name, after) = rest.split_at(name_end(rest));
    let inside = match (sign, name) {
        ("@", "here" | "channel" | "everyone") => format!("!{name}"),
        ("@", _) => format!("@{}", person(name)?),
        ("#", _) => format!("#{}|{name}", channel(name)?),
        _ => return None,
    };
    Some((inside, after))
}

#[cfg(test)]
mod tests {
    use super::{read, written};

    #[test]
    fn a_reader_sees_names_and_plain_signs() {
        let name = |id: &str| (id == "U1").then(|| "Maya".to_owned());
        for (text, seen) in [
            ("a &lt; b &amp;amp; c", "a < b &amp; c"),
            ("hi <@U1> and <@U2>", "hi @Maya and @U2"),
            (
                "<#C1|general> <!here> <https://x.org/?a&amp;b> <https://x.org|there>",
                "#general @here https://x.org/?a&b there",
            ),
            ("broken < here", "broken  here"),
        ] {
            assert_eq!(read(text, name), seen);
        }
    }

    #[test]
    fn names_and_addresses_go_in_brackets_and_the_rest_is_escaped() {
        let say = |text: &str| {
            written(
                text,
                |name| (name == "maya").then(|| "U1".to_owned()),
                |name| (name == "general").then(|| "C1".to_owned()),
            )
        };
        assert_eq!(say("a < b & c"), "a &lt; b &amp; c");
        assert_eq!(say("hi @maya, see #general"), "hi <@U1>, see <#C1|general>");
        assert_eq!(say("@nobody #nowhere @"), "@nobody #nowhere @");
        assert_eq!(
            say("@here  https://x.org/?a=1&b=2\n"),
            "<!here>  <https://x.org/?a=1&amp;b=2>\n"
        );
        assert_eq!(say("<!channel> é"), "&lt;!channel&gt; é");
    }
}
