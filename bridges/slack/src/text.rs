//! Slack's markup, read and written.
//!
//! Slack escapes `&`, `<` and `>` and nothing else; what stands between `<` and `>` is a mention,
//! a channel, a link or a special word (docs.slack.dev, "Formatting message text"). Reading turns
//! those into plain words. Writing escapes, so that no phone's `<!channel>` is one: nothing from
//! a phone may ping.

use partyline_core::{Mark, MarkKind, Network, PersonId, Text};

/// Finds the name of a Slack user by id, in memory.
pub(crate) type NameOf<'a> = dyn Fn(&str) -> Option<String> + Sync + 'a;

/// The text that a piece of Slack markup stands for. A mention becomes `@` and the name, or the
/// id where the name is not known, and is marked, so that a name can still be put in later.
pub(crate) fn read(markup: &str, name_of: &NameOf<'_>) -> Text {
    let mut text = Text::default();
    let mut rest = markup;
    while let Some((before, inside, after)) = next_element(rest) {
        text.plain.push_str(&unescape(before));
        element(inside, name_of, &mut text);
        rest = after;
    }
    text.plain.push_str(&unescape(rest));
    text
}

fn element(inside: &str, name_of: &NameOf<'_>, text: &mut Text) {
    let (target, label) = match inside.split_once('|') {
        Some((target, label)) => (target, Some(unescape(label)).filter(|label| !label.is_empty())),
        None => (inside, None),
    };
    if let Some(user) = target.strip_prefix('@') {
        let start = text.plain.len();
        let name = label.or_else(|| name_of(user)).unwrap_or_else(|| user.to_owned());
        text.plain.push('@');
        text.plain.push_str(name.trim_start_matches('@'));
        let kind = MarkKind::Mention(PersonId::new(Network::Slack, user));
        text.marks.push(Mark { start, end: text.plain.len(), kind });
    } else if let Some(channel) = target.strip_prefix('#') {
        text.plain.push('#');
        text.plain.push_str(label.as_deref().unwrap_or(channel).trim_start_matches('#'));
    } else if let Some(special) = target.strip_prefix('!') {
        text.plain.push_str(&special_word(special, label));
    } else {
        text.plain.push_str(&link(&unescape(target), label));
    }
}

/// `!here` is `@here`; a date or a user group is what its label says.
fn special_word(special: &str, label: Option<String>) -> String {
    let kind = special.split('^').next().unwrap_or(special);
    match (kind, label) {
        ("here" | "channel" | "everyone", _) => format!("@{kind}"),
        ("subteam", Some(label)) => format!("@{}", label.trim_start_matches('@')),
        ("subteam", None) => "@group".to_owned(),
        (_, Some(label)) => label,
        (_, None) => kind.to_owned(),
    }
}

/// A link in words: its label, and the address behind it where the label does not show it.
fn link(address: &str, label: Option<String>) -> String {
    let shown = address.trim_start_matches("mailto:").trim_start_matches("tel:");
    let bare = |text: &str| {
        text.trim_start_matches("https://")
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned()
    };
    match label {
        Some(label) if bare(&label) != bare(shown) => format!("{label} ({shown})"),
        _ => shown.to_owned(),
    }
}

/// A command line as it was typed. Slack escapes what it recognised in it: a mention becomes the
/// person's id in our own form (`slack:U0123ABC`), a channel the room's (`slack:C0123ABC`), a
/// link or a phone number what somebody typed.
pub(crate) fn command_line(markup: &str) -> String {
    let mut line = String::new();
    let mut rest = markup;
    while let Some((before, inside, after)) = next_element(rest) {
        line.push_str(&unescape(before));
        let (target, label) = inside.split_once('|').unwrap_or((inside, ""));
        // Numbers and mail addresses without the spaces that their label can have.
        let bare = target.strip_prefix("tel:").or_else(|| target.strip_prefix("mailto:"));
        match target.strip_prefix(['@', '#']) {
            _ if bare.is_some() => line.push_str(&unescape(bare.unwrap_or_default())),
            Some(id) => line.push_str(&format!("{}:{id}", Network::Slack)),
            None if label.is_empty() => line.push_str(&unescape(target)),
            None => line.push_str(&unescape(label)),
        }
        rest = after;
    }
    line.push_str(&unescape(rest));
    line.trim().to_owned()
}

