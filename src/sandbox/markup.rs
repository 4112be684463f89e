//! What is written, as it is shown: the markup that WhatsApp and Slack share (`*bold*`,
//! `` `code` ``), and Slack's own brackets. Everything else is text and stays text.

use partyline_slack::simulator::Simulator;

/// A stretch of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The words.
    pub(super) text: String,
    /// Whether they stand out.
    pub(super) style: Style,
}

/// How a stretch stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Not at all.
    Plain,
    /// `*bold*`.
    Bold,
    /// `` `code` ``.
    Code,
}

/// The text cut at its markup. A sign that nothing closes on its line is itself.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['*', '`']) {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        // Both signs are one byte long.
        let (sign, inside) = from.split_at(1);
        match closed(sign, inside) {
            Some(end) => {
                let style = if sign == "*" { Style::Bold } else { Style::Code };
                let ended = std::mem::take(&mut plain);
                pieces.push(Piece { text: ended, style: Style::Plain });
                pieces.push(Piece { text: inside[..end].to_owned(), style });
                rest = &inside[end + 1..];
            }
            None => {
                plain.push_str(sign);
                rest = inside;
            }
        }
    }
    plain.push_str(rest);
    pieces.push(Piece { text: plain, style: Style::Plain });
    pieces.retain(|piece| !piece.text.is_empty());
    pieces
}

/// Where the sign closes: on the same line, with a word right beside it.
fn closed(sign: &str, inside: &str) -> Option<usize> {
    let end = inside.find(sign)?;
    let words = &inside[..end];
    let right = !words.is_empty() && words.trim() == words && !words.contains('\n');
    right.then_some(end)
}

/// Slack's stored text as a person reads it: names for ids, and `&`, `<`, `>` themselves.
pub(super) fn slack_text(slack: &Simulator, stored: &str) -> String {
    let mut text = String::with_capacity(stored.len());
    let mut rest = stored;
    while let Some((before, bracket)) = rest.split_once('<') {
        text.push_str(before);
        let Some((inside, after)) = bracket.split_once('>') else {
            text.push('<');
            rest = bracket;
            continue;
        };
        text.push_str(&element(slack, inside));
        rest = after;
    }
    text.push_str(rest);
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn element(slack: &Simulator, inside: &str) -> String {
    let (target, label) = inside.split_once('|').unwrap_or((inside, inside));
    match target.split_at_checked(1) {
        Some(("@", id)) => {
            let name = slack.user(id).map_or_else(|| id.to_owned(), |user| user.name);
            format!("@{name}")
        }
        Some(("#", _)) => format!("#{label}"),
        Some(("!", word)) => format!("@{word}"),
        _ => label.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn styles(text: &str) -> Vec<(String, Style)> {
        pieces(text).into_iter().map(|piece| (piece.text, piece.style)).collect()
    }

    #[test]
    fn names_and_code_stand_out() {
        assert_eq!(
            styles("*Maya Lopez*: try `/wa help`"),
            [
                ("Maya Lopez".to_owned(), Style::Bold),
                (": try ".to_owned(), Style::Plain),
                ("/wa help".to_owned(), Style::Code),
            ]
        );
    }

    #[test]
    fn a_sign_alone_is_a_sign() {
        for text in ["2 * 3", "* a *", "*a\nb*", "`", "**", "a*"] {
            assert_eq!(styles(text), [(text.to_owned(), Style::Plain)], "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_letter_is_lost(text in "[a*` \\n<é]{0,40}") {
            let shown: String = pieces(&text).into_iter().map(|piece| piece.text).collect();
            let letters = |text: &str| text.replace(['*', '`'], "");
            prop_assert_eq!(letters(&shown), letters(&text));
        }
    }
}
