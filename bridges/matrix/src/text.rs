//! Text between Matrix and the rest: what people write stays text, whatever is in it.
//!
//! Inbound the plain `body` is read; outbound a body and its HTML twin are written, the HTML with
//! everything escaped (`org.matrix.custom.html`, client-server API, "m.room.message msgtypes").

use matrix_sdk::ruma::MatrixToUri;
use matrix_sdk::ruma::matrix_uri::MatrixId;
use partyline_core::Network;

/// The text as HTML that says just that: markup escaped, lines broken.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push_str("<br>"),
            c => out.push(c),
        }
    }
    out
}

/// The text without characters that steer a terminal or a parser; line breaks and tabs stay.
pub(crate) fn without_controls(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// A name on one line, without characters that turn the reading direction of what follows it (a
/// name must not rewrite the message behind it). `None` where nothing readable is left.
pub(crate) fn name(name: &str) -> Option<String> {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let readable: String =
        name.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !turns(*c)).collect();
    let words: Vec<&str> = readable.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// The body of a reply without the quotation that older clients put in front of it (client-server
/// API, "Fallbacks for rich replies"). A body that is nothing but a quotation stays as it is.
pub(crate) fn without_quotation(body: &str) -> &str {
    let mut rest = body;
    while rest.starts_with("> ") || rest.starts_with(">\n") {
        match rest.split_once('\n') {
            Some((_, after)) => rest = after,
            None => return body,
        }
    }
    let own = if rest.len() < body.len() { rest.strip_prefix('\n').unwrap_or(rest) } else { rest };
    if own.trim().is_empty() { body } else { own }
}

/// A command line whose mentions ("pills": links to matrix.to in the HTML twin, client-server API,
/// "User and room mentions") are ids in place of names, as our own words name people and rooms.
pub(crate) fn with_ids(line: &str, html: &str) -> String {
    const LINK: &str = "<a href=\"https://matrix.to/#/";
    let (mut out, mut rest, mut links) = (String::new(), line, html);
    while let Some((_, link)) = links.split_once(LINK) {
        let Some((target, label)) = link.split_once("\">") else { break };
        let Some((label, after)) = label.split_once("</a>") else { break };
        links = after;
        let target = format!("https://matrix.to/#/{target}");
        let id = match MatrixToUri::parse(&target).map(|uri| uri.id().clone()) {
            Ok(MatrixId::User(user)) => user.to_string(),
            Ok(MatrixId::Room(room)) => room.to_string(),
            _ => continue,
        };
        let label = unescaped(label);
        if let Some((before, after)) = rest.split_once(label.as_str()).filter(|_| !label.is_empty())
        {
            out.push_str(before);
            out.push_str(&format!("{}:{id}", Network::Matrix));
            rest = after;
        }
    }
    out + rest
}

fn unescaped(html: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&amp;", "&"),
    ]
    .into_iter()
    .fold(html.to_owned(), |text, (escape, sign)| text.replace(escape, sign))
}

/// What stands behind the prefix, where the body is a command: the prefix alone, or followed by
/// white space.
pub(crate) fn command<'a>(body: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = body.trim_start().strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mentions_in_a_command_are_ids() {
        let link =
            |id: &str, label: &str| format!("<a href=\"https://matrix.to/#/{id}\">{label}</a>");
        let html = format!(
            "!wa role grant {} admin {}",
            link("@ravi:hs.test", "Ravi &amp; Co"),
            link("!abc:hs.test?via=hs.test", "Office")
        );
        assert_eq!(
            with_ids("role grant Ravi & Co admin Office", &html),
            "role grant matrix:@ravi:hs.test admin matrix:!abc:hs.test"
        );
        for html in
            ["", "<a href=\"https://matrix.to/#/@x:y", "<a href=\"https://matrix.to/#/%\">a</a>"]
        {
            assert_eq!(with_ids("say a word", html), "say a word");
        }
    }

    #[test]
    fn a_quotation_in_front_of_a_reply_is_taken_off() {
        assert_eq!(without_quotation("> <@a:hs> hi\n> there\n\nyes"), "yes");
        assert_eq!(without_quotation("> <@a:hs> hi\n\nyes\n> and mine"), "yes\n> and mine");
        assert_eq!(without_quotation("yes"), "yes");
        assert_eq!(without_quotation("\nyes"), "\nyes");
        assert_eq!(without_quotation("> only a quotation"), "> only a quotation");
        assert_eq!(without_quotation("> only\n\n"), "> only\n\n");
    }

    #[test]
    fn a_command_is_the_prefix_and_white_space() {
        assert_eq!(command("!wa", "!wa"), Some(""));
        assert_eq!(command("!wa group list ", "!wa"), Some("group list"));
        assert_eq!(command("!wa\nhelp", "!wa"), Some("help"));
        assert_eq!(command("!wait for me", "!wa"), None);
        assert_eq!(command("say !wa", "!wa"), None);
    }

    #[test]
    fn a_name_cannot_reach_beyond_itself() {
        assert_eq!(name(" Maya\n\t Rao ").as_deref(), Some("Maya Rao"));
        assert_eq!(name("\u{202e}ayaM\u{0}").as_deref(), Some("ayaM"));
        assert_eq!(name("\u{2067} \n"), None);
    }

    proptest! {
        #[test]
        fn html_holds_no_markup_of_the_writers(text in "(?s).{0,80}") {
            let shown = html(&text).replace("<br>", "");
            prop_assert!(!shown.contains(['<', '>', '"', '\'']));
        }

        #[test]
        fn what_is_written_as_html_says_the_same(
            text in "([&<>\"'#;a-z0-9é ]|&lt;|&amp;|&#39;){0,40}",
        ) {
            prop_assert_eq!(unescaped(&html(&text)), text);
        }

        #[test]
        fn no_body_panics(text in "(> |>|\n|[a-z@:<]|!wa| ){0,40}") {
            let own = without_quotation(&text);
            prop_assert!(text.ends_with(own));
            let _ = command(&text, "!wa");
            let _ = name(&text);
        }
    }
}