/// What stands before the next `<…>`, in it and after it. A `<` that nothing closes before the
/// next one is no markup: Slack would have escaped it, so it is shown as it stands.
fn next_element(markup: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = markup[from..].find('<').map(|at| from + at) {
        let inside = &markup[open + 1..];
        match inside.find(['<', '>']) {
            Some(end) if inside[end..].starts_with('>') => {
                return Some((&markup[..open], &inside[..end], &inside[end + 1..]));
            }
            _ => from = open + 1,
        }
    }
    None
}

/// The markup that shows this text as it is, in Slack. Marks are not written: `*bold*` and
/// `_italic_` mean the same on WhatsApp and in Slack and pass through.
pub(crate) fn write(text: &Text) -> String {
    escape(&text.plain)
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

fn unescape(text: &str) -> String {
    // `&amp;` last, so that `&amp;lt;` becomes `&lt;` and no more.
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(markup: &str) -> String {
        read(markup, &|id| (id == "U1").then(|| "Maya".to_owned())).plain
    }

    #[test]
    fn markup_becomes_words() {
        for (markup, words) in [
            ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
            ("hi <@U1>!", "hi @Maya!"),
            ("hi <@U2>", "hi @U2"),
            ("hi <@U2|noor>", "hi @noor"),
            ("see <#C1|general>", "see #general"),
            ("see <#C1|>", "see #C1"),
            ("<!here> <!channel> <!everyone>", "@here @channel @everyone"),
            ("<!here|@here>", "@here"),
            ("<!subteam^S1|@ops> <!subteam^S1>", "@ops @group"),
            ("<!date^1392734382^{date}|Feb 18>", "Feb 18"),
            ("<https://a.example/?x=1&amp;y=2>", "https://a.example/?x=1&y=2"),
            ("<https://a.example/|a.example>", "https://a.example/"),
            ("<https://a.example|the plan>", "the plan (https://a.example)"),
            ("<mailto:a@b.example|a@b.example>", "a@b.example"),
            ("1 < 2 <@U1>", "1 < 2 @Maya"),
            ("open <", "open <"),
            ("<>", ""),
        ] {
            assert_eq!(plain(markup), words, "{markup}");
        }
    }

    #[test]
    fn a_command_line_keeps_ids() {
        for (markup, line) in [
            ("  status ", "status"),
            ("role grant <@U1|maya> admin", "role grant slack:U1 admin"),
            ("group link CH1 <#C1|general>", "group link CH1 slack:C1"),
            (
                "contact add <tel:+14155550100|+1 415 555 0100> \"A &amp; B\"",
                "contact add +14155550100 \"A & B\"",
            ),
            ("say <mailto:a@b.example|a@b.example>", "say a@b.example"),
            ("note <https://a.example>", "note https://a.example"),
        ] {
            assert_eq!(command_line(markup), line, "{markup}");
        }
    }

    #[test]
    fn a_mention_is_marked() {
        let text = read("hé <@U2>", &|_| None);
        let mark = &text.marks[0];
        assert_eq!(&text.plain[mark.start..mark.end], "@U2");
        assert_eq!(mark.kind, MarkKind::Mention(PersonId::new(Network::Slack, "U2")));
    }

    #[test]
    fn nothing_from_a_phone_pings() {
        for text in ["<!channel>", "<@U1>", "a <!here|b> & c", "&lt;!here&gt;"] {
            let written = write(&text.into());
            assert!(!written.contains(['<', '>']), "{written}");
        }
        assert_eq!(write(&"&lt;!here&gt;".into()), "&amp;lt;!here&amp;gt;");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in "\\PC{0,60}") {
            prop_assert_eq!(read(&write(&text.as_str().into()), &|_| None).plain, text);
        }

        #[test]
        fn no_markup_panics_and_marks_hold(markup in "[<>@#!|&a-c^é ;lt]{0,40}") {
            let text = read(&markup, &|_| None);
            for mark in text.marks {
                prop_assert!(text.plain.get(mark.start..mark.end).is_some());
            }
        }
    }
}
