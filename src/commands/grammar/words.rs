//! A command line, cut into words.

use super::GrammarError;

/// The longest command line, in characters: a pasted list of a thousand names.
const LONGEST: usize = 40_000;

/// A word of a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// What it says, without quotes.
    pub text: String,
    /// It began with a quotation mark: no dash in front makes a flag of it.
    pub quoted: bool,
    /// Where commas and semicolons stand in it that no quotes hold, in bytes.
    separators: Vec<usize>,
    /// It begins a line.
    begins_line: bool,
    /// It is a code block.
    pub(in crate::commands) is_block: bool,
    /// As it was typed, quotes and all; empty where it was not.
    raw: String,
}

/// What a code block begins and ends with.
const FENCE: &str = "```";

impl Word {
    /// A word as a program gives it: nothing in it means anything.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), quoted: true, ..Self::default() }
    }

    /// A word as a shell hands it over: one in itself, and a flag where it has dashes in front.
    #[must_use]
    pub fn handed_over(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// What is behind the dashes, where it is a flag: two of them, or what keyboards make of two.
    pub(super) fn flag(&self) -> Option<&str> {
        if self.quoted {
            return None;
        }
        let bare = ["--", "—", "––", "–-", "-–", "–"]
            .iter()
            .find_map(|dashes| self.text.strip_prefix(dashes))?;
        bare.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(bare)
    }

    /// Two dashes alone: no flag stands behind them.
    pub(super) fn ends_flags(&self) -> bool {
        !self.quoted && matches!(self.text.as_str(), "--" | "—")
    }

    /// As it would be typed, so that it is read as the same word again.
    fn typed(&self) -> String {
        let text = &self.text;
        let is_bare =
            !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || is_quote(c));
        match () {
            () if !self.raw.is_empty() => self.raw.clone(),
            () if is_bare && !self.quoted => text.clone(),
            () if !text.contains(is_double) => format!("\"{text}\""),
            // Behind a line break of its own: a first line such as `csv` would be taken for its language.
            () => format!("{FENCE}\n{text}{FENCE}"),
        }
    }

    /// Whether it separates items of a list.
    pub(super) fn separates(&self) -> bool {
        !self.separators.is_empty()
    }
}

/// These words as one line, which is read as the same words again.
pub(super) fn line(words: &[Word]) -> String {
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(if word.begins_line { '\n' } else { ' ' });
        }
        line.push_str(&word.typed());
    }
    line
}

/// Cuts a line into words. Quotes, straight or as phones and Macs type them, hold words together.
///
/// # Errors
/// A quotation does not end, or the line is too long.
pub fn parse_words(line: &str) -> Result<Vec<Word>, GrammarError> {
    if line.chars().count() > LONGEST {
        return Err(GrammarError::TooLong(LONGEST));
    }
    let mut words: Vec<Word> = Vec::new();
    let mut word: Option<Word> = None;
    let (mut closing, mut begins_line) = (None, false);
    let chars: Vec<char> = line.chars().collect();
    let mut behind_block = 0;
    let mut begun_at = 0;
    for (at, &c) in chars.iter().enumerate() {
        if at < behind_block {
            continue;
        }
        if word.is_none() {
            begun_at = at;
        }
        let fresh = || Word { begins_line, ..Word::default() };
        let raw = |until: usize| chars[begun_at..until].iter().collect::<String>();
        match c {
            '`' if closing.is_none() && word.is_none() && begins(&chars[at..], FENCE) => {
                let (text, length) = block(&chars[at..]).ok_or(GrammarError::Quote)?;
                let raw = raw(at + length);
                words.push(Word { text, quoted: true, is_block: true, raw, ..fresh() });
                behind_block = at + length;
            }
            c if closing.is_some_and(|closes: fn(char) -> bool| closes(c)) => closing = None,
            c if closing.is_some() => word.get_or_insert_with(fresh).text.push(c),
            c if is_double(c) => {
                let begun = word.is_some();
                word.get_or_insert_with(fresh).quoted |= !begun;
                closing = Some(is_double as fn(char) -> bool);
            }
            // An apostrophe within a word is no quotation (O'Brien), nor is one without a partner.
            c if is_single(c) && word.is_none() && has_partner(&chars[at + 1..]) => {
                word = Some(Word { quoted: true, ..fresh() });
                closing = Some(is_single as fn(char) -> bool);
            }
            c if c.is_whitespace() => {
                words.extend(word.take().map(|word| Word { raw: raw(at), ..word }));
                begins_line = c == '\n' || (begins_line && words.is_empty());
            }
            c => {
                let word = word.get_or_insert_with(fresh);
                if matches!(c, ',' | ';') {
                    word.separators.push(word.text.len());
                }
                word.text.push(c);
            }
        }
        if word.is_some() {
            begins_line = false;
        }
    }
    if closing.is_some() {
        return Err(GrammarError::Quote);
    }
    let raw = chars[begun_at.min(chars.len())..].iter().collect();
    words.extend(word.map(|word| Word { raw, ..word }));
    Ok(words)
}

fn begins(chars: &[char], with: &str) -> bool {
    with.chars().enumerate().all(|(at, c)| chars.get(at) == Some(&c))
}

/// What is in the code block that begins here, without the language that may stand in its first line,
/// and how many characters it takes in all.
fn block(chars: &[char]) -> Option<(String, usize)> {
    let end = (FENCE.len()..chars.len()).find(|at| begins(&chars[*at..], FENCE))?;
    let text: String = chars[FENCE.len()..end].iter().collect();
    let text = match text.split_once('\n') {
        Some((first, rest)) if matches!(first.trim(), "" | "csv" | "vcard" | "vcf" | "text") => {
            rest
        }
        _ => &text,
    };
    Some((text.to_owned(), end + FENCE.len()))
}

/// Whether it can begin or end quoted words.
pub(in crate::commands) fn is_quote(c: char) -> bool {
    is_double(c) || is_single(c)
}

fn is_double(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '«' | '»' | '＂')
}

fn is_single(c: char) -> bool {
    matches!(c, '\'' | '‘' | '’' | '‚')
}

/// Whether a single quotation mark ends a word later on.
fn has_partner(rest: &[char]) -> bool {
    rest.iter().enumerate().any(|(at, &c)| {
        is_single(c)
            && at > 0
            && rest.get(at + 1).is_none_or(|next| next.is_whitespace() || matches!(next, ',' | ';'))
    })
}

/// The items of a list as people paste them: separated by commas, semicolons or line breaks where
/// there are any, otherwise by spaces. `is_whole` says whether a text is a whole number already:
/// the digits of one that was typed with spaces are put together again.
pub(super) fn items(words: &[Word], is_whole: impl Fn(&str) -> bool) -> Vec<String> {
    let lined = words.iter().skip(1).any(|word| word.begins_line);
    if !lined && !words.iter().any(Word::separates) {
        return joined(words, is_whole);
    }
    let mut items = Vec::new();
    let mut item = String::new();
    for word in words {
        if word.begins_line {
            items.push(std::mem::take(&mut item));
        }
        let mut from = 0;
        for cut in word.separators.iter().copied().chain([word.text.len()]) {
            let piece = &word.text[from..cut];
            if !item.is_empty() && !piece.is_empty() {
                item.push(' ');
            }
            item.push_str(piece);
            if cut < word.text.len() {
                items.push(std::mem::take(&mut item));
            }
            from = cut + 1;
        }
    }
    items.push(item);
    items.retain(|item| !item.trim().is_empty());
    items
}

fn joined(words: &[Word], is_whole: impl Fn(&str) -> bool) -> Vec<String> {
    let mut items = Vec::new();
    let mut words = words;
    while !words.is_empty() {
        let (item, taken) = number_at(words, &is_whole).unwrap_or((words[0].text.clone(), 1));
        items.push(item);
        words = &words[taken..];
    }
    items
}

/// The number that begins here, and of how many words it is made.
pub(super) fn number_at(
    words: &[Word],
    is_whole: impl Fn(&str) -> bool,
) -> Option<(String, usize)> {
    let mut number = String::new();
    for (at, word) in words.iter().enumerate().take(8) {
        let looks = !word.text.is_empty()
            && word.text.chars().all(|c| c.is_numeric() || "+()-–./".contains(c));
        // A plus begins a number and is in the middle of none.
        if word.quoted || !looks || (at > 0 && word.text.starts_with('+')) {
            return None;
        }
        if at > 0 {
            number.push(' ');
        }
        number.push_str(&word.text);
        if is_whole(&number) {
            return Some((number, at + 1));
        }
    }
    None
}

/// The span of time that begins with this word, as people type it: `2h`, `1 hour`, `1 day 12 hours`. Takes
/// the words that belong to it.
pub(super) fn span(first: &Word, words: &mut std::slice::Iter<'_, Word>) -> String {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_unit = |word: Option<&Word>| {
        word.is_some_and(|word| format!("1 {}", word.text).parse::<jiff::Span>().is_ok())
    };
    let mut span = first.text.clone();
    let mut last = first;
    loop {
        let next = words.as_slice();
        let count = match next.first() {
            Some(unit) if is_number(&last.text) && is_unit(Some(unit)) => 1,
            Some(number) if is_number(&number.text) && is_unit(next.get(1)) => 2,
            _ => return span,
        };
        for word in words.by_ref().take(count) {
            span.push(' ');
            span.push_str(&word.text);
            last = word;
        }
    }
}
